import { type CeilingRoom, ceilingRoomOf } from './ceiling.ts';
import { holdsAgent, type PoolSeen, reconcile, withStanding } from './reconcile.ts';
import type { Decision, Limits } from './types.ts';

/** One pool of those that share an organization agent limit. */
export interface Member {
  readonly seen: Omit<PoolSeen, 'ceilingRoom'>;
  readonly limits: Limits;
}

/**
 * The decisions about pools that share an organization agent limit. Queued jobs come first, beginning with the pool that has the oldest one;
 * warm agents and sweeps of all pools come after them.
 *
 * @param ceiling less the agents that are counted elsewhere.
 * @param allCounted whether the agents of every pool are counted. If one pool can't be observed, nothing is launched, so that the limit holds.
 */
export function decideUnderCeiling(
  ceiling: number,
  members: readonly Member[],
  allCounted: boolean,
  nowMs: number,
): ReadonlyMap<Member, Decision> {
  let room = ceilingRoomOf(
    ceiling,
    members.map(({ seen }) => seen.supply),
  );
  const ceilingRoom = (more: number): CeilingRoom => (allCounted ? room + more : 'uncounted');
  const inTurn = members.toSorted((a, b) => oldestQueuedMs(a) - oldestQueuedMs(b));
  const forJobs = inTurn.map((member) => {
    const decision = reconcile({ ...member.seen, ceilingRoom: ceilingRoom(0) }, member.limits, nowMs);
    room -= decision.launches.length;
    return { member, decision };
  });
  const waiting = forJobs.filter(hasLaneWithoutTask);
  return new Map(
    forJobs.map(({ member, decision }) => {
      // The limits of this pool subtract its launches so far themselves.
      const left = ceilingRoom(decision.launches.length);
      const othersWait = waiting.some((other) => other.member !== member);
      const whole = withStanding(decision, { ...member.seen, ceilingRoom: left, othersWait }, member.limits, nowMs);
      room -= whole.launches.length - decision.launches.length;
      return [member, whole];
    }),
  );
}

/** Whether a lane of the pool has no task with an agent that counts, and gets none for its queued jobs. */
function hasLaneWithoutTask({ member, decision }: { member: Member; decision: Decision }): boolean {
  const withTask = new Set([
    ...member.seen.supply.live.flatMap(({ task, state }) => (holdsAgent(state) ? task.family : [])),
    ...decision.launches.map(({ lane }) => lane.taskDefinition),
  ]);
  return member.seen.lanes.some(({ taskDefinition }) => !withTask.has(taskDefinition));
}

function oldestQueuedMs({ seen }: Member): number {
  return seen.demand.queued[0]?.queuedAtMs ?? Number.MAX_SAFE_INTEGER;
}
