/** Checks of the launcher's function in the agents' network. */
import { shown } from '../../credentials.ts';
import { hasWakeUps, type LauncherInNetwork } from '../../network/launcher-apis.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableNetwork, ReadableSettings } from '../read.ts';
import type { AroundNetwork } from './domains.ts';

/** What the launcher needs from the network; `undefined` if it runs in Lambda's own network. */
export function launcherInNetwork(
  settings: Pick<ReadableSettings, 'launcher' | 'idlePollSeconds' | 'nudge'>,
): LauncherInNetwork | undefined {
  return settings.launcher?.vpc === true ? { wakeUps: hasWakeUps(settings) } : undefined;
}

export function* launcherFaults(network: ReadableNetwork, { launcher, fips }: AroundNetwork): Iterable<SettingsFault> {
  if (launcher !== undefined && fips === true && network.egress !== 'existing-vpc') {
    yield {
      path: 'fips',
      given: `true, with launcher.vpc and egress ${network.egress ?? 'nat-gateway'}`,
      allowed: 'true with launcher.vpc only in an existing VPC',
      remedy:
        'remove launcher.vpc or fips, or use an existing VPC. In a VPC of the stack, the launcher calls ECS through an interface endpoint that agents cannot use, and AWS documents no such endpoint with FIPS',
    };
  }
  if (launcher !== undefined && network.egress === 'public-ip') {
    yield {
      path: 'launcher.vpc',
      given: 'true, with egress public-ip',
      allowed: 'true only with nat-gateway, network-firewall or existing-vpc',
      remedy:
        "set network.egress to nat-gateway, or remove launcher.vpc: the network interface of a Lambda function has no public address, so a function in a public subnet can't reach HCP Terraform",
    };
  }
  if (launcher !== undefined && network.egress === 'on-demand') {
    yield {
      path: 'launcher.vpc',
      given: 'true, with egress on-demand',
      allowed: 'true only with nat-gateway, network-firewall or existing-vpc',
      remedy:
        'remove launcher.vpc, or set network.egress to nat-gateway: the launcher starts the gateway, so it must reach AWS while the gateway sleeps',
    };
  }
  const { launcherSubnetIds, launcherSecurityGroupIds = [], securityGroupIds = [] } = network;
  for (const [key, ids] of Object.entries({ launcherSubnetIds, launcherSecurityGroupIds })) {
    if (launcher !== undefined || ids === undefined || ids.length === 0) continue;
    yield {
      path: `network.${key}`,
      given: `${shown(ids)}, without launcher.vpc`,
      allowed: 'only with launcher.vpc',
      remedy: 'set launcher.vpc to true, or remove the IDs: the launcher does not run in the VPC',
    };
  }
  for (const [index, id] of launcherSecurityGroupIds.entries()) {
    if (id === undefined || !securityGroupIds.includes(id)) continue;
    yield {
      path: `network.launcherSecurityGroupIds.${index}`,
      given: `${shown(id)}, which is also in network.securityGroupIds`,
      allowed: 'groups that agents do not have, so that endpoints and servers can tell the launcher from the agents',
      remedy: 'create a group for the launcher, or remove network.launcherSecurityGroupIds, and the stack creates one',
    };
  }
}
