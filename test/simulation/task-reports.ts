import * as z from 'zod';
import { taskEndedLine } from '../../functions/launcher/log-lines.ts';
import type { Containers } from './containers.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import type { WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { TickRecord } from './wire.ts';

/** How far back an instance counts ends in metrics in its first tick and after a longer pause: a minute of the schedule, and a minute for ECS. */
const WINDOW_MS = 2 * 60_000;

/** ECS shows each end by then, and for an hour after it. Both have a margin for the duration of a tick. */
const CERTAINLY_SHOWN_MS = { from: 6 * 60_000, until: 55 * 60_000 };

/** Tolerance for the skew of ECS's clock and for the duration of a tick. */
const CLOCKS_MS = 30_000;

const attributes = taskEndedLine.omit({ message: true, timestamp: true, version: true });

/** The reporting ticks of one function instance. */
interface Reporter {
  /** When its last reporting tick began, and when the first one since its last long pause began. */
  tickedAtMs: number;
  sinceMs: number;
  /** When the ticks began that could observe everything. */
  readonly cleanAtMs: number[];
  /** Ids of the tasks that it launched or saw live. */
  readonly known: Set<string>;
  readonly reported: Set<string>;
  /** When its last tick began, reporting or not. */
  anyTickAtMs: number;
  /** When a clean tick began that was its first one, or the first one after a long pause. */
  readonly freshAtMs: number[];
  /** How many tasks the metrics of the current tick must count, and may count. */
  readonly current: { mustCount: number; mayCount: number };
}

interface Parts {
  readonly time: VirtualTime;
  readonly settings: WorldSettings;
  readonly ecs: EcsWorld;
  readonly containers: Containers;
}

/**
 * Checks the reports of ended tasks. An instance reports a task at most once, after the task has stopped. If an instance knew a task and kept ticking until
 * after its end, the task is reported. In its first tick, and after a long pause, an instance also reports the tasks that ended before, as long as ECS shows
 * them. Its metrics don't count those that stopped long before, because the instance before it counted them.
 */
export class TaskReports {
  readonly #parts: Parts;
  readonly #break: (what: string) => void;
  readonly #reporters = new Map<number, Reporter>();
  readonly #seenFamilies = new Set<string>();
  /** Families that a deployment removed. While they were missing, no instance read their tasks, even if a later deployment brought them back. */
  readonly #removedFamilies = new Set<string>();

  constructor(parts: Parts, broken: (what: string) => void) {
    this.#parts = parts;
    this.#break = broken;
  }

  /** An instance wrote the line of a task that ended. */
  written(line: Readonly<Record<string, unknown>>, by: TickRecord): void {
    const { data, error } = attributes.safeParse(line);
    if (data === undefined) {
      this.#break(`the line of an ended task doesn't match its schema: ${z.prettifyError(error)}`);
      return;
    }
    const task = this.#parts.ecs.task(data.task);
    const reporter = this.#begun(by);
    if (reporter.reported.has(data.task)) this.#break(`the same instance reported task ${data.task} twice`);
    reporter.reported.add(data.task);
    if (task?.stoppedAtMs === undefined) {
      this.#break(`task ${data.task} was reported as ended, but it has not stopped`);
      return;
    }
    const sinceMs = reporter.sinceMs - WINDOW_MS;
    if (task.stoppedAtMs >= sinceMs - CLOCKS_MS) reporter.current.mayCount += 1;
    if (task.stoppedAtMs > sinceMs + CLOCKS_MS) reporter.current.mustCount += 1;
    const executed = this.#parts.containers.agentOf(task)?.lastJob;
    if (data.job !== undefined && data.job !== executed)
      this.#break(`task ${task.id} was reported with the job ${data.job}, but it had ${executed ?? 'no job'}`);
  }

