/**
 * The metrics of a tick, in CloudWatch's embedded metric format.
 *
 * AWS bills a custom metric for each hour in which it is written, so an idle launcher writes one: the heartbeat `RunListRequests`. The gauges of
 * a pool are written while it is active and once more when it comes to rest, so that graphs end at zero. Counts are written only if they aren't
 * zero. Alarms treat missing data as fine, so start failures are written on after the pool came to rest: otherwise a sweep that fails
 * would write two datapoints, and no alarm would see it.
 */
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { METRICS, POOL_DIMENSION } from './contract.ts';
import { isForRun, isStandingKey } from './core/standing.ts';
import { failingStarts, type HeldStarts } from './core/start-alarm.ts';
import type { Demand, RunningJob } from './core/types.ts';
import type { PoolObservation } from './observe.ts';
import type { PollBudget, Pool } from './ports.ts';
import type { PoolTick, Tick } from './tick.ts';

/** What the report uses of Powertools' metrics. */
export interface MetricsSink {
  addMetric(name: string, unit: (typeof MetricUnit)['Count' | 'Seconds'], value: number): unknown;
  addDimension(name: string, value: string): unknown;
  publishStoredMetrics(): unknown;
}

/** A job's start is reported if it is at most this old, so that a cold start doesn't report old ones again. */
const FRESH_START_MS = 2 * 60_000;

/** Metrics that are durations; the others are counts. */
const SECONDS: ReadonlySet<string> = new Set([METRICS.oldestQueuedSeconds, METRICS.longestAfterPlanSeconds]);

/** Fewer than the 100 values of one metric at which Powertools sends a blob without being asked. */
const VALUES_PER_BLOB = 90;

/** A warm function that has reported this many forgets them. Only fresh ones are reported anyway. */
const REPORTED_MAX = 10_000;

/** What only the report's warnings count. */
export interface WarningCounts {
  readonly otherLaunchersAgents: number;
  /** Tasks that ran out of memory and were not reported before. */
  readonly outOfMemory: number;
}

/** Adds a key to what was reported, within a bound. */
export function boundedWith(reported: Set<string>, key: string): Set<string> {
  return reported.size > REPORTED_MAX ? new Set([key]) : reported.add(key);
}

/** Writes the metrics of ticks. Lives as long as the warm function. */
export class TickMetrics {
  readonly #sink: MetricsSink;
  readonly #pollBudget: () => PollBudget;
  /** Pools that were active in the last tick that could observe them. */
  readonly #active = new Set<Pool>();
  /** Jobs whose start latency was written. */
  #startsReported = new Set<string>();
  /** What each pool's earlier ticks hold over for the alarm about starts. */
  readonly #heldStarts = new Map<string, HeldStarts>();

  constructor(sink: MetricsSink, pollBudget: () => PollBudget) {
    this.#sink = sink;
    this.#pollBudget = pollBudget;
  }

