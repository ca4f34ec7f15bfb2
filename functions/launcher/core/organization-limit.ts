import type { Supply } from './types.ts';

/**
 * Agents that the organization agent limit still allows, in all its pools together. `uncounted`: another pool of the organization
 * could not be observed. `undefined`: no limit.
 */
export type LimitRoom = number | 'uncounted' | undefined;

/**
 * The limit, less every idle, busy and unknown agent, and less the tasks whose agent is about to register. Below zero if the limit
 * is exceeded already.
 * Source: https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools (which statuses count).
 */
export function limitRoomOf(limit: number, supplies: readonly Supply[]): number {
  return supplies.reduce((left, supply) => {
    const starting = supply.live.filter(({ state }) => state === 'starting').length;
    return left - supply.registered - starting;
  }, limit);
}
