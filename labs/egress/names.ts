/**
 * The DNS half of the lab: names that a job may look up, and whether each should resolve. Every name is checked twice: with the
 * documented matching rules, and by a resolver that applies the same rules to real answers. Both must agree.
 */
import * as z from 'zod';
import { type DnsRule, resolves } from '../../test/lib/network/reachability/dns-rules.ts';
import { runSync, until } from '../../test/processes.ts';
import { LAB, NAMES } from './attempts.ts';
import { DNS_BREAKS } from './dns-breaks.ts';
import { Undo } from './machine.ts';
import { buildNetwork, type Network, within } from './network.ts';
import { ALIASES, startResolver } from './resolver.ts';
import { type DetectedBreak, tryBreaks } from './try-breaks.ts';

export interface Question {
  readonly name: string;
  readonly what: string;
  readonly expected: boolean;
}

const { allowed, below, stranger } = NAMES;

export const QUESTIONS: readonly Question[] = [
  { name: allowed, what: 'an allowed name', expected: true },
  { name: allowed.toUpperCase(), what: 'the same in upper case', expected: true },
  { name: `${allowed}.`, what: 'the same with its final dot', expected: true },
  { name: 'releases.hashicorp.com', what: 'another allowed name', expected: true },
  { name: below, what: 'a name below a wildcard', expected: true },
  { name: `a.b.${below}`, what: 'a name far below a wildcard', expected: true },
  { name: 'logs.eu-central-1.amazonaws.com', what: 'a host that a starting task needs', expected: true },
  { name: 'registry.terraform.io', what: 'an allowed name whose CNAME target is not allowed', expected: true },
  { name: ALIASES['registry.terraform.io'], what: 'the target of that CNAME, queried directly', expected: false },
  {
    name: 'alias.evil.example.net',
    what: 'a name that is not allowed, with an allowed name as its CNAME target',
    expected: false,
  },
  { name: 'modules.example.com', what: 'the domain of a wildcard itself', expected: false },
  { name: `x.${allowed}`, what: 'a sub-domain of an allowed name', expected: false },
  { name: 'terraform.io', what: 'the domain above an allowed name', expected: false },
  { name: `evil${allowed}`, what: 'a name that ends like an allowed one', expected: false },
  { name: `${allowed}.${stranger}`, what: 'a name that begins like an allowed one', expected: false },
  { name: 'evilmodules.example.com', what: 'a wildcard without its dot', expected: false },
  { name: stranger, what: 'another name', expected: false },
  { name: `c2VjcmV0.${stranger}`, what: 'data in a name (DNS tunnelling)', expected: false },
  { name: 'ec2.eu-central-1.amazonaws.com', what: 'an AWS API that is not allowed', expected: false },
  { name: 'secretsmanager.us-east-1.amazonaws.com', what: 'an allowed API in another region', expected: false },
];

export interface Answered {
  readonly question: Question;
  readonly byRules: boolean;
  readonly byResolver: boolean;
}

/** Program that looks up names in the task's namespace, as a job would. */
const ASK = `
  const { Resolver } = require('node:dns/promises');
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  resolver.setServers(['${LAB.resolver}']);
  const known = (name) => resolver.resolve4(name).then(() => true, (error) => {
    if (error.code === 'ENOTFOUND' || error.code === 'ENODATA') return false;
    throw error;
  });
  Promise.all(JSON.parse(process.argv[1]).map(known)).then((all) => console.log(JSON.stringify(all)));
`;

/** Starts the resolver with a template's rules and looks up every name. */
export async function askNames(undo: Undo, network: Network, rules: readonly DnsRule[]): Promise<Answered[]> {
  await startResolver(undo, network.router, rules);
  const names = QUESTIONS.map(({ name }) => name);
  const answers = await until('the resolver answers', () => ask(network, names));
  return QUESTIONS.map((question, index) => ({
    question,
    byRules: resolves(rules, question.name, aliasesOf(question.name)),
    byResolver: answers[index] ?? false,
  }));
}

function aliasesOf(name: string): string[] {
  const alias = new Map<string, string>(Object.entries(ALIASES)).get(name);
  return alias === undefined ? [] : [alias];
}

export function answeredWell({ question, byRules, byResolver }: Answered): boolean {
  return byRules === question.expected && byResolver === question.expected;
}

/** Starts a resolver for each break. A name counts if both the rules and the resolver answer it wrongly. */
export const breakNames = (rules: readonly DnsRule[]): Promise<DetectedBreak[]> =>
  tryBreaks(DNS_BREAKS, rules, async (broken, shows) => {
    const undo = new Undo();
    try {
      const answers = await askNames(undo, buildNetwork(undo, 'aws:forward_to_sfe'), broken);
      return answers
        .filter(({ question, byRules, byResolver }) => byRules === byResolver && byResolver !== question.expected)
        .map(({ question }) => question.name)
        .filter((each) => shows.includes(each));
    } finally {
      await undo.all();
    }
  });

function ask(network: Network, names: readonly string[]): boolean[] | undefined {
  const [program = '', ...args] = within(network.client, process.execPath, '-e', ASK, JSON.stringify(names));
  const { code, stdout } = runSync(program, args);
  return code === 0 ? z.array(z.boolean()).parse(JSON.parse(stdout)) : undefined;
}
