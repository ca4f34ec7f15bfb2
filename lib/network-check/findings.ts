/** The facts about an existing VPC, what agents need from it, and the findings about it. */
import type { InternetRoutes } from './internet-routes.ts';
import type { AclFacts } from './network-acl.ts';

/** Facts about a VPC: the parts of the EC2 and Route 53 Resolver answers that the check uses. */
export interface VpcFacts {
  /** Its first IPv4 range. The VPC's resolver has the third address in it. */
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
  /** The Outpost that it is on. */
  readonly outpost?: string;
  /** Whether its route table leads to a gateway endpoint for S3. */
  readonly s3Endpoint: boolean;
  /** Absent if this account can't see it, as in a VPC that another account shares. */
  readonly acl?: AclFacts;
}

export interface EndpointFacts {
  /** As in {@link VpcNeeds.services}. */
  readonly service: string;
  readonly privateDns: boolean;
  /** Whether its policy differs from the default, which allows everything. */
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
  readonly proxyPorts?: readonly number[];
  /** Services without which no task starts, by their endpoint name: `ecr.api`, `ecr.dkr`, `logs`, `secretsmanager`. */
  readonly services: readonly string[];
  readonly dnsFirewall: boolean;
  /** Whether the tasks have GuardDuty's sidecar. */
  readonly guardDuty?: boolean;
}

/** Something that is missing, or that the user should know. */
export interface VpcFinding {
  readonly level: 'missing' | 'note';
  readonly what: string;
  readonly remedy: string;
}

/** Something without which agents don't start or don't reach HCP Terraform. */
export const missing = (what: string, remedy: string): VpcFinding => ({ level: 'missing', what, remedy });
export const note = (what: string, remedy: string): VpcFinding => ({ level: 'note', what, remedy });

/** Whether a rule allows TCP to a port. */
export function lets({ protocol, from, to }: GroupRule, port: number): boolean {
  return protocol === '-1' || (protocol === 'tcp' && from <= port && port <= to);
}
