/**
 * Which stopped tasks are news.
 *
 * The launcher stores nothing, so only a function instance's memory shows what has been reported. A report is a log line and metrics. Readers of the log
 * ignore repeated task ids, but nobody can correct a metric. So an instance logs more tasks than it counts in metrics:
 *
 * 1. An instance logs each stopped task that ECS shows and that it hasn't logged: in its first tick also those that ended before, because nobody may have
 *    ticked then. ECS shows a stopped task for at least an hour.
 * 2. It counts those that stopped since {@link windowMs} before its first tick: one interval of the schedule, and a minute for ECS to show an end. The
 *    instance before it counted the earlier ones.
 * 3. After a pause that is longer than the window, other instances may have reported. The window of the metrics then begins again, as in step 2.
 *
 * A task is therefore logged by each instance that sees its end, and counted twice only if it stopped in the window before another instance took over. It
 * is not counted if it stopped while no instance ticked for longer than the window. It is never logged if ECS no longer shows it.
 * Ticks that only nudges caused report nothing, because they overlap with the schedule's ticks.
 */
import { type KnownOfTask, type TaskEnd, taskEndOf } from './task-end.ts';
import type { RunningJob, Task } from './types.ts';

/** ECS usually shows the end of a task within this time. */
const SHOWN_AFTER_MS = 60_000;

/** Maximum number of tasks to remember. */
const REMEMBERED_MAX = 10_000;

/** What a tick saw that later explains a task's end. */
export interface SeenOfTasks {
  readonly running: readonly RunningJob[];
  /** The tasks that the tick launched for a queued job. */
  readonly launched: readonly { readonly taskId: string; readonly queuedAtMs: number; readonly workspaceId: string }[];
}

/** Tasks that ended, and that this instance reports now. */
export interface EndNews {
  /** The tasks to log. */
  readonly logged: readonly TaskEnd[];
  /** Those of them to count in metrics. */
  readonly counted: readonly TaskEnd[];
}

/** The memory of one function instance. */
export class TaskEnds {
  readonly #windowMs: number;
  readonly #jobs = new Map<string, RunningJob>();
  readonly #launched = new Map<string, { readonly queuedAtMs: number; readonly workspaceId: string }>();
  /** Ids of reported tasks, with the time when each stopped. */
  readonly #reported = new Map<string, number>();
  /** The tasks that stopped since this time are counted in metrics. */
  #sinceMs = Number.NEGATIVE_INFINITY;
  /** Reported tasks that stopped until this time are forgotten, so nothing is reported that stopped before. */
  #forgottenMs = Number.NEGATIVE_INFINITY;
  #tickedAtMs = Number.NEGATIVE_INFINITY;

  /** @param scheduleMs - interval between scheduled invocations. */
  constructor(scheduleMs: number) {
    this.#windowMs = windowMs(scheduleMs);
  }

  /** Remembers what a tick saw. Every tick calls it, whether it reports or not. */
  saw({ running, launched }: SeenOfTasks): void {
    for (const job of running) if (job.agentName !== undefined) remember(this.#jobs, job.agentName, job);
    for (const { taskId, ...job } of launched) remember(this.#launched, taskId, job);
  }

  /** A tick that reports ended tasks began. */
  tickStarted(nowMs: number): void {
    if (nowMs - this.#tickedAtMs > this.#windowMs) this.#sinceMs = Math.max(this.#sinceMs, nowMs - this.#windowMs);
    this.#tickedAtMs = nowMs;
  }

  /**
   * The tasks of this list that have stopped and haven't been reported. They count as reported now.
   *
   * @param failed - ids of the tasks whose agent never registered.
   */
  news(stopped: readonly Task[], failed: ReadonlySet<string>, nowMs: number): EndNews {
    const news = stopped.filter((task) => this.#isNews(task, nowMs));
    for (const { id, stoppedAtMs = nowMs } of news) this.#reported.set(id, stoppedAtMs);
    this.#forget();
    const logged = news.map((task) => taskEndOf(task, this.#known(task, failed)));
    return { logged, counted: logged.filter(({ task: { stoppedAtMs = nowMs } }) => stoppedAtMs > this.#sinceMs) };
  }

  #isNews(task: Task, nowMs: number): boolean {
    const { id, lastStatus, stoppedAtMs = nowMs } = task;
    return lastStatus === 'STOPPED' && stoppedAtMs > this.#forgottenMs && !this.#reported.has(id);
  }

  #known({ id }: Task, failed: ReadonlySet<string>): KnownOfTask {
    return { job: this.#jobs.get(id), ...this.#launched.get(id), failedToStart: failed.has(id) };
  }

  /** Forgets the half of the tasks that stopped first, and reports nothing that stopped before them. */
  #forget(): void {
    if (this.#reported.size <= REMEMBERED_MAX) return;
    const oldestFirst = [...this.#reported].sort(([, a], [, b]) => a - b);
    for (const [id, stoppedAtMs] of oldestFirst.slice(0, REMEMBERED_MAX / 2)) {
      this.#reported.delete(id);
      this.#forgottenMs = Math.max(this.#forgottenMs, stoppedAtMs);
    }
  }
}

/** How far back the metrics of an instance go in its first tick. */
export function windowMs(scheduleMs: number): number {
  return scheduleMs + SHOWN_AFTER_MS;
}

/** Remembers the newest entries. */
function remember<T>(known: Map<string, T>, id: string, value: T): void {
  known.delete(id);
  known.set(id, value);
  const [oldest] = known.keys();
  if (known.size > REMEMBERED_MAX && oldest !== undefined) known.delete(oldest);
}
