/** Creates the constructs of the chosen egress mode from the network settings. */
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { proxiesToOpen } from './agent/proxies.ts';
import { dollars, gatewayHourCost, idleNetworkCost, total } from './aws/costs.ts';
import { PRICES } from './aws/prices.ts';
import { EgressNetwork } from './egress-network.ts';
import type { LogGroupOptions } from './log-group.ts';
import { OUTPUTS } from './names.ts';
import { portOf } from './network/allowed-domains.ts';
import { claimOf } from './network/claims.ts';
import { ExistingVpc } from './network/existing-vpc.ts';
import type { Gateways } from './network/gateways.ts';
import { type LauncherApi, launcherApis } from './network/launcher-apis.ts';
import { launcherInNetwork } from './settings/checks/launcher.ts';
import type { OnDemandSettings } from './settings/network.ts';
import type { Settings } from './settings/parse.ts';
import { imagesOf } from './settings/task-images.ts';

/** The network that agents run in. Its construct contains every network resource that agents need or that restricts them. */
export type AgentNetwork = EgressNetwork | ExistingVpc;

export function agentNetwork(
  scope: Construct,
  settings: Settings,
  logs: LogGroupOptions,
  gatewayVolumeKey: IKey | undefined,
): AgentNetwork {
  const { network, hostname, fips } = settings;
  const images = imagesOf(settings);
  const launcher = launcherInNetwork(settings);
  if (network.egress === 'existing-vpc') {
    return new ExistingVpc(scope, 'Network', {
      ...network,
      hostname,
      fips,
      images,
      launcher,
      proxies: proxiesOf(settings),
      launcherProxies: proxiesToOpen([{ HTTPS_PROXY: settings.launcher.httpsProxy }]),
    });
  }
  return new EgressNetwork(scope, 'Network', {
    ...logRetentions(settings),
    ...(network.egress === 'on-demand' && { gatewayLogRetentionDays: settings.logRetentionDays }),
    ...network,
    hostname,
    fips,
    images,
    launcher,
    logs,
    gatewayVolumeKey,
  });
}

/** The retention of the logs of a new VPC. The network's own settings override it. */
function logRetentions({ logRetentionDays: days, network: { egress, dnsFirewall } }: Settings) {
  return {
    flowLogRetentionDays: days,
    ...(dnsFirewall && { dnsQueryLogRetentionDays: days }),
    ...(egress === 'network-firewall' && { firewallLogRetentionDays: days }),
  };
}

/** Where the launcher's function runs in the network; `undefined` if it runs in Lambda's own network. */
export function launcherVpcOf(
  network: AgentNetwork,
): { vpcSubnets: ec2.SubnetSelection; securityGroups: readonly ec2.ISecurityGroup[] } | undefined {
  if (network instanceof ExistingVpc) {
    return network.launcherSecurityGroups.length === 0
      ? undefined
      : { vpcSubnets: network.launcherSubnets, securityGroups: network.launcherSecurityGroups };
  }
  return (
    network.launcherSecurityGroup && {
      vpcSubnets: network.taskSubnets,
      securityGroups: [network.launcherSecurityGroup],
    }
  );
}

/** The gateways that the launcher starts, if the network has any. */
export function gatewaysOf(network: AgentNetwork): Gateways | undefined {
  return network instanceof EgressNetwork ? network.gateways : undefined;
}

export function securityGroupsOf(network: AgentNetwork): readonly ec2.ISecurityGroup[] {
  return network instanceof ExistingVpc ? network.securityGroups : [network.securityGroup];
}

function proxiesOf({ pools }: Settings): { address: string | undefined; port: number }[] {
  return proxiesToOpen(pools.map(({ environment }) => environment));
}

