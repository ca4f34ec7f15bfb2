// A test runner for Stryker that tries all mutants in one vitest run, instead of starting vitest for each of them.
//
// Stryker's own vitest runner starts a worker per mutant, which loads the AWS SDK or the CDK each time: seconds, where the
// tests take milliseconds. This one wraps it. In the dry run, after Stryker's pass that collects the coverage, it makes a second
// pass with the same worker for everything (one-pass-runner.ts), and writes which mutant was killed by which test. Each
// later question of Stryker for a mutant is answered from that.
//
// Two kinds of mutants differ:
// - one that only runs inside tests: every test that reaches it runs again with that mutant switched on
// - a static one (it runs while a module is loaded, or in beforeAll): each test file is loaded again with it switched on
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { strykerPlugins as plugins } from '@stryker-mutator/vitest-runner';

const [vitest] = plugins;

// Both outside the sandbox, so that a second worker finds them.
const PLAN = process.env.MUTATION_PLAN;
const RESULTS = process.env.MUTATION_RESULTS;

// Tests that take longer than this come after all others: most mutants are dead by then.
const SLOW_MS = 30;
// Tests that wait for longer than this judge no mutant that runs inside tests: each of them would wait as long again.
const TOO_SLOW_MS = 3500;

function everyIdOf({ perTest, static: whileLoading }) {
  return [...new Set([...Object.values(perTest), whileLoading].flatMap((covered) => Object.keys(covered)))];
}

/** The file that each mutant is in. */
function sourcesByMutant(files) {
  const found = new Map();
  for (const file of files)
    for (const [, id] of readFileSync(file, 'utf8').matchAll(/stryMutAct_9fa48\("(\d+)"\)/g)) found.set(id, file);
  return found;
}

/** The tests that are named like the source come first: they fail first. */
function likeliestFirst(specifications, source) {
  const names = relative('.', source).split(/[/.]/);
  const likeness = ({ moduleId }) => Math.max(...names.map((name) => commonStart(name, basename(moduleId))));
  return specifications.toSorted((a, b) => likeness(b) - likeness(a));
}

function commonStart(a, b) {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

class OnePassRunner {
  #base;
  #results;

  constructor(base) {
    this.#base = base;
  }

  capabilities() {
    return this.#base.capabilities();
  }

  init() {
    return this.#base.init();
  }

  dispose() {
    return this.#base.dispose();
  }

  async dryRun(options) {
    const result = await this.#base.dryRun(options);
    if (result.status !== 'complete' || result.tests.some(({ status }) => status === 1)) return result;
    await this.#tryAll(result, options.files);
    return result;
  }

  async #tryAll({ mutantCoverage, tests }, sources) {
    // Where tests share what the first of them makes, a test alone would not make it again.
    const reload = process.env.MUTATION_RELOAD === 'yes';
    const statics = reload ? everyIdOf(mutantCoverage) : Object.keys(mutantCoverage.static);
    const perTest = reload ? {} : { ...mutantCoverage.perTest };
    const hits = {};
    for (const covered of [...Object.values(mutantCoverage.perTest), mutantCoverage.static])
      for (const [id, count] of Object.entries(covered)) hits[id] = (hits[id] ?? 0) + count;
    const slow = tests.filter(({ timeSpentMs }) => timeSpentMs > SLOW_MS).map(({ id }) => id);
    for (const { id, timeSpentMs } of tests) if (timeSpentMs > TOO_SLOW_MS) delete perTest[id];
    writeFileSync(PLAN, JSON.stringify({ root: process.cwd(), perTest, slow, statics, hits }));
    rmSync(RESULTS, { force: true });
    const { ctx } = this.#base;
    // Fast files first: each mutant that they kill is one less for the slow ones.
    const timeOf = Map.groupBy(tests, ({ fileName }) => fileName);
    const meanOf = (file) =>
      timeOf.get(file).reduce((sum, { timeSpentMs }) => sum + timeSpentMs, 0) / timeOf.get(file).length;
    const files = [...timeOf.keys()].toSorted((a, b) => meanOf(a) - meanOf(b));
    for (const config of [ctx.config, ...ctx.projects.map((project) => project.config)]) {
      // Stryker's setup file would switch the mutants off.
      config.setupFiles = config.setupFiles.filter((file) => !file.includes('stryker-setup'));
      config.bail = 0;
      config.testNamePattern = undefined;
      config.runner = resolve('labs/mutation/one-pass-runner.ts');
      config.testTimeout = 10_000;
      config.hookTimeout = 60_000;
      config.expect = { ...config.expect, poll: { ...config.expect?.poll, timeout: 5_000 } };
    }
    // Vitest would begin with the largest files.
    ctx.sequencer = { sort: (specifications) => specifications };
    const [project] = ctx.projects;
    const pass = files.map((file) => project.createSpecification(file));
    const specifications = [...pass, ...pass];
    const sourceOf = sourcesByMutant(sources);
    for (const id of statics) specifications.push(...likeliestFirst(pass, sourceOf.get(id) ?? ''));
    specifications.push(...pass);
    await ctx.runTestSpecifications(specifications, true);
    if (!existsSync(RESULTS))
      throw new Error(`No results of the mutants: ${[...ctx.state.errorsSet].map((error) => error.stack).join('\n')}`);
  }

  async mutantRun(options) {
    this.#results ??= existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : undefined;
    if (this.#results === undefined) throw new Error('The pass over all mutants did not finish.');
    const { killed, tried } = this.#results;
    const id = options.activeMutant.id;
    const by = killed[id];
    if (by !== undefined) return { status: 'killed', killedBy: [by.test], failureMessage: by.message, nrOfTests: 1 };
    return { status: 'survived', nrOfTests: tried.includes(id) ? 1 : 0 };
  }
}

function create(injector) {
  return new OnePassRunner(injector.injectFunction(vitest.factory));
}
create.inject = ['$injector'];

export const strykerPlugins = [{ kind: vitest.kind, name: 'one-pass', factory: create }];
