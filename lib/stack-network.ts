/** Creates the constructs of the chosen egress mode from the network settings. */
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { proxiesToOpen } from './agent/proxies.ts';
import { dollars, idleNetworkCost, total } from './aws/costs.ts';
import { EgressNetwork } from './egress-network.ts';
import { portOf } from './network/allowed-domains.ts';
import { claimOf } from './network/claims.ts';
import { ExistingVpc } from './network/existing-vpc.ts';
import type { Settings } from './settings/parse.ts';
import { imagesOf } from './settings/task-images.ts';

/** The network that agents run in. Its construct contains every network resource that agents need or that restricts them. */
export type AgentNetwork = EgressNetwork | ExistingVpc;

export function agentNetwork(scope: Construct, settings: Settings): AgentNetwork {
  const { network, hostname } = settings;
  const images = imagesOf(settings);
  if (network.egress === 'existing-vpc') {
    return new ExistingVpc(scope, 'Network', { ...network, hostname, images, proxies: proxiesOf(settings) });
  }
  return new EgressNetwork(scope, 'Network', {
    ...(network.egress === 'network-firewall'
      ? { firewallLogRetentionDays: settings.logRetentionDays, ...network }
      : network),
    hostname,
    images,
  });
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
  { addresses, idle }: AgentNetwork,
): Iterable<{ id: string; value: string; description: string }> {
  const { egress, ipv6 = false } = settings.network;
  if (addresses.length > 0) {
    yield {
      id: 'EgressAddresses',
      value: addresses.join(', '),
      description: `Source addresses of all agents${ipv6 ? ' over IPv4 only (over IPv6 each task has its own)' : ''}, for IP allow-lists of HCP Terraform`,
    };
  }
  yield {
    id: 'EgressClaim',
    value: `${egress}: ${claim(settings)}`,
    description: 'What can leave the network; see docs/network.md',
  };
  yield {
    id: 'EgressIdleCost',
    value: `${dollars(total(idleNetworkCost(idle)))} per month`,
    description: 'Monthly cost of the network while nothing runs, at list prices of us-east-1; see docs/costs.md',
  };
}

function claim(settings: Settings): string {
  const { network, hostname } = settings;
  return claimOf({
    ...(network.egress === 'existing-vpc' && { proxies: proxiesOf(settings) }),
    egress: network.egress,
    port: portOf(hostname),
    dnsFirewall: network.dnsFirewall,
    ipv6: network.ipv6 ?? false,
    ownGroups: network.egress === 'existing-vpc' && network.securityGroupIds !== undefined,
  });
}
