/**
 * Writes the metrics of a tick in CloudWatch's embedded metric format.
 *
 * AWS bills a custom metric for each hour in which it is written. So the launcher writes as few as possible:
 *
 * - An idle launcher writes only the heartbeat, `RunListRequests`.
 * - A pool's gauges are written while the pool is active, and once more when it becomes idle, so that graphs end at zero.
 * - Counts are written only if they aren't zero. Alarms treat missing data as good.
 * - The age of gateways is written only while one is running.
 * - The metrics of an ended task are written when the task ended, and at no other time.
 * - Start failures are an exception: they are repeated after the pool became idle. Otherwise a failing sweep would write only two
 *   datapoints, and the alarm would not notice it.
 */
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { GATEWAY_METRICS, METRICS, POOL_DIMENSION } from './contract.ts';
import { queuedCount } from './core/demand.ts';
import { ageMsOf } from './core/gateway-health.ts';
import { isForRun, isStandingKey } from './core/standing.ts';
import { failingStarts, type HeldStarts } from './core/start-alarm.ts';
import { oldestTask } from './core/task-age.ts';
import type { TaskEnd } from './core/task-end.ts';
import type { Demand, RunningJob } from './core/types.ts';
import type { PoolObservation } from './observe.ts';
import type { PollBudget, Pool } from './ports.ts';
import type { PoolTick, Tick } from './tick.ts';

/** The part of Powertools' metrics that the report uses. */
export interface MetricsSink {
  addMetric(name: string, unit: (typeof MetricUnit)['Count' | 'Seconds' | 'NoUnit'], value: number): unknown;
  addDimension(name: string, value: string): unknown;
  publishStoredMetrics(): unknown;
}

const DAY_MS = 24 * 60 * 60_000;

/** Maximum age of a job's start to be reported. Otherwise a cold start would report old starts again. */
const FRESH_START_MS = 2 * 60_000;

/** Maximum number of values per blob. Powertools sends a blob on its own at 100 values of one metric. */
const VALUES_PER_BLOB = 90;

/** Maximum number of keys to remember. It is safe to forget them, because only recent events are reported. */
const REPORTED_MAX = 10_000;

/** Counts that come from the report's warnings. */
export interface WarningCounts {
  readonly otherLaunchersAgents: number;
  /** Idle and busy agents that certainly aren't this launcher's. */
  readonly foreignAgents: number;
  /** Tasks that ran out of memory and haven't been reported yet. */
  readonly outOfMemory: number;
}

/** Adds a key to the set of reported keys. Starts a new set when the old one is full. */
export function boundedWith(reported: Set<string>, key: string): Set<string> {
  return reported.size > REPORTED_MAX ? new Set([key]) : reported.add(key);
}

/** Writes the metrics of ticks. The function keeps this object while it is warm. */
export class TickMetrics {
  readonly #sink: MetricsSink;
  readonly #pollBudget: () => PollBudget;
  /** Pools that were active when they were last observed. */
  readonly #active = new Set<Pool>();
  /** Jobs whose start latency was written. */
  #startsReported = new Set<string>();
  /** For each pool, the counts of earlier ticks that the alarm about start failures still needs. */
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
    // Write several blobs: at 100 values of a metric, Powertools sends the blob on its own, without the pool's dimension.
    const latencies = this.#freshStartLatencies(demand?.running ?? [], nowMs);
    for (let from = 0; from < latencies.length; from += VALUES_PER_BLOB) {
      this.#write(
        pool,
        latencies.slice(from, from + VALUES_PER_BLOB).map((seconds) => [METRICS.startLatencySeconds, seconds]),
      );
    }
  }

  /** Writes the metrics of tasks that ended: their time and cost, and how long each part of their start took. */
  ends(pool: Pool, ends: readonly TaskEnd[]): void {
    for (let from = 0; from < ends.length; from += VALUES_PER_BLOB)
      this.#write(pool, ends.slice(from, from + VALUES_PER_BLOB).flatMap(endValues));
  }

  tick({ pools, gateways, startedAtMs }: Tick): void {
    const errors = pools.flatMap((pool) => pool.errors);
    const failed = errors.length + (gateways?.errors.length ?? 0) > 0;
    const rejected = errors.filter((error) => error.fault === 'rejected' && error.status === 401);
    const unknown = new Set(pools.flatMap(({ demand }) => demand?.unknownStatuses ?? []));
    const values: Value[] = [
      [METRICS.failedTicks, failed ? 1 : 0],
      [GATEWAY_METRICS.problems, gateways?.problems.length ?? 0],
      [GATEWAY_METRICS.ageDays, oldestAwakeDays(gateways, startedAtMs)],
      [METRICS.apiTokenRejected, rejected.length],
      [METRICS.unknownRunStatuses, unknown.size],
    ];
    // The alarm "Launcher silent" counts the samples of this metric, so write it even if it is zero.
    const heartbeat: Value = [METRICS.runListRequests, this.#pollBudget().usedInLastMinute];
    this.#write(undefined, [...values.filter(([, count]) => count > 0), heartbeat]);
  }

  /** A failure that doesn't belong to a tick. */
  failure(): void {
    this.#write(undefined, [[METRICS.failedTicks, 1]]);
  }

  #write(pool: Pool | undefined, values: readonly Value[]): void {
    if (values.length === 0) return;
    if (pool !== undefined) this.#sink.addDimension(POOL_DIMENSION, pool.name);
    for (const [name, value] of values) {
      this.#sink.addMetric(name, unitOf(name), value);
    }
    this.#sink.publishStoredMetrics();
  }

  /** Whether the pool is active now, or was active when it was last observed. */
  #isOrWasActive({ pool, demand, observation }: PoolTick): boolean {
    const active = (demand?.queued.length ?? 0) > 0 || (observation?.supply.live.length ?? 0) > 0;
    const was = this.#active.has(pool);
    if (active) this.#active.add(pool);
    // If the tick could not observe the pool, the pool may still be active.
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

