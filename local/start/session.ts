/** The common part of the demo and `--keep`. It runs the emulators and the launcher, and shows what happens. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launcherFunction } from '../../lib/names.ts';
import type { Task } from '../ecs/core/task.ts';
import { type EventSourceMapping, mapQueue } from '../lambda/event-source-mapping.ts';
import { type Death, type Invocation, type LocalFunction, startFunction } from '../lambda/function.ts';
import { decisionsOf, refusedIn } from './decisions.ts';
import { LauncherLog, WAKE_UPS_CONCURRENCY } from './deployment.ts';
import { type Job, jobsOf, type Model, nameOfJob, observe } from './model.ts';
import { seconds } from './seconds.ts';
import { LAUNCHER } from './task-definition.ts';
import type { Display } from './terminal/display.ts';
import { type LocalWorld, POLLED_EVERY_SECONDS } from './world.ts';

const HANDLER = fileURLToPath(new URL('../../functions/launcher/handler.ts', import.meta.url));
/** In AWS, the launcher runs once per minute. Here, a user would wait too long. */
const INVOKED_EVERY_MS = 6_000;
/**
 * With this value, an active invocation ends just before the next one is due. So the launcher requests lists of runs every 3 s, which
 * is 20 times per minute. HCP Terraform allows 30 per user, and the launcher limits itself to 24.
 */
const TIME_LIMIT_MS = 15_000;
export const PACE = `invoked every ${INVOKED_EVERY_MS / 1000} s, polls every ${POLLED_EVERY_SECONDS} s (in AWS: 60 s and 5 s)`;
/** If the launcher's process dies this often without an invocation, it can't work. */
const HOPELESS_DEATHS = 3;
const FRAME_MS = 200;

/** A message for the user: a decision of the launcher (`tick`), or an unexpected event (`note`). */
export interface Note {
  readonly at: number;
  readonly source: 'tick' | 'note';
  readonly text: string;
}

export interface SessionOptions {
  /** Time between two scheduled invocations. Default: 6 s. */
  readonly invokedEveryMs?: number;
  /** Lambda's time limit for one invocation. Default: 15 s. */
  readonly timeLimitMs?: number;
}

export class Session {
  readonly world: LocalWorld;
  readonly startedAt = Date.now();
  readonly invocations = { total: 0, failed: 0 };
  /** The launches that ECS refused. */
  readonly refusals: { readonly atMs: number; readonly jobKey: string }[] = [];
  /** When invocations ended, in milliseconds since the epoch. */
  readonly invokedAtMs: number[] = [];
  readonly #notes: Note[] = [];
  /** ECS itself forgets a task one hour after it stopped. */
  readonly #tasks = new Map<string, Task>();
  /** Lost jobs that were already reported. */
  readonly #lost = new Set<string>();
  readonly #log: string;
  readonly #launcherLog: LauncherLog;
  readonly #launcher: LocalFunction;
  readonly #wakeUps: EventSourceMapping;
  #deaths = 0;
  /** The reason why the launcher can't run at all. */
  #trouble: string | undefined;

