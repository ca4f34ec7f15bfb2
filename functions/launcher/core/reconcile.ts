import { type BackOff, backOffOf } from './back-off.ts';
import { type LaneView, laneViews } from './lanes.ts';
import { isStanding, standingJobs, standingShort } from './standing.ts';
import type {
  Decision,
  Deferral,
  Demand,
  Lane,
  Launch,
  Limits,
  LiveTask,
  QueuedJob,
  StandingJob,
  Stop,
  Supply,
} from './types.ts';

/** What one pool was seen to want and have. */
export interface PoolSeen {
  readonly lanes: readonly Lane[];
  readonly demand: Demand;
  readonly supply: Supply;
  /**
   * Agents that the organization's licence still allows, in all its pools together; `uncounted`: another pool of it could
   * not be seen; `undefined`: no ceiling.
   */
  readonly ceilingRoom: number | 'uncounted' | undefined;
}

/**
 * The decision about one pool: launch for the shortfall of each lane, as far as the limits that they share allow, and
 * stop what cannot be running a job. Any agent of a lane may take any job of it, so counts decide how many, and keys
 * only which.
 */
export function reconcile(seen: PoolSeen, limits: Limits, nowMs: number): Decision {
  const { demand, supply, lanes, ceilingRoom } = seen;
  const launches: Launch[] = [];
  const deferrals: Deferral[] = [];
  let { foreignIdle } = supply;
  for (const view of laneViews(lanes, demand, supply)) {
    const { lane, queued } = view;
    // Which lane somebody else's agent serves is not told: it counts once, in the first that is short.
    const foreign = Math.min(foreignIdle, youngOf(queued, nowMs));
    const short = Math.max(0, queued.length - view.unclaimed);
    foreignIdle -= Math.min(foreign, short);
    const wanted = inOrderOfNeed(queued, supply).slice(0, Math.max(0, short - foreign));
    const standing = standingShort(
      standingJobs(lane, nowMs),
      view.unclaimed - queued.length,
      supply.attempts,
      view.live,
    );
    const all = [...wanted, ...standing];
    const { count, deferral } = allowance(all.length, view, launches.length, limits, ceilingRoom, nowMs);
    for (const job of all.slice(0, count)) {
      launches.push(launchOf(job, lane, supply, `${queued.length} queued, ${view.unclaimed + foreign} unclaimed`));
    }
    deferrals.push(...wanted.slice(count).map((job) => ({ jobKey: job.key, ...deferral })));
  }
  return { launches, stops: supply.live.flatMap((live) => stopOf(live, limits.startDeadlineMs)), deferrals };
}

function launchOf(job: QueuedJob | StandingJob, lane: Lane, supply: Supply, counted: string): Launch {
  const earlier = supply.attempts.get(job.key) ?? 0;
  if (!isStanding(job)) {
    const reason = earlier === 0 ? counted : `${counted}; earlier tasks for this job went elsewhere`;
    return { job, lane, attempt: earlier + 1, reason };
  }
  if (job.once) return { job, lane, attempt: 1, reason: 'a sweep is due' };
  return { job, lane, attempt: earlier + 1, reason: 'fewer agents wait than are to be kept warm' };
}

/**
 * An idle agent asks for work every 30 s. A foreign one that leaves a job alone for longer than it takes to ask three
 * times does not accept its kind, whatever its status says: it is no supply for that job.
 * https://support.hashicorp.com/hc/en-us/articles/28738394946707 (the interval)
 */
const FOREIGN_PATIENCE_MS = 90_000;

function youngOf(queued: readonly QueuedJob[], nowMs: number): number {
  return queued.filter((job) => nowMs - job.queuedAtMs < FOREIGN_PATIENCE_MS).length;
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

/**
 * How many launches the tightest limit leaves this lane, and that limit as the reason for the rest.
 * @param launched for the lanes before it in this tick.
 */
function allowance(
  wanted: number,
  view: LaneView,
  launched: number,
  limits: Limits,
  ceilingRoom: PoolSeen['ceilingRoom'],
  nowMs: number,
): Bound {
  const tasks = `${view.liveOfPool} live tasks${launched === 0 ? '' : ` and ${launched} launches`}`;
  const bounds: Bound[] = [
    {
      count: limits.maxAgents - view.liveOfPool - launched,
      deferral: { cause: 'max-agents', reason: `${tasks} of maxAgents ${limits.maxAgents}` },
    },
    {
      count: limits.maxLaunchesPerTick - launched,
      deferral: { cause: 'launches-per-tick', reason: `at most ${limits.maxLaunchesPerTick} launches a tick` },
    },
  ];
  if (ceilingRoom === 'uncounted') {
    const reason = 'the agents of another pool of the organization could not be counted against agentsCeiling';
    bounds.push({ count: 0, deferral: { cause: 'agents-ceiling', reason } });
  } else if (ceilingRoom !== undefined) {
    const reason = 'every agent that agentsCeiling allows is registered or starting';
    bounds.push({ count: ceilingRoom - launched, deferral: { cause: 'agents-ceiling', reason } });
  }
  const backOff = backOffOf(view.startFailures, limits);
  if (backOff.rounds > 0) bounds.push(backOffBound(backOff, view, nowMs));
  const tightest = bounds.reduce((a, b) => (b.count < a.count ? b : a));
  return { count: Math.max(0, Math.min(wanted, tightest.count)), deferral: tightest.deferral };
}

/** While a lane's tasks fail to start one probe at a time is launched, and none before the wait is over. */
function backOffBound(backOff: BackOff, view: LaneView, nowMs: number): Bound {
  const waiting = backOff.untilMs !== undefined && nowMs < backOff.untilMs;
  const newestMs = Math.max(...view.startFailures.map(({ createdAtMs }) => createdAtMs));
  // That it registers proves nothing where agents end without a job: such a probe is over when it has one or is gone.
  const probing = view.live.some(
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
