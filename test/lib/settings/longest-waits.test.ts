/** The launcher relies on the longest and shortest waits that the settings allow. */
import { expect, it } from 'vitest';
import { idleMsOf } from '../../../functions/launcher/core/gateway.ts';
import { MOST_IDLE_WINDOW_MS, MOST_WARM_IDLE_MS } from '../../../functions/launcher/core/longest-waits.ts';
import { faultsOf, faultsOfPool, pathsOf } from '../settings-faults.ts';

it('idleWindowSeconds allows the longest wait that the launcher assumes, and no longer one', () => {
  const most = MOST_IDLE_WINDOW_MS / 1000;
  expect(faultsOf({ idleWindowSeconds: most })).toEqual([]);
  expect(pathsOf(faultsOf({ idleWindowSeconds: most + 1 }))).toEqual(['idleWindowSeconds']);
});

it('gatewayIdleMinutes allows the shortest idle time that the launcher uses, and no shorter one', () => {
  const least = idleMsOf({ idleMs: 0 }) / 60_000;
  const idle = (gatewayIdleMinutes: number) => faultsOf({ network: { egress: 'on-demand', gatewayIdleMinutes } });
  expect(idle(least)).toEqual([]);
  expect(pathsOf(idle(least - 1))).toEqual(['network.gatewayIdleMinutes']);
});

it('warmAgents.idleMinutes allows the longest wait that the launcher assumes, and no longer one', () => {
  const most = MOST_WARM_IDLE_MS / 60_000;
  const warm = (idleMinutes: number) => faultsOfPool({ warmAgents: { agents: 1, idleMinutes } });
  expect(warm(most)).toEqual([]);
  expect(pathsOf(warm(most + 1))).toEqual(['pools.0.warmAgents.idleMinutes']);
});
