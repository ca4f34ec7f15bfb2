/**
 * Remembers tasks between the ticks of a warm function, so that it describes each stopped task once. A stopped task never changes again.
 *
 * A tick lists the live tasks. A known task that is no longer listed has stopped, so the tick describes it by its id. As long as a family has less
 * than one page of stopped tasks, each tick also lists them, because other function instances may have started some. A longer list is read
 * once per minute, after a pause, and after a launch with an unknown result.
 */
import { isLive } from '../../core/supply.ts';
import type { Task } from '../../core/types.ts';
import { READ_LAG_MS } from '../../core/vendor-timing.ts';
import { taskIdOf } from './answers.ts';

/** After a longer pause, other function instances may have run in the meantime. */
const PAUSE_MS = 30_000;

/** After a pause of this length, a task of an idle pool may have ended that this function doesn't know. */
const LONG_PAUSE_MS = 2 * 60_000;

/** Number of tasks per page of ECS's lists. */
const PAGE = 100;

/** How often a list of several pages is read. */
const LIST_EVERY_MS = 60_000;

/** A task that was live or launched, and hasn't been described as STOPPED. */
interface OpenTask {
  readonly family: string;
  readonly seenAtMs: number;
  /** RunTask answered that the task is STOPPED, because the client token belongs to an old task. ECS may have forgotten the task. */
  readonly ended?: boolean;
}

/** What is known about the stopped tasks of a family. */
interface StoppedTasks {
  readonly listedAtMs: number;
  readonly tasks: Map<string, Task>;
}

export class TaskMemory {
  readonly #open = new Map<string, OpenTask>();
  readonly #stopped = new Map<string, StoppedTasks>();
  /** The ids of the tasks that the last list of live tasks contained. */
  #listed: ReadonlySet<string> = new Set();
  /** Those of them that are stopping. */
  #stopping: readonly Task[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** Families whose stopped tasks were listed since the last long pause. */
  readonly #listedSincePause = new Set<string>();
  /** When a launch of the family last had an unknown result, in epoch milliseconds. */
  readonly #unknownLaunchAtMs = new Map<string, number>();

  /** RunTask answered with this task, in this status. */
  launched(taskId: string, family: string, lastStatus: string, nowMs: number): void {
    this.#open.set(taskId, { family, seenAtMs: nowMs, ended: lastStatus === 'STOPPED' });
  }

  /** RunTask gave no answer, so a task may have started whose id this function doesn't know. */
  launchUnknown(family: string, nowMs: number): void {
    this.distrustLists();
    this.#unknownLaunchAtMs.set(family, nowMs);
  }

  /** The live tasks were listed and described. */
  liveDescribed(tasks: readonly Task[], nowMs: number): void {
    if (nowMs - this.#readAtMs > PAUSE_MS) this.distrustLists();
    if (nowMs - this.#readAtMs > LONG_PAUSE_MS) this.#listedSincePause.clear();
    this.#readAtMs = nowMs;
    this.#listed = new Set(tasks.map(({ id }) => id));
    this.#stopping = tasks.filter((task) => !isLive(task));
    this.#keep(tasks, nowMs);
    // ECS may need minutes to show a new task. After that, it has forgotten the task.
    for (const [id, { seenAtMs }] of this.#open) if (nowMs - seenAtMs > READ_LAG_MS) this.#open.delete(id);
  }

  /** Other stopped tasks may exist, so they must be listed again. */
  distrustLists(): void {
    for (const [family, { tasks }] of this.#stopped) {
      this.#stopped.set(family, { listedAtMs: Number.NEGATIVE_INFINITY, tasks });
    }
  }

  /** Whether the stopped tasks of the family must be listed. */
  mustList(family: string, nowMs: number): boolean {
    const known = this.#stopped.get(family);
    return known === undefined || known.tasks.size < PAGE || nowMs - known.listedAtMs >= LIST_EVERY_MS;
  }

  /**
   * Whether the stopped tasks of the family must be listed although its pool is idle. After a launch with an unknown result, a task may start and end
   * between two ticks. Only the list of stopped tasks shows it.
   */
  mustListIdle(family: string, nowMs: number): boolean {
    const unknownAtMs = this.#unknownLaunchAtMs.get(family) ?? Number.NEGATIVE_INFINITY;
    return !this.#listedSincePause.has(family) || nowMs - unknownAtMs <= READ_LAG_MS;
  }

  /** The known tasks of a family that the last list of live tasks didn't contain. */
  vanished(family: string): string[] {
    return [...this.#open].flatMap(([id, task]) => (task.family === family && !this.#listed.has(id) ? id : []));
  }

  /** Those of the listed stopped tasks that haven't been described as STOPPED. */
  notUnderstood(family: string, listed: readonly string[]): string[] {
    const known = this.#stopped.get(family)?.tasks;
    return listed.map(taskIdOf).filter((id) => known?.has(id) !== true);
  }

  /** The stopped tasks of a family were listed. */
  stoppedListed(family: string, listed: readonly string[], nowMs: number): void {
    const ids = new Set(listed.map(taskIdOf));
    const known = [...(this.#stopped.get(family)?.tasks ?? [])].filter(([id]) => ids.has(id));
    this.#stopped.set(family, { listedAtMs: nowMs, tasks: new Map(known) });
    this.#listedSincePause.add(family);
  }

  /** Tasks were described that were listed as stopped or have vanished. @returns them and the known stopped tasks of the family. */
  stoppedDescribed(family: string, described: readonly Task[], nowMs: number): readonly Task[] {
    this.#keep(described, nowMs);
    this.#forgetEnded(family);
    const stopping = this.#stopping.filter((task) => task.family === family);
    const known = this.#stopped.get(family)?.tasks ?? new Map<string, Task>();
    return [...new Map([...stopping, ...described, ...known.values()].map((task) => [task.id, task])).values()];
  }

  /** Forgets the tasks that had ended before their launch was answered and that ECS no longer knows, because later calls won't find them either. */
  #forgetEnded(family: string): void {
    for (const [id, open] of this.#open) if (open.family === family && open.ended === true) this.#open.delete(id);
  }

  #keep(tasks: readonly Task[], nowMs: number): void {
    for (const task of tasks) {
      if (task.lastStatus === 'STOPPED') {
        this.#open.delete(task.id);
        this.#stopped.get(task.family)?.tasks.set(task.id, task);
      } else this.#open.set(task.id, { family: task.family, seenAtMs: nowMs });
    }
  }
}
