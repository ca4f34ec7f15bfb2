/** The lab's results as the tables of docs/network.md. */
import type { Attempt } from './attempts.ts';
import { MOST_LEAKED } from './breaks.ts';
import type { Result } from './lab.ts';
import { type Answered, answeredWell } from './names.ts';
import { DIFFERENCES } from './suricata.ts';

export interface Findings {
  readonly engine: string;
  /** Hash of the rules, names and settings that were tried. */
  readonly mark: string;
  readonly results: readonly Result[];
  readonly names: readonly Answered[];
  readonly terraform: readonly { readonly name: string; readonly expected: boolean; readonly seen: boolean }[];
  readonly breaks: readonly {
    readonly name: string;
    readonly red: readonly string[];
    readonly missing: readonly string[];
  }[];
}

export const TERRAFORM_CASES = {
  allowed: { name: 'the firewall allows the name, and it resolves', expected: true },
  dropped: { name: 'the name resolves, but the firewall does not allow it', expected: false },
  unresolved: { name: 'the firewall allows the name, but it does not resolve', expected: false },
} as const;

/** Whether an attempt had the expected result and leaked no more than it may. */
export function asExpected({ attempt, seen, leaked }: Result): boolean {
  return seen === attempt.expected && (seen === 'reaches' || leaked <= mostLeaked(attempt));
}

/** Only a connection that begins like TLS may wait for its server name, and so leak some bytes. */
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

/** The sentence by which a test compares the section with the current template. */
export const marked = (mark: string) => `Fingerprint of the tested rules, names and settings: \`${mark}\``;

const tick = (good: boolean) => (good ? '✓' : '✗');
const cell = (text: string) => text.replaceAll('|', '\\|');

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

/** The section as Markdown. The number of leaked bytes differs between machines, so it is reported as 0 or as its maximum. */
export function markdown(findings: Findings): string {
  const { engine, mark, results, names, terraform, breaks } = findings;
  const rows = results.map((result) => {
    const { attempt, seen, leaked } = result;
    const bytes = seen === 'reaches' ? '' : leaked === 0 ? '0' : `≤ ${MOST_LEAKED}`;
    return `| ${tick(asExpected(result))} | ${cell(attempt.name)}${attempt.gap === undefined ? '' : ` — **gap**: ${attempt.gap}`} | ${how(attempt)} | ${attempt.expected} | ${seen} | ${bytes} |`;
  });
  return [
    `The engine is Suricata ${engine}. The rules come from the synthesized template: \`network-firewall\`, with HCP Terraform's domains and \`*.modules.example.com\` allowed. ${marked(mark)}.`,
    '',
    '| | attempt | how | expected | seen | bytes that reached an unknown host |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    `The firewall must read the server name before it can drop a connection. By then, the beginning of the client hello has already left. The rules limit this to ${MOST_LEAKED} bytes.`,
    '',
    '**Names.** This table tests names against the DNS rules of the template. The lab checks each name twice: with its own implementation of the matching rules that AWS documents, and with a resolver that applies the same rules to real DNS answers. The answers come from a name server (dnsmasq) that knows every name.',
    '',
    '| | name | what it is | expected | by the rules | by the resolver |',
    '|---|---|---|---|---|---|',
    ...names.map(({ question, byRules, byResolver }) => {
      const word = (known: boolean) => (known ? 'resolves' : 'does not exist');
      const good = answeredWell({ question, byRules, byResolver });
      return `| ${tick(good)} | \`${question.name}\` | ${question.what} | ${word(question.expected)} | ${word(byRules)} | ${word(byResolver)} |`;
    }),
    '',
    '**Real Terraform.** The lab runs `terraform init && terraform plan`, with an agent behind the same firewall:',
    '',
    '| | case | expected | seen |',
    '|---|---|---|---|',
    ...terraform.map(
      ({ name, expected, seen }) =>
        `| ${tick(expected === seen)} | ${name} | ${expected ? 'plans' : 'fails'} | ${seen ? 'plans' : 'fails'} |`,
    ),
    '',
    '**Broken on purpose.** After each of these changes to the rules, the listed attempts and names must have a different result, and they do:',
    '',
    '| | change to the rules | attempts and names with a different result |',
    '|---|---|---|',
    ...breaks.map(({ name, red, missing }) => `| ${tick(missing.length === 0)} | ${name} | ${red.join('; ')} |`),
    '',
    'Where the lab differs from AWS:',
    '',
    ...DIFFERENCES.map((difference) => `- ${difference}`),
  ].join('\n');
}