  /** An instance has finished a tick and its report. @param counted how many ended tasks the tick's metrics count */
  ticked(by: TickRecord, isExtra: boolean, isClean: boolean, counted: number): void {
    const families = this.#families();
    for (const family of families) this.#seenFamilies.add(family);
    for (const family of this.#seenFamilies) if (!families.has(family)) this.#removedFamilies.add(family);
    const reporter = isExtra ? this.#reporter(by.environment) : this.#begun(by);
    for (const id of [...by.live, ...by.createdIds]) reporter.known.add(id);
    if (!isExtra && isClean) reporter.cleanAtMs.push(by.startedAtMs);
    const isFresh = by.startedAtMs - reporter.anyTickAtMs > WINDOW_MS + CLOCKS_MS;
    if (!isExtra && isClean && isFresh) reporter.freshAtMs.push(by.startedAtMs);
    reporter.anyTickAtMs = by.startedAtMs;
    const { mustCount, mayCount } = reporter.current;
    if (counted < mustCount || counted > mayCount)
      this.#break(`the metrics count ${counted} ended tasks, but from ${mustCount} to ${mayCount} ended lately`);
    Object.assign(reporter.current, { mustCount: 0, mayCount: 0 });
  }

  /** At the end of the world, no task is missing that an instance should have reported. */
  worldEnded(): void {
    const { ecs } = this.#parts;
    const families = this.#families();
    const reported = new Set([...this.#reporters.values()].flatMap((one) => [...one.reported]));
    for (const task of ecs.tasks) {
      if (!task.byLauncher || !families.has(task.family) || this.#removedFamilies.has(task.family)) continue;
      const fresh = [...this.#reporters].find(([, reporter]) => isMissedByFirstTick(reporter, task));
      if (fresh !== undefined)
        this.#break(`instance ${fresh[0]} began and did not report task ${task.id}, which had ended before`);
      if (reported.has(task.id)) continue;
      const missed = [...this.#reporters].find(([, reporter]) => this.#shouldHaveReported(reporter, task));
      if (missed !== undefined) this.#break(`instance ${missed[0]} never reported the end of task ${task.id}`);
    }
  }

  #families(): ReadonlySet<string> {
    return new Set(this.#parts.settings.pools.flatMap(({ lanes }) => lanes.map(({ family }) => family)));
  }

  /** Whether the instance knew the task and could observe everything from before its end until after it, without a long pause. */
  #shouldHaveReported({ known, cleanAtMs }: Reporter, { id, stoppedAtMs }: SimulatedTask): boolean {
    if (stoppedAtMs === undefined || !known.has(id)) return false;
    const before = cleanAtMs.findLastIndex((at) => at < stoppedAtMs);
    const after = cleanAtMs.findIndex((at) => at > stoppedAtMs);
    const from = cleanAtMs[before];
    const to = cleanAtMs[after];
    return from !== undefined && to !== undefined && to - from < WINDOW_MS;
  }

  #reporter(environment: number): Reporter {
    const known = this.#reporters.get(environment);
    if (known !== undefined) return known;
    const fresh: Reporter = {
      tickedAtMs: Number.NEGATIVE_INFINITY,
      sinceMs: Number.POSITIVE_INFINITY,
      cleanAtMs: [],
      known: new Set(),
      reported: new Set(),
      anyTickAtMs: Number.NEGATIVE_INFINITY,
      freshAtMs: [],
      current: { mustCount: 0, mayCount: 0 },
    };
    this.#reporters.set(environment, fresh);
    return fresh;
  }

  /** The instance of a tick that reports. */
  #begun({ environment, startedAtMs }: TickRecord): Reporter {
    const reporter = this.#reporter(environment);
    if (startedAtMs - reporter.tickedAtMs > WINDOW_MS) reporter.sinceMs = startedAtMs;
    reporter.tickedAtMs = startedAtMs;
    return reporter;
  }
}

/** Whether ECS certainly showed the task's end in the first tick of an instance or after a long pause, and the instance didn't report it. */
function isMissedByFirstTick({ freshAtMs, reported }: Reporter, { id, stoppedAtMs }: SimulatedTask): boolean {
  if (stoppedAtMs === undefined || reported.has(id)) return false;
  const { from, until } = CERTAINLY_SHOWN_MS;
  return freshAtMs.some((at) => at - stoppedAtMs > from && at - stoppedAtMs < until);
}
