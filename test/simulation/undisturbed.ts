/** Settings of worlds without faults, in which only the given events happen. */
import { scenarioOf } from './profiles.ts';
import type { ScenarioPool, WorldSettings } from './scenario.ts';

/** A world with these pools, in which both vendors show everything, immediately and with the same clock. */
export function undisturbed(pools: readonly ScenarioPool[]): WorldSettings {
  return {
    ...scenarioOf('peers', 'calm').settings,
    pools,
    agentsCeiling: undefined,
    activePollMs: 5_000,
    startDeadlineMs: 5 * 60_000,
    idleWindowMs: 2 * 60_000,
    agentsVisible: true,
    agentNamesInRuns: true,
    runsPageCap: 100,
    ecsPageCap: 100,
    hcpSkewMs: 0,
    ecsSkewMs: 0,
    usualLagMs: 0,
    tokenLife: '24h',
  };
}
