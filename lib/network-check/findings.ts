/** Types of the network check: the facts about an existing VPC, the agents' needs, and the findings. */
import type { InternetRoutes } from './internet-routes.ts';
import type { AclFacts } from './network-acl.ts';

/** Facts about a VPC: the parts of the EC2 and Route 53 Resolver answers that the check uses. */
export interface VpcFacts extends DnsFirewallFacts {
  /** The VPC's first IPv4 range. Its third address is the VPC's resolver. */
  readonly range: string;
  readonly dnsSupport: boolean;
  readonly dnsHostnames: boolean;
  /** Resolvers from the DHCP options; `AmazonProvidedDNS` is the VPC's own. */
  readonly resolvers: readonly string[];
  readonly subnets: readonly SubnetFacts[];
  /** Interface endpoints. */
  readonly endpoints: readonly EndpointFacts[];
  /** Whether the gateway endpoint for S3 has a policy that doesn't allow everything. */
  readonly s3HasCustomPolicy: boolean;
  readonly securityGroups: readonly SecurityGroupFacts[];
  /** Security groups of the launcher in the settings; empty if the stack creates its group, or if it isn't in the VPC. */
  readonly launcherSecurityGroups: readonly SecurityGroupFacts[];
}

export interface DnsFirewallFacts {
  /** DNS Firewall rule groups that are already attached, with their priorities. */
  readonly dnsFirewallRuleGroups: readonly { readonly name: string; readonly priority: number }[];
  /** Whether everything resolves if DNS Firewall can't decide. Absent if not checked. */
  readonly dnsFailsOpen?: boolean;
}

export interface SubnetFacts extends InternetRoutes {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly freeAddresses: number;
  /** Absent if the subnet has IPv6 only. */
  readonly range?: string;
  /** ARN of the subnet's Outpost, if the subnet is on one. */
  readonly outpost?: string;
  /** Whether the subnet's route table has a route to a gateway endpoint for S3. */
  readonly s3Endpoint: boolean;
  /** The subnet's network ACL. Absent if this account can't see it, for example in a shared VPC of a different account. */
  readonly acl?: AclFacts;
}

export interface EndpointFacts {
  /** Name of the service, as in {@link VpcNeeds.services}. */
  readonly service: string;
  readonly privateDns: boolean;
  /** Whether the endpoint's policy differs from the default policy, which allows everything. */
  readonly hasCustomPolicy: boolean;
  readonly groups: readonly SecurityGroupFacts[];
}

export interface SecurityGroupFacts {
  readonly id: string;
  readonly vpcId: string;
  readonly inbound: readonly GroupRule[];
  readonly outbound: readonly GroupRule[];
}

/** A security group rule for one peer: a range, a prefix list or a group. */
export interface GroupRule {
  /** `tcp`, `udp`, …; `-1` is all. */
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  readonly peer: string;
}

export interface VpcNeeds {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly hostname: string;
  /** Maximum number of agents of all pools at the same time. */
  readonly agents: number;
  readonly ports: readonly number[];
  readonly proxyPorts?: readonly number[] | undefined;
  /** Services that a task needs to start, by their endpoint name: `ecr.api`, `ecr.dkr`, `logs`, `secretsmanager`. */
  readonly services: readonly string[];
  readonly dnsFirewall: boolean;
  /** Whether the tasks have GuardDuty's sidecar. */
  readonly guardDuty?: boolean;
  /** What the launcher's function needs, if it also runs in the VPC. */
  readonly launcher?: LauncherNeeds;
}

/** Its services are the AWS APIs that the launcher calls. */
export interface LauncherNeeds extends Pick<VpcNeeds, 'subnetIds' | 'services' | 'proxyPorts'> {
  /** Whether the settings list subnets for the launcher. Otherwise it uses those of the agents. */
  readonly hasOwnSubnets: boolean;
  readonly securityGroupIds: readonly string[];
}

/** Words of the findings that depend on what they are about. */
export interface Subject {
  readonly subnets: string;
  readonly groups: string;
  readonly who: string;
  /** The beginning of a sentence about what it needs. */
  readonly need: string;
  /** What doesn't work while the only zone is down. */
  readonly withoutZone: string;
  /** Why its subnets can't be on an Outpost; `undefined` if this isn't checked. */
  readonly onOutpost?: string;
  /** Whose group it is, after the word; empty for agents. */
  readonly ofGroups: string;
  /** What is in the subnets, before their names; empty for agents. */
  readonly inSubnets: string;
  readonly lacksAddresses: (subnet: string, free: number, needed: number) => VpcFinding;
  readonly publicSubnet: string;
  readonly publicRemedy: string;
  readonly proxyRemedy: string;
  readonly policy: string;
  /** What makes closed groups right. */
  readonly behindProxy: string;
}

export const AGENTS: Subject = {
  subnets: 'network.subnetIds',
  groups: 'network.securityGroupIds',
  who: 'agents',
  need: 'agents need',
  withoutZone: 'no agent starts',
  onOutpost: 'where Fargate does not run tasks',
  ofGroups: '',
  inSubnets: '',
  lacksAddresses: (subnet, free, needed) =>
    missing(
      `subnet ${subnet} has ${free} free addresses, but all pools together may have ${needed} agents`,
      'use larger subnets, or lower maxAgents',
    ),
  publicSubnet: "which a task without a public address can't use",
  publicRemedy:
    'use private subnets whose default route is a NAT gateway, a firewall or a transit gateway; or use egress public-ip',
  proxyRemedy:
    'A proxy alone also works, with HTTPS_PROXY in the environment of the pools and endpoints for these services',
  policy: 'a task start',
  behindProxy: 'If agents use a proxy, this is correct: set HTTPS_PROXY in the environment of the pools',
};

export const LAUNCHER: Subject = {
  subnets: 'network.launcherSubnetIds',
  groups: 'network.launcherSecurityGroupIds',
  who: 'the launcher',
  need: 'the launcher needs',
  withoutZone: 'the launcher does not run',
  ofGroups: ' of the launcher',
  inSubnets: 'the launcher in ',
  lacksAddresses: (subnet) => missing(`subnet ${subnet} has no free address for the launcher`, 'use larger subnets'),
  publicSubnet: "which a Lambda function can't use, because it has no public address",
  publicRemedy: 'use private subnets whose default route is a NAT gateway, a firewall or a transit gateway',
  proxyRemedy:
    'For a Terraform Enterprise inside your network, a route to it and endpoints for these services suffice. So does a route to your proxy, with launcher.httpsProxy',
  policy: "the launcher's calls",
  behindProxy: 'If the launcher uses a proxy, this is correct: set launcher.httpsProxy',
};

/** The launcher in the subnets of the agents: a finding about a subnet has the remedy that it has for agents. */
export const LAUNCHER_IN_SUBNETS_OF_AGENTS: Subject = { ...LAUNCHER, subnets: AGENTS.subnets };

/** A finding: something is missing, or the user should know something. */
export interface VpcFinding {
  readonly level: 'missing' | 'note';
  readonly what: string;
  readonly remedy: string;
}

/** A finding that prevents agents from starting or from reaching HCP Terraform. */
export const missing = (what: string, remedy: string): VpcFinding => ({ level: 'missing', what, remedy });
export const note = (what: string, remedy: string): VpcFinding => ({ level: 'note', what, remedy });

/** Whether a rule allows TCP to a port. */
export function lets({ protocol, from, to }: GroupRule, port: number): boolean {
  return protocol === '-1' || (protocol === 'tcp' && from <= port && port <= to);
}
