/**
 * The worker's half of one-pass-plugin.mjs: a test runner of vitest that tries mutants.
 *
 * The plugin lists each test file twice, once more per static mutant, and once more at the end. In the first two runs, every
 * test runs once per mutant that it reaches and that is still alive: fast tests in the first run, slow ones in the second.
 * Then the file is loaded and run with one static mutant at a time, and finally without one.
 *
 * After its mutants, each test runs without one. If it then fails, a mutant left something behind, and none of the test's
 * kills count.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { type RunnerTask, type RunnerTestFile, TestRunner, vi } from 'vitest';

/** Why a mutant counts as killed. */
interface Kill {
  readonly test: string;
  readonly message: string;
}

interface Plan {
  /** Hits of each mutant, by the test that reaches it. */
  readonly perTest: Record<string, Record<string, number>>;
  /** Tests that run after all others. */
  readonly slow: readonly string[];
  readonly statics: readonly string[];
  /** Hits of each mutant in all tests. */
  readonly hits: Record<string, number>;
  /** Stryker's sandbox: a copy of the project with the mutants in it. */
  readonly root: string;
}

/** The state that Stryker's instrumented sources read. */
interface Namespace {
  activeMutant?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
}

type Test = Extract<RunnerTask, { type: 'test' }>;

// Like Stryker: a mutant counts as an endless loop if its code is hit a hundred times as often as without the mutant.
const ENDLESS = 100;
const plan: Plan = JSON.parse(readFileSync(String(process.env['MUTATION_PLAN']), 'utf8'));
const slow = new Set(plan.slow);
const killed = new Map<string, Kill>();
const tried = new Set<string>();
/** Problems with the measurement itself, such as a test that fails without a mutant. */
const warnings: string[] = [];
const runsOf = new Map<string, number>();

const shared = globalThis as { __stryker__?: Namespace };
shared.__stryker__ ??= {};
const stryker = shared.__stryker__;

function activate(id: string | undefined, hits = 0): void {
  stryker.activeMutant = id;
  stryker.hitCount = id === undefined ? undefined : 0;
  stryker.hitLimit = id === undefined ? undefined : ENDLESS * (hits + 1);
}

function idOf(test: Test): string {
  const names = [test.name];
  for (let suite = test.suite; suite !== undefined; suite = suite.suite) names.unshift(suite.name);
  return `${relative(plan.root, test.file.filepath)}#${names.join(' > ').trim()}`;
}

function report(): void {
  const found = { killed: Object.fromEntries(killed), tried: [...tried], warnings };
  writeFileSync(String(process.env['MUTATION_RESULTS']), JSON.stringify(found));
}

const messageOf = (task: { result?: RunnerTask['result'] }) => task.result?.errors?.[0]?.message ?? 'failed';

// biome-ignore lint/style/noDefaultExport: vitest loads the default export
export default class OnePassRunner extends TestRunner {
  /** Whether this run is for the slow tests. */
  #slow = false;
  /** Each test runs once, with the static mutant of this run or without one. */
  #once = false;
  #static: string | undefined;
  /** The mutants of the running test, which tries them in order and then runs without one. */
  #mutants: string[] = [];
  #kills = new Map<string, Kill>();

  onBeforeCollect(paths: string[]): void {
    const [path = ''] = paths;
    const run = runsOf.get(path) ?? 0;
    runsOf.set(path, run + 1);
    this.#slow = run === 1;
    this.#once = run > 1;
    this.#static = plan.statics[run - 2];
    if (!this.#once) return;
    if (this.#static !== undefined) tried.add(this.#static);
    vi.resetModules();
    activate(this.#static, plan.hits[this.#static ?? '']);
  }

  override importFile(path: string, source: 'collect' | 'setup'): unknown {
    if (this.#static !== undefined && killed.has(this.#static)) return undefined;
    return super.importFile(path, source);
  }

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    await super.onBeforeRunTask(test as Test);
    if (test.type !== 'test' || (test.mode !== 'run' && test.mode !== 'queued')) return;
    if (this.#once) {
      if (this.#static !== undefined && killed.has(this.#static)) test.mode = 'skip';
      return;
    }
    if (slow.has(idOf(test)) !== this.#slow) {
      test.mode = 'skip';
      return;
    }
    this.#kills = new Map();
    this.#mutants = Object.keys(plan.perTest[idOf(test)] ?? {}).filter((id) => !killed.has(id));
    test.repeats = this.#mutants.length;
  }

  override onBeforeTryTask(test: Test, attempt: { retry: number; repeats: number }): void {
    super.onBeforeTryTask(test, attempt);
    if (this.#once) return;
    const id = this.#mutants[attempt.repeats];
    activate(id, plan.perTest[idOf(test)]?.[id ?? '']);
  }

  override async onAfterRetryTask(test: Test, attempt: { retry: number; repeats: number }): Promise<void> {
    await super.onAfterRetryTask(test, attempt);
    if (this.#once) return;
    activate(undefined);
    const id = this.#mutants[attempt.repeats];
    const failed = test.result?.state === 'fail';
    if (id === undefined) {
      if (failed) warnings.push(`${idOf(test)}: fails after its mutants, so its kills don't count: ${messageOf(test)}`);
      else for (const [mutant, kill] of this.#kills) killed.set(mutant, kill);
      return;
    }
    tried.add(id);
    if (failed) this.#kills.set(id, { test: idOf(test), message: messageOf(test) });
    if (test.result === undefined) return;
    delete test.result.errors;
    // Otherwise a failed repeat would fail the test.
    if (failed) test.result.state = 'run';
  }

  override onAfterRunTask(test: RunnerTask): void {
    super.onAfterRunTask(test as Test);
    if (this.#mutants.length > 0) report();
    if (this.#static !== undefined && test.type === 'test' && test.result?.state === 'fail')
      killed.set(this.#static, { test: idOf(test), message: messageOf(test) });
  }

  override onAfterRunFiles(files: RunnerTestFile[]): void {
    super.onAfterRunFiles(files);
    activate(undefined);
    const [file] = files;
    const id = this.#static;
    if (this.#once && file?.result?.state === 'fail') {
      const path = relative(plan.root, file.filepath);
      if (id === undefined) warnings.push(`${path}: fails after all mutants: ${messageOf(file)}`);
      else if (!killed.has(id)) killed.set(id, { test: path, message: messageOf(file) });
    }
    report();
  }
}
