import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { METRICS, POOL_DIMENSION } from './contract.ts';
import { isForRun, isStanding, isStandingKey } from './core/standing.ts';
import { failingStarts, type HeldStarts } from './core/start-alarm.ts';
import { startCauseOf } from './core/start-causes.ts';
import type { OutOfMemory, Task } from './core/types.ts';
import type { PoolObservation } from './observe.ts';
import { OtherLaunchers } from './other-launchers.ts';
import type { PollBudget, Pool } from './ports.ts';
import type { PoolTick, Tick } from './tick.ts';

type Log = (message: string, attributes: Record<string, unknown>) => void;

/** Parts of {@link TickReport}: what it uses of Powertools' logger and metrics. */
export interface ReportParts {
  readonly logger: { readonly info: Log; readonly warn: Log; readonly error: Log };
  readonly metrics: {
    addMetric(name: string, unit: (typeof MetricUnit)['Count' | 'Seconds'], value: number): unknown;
    addDimension(name: string, value: string): unknown;
    publishStoredMetrics(): unknown;
  };
  readonly pollBudget: () => PollBudget;
}

/** A job's start is reported when it is at most this old, so that a cold start does not report old ones again. */
const FRESH_START_MS = 2 * 60_000;

/**
 * A task that ran out of memory is told when it stopped at most this long ago: ECS's reads may be behind for as long, and
 * a run names its dead agent for six minutes. A cold start within this time tells it again.
 */
const FRESH_END_MS = 5 * 60_000;

/** Metrics that are durations; the others are counts. */
const SECONDS: ReadonlySet<string> = new Set([METRICS.oldestQueuedSeconds, METRICS.longestAfterPlanSeconds]);

/** Fewer than the 100 values of one metric at which Powertools sends a blob off by itself. */
const VALUES_A_BLOB = 90;

/**
 * Reports a tick: one log line with all that was observed, decided and done, and its metrics in CloudWatch's embedded
 * metric format.
 *
 * AWS bills a custom metric for each hour in which it is written, so an idle launcher writes one: the heartbeat
 * `RunListRequests`. A pool's gauges are written while it is active and once more when it comes to rest, so that graphs
 * end at zero. Counts are written only when they aren't zero. Alarms treat missing data as fine, so start failures are written
 * on after the pool came to rest: otherwise a sweep that fails would write two datapoints, and no alarm would see it.
 */
export class TickReport {
  readonly #parts: ReportParts;
  /** Pools that were active in the last tick that could observe them. */
  readonly #active = new Set<Pool>();
  /** Jobs whose start latency is out already. */
  #startsReported = new Set<string>();
  #statusesReported = new Set<string>();
  /** Tasks that are told to have run out of memory. */
  #endsReported = new Set<string>();
  readonly #otherLaunchers = new OtherLaunchers();
  /** What each pool's earlier ticks hold over for the alarm about starts. */
  readonly #heldStarts = new Map<string, HeldStarts>();
  /** Names of pools whose runs the last poll didn't read to the end. */
  readonly #truncated = new Set<string>();

  constructor(parts: ReportParts) {
    this.#parts = parts;
  }

  report(tick: Tick): void {
    this.#log(tick);
    for (const pool of tick.pools) {
      this.#warnOfUnreadRuns(pool);
      const others = this.#agentsOfOtherLaunchers(pool, tick.startedAtMs);
      this.#poolMetrics(pool, others, tick.startedAtMs);
    }
    this.#tickMetrics(tick);
  }

  #log(tick: Tick): void {
    const errors = tick.pools.flatMap(({ errors }) => errors);
    const line = {
      durationMs: tick.endedAtMs - tick.startedAtMs,
      runListRequests: this.#parts.pollBudget().usedInLastMinute,
      pools: tick.pools.map((pool) => describePool(pool, tick.startedAtMs)),
    };
    if (errors.length === 0) this.#parts.logger.info('tick', line);
    else this.#parts.logger.error('tick with errors', line);

    const news = tick.pools
      .flatMap(({ demand }) => demand?.unknownStatuses ?? [])
      .filter((status) => !this.#statusesReported.has(status));
    for (const status of new Set(news)) {
      this.#statusesReported.add(status);
      this.#parts.logger.warn('unknown run status, taken for no demand', { status });
    }
  }

