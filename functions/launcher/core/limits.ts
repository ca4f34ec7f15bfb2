import { type BackOff, backOffOf } from './back-off.ts';
import type { LaneView } from './lanes.ts';
import type { LimitRoom } from './organization-limit.ts';
import type { Deferral, Launch, Limits } from './types.ts';

/** What a limit allows, and the reason why it doesn't allow more. */
export interface Bound {
  readonly count: number;
  readonly deferral: Omit<Deferral, 'jobKey'>;
}

/** What a lane needs, and what uses the limits already. */
export interface Request {
  /** Launches that the lane is short of. */
  readonly wanted: number;
  readonly view: LaneView;
  /** Launches of this tick so far, of all lanes. */
  readonly launches: readonly Launch[];
  readonly limits: Limits;
  readonly limitRoom: LimitRoom;
  readonly kept: Kept;
}

/** Slots of a limit that these launches must leave free. */
export interface Kept {
  readonly ofMaxAgents: number;
  readonly ofOrganization: number;
}

export const NOTHING_KEPT: Kept = { ofMaxAgents: 0, ofOrganization: 0 };

/**
 * How many launches the tightest limit allows this lane, and that limit as the reason for the rest.
 *
 * A lingering task holds no slot of `maxAgents`: its agent has left, and a job must not wait until ECS notices. The launcher stops it in the
 * same tick, but AWS bills it until it has stopped. So at most `maxAgents` lingering tasks hold no slot.
 */
export function allowance(request: Request, nowMs: number): Bound {
  const { wanted, view, launches, limits, limitRoom, kept } = request;
  const launched = launches.length;
  const occupied = view.liveOfPool - Math.min(view.lingeringOfPool, limits.maxAgents);
  const tasks = `${occupied} live tasks${launched === 0 ? '' : ` and ${launched} launches`}`;
  const keptToo = (slots: number): string =>
    slots === 0 ? '' : ', the last of them kept for the jobs of another lane';
  const bounds: Bound[] = [
    {
      count: limits.maxAgents - occupied - launched - kept.ofMaxAgents,
      deferral: {
        cause: 'max-agents',
        reason: `${tasks} of maxAgents ${limits.maxAgents}${keptToo(kept.ofMaxAgents)}`,
      },
    },
    {
      count: limits.maxLaunchesPerTick - launched,
      deferral: { cause: 'launches-per-tick', reason: `at most ${limits.maxLaunchesPerTick} launches per tick` },
    },
  ];
  if (limitRoom === 'uncounted') {
    const reason = 'the agents of another pool of the organization could not be counted against agentsCeiling';
    bounds.push({ count: 0, deferral: { cause: 'agents-ceiling', reason } });
  } else if (limitRoom !== undefined) {
    const reason = `every agent that agentsCeiling allows is registered or starting${keptToo(kept.ofOrganization)}`;
    bounds.push({ count: limitRoom - launched - kept.ofOrganization, deferral: { cause: 'agents-ceiling', reason } });
  }
  const backOff = backOffOf(view.startFailures, limits);
  if (backOff.rounds > 0) bounds.push(backOffBound(backOff, view, launches, nowMs));
  const tightest = bounds.reduce((a, b) => (b.count < a.count ? b : a));
  return { count: Math.max(0, Math.min(wanted, tightest.count)), deferral: tightest.deferral };
}

/**
 * While a lane's tasks fail to start, the launcher starts one probe at a time, and none before the wait has passed.
 * The task definition identifies a lane: without Spot capacity, `laneViews` makes a new object of the same lane each time.
 */
function backOffBound(backOff: BackOff, view: LaneView, launches: readonly Launch[], nowMs: number): Bound {
  const waiting = backOff.untilMs !== undefined && nowMs < backOff.untilMs;
  const launched = launches.some(({ lane }) => lane.taskDefinition === view.lane.taskDefinition);
  const newestMs = view.startFailures.reduce(
    (a, { createdAtMs }) => Math.max(a, createdAtMs),
    Number.NEGATIVE_INFINITY,
  );
  // If agents end without a job, registering proves nothing. Such a probe ends when it gets a job or stops.
  const probing = view.live.some(
    ({ state, task }) => state === 'starting' || (state === 'idle' && (task.createdAtMs ?? newestMs) > newestMs),
  );
  return {
    count: waiting || probing || launched ? 0 : 1,
    deferral: {
      cause: 'start-failures',
      reason: `tasks failed to start ${backOff.rounds} times in a row, the last with: ${backOff.detail}`,
    },
  };
}