  /** @param log file for the launcher's log, which replaces an existing file */
  constructor(world: LocalWorld, log: string, options: SessionOptions = {}) {
    mkdirSync(dirname(log), { recursive: true });
    writeFileSync(log, '');
    this.world = world;
    this.#log = log;
    this.#launcherLog = new LauncherLog(world.ecs);
    world.ecs.onTaskChange((task) => this.#tasks.set(task.id, task));
    const settings = {
      module: HANDLER,
      environment: world.launcherEnvironment,
      everyMs: options.invokedEveryMs ?? INVOKED_EVERY_MS,
      timeoutMs: options.timeLimitMs ?? TIME_LIMIT_MS,
      onLine: (line: string, environment: string) => this.#read(line, environment),
      onInvocation: (invocation: Invocation, environment: string) => this.#invoked(invocation, environment),
    };
    this.#launcher = startFunction(settings, (death) => this.#died(death));
    const { functions, schedules } = world.ecs.aws;
    const name = launcherFunction(LAUNCHER);
    functions.setInvoker(name, (event) => this.#launcher.invoke(event));
    const applySwitches = (): void =>
      this.#launcher.setScheduled(schedules.isEnabled(LAUNCHER) && !functions.isThrottled(name));
    schedules.onChange(applySwitches);
    functions.onChange(applySwitches);
    this.#wakeUps = mapQueue({
      queue: world.wakeUps,
      isEnabled: () => functions.isMapped(name, world.wakeUps.arn),
      // Lambda receives messages for a function that may not run. They become visible again after the queue's visibility timeout.
      invoke: async (event) => (functions.isThrottled(name) ? 'Rate Exceeded.' : this.#launcher.invoke(event)),
      maxConcurrency: WAKE_UPS_CONCURRENCY,
      region: world.ecs.region,
    });
  }

  /** Keeps the display up to date until the work is done. Rejects if the work fails, or if the launcher can't run. */
  async watch(display: Display, work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    work.then(done, done);
    while (!isDone) {
      this.show(display);
      if (this.#trouble !== undefined) throw new Error(this.#trouble);
      await delay(FRAME_MS);
    }
    await work;
  }

  /** Shows the current state. @returns it */
  show(display: Display): Model {
    const model = this.#observe();
    for (const job of jobsOf(model)) {
      if (job.state !== 'lost' || this.#lost.has(job.key)) continue;
      this.#lost.add(job.key);
      this.#note('note', lossOf(job));
    }
    display.update(model, this.#notes);
    return model;
  }

  /** Adds a message for the user about something that the demo does on purpose. */
  announce(text: string): void {
    this.#note('note', text);
  }

  /** Kills the launcher's process. The next scheduled invocation starts another one. @returns false if no process runs */
  killLauncher(): boolean {
    const pid = this.#launcher.pid();
    if (pid === undefined) return false;
    this.announce('on purpose: the launcher’s process is killed');
    return process.kill(pid, 'SIGKILL');
  }

  /** Ends the launcher, so that it launches no more tasks. */
  stopLauncher(): Promise<void> {
    this.#wakeUps.stop();
    return this.#launcher.stop();
  }

  /** Ends everything. A second call doesn't wait. */
  async close(): Promise<void> {
    await this.stopLauncher();
    await this.world.close();
  }

  #observe(): Model {
    const { hcpTerraform, gateway } = this.world;
    const history = gateway && {
      name: gateway.shortName,
      instanceType: gateway.instanceType,
      phases: [...gateway.phases],
      skips: [...gateway.skips],
    };
    return observe({ world: hcpTerraform.world, tasks: [...this.#tasks.values()], gateway: history }, Date.now());
  }

  #note(source: Note['source'], text: string): void {
    this.#notes.push({ at: Date.now(), source, text });
  }

  #read(line: string, environment: string): void {
    this.#launcherLog.line(line, environment);
    appendFileSync(this.#log, `${line}\n`);
    const decisions = decisionsOf(line, (key) => nameOfJob(this.#observe(), key));
    for (const jobKey of refusedIn(line)) this.refusals.push({ atMs: Date.now(), jobKey });
    for (const decision of decisions) this.#note('tick', decision);
  }

  #invoked(invocation: Invocation, environment: string): void {
    const { error } = invocation;
    this.#launcherLog.invocation(invocation, environment);
    this.invocations.total += 1;
    this.invokedAtMs.push(Date.now());
    if (error === undefined) return;
    this.invocations.failed += 1;
    this.#note('tick', `the invocation failed: ${error}`);
  }

  #died({ code, signal, restartsInMs }: Death): void {
    this.#deaths += 1;
    const end = signal === null ? `ended with exit code ${code ?? 'none'}` : `was killed (${signal})`;
    const next = `as in AWS, the next scheduled invocation starts another one, in ${seconds(restartsInMs)}`;
    this.#note('note', `the launcher's process ${end}; ${next}`);
    if (this.invocations.total === 0 && this.#deaths >= HOPELESS_DEATHS) {
      this.#trouble = `The launcher's process ${end} before it finished any invocation; its log: ${this.#log}`;
    }
  }
}

/** Explains why no agent is started for the job of a dead agent, according to the rules of HCP Terraform. */
function lossOf({ name, container }: Job): string {
  return (
    `lost: container ${container?.id.slice(0, 8)} ended (exit code ${container?.containers[0]?.exitCode ?? 'none'}) in the middle of ${name}. ` +
    'No other container is started for the job, because HCP Terraform no longer queues it, and running it twice could do harm. ' +
    'HCP Terraform waits for the agent, shows it as unknown after 1 min, and ends the run as errored after 6 min'
  );
}
