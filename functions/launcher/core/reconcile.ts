import { type BackOff, backOffOf } from './back-off.ts';
import type { Decision, Deferral, Demand, Limits, LiveTask, QueuedJob, Stop, Supply } from './types.ts';

/** What one pool was seen to want and have. */
export interface PoolSeen {
  readonly demand: Demand;
  readonly supply: Supply;
  /**
   * Agents that the organization's licence still allows, in all its pools together; `uncounted`: another pool of it could
   * not be seen; `undefined`: no ceiling.
   */
  readonly ceilingRoom: number | 'uncounted' | undefined;
}

/**
 * The decision about one pool: launch for the shortfall, as far as the limits allow, and stop what cannot be running a
 * job. Any agent of a pool may take any job of it, so counts decide how many, and keys only which.
 */
export function reconcile(seen: PoolSeen, limits: Limits, nowMs: number): Decision {
  const { demand, supply, ceilingRoom } = seen;
  const foreign = foreignSupply(demand.queued, supply, nowMs);
  const shortfall = Math.max(0, demand.queued.length - supply.unclaimed - foreign);
  const wanted = inOrderOfNeed(demand.queued, supply).slice(0, shortfall);
  const { count, deferral } = allowance(wanted.length, supply, limits, ceilingRoom, nowMs);
  return {
    launches: wanted.slice(0, count).map((job) => {
      const attempt = (supply.attempts.get(job.key) ?? 0) + 1;
      const reason = `${demand.queued.length} queued, ${supply.unclaimed + foreign} unclaimed`;
      return { job, attempt, reason: attempt === 1 ? reason : `${reason}; earlier tasks for this job went elsewhere` };
    }),
    stops: supply.live.flatMap((live) => stopOf(live, limits.startDeadlineMs)),
    deferrals: wanted.slice(count).map((job) => ({ jobKey: job.key, ...deferral })),
  };
}

/**
 * An idle agent asks for work every 30 s. A foreign one that leaves a job alone for longer than it takes to ask three
 * times does not accept its kind, whatever its status says: it is no supply for that job.
 * https://support.hashicorp.com/hc/en-us/articles/28738394946707 (the interval)
 */
const FOREIGN_PATIENCE_MS = 90_000;

function foreignSupply(queued: readonly QueuedJob[], supply: Supply, nowMs: number): number {
  const young = queued.filter((job) => nowMs - job.queuedAtMs < FOREIGN_PATIENCE_MS).length;
  return Math.min(supply.foreignIdle, young);
}

/** Jobs without a live task first, then the oldest. */
function inOrderOfNeed(queued: readonly QueuedJob[], supply: Supply): QueuedJob[] {
  const served = new Set(supply.live.map(({ task }) => task.startedBy));
  return [...queued.filter((job) => !served.has(job.key)), ...queued.filter((job) => served.has(job.key))];
}

interface Bound {
  readonly count: number;
  readonly deferral: Omit<Deferral, 'jobKey'>;
}

/** How many launches the tightest limit leaves, and that limit as the reason for the rest. */
function allowance(
  wanted: number,
  supply: Supply,
  limits: Limits,
  ceilingRoom: PoolSeen['ceilingRoom'],
  nowMs: number,
): Bound {
  const bounds: Bound[] = [
    {
      count: limits.maxAgents - supply.live.length,
      deferral: { cause: 'max-agents', reason: `${supply.live.length} live tasks of maxAgents ${limits.maxAgents}` },
    },
    {
      count: limits.maxLaunchesPerTick,
      deferral: { cause: 'launches-per-tick', reason: `at most ${limits.maxLaunchesPerTick} launches a tick` },
    },
  ];
  if (ceilingRoom === 'uncounted') {
    const reason = 'the agents of another pool of the organization could not be counted against agentsCeiling';
    bounds.push({ count: 0, deferral: { cause: 'agents-ceiling', reason } });
  } else if (ceilingRoom !== undefined) {
    const reason = 'every agent that agentsCeiling allows is registered or starting';
    bounds.push({ count: ceilingRoom, deferral: { cause: 'agents-ceiling', reason } });
  }
  const backOff = backOffOf(supply.startFailures, limits);
  if (backOff.rounds > 0) bounds.push(backOffBound(backOff, supply, nowMs));
  const tightest = bounds.reduce((a, b) => (b.count < a.count ? b : a));
  return { count: Math.max(0, Math.min(wanted, tightest.count)), deferral: tightest.deferral };
}

/** While tasks fail to start one probe at a time is launched, and none before the wait is over. */
function backOffBound(backOff: BackOff, supply: Supply, nowMs: number): Bound {
  const waiting = backOff.untilMs !== undefined && nowMs < backOff.untilMs;
  const newestMs = supply.startFailures.at(-1)?.createdAtMs ?? Number.NEGATIVE_INFINITY;
  // That it registers proves nothing where agents end without a job: such a probe is over when it has one or is gone.
  const probing = supply.live.some(
    ({ state, task }) => state === 'starting' || (state === 'idle' && (task.createdAtMs ?? newestMs) > newestMs),
  );
  return {
    count: waiting || probing ? 0 : 1,
    deferral: {
      cause: 'start-failures',
      reason: `tasks failed to start ${backOff.rounds} times in a row, the last with: ${backOff.detail}`,
    },
  };
}

function stopOf({ task, state }: LiveTask, startDeadlineMs: number): Stop[] {
  if (state === 'overdue') {
    const reason = `its agent did not register within ${Math.round(startDeadlineMs / 1000)} s`;
    return [{ taskId: task.id, cause: 'agent-never-registered', reason }];
  }
  if (state === 'errored') {
    return [{ taskId: task.id, cause: 'agent-errored', reason: 'HCP Terraform reports its agent as errored' }];
  }
  return [];
}