/** Outputs about the network: what can leave it, and what it costs while nothing runs. */
export function* networkOutputs(
  settings: Settings,
  created: AgentNetwork,
): Iterable<{ id: string; value: string; description: string }> {
  const { launcher, network } = settings;
  const { egress, ipv6 = false } = network;
  const { addresses, idle, launcherEndpoints } = created;
  const allocationIds = created instanceof EgressNetwork ? created.allocationIds : [];
  if (addresses.length > 0) {
    yield {
      id: OUTPUTS.egressAddresses,
      value: addresses.join(', '),
      description: `Source addresses of all agents${launcher.vpc ? ' and of the launcher' : ''}${ipv6 ? ' over IPv4 only (over IPv6 each task has its own)' : ''}, for IP allow-lists of HCP Terraform`,
    };
  }
  if (allocationIds.length > 0) {
    yield {
      id: OUTPUTS.egressAllocationIds,
      value: allocationIds.join(', '),
      description: `Existing Elastic IPs of all agents${launcher.vpc ? ' and of the launcher' : ''}. This prints the addresses, for IP allow-lists of HCP Terraform: aws ec2 describe-addresses --allocation-ids ${allocationIds.join(' ')} --query Addresses[].PublicIp`,
    };
  }
  yield {
    id: OUTPUTS.egressClaim,
    value: `${egress}: ${claim(settings, launcherEndpoints)}`,
    description: 'What can leave the network; see docs/network.md',
  };
  yield {
    id: OUTPUTS.egressIdleCost,
    value: `${dollars(total(idleNetworkCost(idle)))} per month`,
    description: 'Monthly cost of the network while nothing runs, at list prices of us-east-1; see docs/costs.md',
  };
  if (created instanceof EgressNetwork && created.dnsQueryLogGroup !== undefined) {
    yield {
      id: OUTPUTS.dnsQueryLogGroup,
      value: created.dnsQueryLogGroup.logGroupName,
      description: 'Log of the DNS queries in the network: a line for each with its domain and whether it was refused',
    };
  }
  if (network.egress === 'on-demand' && created instanceof EgressNetwork && created.gateways !== undefined) {
    yield* gatewayOutputs(network, created.gateways);
  }
}

function* gatewayOutputs(
  { fixedAddress, gatewayInstanceType: type }: Pick<OnDemandSettings, 'fixedAddress' | 'gatewayInstanceType'>,
  gateways: Gateways,
): Iterable<{ id: string; value: string; description: string }> {
  const usd = gatewayHourCost(type);
  yield {
    id: OUTPUTS.gatewayAddress,
    value: fixedAddress ? 'fixed' : 'changing',
    description: fixedAddress
      ? `Agents always have the source addresses in the output ${OUTPUTS.egressAddresses}`
      : 'Each start of a gateway gives the agents another source address. For IP allow-lists, set network.fixedAddress to true',
  };
  yield {
    id: OUTPUTS.gatewayRunningCost,
    value:
      usd === undefined
        ? `the price of ${type} and ${dollars(PRICES.publicAddressHour.usd)} per hour`
        : `${dollars(usd)} per hour`,
    description:
      'Cost of each running gateway, in addition to the idle cost, at list prices of us-east-1; see docs/costs.md',
  };
  yield {
    id: OUTPUTS.gatewayLogGroup,
    value: gateways.logGroup.logGroupName,
    description: 'Log of the gateways: a line for each connection with its server name and whether it was allowed',
  };
}

function claim(settings: Settings, launcherEndpoints: readonly LauncherApi[]): string {
  const { network, hostname } = settings;
  const launcher = launcherInNetwork(settings);
  return claimOf({
    ...(launcher !== undefined && { launcher: { apis: launcherApis(launcher), endpoints: launcherEndpoints } }),
    ...(network.egress === 'existing-vpc' && { proxies: proxiesOf(settings) }),
    egress: network.egress,
    port: portOf(hostname),
    dnsFirewall: network.dnsFirewall,
    ipv6: network.ipv6 ?? false,
    ownGroups: network.egress === 'existing-vpc' && network.securityGroupIds !== undefined,
  });
}
