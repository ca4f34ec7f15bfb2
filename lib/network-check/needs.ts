/** What agents need from the existing VPC in the settings. */
import { proxyPortsIn } from '../agent/proxies.ts';
import { portOf, taskStartServices } from '../network/allowed-domains.ts';
import { launcherApis } from '../network/launcher-apis.ts';
import { launcherInNetwork } from '../settings/checks/launcher.ts';
import type { Settings } from '../settings/parse.ts';
import { imagesOf } from '../settings/task-images.ts';
import type { VpcNeeds } from './findings.ts';

/** @returns `undefined` if the stack creates the network */
export function existingVpcNeeds(settings: Settings): VpcNeeds | undefined {
  const { network, pools, hostname } = settings;
  if (network.egress !== 'existing-vpc') return undefined;
  const launcher = launcherInNetwork(settings);
  return {
    vpcId: network.vpcId,
    subnetIds: network.subnetIds,
    hostname,
    agents: pools.reduce((sum, { maxAgents }) => sum + maxAgents, 0),
    ports: [...new Set([443, portOf(hostname)])],
    proxyPorts: pools.flatMap(({ environment }) => proxyPortsIn(environment)),
    services: taskStartServices(imagesOf(settings)),
    dnsFirewall: network.dnsFirewall,
    guardDuty: network.guardDuty,
    ...(launcher !== undefined && {
      launcher: {
        subnetIds: network.launcherSubnetIds ?? network.subnetIds,
        hasOwnSubnets: network.launcherSubnetIds !== undefined,
        securityGroupIds: network.launcherSecurityGroupIds ?? [],
        services: [...launcherApis(launcher), 'secretsmanager'],
        proxyPorts: proxyPortsIn({ HTTPS_PROXY: settings.launcher.httpsProxy }),
      },
    }),
  };
}
