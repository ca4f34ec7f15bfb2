import { type CeilingRoom, ceilingRoomOf } from './ceiling.ts';
import { type PoolSeen, reconcile, withStanding } from './reconcile.ts';
import type { Decision, Limits } from './types.ts';

/** One pool of those that share a licence. */
export interface Member {
  readonly seen: Omit<PoolSeen, 'ceilingRoom'>;
  readonly limits: Limits;
}

/**
 * The decisions about pools that share a licence: the one with the oldest queued job first, and the queued jobs of all of
 * them before any agent that no job asks for.
 *
 * @param ceiling less the agents that are counted elsewhere.
 * @param allCounted whether these are all pools of the licence whose agents must be counted; where one of them could not be seen, its agents cannot be
 *   counted, and nothing is launched: more than the licence must not be promised.
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
  return new Map(
    forJobs.map(({ member, decision }) => {
      // Its launches so far count in its limits once more.
      const poolSeen = { ...member.seen, ceilingRoom: ceilingRoom(decision.launches.length) };
      const whole = withStanding(decision, poolSeen, member.limits, nowMs);
      room -= whole.launches.length - decision.launches.length;
      return [member, whole];
    }),
  );
}

function oldestQueuedMs({ seen }: Member): number {
  return seen.demand.queued[0]?.queuedAtMs ?? Number.MAX_SAFE_INTEGER;
}