  /** Warns once per pool until its runs are read to the end again; the tick's own line says it each time. */
  #warnOfUnreadRuns({ pool, demand, unread }: PoolTick): void {
    if (demand === undefined) return;
    if (unread === undefined) this.#truncated.delete(pool.name);
    else if (!this.#truncated.has(pool.name)) {
      this.#truncated.add(pool.name);
      this.#parts.logger.warn('the list of open runs is too long to be read within one poll', {
        pool: pool.name,
        unread,
        remedy: UNREAD_REMEDIES[unread],
      });
    }
  }

  /** @returns how many agents seem to be another launcher's; it is logged from time to time. */
  #agentsOfOtherLaunchers(part: PoolTick, nowMs: number): number {
    const { agents, isNews } = this.#otherLaunchers.look(part, nowMs);
    if (isNews) {
      this.#parts.logger.warn('another launcher seems to serve this pool', {
        pool: part.pool.name,
        agents,
        remedy:
          'these agents are named like ECS tasks that are not in this cluster: delete the other stack, or give each its own ' +
          'pool (docs/runbook.md, "Two launchers on one pool")',
      });
    }
    return agents.length;
  }

  #poolMetrics(part: PoolTick, others: number, nowMs: number): void {
    const { pool, demand, unread, observation, decision, launches } = part;
    if (demand === undefined && observation === undefined) return;
    const { metrics } = this.#parts;
    const values: [name: string, value: number][] = [];
    if (this.#isOrWasActive(pool, demand, observation)) {
      if (demand !== undefined) {
        const oldest = demand.queued[0];
        const ageMs = oldest === undefined ? 0 : Math.max(0, nowMs - oldest.queuedAtMs);
        values.push([METRICS.queuedJobs, demand.queued.length], [METRICS.oldestQueuedSeconds, ageMs / 1000]);
      }
      if (observation !== undefined) {
        const { live } = observation.supply;
        const busy = live.filter(({ state }) => state === 'busy');
        values.push([METRICS.liveTasks, live.length], [METRICS.busyAgents, busy.length]);
      }
    }
    const afterPlan = demand === undefined ? undefined : afterPlanSeconds(demand, nowMs);
    if (afterPlan !== undefined) values.push([METRICS.longestAfterPlanSeconds, afterPlan]);
    const counts: [name: string, count: number][] = [[METRICS.runListsTruncated, unread === undefined ? 0 : 1]];
    if (observation !== undefined) {
      counts.push(
        [METRICS.startFailures, this.#startFailures(part, observation, nowMs)],
        [METRICS.otherLaunchersAgents, others],
        [METRICS.outOfMemory, this.#outOfMemory(pool, observation.supply.outOfMemory, nowMs)],
      );
    }
    if (decision !== undefined) {
      const standing = decision.deferrals.filter(({ jobKey }) => isStandingKey(jobKey)).length;
      const insteadOfSpot = launches.filter((outcome) => outcome.kind === 'launched' && outcome.insteadOfSpot);
      counts.push(
        [METRICS.launches, launches.filter(({ kind }) => kind === 'launched').length],
        [METRICS.launchesInsteadOfSpot, insteadOfSpot.length],
        [METRICS.launchesRefused, refusedOf(launches).length],
        [METRICS.launchesDeferred, decision.deferrals.length - standing],
        [METRICS.standingDeferred, standing],
      );
    }
    const written = [...values, ...counts.filter(([, count]) => count > 0)];
    if (written.length > 0) {
      metrics.addDimension(POOL_DIMENSION, pool.name);
      for (const [name, value] of written) {
        const unit = SECONDS.has(name) ? MetricUnit.Seconds : MetricUnit.Count;
        metrics.addMetric(name, unit, value);
      }
      metrics.publishStoredMetrics();
    }
    if (demand !== undefined) this.#startLatencies(pool.name, [...this.#freshStartLatencies(demand.running, nowMs)]);
  }

  #startFailures({ pool, launches }: PoolTick, observation: PoolObservation, nowMs: number): number {
    const { startFailures, live } = observation.supply;
    const refused = refusedOf(launches);
    const refusedForRuns = refused.filter(({ launch }) => isForRun(launch.job)).length;
    const seen = {
      ...(observation.startsUnread === undefined && {
        failedAtMs: startFailures.map(({ stoppedAtMs }) => stoppedAtMs),
      }),
      isActive: launches.length > 0 || live.length > 0,
      refusedForRuns,
      refusedOthers: refused.length - refusedForRuns,
    };
    const { count, held } = failingStarts(this.#heldStarts.get(pool.name) ?? {}, seen, nowMs);
    this.#heldStarts.set(pool.name, held);
    return count;
  }

  /** Whether the pool is active now, or was in the last tick that could observe it. */
  #isOrWasActive(pool: Pool, demand: PoolTick['demand'], observation: PoolTick['observation']): boolean {
    const active = (demand?.queued.length ?? 0) > 0 || (observation?.supply.live.length ?? 0) > 0;
    const was = this.#active.has(pool);
    if (active) this.#active.add(pool);
    // A tick that could not observe the pool doesn't say that it has come to rest.
    else if (observation !== undefined) this.#active.delete(pool);
    return active || was;
  }

  /** Blobs of their own: one that has its fullest metric's hundredth value is sent off without the pool's dimension. */
  #startLatencies(pool: string, seconds: readonly number[]): void {
    const { metrics } = this.#parts;
    for (let from = 0; from < seconds.length; from += VALUES_A_BLOB) {
      metrics.addDimension(POOL_DIMENSION, pool);
      for (const value of seconds.slice(from, from + VALUES_A_BLOB)) {
        metrics.addMetric(METRICS.startLatencySeconds, MetricUnit.Seconds, value);
      }
      metrics.publishStoredMetrics();
    }
  }

  #tickMetrics(tick: Tick): void {
    const { metrics, pollBudget } = this.#parts;
    const errors = tick.pools.flatMap(({ errors }) => errors);
    const rejected = errors.filter((error) => error.fault === 'rejected' && error.status === 401);
    const unknown = new Set(tick.pools.flatMap(({ demand }) => demand?.unknownStatuses ?? []));
    const counts: readonly [name: string, count: number][] = [
      [METRICS.failedTicks, errors.length > 0 ? 1 : 0],
      [METRICS.apiTokenRejected, rejected.length],
      [METRICS.unknownRunStatuses, unknown.size],
    ];
    for (const [name, count] of counts) if (count > 0) metrics.addMetric(name, MetricUnit.Count, count);
    // The heartbeat: the alarm "Launcher silent" counts its samples, so it is written even when it is zero.
    metrics.addMetric(METRICS.runListRequests, MetricUnit.Count, pollBudget().usedInLastMinute);
    metrics.publishStoredMetrics();
  }

  /** Tells each task that ran out of memory once. @returns how many are new. */
  #outOfMemory(pool: Pool, all: readonly OutOfMemory[], nowMs: number): number {
    const fresh = all.filter(
      ({ task }) => nowMs - (task.stoppedAtMs ?? nowMs) <= FRESH_END_MS && !this.#endsReported.has(task.id),
    );
    for (const { task, sign, jobKey } of fresh) {
      this.#endsReported = boundedWith(this.#endsReported, task.id);
      this.#parts.logger.warn('out of memory', {
        pool: pool.name,
        task: task.id,
        job: jobKey ?? task.startedBy,
        ...(jobKey === undefined && {
          jobIs: 'the one that the task was launched for; its agent may have had another',
        }),
        sign,
        memoryMiB: task.memoryMiB,
        remedy: `the task was killed for its memory: raise ${sizeSettingOf(pool, task)} (agent-image/README.md says how to size)`,
      });
    }
    return fresh.length;
  }

  *#freshStartLatencies(running: NonNullable<PoolTick['demand']>['running'], nowMs: number): Generator<number> {
    for (const { key, queuedAtMs, startedAtMs } of running) {
      if (queuedAtMs === undefined || startedAtMs === undefined || this.#startsReported.has(key)) continue;
      if (nowMs - startedAtMs > FRESH_START_MS) continue;
      this.#startsReported = boundedWith(this.#startsReported, key);
      yield Math.max(0, startedAtMs - queuedAtMs) / 1000;
    }
  }
}

