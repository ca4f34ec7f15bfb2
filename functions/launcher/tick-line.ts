/** Builds the log line of a tick: an object with everything that the tick observed, decided and did. */
import { queuedCount } from './core/demand.ts';
import type { ForeignAgents } from './core/foreign-agents.ts';
import { isStanding } from './core/standing.ts';
import { startCauseOf } from './core/start-causes.ts';
import { oldestTask } from './core/task-age.ts';
import type { Demand } from './core/types.ts';
import { describeGateways } from './gateway-line.ts';
import type { PoolAttributes, TickAttributes } from './log-lines.ts';
import type { PoolTick, Tick } from './tick.ts';

/** Maximum number of start failures per pool in the line. The newest ones are shown. */
const START_FAILURES_SHOWN = 5;

/** From this age, the line shows the oldest task. */
const OLD_MS = 60 * 60_000;

type LaunchAttributes = NonNullable<PoolAttributes['launches']>[number];

/** What the line contains in addition to the tick. */
export interface TickContext {
  /** Number of requests for run lists in the last minute. */
  readonly runListRequests: number;
  /** Keys of the queued jobs of a pool that the line lists for the first time, by the pool's name. */
  readonly firstSeen: ReadonlyMap<string, readonly string[]>;
  /** Agents of a pool that this launcher did not start, by the pool's name. */
  readonly foreign: ReadonlyMap<string, ForeignAgents>;
}

/** Maximum number of names of foreign agents per pool in the line. */
const NAMES_SHOWN = 10;

export function describeTick(tick: Tick, { runListRequests, firstSeen, foreign }: TickContext): TickAttributes {
  return {
    durationMs: tick.endedAtMs - tick.startedAtMs,
    runListRequests,
    pools: tick.pools.map((part) => ({
      ...describePool(part, tick.startedAtMs, firstSeen.get(part.pool.name) ?? []),
      ...describeForeign(foreign.get(part.pool.name)),
    })),
    ...(tick.gateways !== undefined && describeGateways(tick.gateways, tick.startedAtMs)),
  };
}

function describePool(part: PoolTick, nowMs: number, firstSeen: readonly string[]): PoolAttributes {
  const { pool, demand, unread, observation, decision, launches, stops, errors } = part;
  return {
    pool: pool.name,
    ...(unread !== undefined && { unread }),
    ...(demand !== undefined && describeDemand(demand, nowMs)),
    ...(firstSeen.length > 0 && { firstSeen: [...firstSeen] }),
    ...(observation !== undefined && { ...describeSupply(observation), ...describeOldest(part, observation, nowMs) }),
    ...(launches.length > 0 && { launches: launches.map(describeLaunch) }),
    ...(stops.length > 0 && {
      stops: stops.map(({ kind, stop: { taskId, cause, reason } }) => ({ task: taskId, cause, reason, outcome: kind })),
    }),
    ...(decision !== undefined && decision.deferrals.length > 0 && { deferrals: [...decision.deferrals] }),
    ...(errors.length > 0 && {
      errors: errors.map(({ system, fault, message }) => ({ system, fault, message })),
    }),
  };
}

function describeDemand(demand: Demand, nowMs: number): Omit<PoolAttributes, 'pool'> {
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

function describeSupply(observation: NonNullable<PoolTick['observation']>): Omit<PoolAttributes, 'pool'> {
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

function describeForeign(foreign: ForeignAgents | undefined): Pick<PoolAttributes, 'foreignAgents'> {
  const { idle = [], busy = [] } = foreign ?? {};
  const names = [...busy, ...idle].slice(0, NAMES_SHOWN);
  return names.length === 0 ? {} : { foreignAgents: { idle: idle.length, busy: busy.length, names } };
}

/** The oldest task, if it is so old that a person may want to know it. */
function describeOldest(
  { pool }: PoolTick,
  { supply, demand }: NonNullable<PoolTick['observation']>,
  nowMs: number,
): Pick<PoolAttributes, 'oldestTask'> {
  const oldest = oldestTask(supply.live, demand.running, pool.lanes, nowMs);
  if (oldest === undefined || oldest.ageMs < OLD_MS) return {};
  const job = demand.running.find(({ agentName }) => agentName === oldest.taskId)?.key;
  return {
    oldestTask: { task: oldest.taskId, seconds: Math.round(oldest.ageMs / 1000), ...(job !== undefined && { job }) },
  };
}

function describeLaunch(outcome: PoolTick['launches'][number]): LaunchAttributes {
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