  pool(part: PoolTick, warnings: WarningCounts, nowMs: number): void {
    const { pool, demand, observation } = part;
    if (demand === undefined && observation === undefined) return;
    const values = [
      ...(this.#isOrWasActive(part) ? gauges(part, nowMs) : []),
      ...afterPlan(demand, nowMs),
      ...[
        ...counts(part, warnings),
        ...(observation === undefined
          ? []
          : [[METRICS.startFailures, this.#startFailures(part, observation, nowMs)] as const]),
      ].filter(([, count]) => count > 0),
    ];
    this.#write(pool, values);
    // Separate blobs: Powertools sends a blob at the hundredth value of a metric, without the pool's dimension.
    const latencies = this.#freshStartLatencies(demand?.running ?? [], nowMs);
    for (let from = 0; from < latencies.length; from += VALUES_PER_BLOB) {
      this.#write(
        pool,
        latencies.slice(from, from + VALUES_PER_BLOB).map((seconds) => [METRICS.startLatencySeconds, seconds]),
      );
    }
  }

  tick({ pools }: Tick): void {
    const errors = pools.flatMap((pool) => pool.errors);
    const rejected = errors.filter((error) => error.fault === 'rejected' && error.status === 401);
    const unknown = new Set(pools.flatMap(({ demand }) => demand?.unknownStatuses ?? []));
    const values: Value[] = [
      [METRICS.failedTicks, errors.length > 0 ? 1 : 0],
      [METRICS.apiTokenRejected, rejected.length],
      [METRICS.unknownRunStatuses, unknown.size],
    ];
    // The heartbeat: the alarm "Launcher silent" counts its samples, so it is written even if it is zero.
    const heartbeat: Value = [METRICS.runListRequests, this.#pollBudget().usedInLastMinute];
    this.#write(undefined, [...values.filter(([, count]) => count > 0), heartbeat]);
  }

  #write(pool: Pool | undefined, values: readonly Value[]): void {
    if (values.length === 0) return;
    if (pool !== undefined) this.#sink.addDimension(POOL_DIMENSION, pool.name);
    for (const [name, value] of values) {
      const isSeconds = SECONDS.has(name) || name === METRICS.startLatencySeconds;
      this.#sink.addMetric(name, isSeconds ? MetricUnit.Seconds : MetricUnit.Count, value);
    }
    this.#sink.publishStoredMetrics();
  }

  /** Whether the pool is active now, or was in the last tick that could observe it. */
  #isOrWasActive({ pool, demand, observation }: PoolTick): boolean {
    const active = (demand?.queued.length ?? 0) > 0 || (observation?.supply.live.length ?? 0) > 0;
    const was = this.#active.has(pool);
    if (active) this.#active.add(pool);
    // A tick that could not observe the pool doesn't say that it has come to rest.
    else if (observation !== undefined) this.#active.delete(pool);
    return active || was;
  }

  #startFailures({ pool, launches }: PoolTick, observation: PoolObservation, nowMs: number): number {
    const { startFailures, live } = observation.supply;
    const refused = refusedOf(launches);
    const refusedForRuns = refused.filter(({ launch }) => isForRun(launch.job)).length;
    const starts = {
      ...(observation.startsUnread === undefined && {
        failedAtMs: startFailures.map(({ stoppedAtMs }) => stoppedAtMs),
      }),
      isActive: launches.length > 0 || live.length > 0,
      refusedForRuns,
      refusedOthers: refused.length - refusedForRuns,
    };
    const { count, held } = failingStarts(this.#heldStarts.get(pool.name) ?? {}, starts, nowMs);
    this.#heldStarts.set(pool.name, held);
    return count;
  }

  #freshStartLatencies(running: readonly RunningJob[], nowMs: number): number[] {
    return running.flatMap(({ key, queuedAtMs, startedAtMs }) => {
      if (queuedAtMs === undefined || startedAtMs === undefined || this.#startsReported.has(key)) return [];
      if (nowMs - startedAtMs > FRESH_START_MS) return [];
      this.#startsReported = boundedWith(this.#startsReported, key);
      return [Math.max(0, startedAtMs - queuedAtMs) / 1000];
    });
  }
}

type Value = readonly [name: string, value: number];

function gauges({ demand, observation }: PoolTick, nowMs: number): Value[] {
  const values: Value[] = [];
  if (demand !== undefined) {
    const [oldest] = demand.queued;
    const ageMs = oldest === undefined ? 0 : Math.max(0, nowMs - oldest.queuedAtMs);
    values.push([METRICS.queuedJobs, demand.queued.length], [METRICS.oldestQueuedSeconds, ageMs / 1000]);
  }
  if (observation !== undefined) {
    const { live } = observation.supply;
    const busy = live.filter(({ state }) => state === 'busy');
    values.push([METRICS.liveTasks, live.length], [METRICS.busyAgents, busy.length]);
  }
  return values;
}

/** How long the run that entered a post-plan status first has been in it. */
function afterPlan(demand: Demand | undefined, nowMs: number): Value[] {
  const longest = demand?.waiting[0];
  return longest === undefined ? [] : [[METRICS.longestAfterPlanSeconds, Math.max(0, nowMs - longest.sinceMs) / 1000]];
}

function counts({ unread, observation, decision, launches }: PoolTick, warnings: WarningCounts): Value[] {
  const values: Value[] = [[METRICS.runListsTruncated, unread === undefined ? 0 : 1]];
  if (observation !== undefined) {
    values.push(
      [METRICS.otherLaunchersAgents, warnings.otherLaunchersAgents],
      [METRICS.outOfMemory, warnings.outOfMemory],
    );
  }
  if (decision !== undefined) {
    const standing = decision.deferrals.filter(({ jobKey }) => isStandingKey(jobKey)).length;
    const launched = launches.filter(({ kind }) => kind === 'launched');
    const insteadOfSpot = launches.filter((outcome) => outcome.kind === 'launched' && outcome.insteadOfSpot);
    values.push(
      [METRICS.launches, launched.length],
      [METRICS.launchesInsteadOfSpot, insteadOfSpot.length],
      [METRICS.launchesRefused, refusedOf(launches).length],
      [METRICS.launchesDeferred, decision.deferrals.length - standing],
      [METRICS.standingDeferred, standing],
    );
  }
  return values;
}

function refusedOf(launches: PoolTick['launches']): PoolTick['launches'] {
  return launches.filter(({ kind }) => kind === 'refused');
}