/** The unit of a metric. CloudWatch has no unit for money. */
function unitOf(name: string): Parameters<MetricsSink['addMetric']>[1] {
  if (name === METRICS.taskCost) return MetricUnit.NoUnit;
  return name.endsWith('Seconds') ? MetricUnit.Seconds : MetricUnit.Count;
}

function endValues({ seconds, dollars }: TaskEnd): Value[] {
  const parts: [name: string, value: number | undefined][] = [
    [METRICS.taskSeconds, seconds.billed],
    [METRICS.taskCost, dollars],
    [METRICS.launchSeconds, seconds.launching],
    [METRICS.provisionSeconds, seconds.provisioning],
    [METRICS.pullSeconds, seconds.pulling],
    [METRICS.bootSeconds, seconds.booting],
    [METRICS.jobWaitSeconds, seconds.waiting],
  ];
  return parts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

function gauges({ pool, demand, observation }: PoolTick, nowMs: number): Value[] {
  const values: Value[] = [];
  if (demand !== undefined) {
    const [oldest] = demand.queued;
    const ageMs = oldest === undefined ? 0 : Math.max(0, nowMs - oldest.queuedAtMs);
    values.push([METRICS.queuedJobs, queuedCount(demand)], [METRICS.oldestQueuedSeconds, ageMs / 1000]);
  }
  if (observation !== undefined) {
    const { live } = observation.supply;
    const busy = live.filter(({ state }) => state === 'busy');
    const oldest = oldestTask(live, observation.demand.running, pool.lanes, nowMs);
    values.push(
      [METRICS.liveTasks, live.length],
      [METRICS.busyAgents, busy.length],
      [METRICS.oldestTaskSeconds, (oldest?.ageMs ?? 0) / 1000],
    );
  }
  return values;
}

/** The age of the oldest gateway that is running; 0 if none is. */
function oldestAwakeDays(gateways: Tick['gateways'], nowMs: number): number {
  const running = (gateways?.views ?? []).flatMap(({ instance }) => (instance?.state === 'running' ? instance : []));
  return running.reduce((oldest, instance) => Math.max(oldest, ageMsOf(instance, nowMs)), 0) / DAY_MS;
}

/** The longest time that a run has been in a post-plan status. */
function afterPlan(demand: Demand | undefined, nowMs: number): Value[] {
  const longest = demand?.waiting[0];
  return longest === undefined ? [] : [[METRICS.longestAfterPlanSeconds, Math.max(0, nowMs - longest.sinceMs) / 1000]];
}

function counts({ unread, observation, decision, launches }: PoolTick, warnings: WarningCounts): Value[] {
  const values: Value[] = [[METRICS.runListsTruncated, unread === undefined ? 0 : 1]];
  if (observation !== undefined) {
    values.push(
      [METRICS.foreignAgents, warnings.foreignAgents],
      [METRICS.otherLaunchersAgents, warnings.otherLaunchersAgents],
      [METRICS.outOfMemory, warnings.outOfMemory],
    );
  }
  if (decision !== undefined) {
    // No limit prevents these launches: another launcher has the first chance to serve the jobs, or a gateway is starting.
    const limited = decision.deferrals.filter(({ cause }) => cause !== 'standby' && cause !== 'gateway');
    const standing = limited.filter(({ jobKey }) => isStandingKey(jobKey)).length;
    const launched = launches.filter(({ kind }) => kind === 'launched');
    const insteadOfSpot = launches.filter((outcome) => outcome.kind === 'launched' && outcome.insteadOfSpot);
    values.push(
      [METRICS.launches, launched.length],
      [METRICS.launchesInsteadOfSpot, insteadOfSpot.length],
      [METRICS.launchesRefused, refusedOf(launches).length],
      [METRICS.launchesDeferred, limited.length - standing],
      [METRICS.standingDeferred, standing],
    );
  }
  return values;
}

function refusedOf(launches: PoolTick['launches']): PoolTick['launches'] {
  return launches.filter(({ kind }) => kind === 'refused');
}
