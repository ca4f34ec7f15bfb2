/** Names that a job may ask for, and whether the resolver should know them. */
import { spawnSync } from 'node:child_process';
import * as z from 'zod';
import { type DnsRule, resolves } from '../lib/reachability/dns-rules.ts';
import { LAB, NAMES } from './attempts.ts';
import { type Undo, until } from './machine.ts';
import { type Network, within } from './network.ts';
import { startResolver } from './resolver.ts';

/** A name, what it stands for, and whether it should resolve. */
export interface Question {
  readonly name: string;
  readonly what: string;
  readonly expected: boolean;
}

const { allowed, below, stranger } = NAMES;

export const QUESTIONS: readonly Question[] = [
  { name: allowed, what: 'an allowed name', expected: true },
  { name: allowed.toUpperCase(), what: 'the same in upper case', expected: true },
  { name: `${allowed}.`, what: 'the same, complete with its final dot', expected: true },
  { name: 'releases.hashicorp.com', what: 'another allowed name', expected: true },
  { name: below, what: 'a name below a wildcard', expected: true },
  { name: `a.b.${below}`, what: 'a name far below a wildcard', expected: true },
  { name: 'logs.eu-central-1.amazonaws.com', what: 'what a task start needs', expected: true },
  { name: 'modules.example.com', what: 'the domain of a wildcard itself', expected: false },
  { name: `x.${allowed}`, what: 'a sub-domain of an allowed name', expected: false },
  { name: 'terraform.io', what: 'the domain above an allowed name', expected: false },
  { name: `evil${allowed}`, what: 'a name that ends as an allowed one', expected: false },
  { name: `${allowed}.${stranger}`, what: 'a name that begins as an allowed one', expected: false },
  { name: 'evilmodules.example.com', what: 'a wildcard without its dot', expected: false },
  { name: stranger, what: 'another name', expected: false },
  { name: `c2VjcmV0.${stranger}`, what: 'data in a name (DNS tunnelling)', expected: false },
  { name: 'ec2.eu-central-1.amazonaws.com', what: 'an AWS API that nobody allowed', expected: false },
  { name: 'secretsmanager.us-east-1.amazonaws.com', what: 'an allowed API in another region', expected: false },
];

/** A question, its answer by the documented rules, and its answer by the resolver in the lab. */
export interface Answered {
  readonly question: Question;
  readonly byRules: boolean;
  readonly byResolver: boolean;
}

/** Asks in the client's namespace, as a job would. */
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

/** Brings up the resolver with a template's lists and asks it everything. */
export async function askNames(undo: Undo, network: Network, rules: readonly DnsRule[]): Promise<Answered[]> {
  startResolver(undo, network.router, rules);
  const names = QUESTIONS.map(({ name }) => name);
  const answers = await until('the resolver', () => ask(network, names));
  return QUESTIONS.map((question, index) => ({
    question,
    byRules: resolves(rules, question.name),
    byResolver: answers[index] ?? false,
  }));
}

function ask(network: Network, names: readonly string[]): boolean[] | undefined {
  const [program = '', ...args] = within(network.client, process.execPath, '-e', ASK, JSON.stringify(names));
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? z.array(z.boolean()).parse(JSON.parse(stdout)) : undefined;
}
