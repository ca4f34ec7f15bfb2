/**
 * `npm run mutate [-- GROUP…] [--files GLOB] [--concurrency N]`: makes one change at a time in the sources, and lists the
 * changes that no test notices. docs/mutation.md explains the result.
 *
 * Exit code 1: a group is below its target, or a test kills a mutant that is listed as equivalent.
 */
import { globSync, mkdirSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdownTable } from '../markdown-table.ts';
import { EQUIVALENTS } from './equivalents.ts';
import { GROUPS, type Part } from './groups.ts';
import { type Mutant, mutantOf, score } from './score.ts';
import { installStryker } from './stryker.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { files: { type: 'string' }, concurrency: { type: 'string', default: '1' } },
});
const unknown = positionals.filter((name) => !GROUPS.some((group) => group.name === name));
if (unknown.length > 0) {
  throw new Error(`There is no group ${unknown.join(', ')}. Use one of ${GROUPS.map(({ name }) => name).join(', ')}.`);
}

const Stryker = await installStryker();

/** Returns the sources of a group's part, or only those that `--files` matches. */
function sourcesOf({ sources }: Part): string[] {
  const wanted = values.files === undefined ? undefined : new Set(globSync(values.files));
  return globSync([...sources])
    .filter((file) => wanted === undefined || wanted.has(file))
    .sort();
}

async function mutate(part: Part, files: readonly string[], report: string): Promise<Mutant[]> {
  process.env['MUTATION_RELOAD'] = part.shareTemplate === true ? 'yes' : 'no';
  process.env['MUTATION_TESTS'] = JSON.stringify(part.tests);
  const onePass = resolve(`out/mutation/${report}.one-pass.json`);
  process.env['MUTATION_RESULTS'] = onePass;
  process.env['MUTATION_PLAN'] = resolve(`out/mutation/${report}.plan.json`);
  mkdirSync('out/mutation', { recursive: true });
  const results = await new Stryker({
    mutate: [...files],
    testRunner: 'one-pass',
    plugins: [fileURLToPath(new URL('one-pass-plugin.mjs', import.meta.url)), '@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'vitest.mutation.config.ts', related: false },
    coverageAnalysis: 'perTest',
    concurrency: Number(values.concurrency),
    // Stryker would rewrite tsconfig.json with the TypeScript API, which TypeScript 7 doesn't have. It skips that step if
    // the file doesn't exist. Nothing needs the step, because Node and vitest strip the types.
    tsconfigFile: 'none.json',
    checkers: [],
    reporters: ['dots', 'html'],
    htmlReporter: { fileName: `out/mutation/${report}.html` },
    tempDirName: 'out/mutation/sandbox',
    ignorePatterns: ['/coverage', '/dist', '/cdk.out', '/docs/*.svg'],
    allowConsoleColors: false,
    clearTextReporter: { logTests: false },
    thresholds: { high: 100, low: 0, break: null },
    // A mutant with a timeout counts as killed. Synthesis takes seconds on a busy machine, so a short timeout would give wrong results.
    dryRunTimeoutMinutes: 240,
    timeoutMS: 60_000,
    timeoutFactor: 4,
  }).runMutationTest();
  for (const warning of JSON.parse(readFileSync(onePass, 'utf8')).warnings) console.warn(warning);
  return results.map((result) => {
    const fileName = relative('.', result.fileName);
    return mutantOf({ ...result, fileName }, readFileSync(fileName, 'utf8'));
  });
}

let failed = false;
const summary: (string | number)[][] = [];
for (const group of GROUPS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const began = Date.now();
  const mutants: Mutant[] = [];
  const files: string[] = [];
  for (const [index, part] of group.parts.entries()) {
    const sources = sourcesOf(part);
    if (sources.length === 0) continue;
    files.push(...sources);
    mutants.push(...(await mutate(part, sources, group.parts.length === 1 ? group.name : `${group.name}-${index}`)));
  }
  if (files.length === 0) continue;
  const equivalents = EQUIVALENTS.filter(({ file }) => files.includes(file));
  const { killed, total, equivalent, percent, survivors, stale } = score(mutants, equivalents);
  console.log(`\n${group.name}: mutants that no test kills\n`);
  for (const { file, line, change, status } of survivors) {
    console.log(`${file}:${line}: ${change}${status === 'Survived' ? '' : ` (${status})`}`);
  }
  for (const { file, line, mutant } of stale)
    console.log(`${file}: listed as equivalent, but it is killed or doesn't exist: ${line}: ${mutant}`);
  for (const file of files) {
    const own = score(
      mutants.filter((mutant) => mutant.file === file),
      equivalents.filter((each) => each.file === file),
    );
    summary.push([file, own.total, own.killed, own.equivalent, `${own.percent.toFixed(1)} %`, '']);
  }
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  const name = `**${group.name}**, ${minutes} min`;
  summary.push([name, total, killed, equivalent, `**${percent.toFixed(1)} %**`, `${group.target} %`]);
  failed ||= percent < group.target || stale.length > 0;
}
console.log(`\n${markdownTable(['', 'mutants', 'killed', 'equivalent', 'score', 'target'], summary)}`);
process.exitCode = failed ? 1 : 0;
