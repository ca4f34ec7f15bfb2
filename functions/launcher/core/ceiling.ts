import type { Supply } from './types.ts';

/**
 * Agents that the organization's licence still allows, in all its pools together; `uncounted`: another pool of it could
 * not be seen; `undefined`: no ceiling.
 */
export type CeilingRoom = number | 'uncounted' | undefined;

/**
 * Agents that the organization's licence still allows: the ceiling less every idle, busy and unknown agent, and less
 * the tasks whose agent is about to register. Below zero when the licence is already exceeded.
 * Source: https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools (which statuses count).
 */
export function ceilingRoomOf(ceiling: number, supplies: readonly Supply[]): number {
  return supplies.reduce((room, supply) => {
    const starting = supply.live.filter(({ state }) => state === 'starting').length;
    return room - supply.registered - starting;
  }, ceiling);
}
