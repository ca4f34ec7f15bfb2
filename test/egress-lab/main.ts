/**
 * `node test/egress-lab/main.ts [--write] [--without-breaks]`: the rules of a synthesized template in a real Suricata,
 * every attempt of the table made, names asked, terraform run, and rules broken on purpose.
 *
 * Exit code 0: everything as expected. 1: something is not. 77: it cannot run here, and says why.
 */
import { parseArgs } from 'node:util';
import { dnsRulesIn } from '../lib/reachability/dns-rules.ts';
import { rulesIn } from '../lib/reachability/firewall-policy.ts';
import { writeSection } from '../lib/reachability/sections.ts';
import { templateOf } from '../lib/synthesis.ts';
import { ATTEMPTS, NAMES } from './attempts.ts';
import { BREAKS } from './breaks.ts';
import { type Lab, withLab } from './lab.ts';
import { type Engine, engine, type Undo, whyNot } from './machine.ts';
import { askNames } from './names.ts';
import { asExpected, type Findings, faultsIn, markdown } from './report.ts';
import { startResolver } from './resolver.ts';
import { tryTerraform, whyNoTerraform } from './terraform.ts';

const { values: options } = parseArgs({
  options: { write: { type: 'boolean', default: false }, 'without-breaks': { type: 'boolean', default: false } },
});
const say = (text: string) => console.error(`egress lab: ${text}`);

const reason = whyNot();
const suricata = engine();
if (reason !== undefined || suricata === undefined) {
  say(`skipped: ${reason ?? 'no Suricata'}`);
  process.exit(77);
}

process.env['CDK_VALIDATION'] = 'false';
const network = { egress: 'network-firewall', allowedDomains: [NAMES.wildcard], allowedPresets: ['hcp-terraform'] };
const template = templateOf({ network }).toJSON();
const rules = rulesIn(template);
if (rules === undefined) throw new Error('The template has no network firewall.');
const dnsRules = dnsRulesIn(template);

const findings = await find(suricata, rules);
const faults = faultsIn(findings);
for (const result of findings.results) {
  say(`${asExpected(result) ? 'ok ' : 'BAD'} ${result.attempt.name}: ${result.seen}, ${result.leaked} bytes`);
}
for (const { name, expected, seen } of findings.terraform) {
  say(`${expected === seen ? 'ok ' : 'BAD'} terraform: ${name}: ${seen ? 'plans' : 'fails'}`);
}
for (const { name, missing } of findings.breaks)
  say(`${missing.length === 0 ? 'red, as it should be' : 'NOT RED'}: ${name}`);
for (const fault of faults) say(`FAULT ${fault}`);
say(
  `${findings.results.length} attempts, ${findings.names.length} names, ${findings.terraform.length} runs of terraform, ${findings.breaks.length} broken rule sets: ${faults.length === 0 ? 'all as expected' : `${faults.length} faults`}`,
);
if (options.write && faults.length === 0) writeSection('docs/network.md', 'lab', markdown(findings));
process.exit(faults.length === 0 ? 0 : 1);

async function find(engine: Engine, rules: string): Promise<Findings> {
  const [results, names, plans] = await withLab(engine, rules, async (lab, undo) => [
    await lab.attempt(ATTEMPTS),
    await askNames(undo, lab.network, dnsRules),
    await terraform('name allowed, and resolves', true, lab, undo),
  ]);
  const isBlocked = (line: string) => !line.includes(`"agent-launcher: ${NAMES.allowed}"`);
  const withoutName = rules.split('\n').filter(isBlocked).join('\n');
  const unfirewalled = await withLab(engine, withoutName, async (lab, undo) => {
    startResolver(undo, lab.network.router, dnsRules);
    const failed = await terraform('name resolves, and the firewall does not allow it', false, lab, undo);
    // It must have failed for this reason and no other.
    const dropped = lab.suricata.log().includes('server name not allowed');
    return failed.map((each) => ({ ...each, seen: each.seen || !dropped }));
  });
  const unresolved = await withLab(engine, rules, async (lab, undo) => {
    const without = dnsRules.map((rule) => ({
      ...rule,
      domains: rule.domains.filter((name) => name !== NAMES.allowed),
    }));
    startResolver(undo, lab.network.router, without);
    return terraform('name allowed by the firewall, and does not resolve', false, lab, undo);
  });
  return {
    engine: engine.version,
    results,
    names,
    terraform: [...plans, ...unfirewalled, ...unresolved],
    breaks: options['without-breaks'] ? [] : await breakAll(engine, rules),
  };
}

async function terraform(name: string, expected: boolean, lab: Lab, undo: Undo): Promise<Findings['terraform']> {
  const missing = whyNoTerraform();
  if (missing !== undefined) {
    say(`skipped terraform: ${missing}`);
    return [];
  }
  const { succeeded, output } = await tryTerraform(undo, lab);
  if (succeeded !== expected) say(output);
  return [{ name, expected, seen: succeeded }];
}

/** Each broken rule set in a lab of its own, with the attempts that it must show in. */
async function breakAll(engine: Engine, rules: string): Promise<Findings['breaks']> {
  const found: Findings['breaks'][number][] = [];
  for (const { name, apply, shows } of BREAKS) {
    const broken = apply(rules);
    if (broken === rules) throw new Error(`The break "${name}" changes nothing.`);
    const attempts = ATTEMPTS.filter((attempt) => shows.includes(attempt.name));
    if (attempts.length !== shows.length) throw new Error(`The break "${name}" names an attempt that there is not.`);
    const results = await withLab(engine, broken, (lab) => lab.attempt(attempts));
    const red = results.filter((result) => !asExpected(result)).map(({ attempt }) => attempt.name);
    found.push({ name, red, missing: shows.filter((each) => !red.includes(each)) });
  }
  return found;
}