function refusedOf(launches: PoolTick['launches']): PoolTick['launches'] {
  return launches.filter(({ kind }) => kind === 'refused');
}

/** What to do when runs were left out. */
const UNREAD_REMEDIES: Readonly<Record<NonNullable<PoolTick['unread']>, string>> = {
  'post-plan-runs':
    'every job was read, but not every run in a post-plan status: such a run may get no agent for its policy sets. Cancel ' +
    'or discard runs that are stuck after their plan (docs/runbook.md, "A run stays in a post-plan status")',
  'queued-jobs':
    'the newest jobs are served first, and older ones when those are gone (docs/runbook.md, "A job waits too long"). Raise ' +
    'maxAgents if the queue keeps growing, or move workspaces to another pool',
};

/** A warm function that has reported this many starts anew, and only fresh ones are looked at anyway. */
function boundedWith(reported: Set<string>, key: string): Set<string> {
  return reported.size > 10_000 ? new Set([key]) : reported.add(key);
}

/** The setting that gave the task its memory. */
function sizeSettingOf({ name, lanes }: Pool, task: Task): string {
  const phase =
    lanes.length > 1 ? lanes.find(({ taskDefinition }) => taskDefinition === task.family)?.phases[0] : undefined;
  return phase === undefined ? `memoryMiB of pool ${name}` : `phases.${phase}.memoryMiB of pool ${name}`;
}

