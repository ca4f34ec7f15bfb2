/** Creates the constructs of the chosen egress mode from the network settings. */
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct, IDependable } from 'constructs';
import { proxiesToOpen } from './agent/proxies.ts';
import { dollars, type IdleNetwork, idleNetworkCost, total } from './aws/costs.ts';
import { EgressNetwork } from './egress-network.ts';
import { portOf } from './network/allowed-domains.ts';
import { claimOf } from './network/claims.ts';
import { ExistingVpc } from './network/existing-vpc.ts';
import type { Settings } from './settings/parse.ts';
import { imagesOf } from './settings/task-images.ts';

/** The network that agents run in. */
export interface AgentNetwork {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.SubnetSelection;
  readonly securityGroups: readonly ec2.ISecurityGroup[];
  readonly assignPublicIp: boolean;
  /** Everything that serves or restricts agents. It must exist before the first agent starts. */
  readonly complete: IDependable;
  /** Source addresses of all agents; empty if they aren't fixed, or if this stack doesn't create them. */
  readonly addresses: readonly string[];
  /** Resources that cost money while nothing runs. */
  readonly idle: IdleNetwork;
  /** Domains that resolve; empty if DNS isn't filtered. */
  readonly names: readonly string[];
}

/** Builds the network that the settings ask for. */
export function agentNetwork(scope: Construct, settings: Settings): AgentNetwork {
  const { network, hostname } = settings;
  const images = imagesOf(settings);
  if (network.egress === 'existing-vpc') {
    const existing = new ExistingVpc(scope, 'Network', {
      ...network,
      allowed: { hostname, ...network },
      images,
      proxies: proxiesOf(settings),
    });
    const { vpc, taskSubnets, securityGroups, idle, names } = existing;
    return {
      vpc,
      subnets: taskSubnets,
      securityGroups,
      assignPublicIp: false,
      complete: existing,
      addresses: [],
      idle,
      names,
    };
  }
  const own = new EgressNetwork(scope, 'Network', {
    ...(network.egress === 'network-firewall'
      ? { firewallLogRetentionDays: settings.logRetentionDays, ...network }
      : network),
    hostname,
    images,
  });
  const { vpc, taskSubnets, securityGroup, assignPublicIp, addresses, idle, names } = own;
  return {
    vpc,
    subnets: taskSubnets,
    securityGroups: [securityGroup],
    assignPublicIp,
    complete: own,
    addresses,
    idle,
    names,
  };
}

function proxiesOf({ pools }: Settings): { address: string | undefined; port: number }[] {
  return proxiesToOpen(pools.map(({ environment }) => environment));
}

/** Outputs about the network: what may leave, and what it costs while nothing runs. */
export function networkOutputs(
  settings: Settings,
  network: AgentNetwork,
): { id: string; value: string; description: string }[] {
  const { egress, ipv6 = false } = settings.network;
  const idle = dollars(total(idleNetworkCost(network.idle)));
  return [
    ...(network.addresses.length === 0
      ? []
      : [
          {
            id: 'EgressAddresses',
            value: network.addresses.join(', '),
            description: `Source addresses of all agents${ipv6 ? ' over IPv4 only (over IPv6 each task has its own)' : ''}, for IP allow-lists of HCP Terraform`,
          },
        ]),
    {
      id: 'EgressClaim',
      value: `${egress}: ${claim(settings)}`,
      description: 'What may leave; see docs/network.md',
    },
    {
      id: 'EgressIdleCost',
      value: `${idle} per month`,
      description: 'Monthly cost of the network while nothing runs, at list prices of us-east-1; see docs/costs.md',
    },
  ];
}

/** The security claim that is true for these settings. */
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
