/** What is looked at in an existing VPC, what agents need of it, and what may be said about it. */
import type { AclFacts } from './network-acl.ts';

/** What is known of a VPC: answers of the EC2 and Route 53 Resolver APIs, cut down to what is looked at. */
export interface VpcFacts {
  /** Its first IPv4 range, in which its own resolver has the address after next. */
  readonly range: string;
  readonly dnsSupport: boolean;
  readonly dnsHostnames: boolean;
  /** Resolvers that DHCP tells; `AmazonProvidedDNS` is the VPC's own. */
  readonly resolvers: readonly string[];
  readonly subnets: readonly SubnetFacts[];
  /** Interface endpoints. */
  readonly endpoints: readonly EndpointFacts[];
  /** Gateway endpoint for S3 with a policy that does not let everything through. */
  readonly s3PolicyOfItsOwn: boolean;
  readonly securityGroups: readonly SecurityGroupFacts[];
  /** DNS Firewall rule groups that are attached already, with their places in the order of questions. */
  readonly dnsFirewallRuleGroups: readonly { readonly name: string; readonly priority: number }[];
  /** Whether everything resolves when DNS Firewall cannot decide; absent: not asked. */
  readonly dnsFailsOpen?: boolean;
}

export interface SubnetFacts {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly freeAddresses: number;
  /** Absent: it has IPv6 alone. */
  readonly range?: string;
  /** The Outpost that it is on. */
  readonly outpost?: string;
  /**
   * Where the internet's addresses lead: `nat-…`, `igw-…`, `tgw-…`, `vpce-…`, a core network's ARN, …; more than one where
   * halves or smaller parts of all addresses have routes of their own.
   */
  readonly ways: readonly string[];
  /** Ranges with public addresses that lead nowhere: without a route, or by one whose target is gone. */
  readonly nowhere: readonly string[];
  /** Whether its route table leads to a gateway endpoint for S3. */
  readonly s3Endpoint: boolean;
  /** Absent: this account is not shown it, as in a VPC that another one shares. */
  readonly acl?: AclFacts;
}

export interface EndpointFacts {
  /** As {@link VpcNeeds.services} calls it. */
  readonly service: string;
  readonly privateDns: boolean;
  /** Whether it has another policy than the one that lets everything through. */
  readonly policyOfItsOwn: boolean;
  readonly groups: readonly SecurityGroupFacts[];
}

export interface SecurityGroupFacts {
  readonly id: string;
  readonly vpcId: string;
  readonly inwards: readonly GroupRule[];
  readonly outwards: readonly GroupRule[];
}

/** A rule of a security group, for one peer: a range, a prefix list, a group. */
export interface GroupRule {
  /** `tcp`, `udp`, …; `-1`: all. */
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  readonly peer: string;
}

/** What agents need of the VPC. */
export interface VpcNeeds {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly hostname: string;
  /** Agents of all pools at once. */
  readonly agents: number;
  readonly ports: readonly number[];
  /** Ports of the agents' proxies. */
  readonly proxyPorts?: readonly number[];
  /** Services without which no task starts, as endpoints are called: `ecr.api`, `ecr.dkr`, `logs`, `secretsmanager`. */
  readonly services: readonly string[];
  readonly dnsFirewall: boolean;
  /** Whether the tasks have GuardDuty's sidecar. */
  readonly guardDuty?: boolean;
}

/** Something that is missing, or that should be known. */
export interface VpcFinding {
  readonly level: 'missing' | 'note';
  readonly what: string;
  readonly remedy: string;
}

/** Something without which agents do not start or do not reach HCP Terraform. */
export const missing = (what: string, remedy: string): VpcFinding => ({ level: 'missing', what, remedy });
/** Something that should be known. */
export const note = (what: string, remedy: string): VpcFinding => ({ level: 'note', what, remedy });

/** Whether a rule lets TCP to a port through. */
export function lets({ protocol, from, to }: GroupRule, port: number): boolean {
  return protocol === '-1' || (protocol === 'tcp' && from <= port && port <= to);
}
