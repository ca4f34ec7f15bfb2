/** Faults that need more than one setting, or more than a schema, to find. They are reported together with the schema's. */
import { copyFaults, imageFaults } from './checks/agent-image.ts';
import { sharedSecretFaults } from './checks/credentials.ts';
import { networkFaults } from './checks/network.ts';
import { poolFaults } from './checks/pools.ts';
import type { SettingsFault } from './errors.ts';
import type { ReadableSettings } from './read.ts';

/** Every fault between settings. */
export function* crossFaults(settings: ReadableSettings): Iterable<SettingsFault> {
  const { hostname, network, agentImage = {} } = settings;
  const pools = (settings.pools ?? []).map((pool) => pool ?? {});
  const { registry, copy } = agentImage;
  yield* poolFaults(settings, pools);
  yield* sharedSecretFaults(settings, pools);
  yield* imageFaults(agentImage);
  yield* copyFaults(agentImage, pools);
  if (network !== undefined) yield* networkFaults(network, { hostname, pools, registry, copy });
}
