import type { Supply } from './types.ts';

/**
 * The number of further agents that the organization agent limit allows in all pools together. `uncounted`: another pool of the
 * organization could not be observed. `undefined`: no limit.
 */
export type LimitRoom = number | 'uncounted' | undefined;

/**
 * The limit minus all idle, busy and unknown agents, and minus the tasks whose agent is about to register. The result is negative if the
 * limit is already exceeded.
 * Source: https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools (which statuses count).
 */
export function limitRoomOf(limit: number, supplies: readonly Supply[]): number {
  return supplies.reduce((left, supply) => {
    const starting = supply.live.filter(({ state }) => state === 'starting').length;
    return left - supply.registered - starting;
  }, limit);
}