/** One pool's part of the log line. */
function describePool(part: PoolTick, nowMs: number): Record<string, unknown> {
  const { pool, demand, unread, observation, decision, launches, stops, errors } = part;
  return {
    pool: pool.name,
    ...(unread !== undefined && { unread }),
    ...(demand !== undefined && {
      queued: demand.queued.length,
      running: demand.running.length,
      ...(demand.queued[0] !== undefined && {
        oldestQueuedSeconds: Math.round((nowMs - demand.queued[0].queuedAtMs) / 1000),
      }),
      ...(demand.waiting[0] !== undefined && {
        afterPlan: demand.waiting.length,
        longestAfterPlan: {
          run: demand.waiting[0].runId,
          status: demand.waiting[0].status,
          seconds: Math.round(afterPlanSeconds(demand, nowMs) ?? 0),
        },
      }),
    }),
    ...(observation !== undefined && {
      live: countByState(observation.supply.live.map(({ state }) => state)),
      foreignIdle: observation.supply.foreignIdle,
      unclaimed: observation.supply.unclaimed,
      ...(observation.supply.startFailures.length > 0 && {
        startFailures: observation.supply.startFailures
          .slice(-5)
          .map(({ task, detail }) => ({ task: task.id, detail, ...startCauseOf(detail) })),
      }),
      ...(!observation.agentsVisible && {
        warning:
          'the API token may not list the pool’s agents: idle ones are not told from starting ones, and nothing is ever ' +
          'stopped; give its team the organization permission "Manage agent pools"',
      }),
      ...(observation.agentsUnknownFor !== undefined && {
        warning:
          'the agents of these tasks were not heard of in the last ten minutes, and the list that goes back to when the ' +
          'tasks were created is too long to read: they serve no job and are not stopped; stop those that hang',
        notLookedUp: observation.agentsUnknownFor,
      }),
    }),
    ...(launches.length > 0 && { launches: launches.map(describeLaunch) }),
    ...(stops.length > 0 && {
      stops: stops.map(({ kind, stop }) => ({
        task: stop.taskId,
        cause: stop.cause,
        reason: stop.reason,
        outcome: kind,
      })),
    }),
    ...(decision !== undefined && decision.deferrals.length > 0 && { deferrals: decision.deferrals }),
    ...(errors.length > 0 && { errors: errors.map(describeError) }),
  };
}

/** How long the run that entered a post-plan status first has been in it. */
function afterPlanSeconds({ waiting }: NonNullable<PoolTick['demand']>, nowMs: number): number | undefined {
  const [longest] = waiting;
  return longest === undefined ? undefined : Math.max(0, nowMs - longest.sinceMs) / 1000;
}

function describeLaunch(outcome: PoolTick['launches'][number]): Record<string, unknown> {
  const { launch, kind } = outcome;
  return {
    job: launch.job.key,
    ...(!isStanding(launch.job) && { workspace: launch.job.workspaceId }),
    reason: launch.reason,
    outcome: kind,
    ...(kind === 'launched' && { task: outcome.taskId, attempt: outcome.attempt }),
    ...(kind === 'launched' && outcome.insteadOfSpot && { insteadOfSpot: true }),
    ...(kind === 'refused' && outcome.refusal),
    ...(kind === 'spent' && { attempts: outcome.attempts }),
  };
}

function describeError(error: PoolTick['errors'][number]): Record<string, unknown> {
  return { system: error.system, fault: error.fault, message: error.message };
}

function countByState(states: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
