import { type BackOff, backOffOf } from './back-off.ts';
import type { LaneView } from './lanes.ts';
import type { LimitRoom } from './organization-limit.ts';
import type { Deferral, Launch, Limits } from './types.ts';

/** The number of launches that a limit allows, and the reason that the log gives for deferring the others. */
export interface Bound {
  readonly count: number;
  readonly deferral: Omit<Deferral, 'jobKey'>;
}

/** The launches that a lane needs, and what already counts against the limits. */
export interface Request {
  /** Number of launches that the lane needs. */
  readonly wanted: number;
  readonly view: LaneView;
  /** The launches of all lanes so far in this tick. */
  readonly launches: readonly Launch[];
  readonly limits: Limits;
  readonly limitRoom: LimitRoom;
  readonly kept: Kept;
}

/** Slots of each limit that these launches must leave free. */
export interface Kept {
  readonly ofMaxAgents: number;
  readonly ofOrganization: number;
}

export const NOTHING_KEPT: Kept = { ofMaxAgents: 0, ofOrganization: 0 };

/**
 * The number of launches that the tightest limit allows for this lane, and the reason for deferring the others.
 *
 * A lingering task doesn't count against `maxAgents`: its agent has left, and a job must not wait until ECS notices that. The launcher stops
 * the task in the same tick, but AWS bills the task until it has stopped. So at most `maxAgents` lingering tasks are left out of the count.
 */
export function allowance(request: Request, nowMs: number): Bound {
  const { wanted, view, launches, limits, limitRoom, kept } = request;
  const launched = launches.length;
  const occupied = view.liveOfPool - Math.min(view.lingeringOfPool, limits.maxAgents);
  const tasks = `${counted(occupied, 'live task')}${launched === 0 ? '' : ` and ${counted(launched, 'launch', 'launches')}`}`;
  const keptToo = (slots: number): string =>
    slots === 0 ? '' : ', the last slot is reserved for jobs of the other lanes';
  const bounds: Bound[] = [
    {
      count: limits.maxAgents - occupied - launched - kept.ofMaxAgents,
      deferral: {
        cause: 'max-agents',
        reason: `${tasks} of maxAgents ${limits.maxAgents}${keptToo(kept.ofMaxAgents)}`,
      },
    },
  ];
  if (limitRoom === 'uncounted') {
    const reason =
      'agentsCeiling allows no launch, because the agents of another pool in the organization could not be counted';
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
 * While a lane's tasks fail to start, the launcher waits for the back-off to end and then makes one trial launch at a time.
 * Lanes are compared by task definition, because `laneViews` copies the lane object if Spot has no capacity.
 */
function backOffBound(backOff: BackOff, view: LaneView, launches: readonly Launch[], nowMs: number): Bound {
  const waiting = backOff.untilMs !== undefined && nowMs < backOff.untilMs;
  const launched = launches.some(({ lane }) => lane.taskDefinition === view.lane.taskDefinition);
  const newestMs = view.startFailures.reduce(
    (a, { createdAtMs }) => Math.max(a, createdAtMs),
    Number.NEGATIVE_INFINITY,
  );
  // If earlier agents ended without a job, registering proves nothing. So the trial launch lasts until its agent gets a job or stops.
  const probing = view.live.some(
    ({ state, task }) => state === 'starting' || (state === 'idle' && (task.createdAtMs ?? newestMs) > newestMs),
  );
  return {
    count: waiting || probing || launched ? 0 : 1,
    deferral: {
      cause: 'start-failures',
      reason: `tasks failed to start ${backOff.rounds === 1 ? 'once' : `${backOff.rounds} times in a row`}, the last with: ${backOff.detail}`,
    },
  };
}

function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}
