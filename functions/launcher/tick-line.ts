/** Builds the log line of a tick: an object with everything that the tick observed, decided and did. */
import { queuedCount } from './core/demand.ts';
import { isStanding } from './core/standing.ts';
import { startCauseOf } from './core/start-causes.ts';
import type { Demand } from './core/types.ts';
import type { PoolTick, Tick } from './tick.ts';

/** Maximum number of start failures per pool in the line. The newest ones are shown. */
const START_FAILURES_SHOWN = 5;

/** @param runListRequests - number of requests for run lists in the last minute. */
export function describeTick(tick: Tick, runListRequests: number): Record<string, unknown> {
  return {
    durationMs: tick.endedAtMs - tick.startedAtMs,
    runListRequests,
    pools: tick.pools.map((pool) => describePool(pool, tick.startedAtMs)),
  };
}

function describePool(part: PoolTick, nowMs: number): Record<string, unknown> {
  const { pool, demand, unread, observation, decision, launches, stops, errors } = part;
  return {
    pool: pool.name,
    ...(unread !== undefined && { unread }),
    ...(demand !== undefined && describeDemand(demand, nowMs)),
    ...(observation !== undefined && describeSupply(observation)),
    ...(launches.length > 0 && { launches: launches.map(describeLaunch) }),
    ...(stops.length > 0 && {
      stops: stops.map(({ kind, stop: { taskId, cause, reason } }) => ({ task: taskId, cause, reason, outcome: kind })),
    }),
    ...(decision !== undefined && decision.deferrals.length > 0 && { deferrals: decision.deferrals }),
    ...(errors.length > 0 && {
      errors: errors.map(({ system, fault, message }) => ({ system, fault, message })),
    }),
  };
}

function describeDemand(demand: Demand, nowMs: number): Record<string, unknown> {
  const { queued, running, waiting } = demand;
  const [oldest] = queued;
  const [longest] = waiting;
  return {
    queued: queuedCount(demand),
    running: running.length,
    ...(oldest !== undefined && { oldestQueuedSeconds: Math.round((nowMs - oldest.queuedAtMs) / 1000) }),
    ...(longest !== undefined && {
      afterPlan: waiting.length,
      longestAfterPlan: {
        run: longest.runId,
        status: longest.status,
        seconds: Math.round(Math.max(0, nowMs - longest.sinceMs) / 1000),
      },
    }),
  };
}

function describeSupply(observation: NonNullable<PoolTick['observation']>): Record<string, unknown> {
  const { supply, agentsVisible, agentsUnknownFor } = observation;
  const byState = Map.groupBy(supply.live, ({ state }) => state);
  return {
    live: Object.fromEntries([...byState].map(([state, tasks]) => [state, tasks.length])),
    foreignIdle: supply.foreignIdle,
    unclaimed: supply.unclaimed,
    ...(supply.startFailures.length > 0 && {
      startFailures: supply.startFailures
        .slice(-START_FAILURES_SHOWN)
        .map(({ task, detail }) => ({ task: task.id, detail, ...startCauseOf(detail) })),
    }),
    ...(!agentsVisible && {
      warning:
        'the API token can’t list the pool’s agents, so the launcher can’t distinguish idle agents from starting ones, and stops no ' +
        'task; give the token’s team the organization permission "Manage agent pools"',
    }),
    ...(agentsUnknownFor !== undefined && {
      warning:
        'the agents of these tasks have not pinged in the last ten minutes, and the list of all agents since these tasks started ' +
        'is too long to read; the launcher expects no work from these tasks and does not stop them; stop tasks that hang',
      notLookedUp: agentsUnknownFor,
    }),
  };
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
