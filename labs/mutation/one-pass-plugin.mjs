// A test runner for Stryker that tries all mutants in one vitest run, instead of starting vitest for each of them.
//
// Stryker's own vitest runner starts a worker per mutant. Each worker loads the AWS SDK or the CDK, which takes seconds, while
// the tests take milliseconds. This runner wraps it. In the dry run, after Stryker's pass that collects the coverage, it makes
// a second pass in one worker (one-pass-runner.ts), and records which test killed which mutant. It answers Stryker's later
// requests for a mutant from that record.
//
// There are two kinds of mutants:
// - A mutant that only runs inside tests: every test that reaches it runs again with the mutant switched on.
// - A static mutant, which runs while a module is loaded or in beforeAll: each test file is loaded again with it switched on.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { strykerPlugins as plugins } from '@stryker-mutator/vitest-runner';

const [vitest] = plugins;

// Both files are outside the sandbox, so that a second worker finds them.
const PLAN = process.env.MUTATION_PLAN;
const RESULTS = process.env.MUTATION_RESULTS;

// Tests that take longer run after all others, when most mutants have been killed.
const SLOW_MS = 30;
// Tests that take longer than this are not used for mutants that run inside tests, because each mutant would take that long.
const TOO_SLOW_MS = 3500;

function everyIdOf({ perTest, static: whileLoading }) {
  return [...new Set([...Object.values(perTest), whileLoading].flatMap((covered) => Object.keys(covered)))];
}

/** Finds the source file of each mutant, by the mutant's id. */
function sourcesByMutant(files) {
  const found = new Map();
  for (const file of files)
    for (const [, id] of readFileSync(file, 'utf8').matchAll(/stryMutAct_9fa48\("(\d+)"\)/g)) found.set(id, file);
  return found;
}

/** Tests with a name like the source's come first, because they probably fail first. */
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
    // If tests share something that the first test creates, repeating a single test would not create it again.
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
    // Run fast files first, because slow files skip the mutants that fast files have killed.
    const timeOf = Map.groupBy(tests, ({ fileName }) => fileName);
    const meanOf = (file) =>
      timeOf.get(file).reduce((sum, { timeSpentMs }) => sum + timeSpentMs, 0) / timeOf.get(file).length;
    const files = [...timeOf.keys()].toSorted((a, b) => meanOf(a) - meanOf(b));
    for (const config of [ctx.config, ...ctx.projects.map((project) => project.config)]) {
      // Stryker's setup file would switch off the mutants.
      config.setupFiles = config.setupFiles.filter((file) => !file.includes('stryker-setup'));
      config.bail = 0;
      config.testNamePattern = undefined;
      config.runner = resolve('labs/mutation/one-pass-runner.ts');
      config.testTimeout = 10_000;
      config.hookTimeout = 60_000;
      config.expect = { ...config.expect, poll: { ...config.expect?.poll, timeout: 5_000 } };
    }
    // Otherwise vitest begins with the largest files.
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
