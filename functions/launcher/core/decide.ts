import { type LimitRoom, limitRoomOf } from './organization-limit.ts';
import { holdsAgent, type PoolState, reconcile, withStanding } from './reconcile.ts';
import type { Decision, Limits } from './types.ts';

/** One pool of a group. The launcher decides about all pools of a group together. */
export interface Member {
  readonly state: Omit<PoolState, 'limitRoom'>;
  readonly limits: Limits;
}

/** The organization agent limit of a group. */
export interface OrganizationLimit {
  /** The limit, minus the agents that were subtracted already. */
  readonly agents: number;
  /** Whether the agents of every pool could be counted. If not, nothing is launched, so that the limit isn't exceeded. */
  readonly allCounted: boolean;
}

/**
 * Decides about all pools that share an organization agent limit, or about a single pool if there is no such limit.
 *
 * Queued jobs come first, starting with the pool whose job has waited longest. The warm agents and sweeps of all pools come after them,
 * because a warm agent must never use the slot of a queued job, not even of another pool. Each pool's launches reduce what is left of the
 * limit for the next pool.
 *
 * @param limit - `undefined`: no organization agent limit.
 */
export function decide<M extends Member>(
  members: readonly M[],
  limit: OrganizationLimit | undefined,
  nowMs: number,
): ReadonlyMap<M, Decision> {
  const supplies = members.map(({ state }) => state.supply);
  let left = limit && limitRoomOf(limit.agents, supplies);
  const limitRoom = (more: number): LimitRoom => {
    if (left === undefined) return undefined;
    return limit?.allCounted === true ? left + more : 'uncounted';
  };
  const use = (launches: number): void => {
    if (left !== undefined) left -= launches;
  };
  const oldestFirst = members.toSorted((a, b) => oldestQueuedMs(a) - oldestQueuedMs(b));
  const forJobs = oldestFirst.map((member) => {
    const decision = reconcile({ ...member.state, limitRoom: limitRoom(0) }, member.limits, nowMs);
    use(decision.launches.length);
    return { member, decision };
  });
  const waiting = forJobs.filter(hasLaneWithoutTask);
  return new Map(
    forJobs.map(({ member, decision }) => {
      // `withStanding` subtracts this pool's earlier launches itself, so add them here.
      const state = {
        ...member.state,
        limitRoom: limitRoom(decision.launches.length),
        othersWait: waiting.some((other) => other.member !== member),
      };
      const whole = withStanding(decision, state, member.limits, nowMs);
      use(whole.launches.length - decision.launches.length);
      return [member, whole];
    }),
  );
}

/** Whether a lane of the pool has no task that counts against the limit, and this tick launches none for its queued jobs. */
function hasLaneWithoutTask({ member, decision }: { member: Member; decision: Decision }): boolean {
  const withTask = new Set([
    ...member.state.supply.live.flatMap(({ task, state }) => (holdsAgent(state) ? task.family : [])),
    ...decision.launches.map(({ lane }) => lane.taskDefinition),
  ]);
  return member.state.lanes.some(({ taskDefinition }) => !withTask.has(taskDefinition));
}

function oldestQueuedMs({ state }: Member): number {
  return state.demand.queued[0]?.queuedAtMs ?? Number.MAX_SAFE_INTEGER;
}
