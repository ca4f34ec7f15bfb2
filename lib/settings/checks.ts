/** Checks that compare settings, or that need more than a schema. Their faults are reported together with those of the schema. */
import { copyFaults, imageFaults } from './checks/agent-image.ts';
import { sharedSecretFaults } from './checks/credentials.ts';
import { networkFaults } from './checks/network.ts';
import { pollingFaults } from './checks/polling.ts';
import { poolFaults } from './checks/pools.ts';
import type { SettingsFault } from './errors.ts';
import type { ReadableSettings } from './read.ts';

/** All faults of these checks. */
export function* crossFaults(settings: ReadableSettings): Iterable<SettingsFault> {
  const { hostname, network, agentImage = {} } = settings;
  const pools = (settings.pools ?? []).map((pool) => pool ?? {});
  const { registry, copy } = agentImage;
  yield* pollingFaults(settings);
  yield* poolFaults(settings, pools);
  yield* sharedSecretFaults(settings, pools);
  yield* imageFaults(agentImage);
  yield* copyFaults(agentImage, pools);
  if (network !== undefined) yield* networkFaults(network, { hostname, pools, registry, copy });
}
