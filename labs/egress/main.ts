/**
 * `node labs/egress/main.ts [--write] [--without-breaks]`: loads the rules of a synthesized template into a real Suricata,
 * makes all attempts, looks up all names and runs terraform. Then it tests deliberate mistakes in the rules, one at a time.
 *
 * Exit code 0: all results are as expected. 1: a result isn't. 77: the lab can't run here, and prints the reason.
 */
import { parseArgs } from 'node:util';
import { writeSection } from '../../test/lib/network/reachability/sections.ts';
import { ATTEMPTS, NAMES } from './attempts.ts';
import { BREAKS } from './breaks.ts';
import { type Lab, withLab } from './lab.ts';
import { type Engine, engine, type Undo, whyNot } from './machine.ts';
import { askNames, breakNames } from './names.ts';
import { asExpected, type Findings, faultsIn, markdown, TERRAFORM_CASES } from './report.ts';
import { startResolver } from './resolver.ts';
import { tryTerraform, whyNoTerraform } from './terraform.ts';
import { type DetectedBreak, tryBreaks } from './try-breaks.ts';
import { type EngineSettings, markOf, underTest } from './under-test.ts';

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
const tried = underTest();
const { dnsRules } = tried;

const noTerraform = whyNoTerraform();
if (noTerraform !== undefined) say(`skipped terraform: ${noTerraform}`);
const findings = await find(suricata, tried.engine);
const faults = [
  ...faultsIn(findings),
  // In CI, a skipped run would look like a success. The table is never written without these runs.
  ...(noTerraform !== undefined && (process.env['CI'] !== undefined || options.write)
    ? [`terraform was not tried: ${noTerraform}`]
    : []),
];
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

async function find(engine: Engine, settings: EngineSettings): Promise<Findings> {
  const [results, names, plans] = await withLab(engine, settings, async (lab, undo) => [
    await lab.attempt(ATTEMPTS),
    await askNames(undo, lab.network, dnsRules),
    await terraform(TERRAFORM_CASES.allowed, lab, undo),
  ]);
  const isAllowing = (line: string) => line.includes(`"agent-launcher: ${NAMES.allowed}"`);
  const lines = settings.rules.split('\n').filter((line) => !isAllowing(line));
  const unfirewalled = await withLab(engine, { ...settings, rules: lines.join('\n') }, async (lab, undo) => {
    await startResolver(undo, lab.network.router, dnsRules);
    const failed = await terraform(TERRAFORM_CASES.dropped, lab, undo);
    // Count it only if the firewall was the reason.
    const dropped = lab.suricata.log().includes('server name not allowed');
    return failed.map((each) => ({ ...each, seen: each.seen || !dropped }));
  });
  const unresolved = await withLab(engine, settings, async (lab, undo) => {
    const without = dnsRules.map((rule) => ({
      ...rule,
      domains: rule.domains.filter((name) => name !== NAMES.allowed),
    }));
    await startResolver(undo, lab.network.router, without);
    return terraform(TERRAFORM_CASES.unresolved, lab, undo);
  });
  const isWhole = !options['without-breaks'];
  return {
    engine: engine.version,
    mark: markOf(tried),
    results,
    names,
    terraform: [...plans, ...unfirewalled, ...unresolved],
    breaks: isWhole ? [...(await breakNames(dnsRules)), ...(await breakAll(engine, settings))] : [],
  };
}

async function terraform(
  { name, expected }: { readonly name: string; readonly expected: boolean },
  lab: Lab,
  undo: Undo,
): Promise<Findings['terraform']> {
  if (noTerraform !== undefined) return [];
  const { succeeded, output } = await tryTerraform(undo, lab);
  if (succeeded !== expected) say(output);
  return [{ name, expected, seen: succeeded }];
}

/** Runs a separate lab for each break, with the attempts that must detect it. */
function breakAll(engine: Engine, settings: EngineSettings): Promise<DetectedBreak[]> {
  const breaks = BREAKS.map(({ apply, settings: more, ...rest }) => ({
    ...rest,
    apply: (whole: EngineSettings) => ({ ...whole, rules: apply(whole.rules), ...more }),
  }));
  return tryBreaks(breaks, settings, async (broken, shows) => {
    const attempts = ATTEMPTS.filter(({ name }) => shows.includes(name));
    if (attempts.length !== shows.length) throw new Error(`There is no attempt for one of: ${shows.join('; ')}.`);
    const results = await withLab(engine, broken, (lab) => lab.attempt(attempts));
    return results.filter((result) => !asExpected(result)).map(({ attempt }) => attempt.name);
  });
}
