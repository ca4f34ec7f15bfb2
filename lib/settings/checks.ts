/** Checks that compare settings, or that need more than a schema. Their faults are reported together with those of the schema. */
import { copyFaults, imageFaults } from './checks/agent-image.ts';
import { alarmFaults } from './checks/alarms.ts';
import { caCertificatesFaults } from './checks/ca-certificates.ts';
import { sharedSecretFaults } from './checks/credentials.ts';
import { encryptionFaults, exportFaults } from './checks/encryption.ts';
import { jobHoursFaults } from './checks/job-hours.ts';
import { launcherInNetwork } from './checks/launcher.ts';
import { launcherProxyFaults } from './checks/launcher-proxy.ts';
import { networkFaults } from './checks/network.ts';
import { pollingFaults } from './checks/polling.ts';
import { poolFaults } from './checks/pools.ts';
import type { SettingsFault } from './errors.ts';
import type { ReadableSettings } from './read.ts';
import type { SecretHome } from './same-secret.ts';

/**
 * All faults of these checks.
 *
 * @param home account and region of the stack, as far as they are known
 */
export function* crossFaults(settings: ReadableSettings, home: SecretHome): Iterable<SettingsFault> {
  const { hostname, fips, network, agentImage = {} } = settings;
  const pools = (settings.pools ?? []).map((pool) => pool ?? {});
  const { registry, copy } = agentImage;
  yield* pollingFaults(settings);
  yield* alarmFaults(settings);
  yield* poolFaults(settings, pools);
  yield* jobHoursFaults(settings, pools);
  yield* encryptionFaults(settings);
  yield* exportFaults(settings);
  yield* sharedSecretFaults(settings, pools, home);
  yield* caCertificatesFaults(settings);
  yield* launcherProxyFaults(settings);
  yield* imageFaults(agentImage);
  yield* copyFaults(agentImage, pools);
  if (network !== undefined)
    yield* networkFaults(network, { hostname, fips, pools, registry, copy, launcher: launcherInNetwork(settings) });
}
