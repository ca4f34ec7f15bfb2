/** The lab's results as the tables of docs/network.md. */

import { LONGEST_CLIENT_HELLO } from '../../lib/network/suricata-rules.ts';
import { markdownTable } from '../markdown-table.ts';
import type { Attempt } from './attempts.ts';
import { MOST_LEAKED } from './breaks.ts';
import type { Result } from './lab.ts';
import { type Answered, answeredWell } from './names.ts';
import { DIFFERENCES } from './suricata.ts';
import type { DetectedBreak } from './try-breaks.ts';

export interface Findings {
  readonly engine: string;
  /** Hash of the rules, names and settings that were tried. */
  readonly mark: string;
  readonly results: readonly Result[];
  readonly names: readonly Answered[];
  readonly terraform: readonly { readonly name: string; readonly expected: boolean; readonly seen: boolean }[];
  readonly breaks: readonly DetectedBreak[];
}

export const TERRAFORM_CASES = {
  allowed: { name: 'the firewall allows the name, and it resolves', expected: true },
  dropped: { name: 'the name resolves, but the firewall does not allow it', expected: false },
  unresolved: { name: 'the firewall allows the name, but it does not resolve', expected: false },
} as const;

/** Returns whether an attempt had the expected result and didn't leak more bytes than allowed. */
export function asExpected({ attempt, seen, leaked }: Result): boolean {
  return seen === attempt.expected && (seen === 'reaches' || leaked <= mostLeaked(attempt));
}

/**
 * Returns how many bytes may leak. If the connection begins like TLS, some may leak, because the firewall waits for the server name.
 * Otherwise, none may.
 */
function mostLeaked({ try: made }: Attempt): number {
  if (made.how === 'tls') return MOST_LEAKED;
  return made.how === 'tcp' && made.send.startsWith('\u0016') ? MOST_LEAKED : 0;
}

export function faultsIn({ results, names, terraform, breaks }: Findings): string[] {
  return [
    ...results
      .filter((result) => !asExpected(result))
      .map(({ attempt, seen, leaked, detail }) => `${attempt.name}: ${seen}, ${leaked} bytes (${detail})`),
    ...names
      .filter((answered) => !answeredWell(answered))
      .map(({ question, byRules, byResolver }) => `${question.name}: by rules ${byRules}, by resolver ${byResolver}`),
    ...terraform.filter(({ expected, seen }) => expected !== seen).map(({ name, seen }) => `${name}: ${seen}`),
    ...breaks
      .filter(({ missing }) => missing.length > 0)
      .map(({ name, missing }) => `the break was not detected (${name}): ${missing.join(', ')}`),
  ];
}

/** This sentence contains the hash, with which a test compares the section with the current template. */
export const marked = (mark: string) => `Fingerprint of the tested rules, names and settings: \`${mark}\``;

const tick = (good: boolean) => (good ? '✓' : '✗');

function how({ try: made }: Attempt): string {
  switch (made.how) {
    case 'icmp':
    case 'gre':
      return `${made.how.toUpperCase()} to ${made.address}`;
    case 'tls':
      return `TLS to ${made.address}, port ${made.port}; ${made.serverName === undefined ? 'no server name' : `\`${made.serverName}\``}`;
    default:
      return `${made.how === 'udp' ? 'UDP' : 'TCP'} to ${made.address}, port ${made.port}`;
  }
}

/** Returns the section as Markdown. The number of leaked bytes differs between machines, so it is reported as 0 or as its maximum. */
export function markdown(findings: Findings): string {
  const { engine, mark, results, names, terraform, breaks } = findings;
  const attempts = results.map((result) => {
    const { attempt, seen, leaked } = result;
    const bytes = seen === 'reaches' ? '' : leaked === 0 ? '0' : `≤ ${MOST_LEAKED}`;
    const name = attempt.gap === undefined ? attempt.name : `${attempt.name} — **gap**: ${attempt.gap}`;
    return [tick(asExpected(result)), name, how(attempt), attempt.expected, seen, bytes];
  });
  const lookups = names.map((answered) => {
    const { question, byRules, byResolver } = answered;
    const answers = [question.expected, byRules, byResolver].map((known) => (known ? 'resolves' : 'does not exist'));
    return [tick(answeredWell(answered)), `\`${question.name}\``, question.what, ...answers];
  });
  const runs = terraform.map(({ name, expected, seen }) => [
    tick(expected === seen),
    name,
    ...[expected, seen].map((plans) => (plans ? 'plans' : 'fails')),
  ]);
  const changes = breaks.map(({ name, red, missing }) => [tick(missing.length === 0), name, red.join('; ')]);
  return [
    `The engine is Suricata ${engine}. The rules come from the synthesized template: \`network-firewall\`, with HCP Terraform's domains and \`*.modules.example.com\` allowed. ${marked(mark)}.`,
    '',
    markdownTable(['', 'attempt', 'how', 'expected', 'seen', 'bytes that reached an unknown host'], attempts),
    '',
    `The firewall must read the server name before it can drop a connection. By then, the beginning of the client hello has already left. The rules limit this to ${LONGEST_CLIENT_HELLO} bytes (“4 kB” in the comparison of the modes) plus one TCP segment. Together, these are at most ${MOST_LEAKED} bytes.`,
    '',
    '**Names.** This table tests names against the DNS rules of the template. The lab checks each name twice: with its own implementation of the matching rules that AWS documents, and with a resolver that applies the same rules to real DNS answers. The answers come from a name server (dnsmasq) that knows every name.',
    '',
    markdownTable(['', 'name', 'what it is', 'expected', 'by the rules', 'by the resolver'], lookups),
    '',
    '**Real Terraform.** The lab runs `terraform init && terraform plan`, with an agent behind the same firewall:',
    '',
    markdownTable(['', 'case', 'expected', 'seen'], runs),
    '',
    '**Broken on purpose.** The lab makes each of these changes to the rules. The listed attempts and names must then have a different result (✓):',
    '',
    markdownTable(['', 'change to the rules', 'attempts and names with a different result'], changes),
    '',
    'Where the lab differs from AWS:',
    '',
    ...DIFFERENCES.map((difference) => `- ${difference}`),
  ].join('\n');
}
