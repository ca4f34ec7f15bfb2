/** The egress modes, and the options of the modes that create a VPC. */
import type { AllowedDomainOptions } from './allowed-domains.ts';

export const EGRESS_MODES = ['nat-gateway', 'network-firewall', 'existing-vpc', 'public-ip'] as const;
export type EgressMode = (typeof EGRESS_MODES)[number];

/** Options that all modes with a new VPC share. */
export interface OwnVpcOptions extends AllowedDomainOptions {
  /**
   * Address range of the VPC, `/16` to `/22`.
   *
   * @default '10.90.0.0/20'
   */
  readonly cidr?: string | undefined;
  /**
   * Address ranges of your other networks, which the VPC must not overlap.
   *
   * @default - not compared
   */
  readonly otherCidrs?: readonly string[] | undefined;
  /**
   * Names of the VPC's Availability Zones: two, or one with `network-firewall` and `natGateways: 'one'`. Fargate isn't
   * available in some zones: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
   *
   * @default - the first zones that AWS lists for the account
   */
  readonly availabilityZones?: readonly string[] | undefined;
  /**
   * Retention of the VPC flow logs, as `logs.RetentionDays`.
   *
   * @default - no flow logs are written
   */
  readonly flowLogRetentionDays?: number | undefined;
  /**
   * Retention of the DNS query log, as `logs.RetentionDays`. DNS Firewall writes it.
   *
   * @default - queries are not logged
   */
  readonly dnsQueryLogRetentionDays?: number | undefined;
  /**
   * Whether the tasks have GuardDuty's sidecar. If true, the network allows the pull of its image and the traffic that it sends.
   * GuardDuty, not the stack, creates the endpoint that receives this traffic.
   *
   * @default false
   */
  readonly guardDuty?: boolean | undefined;
  /**
   * Whether only the allowed domains resolve.
   *
   * @default true
   */
  readonly dnsFirewall?: boolean | undefined;
  /**
   * Whether agents can also use IPv6. Private subnets use an egress-only internet gateway for it.
   *
   * @default false
   */
  readonly ipv6?: boolean | undefined;
  /** @default 'none' */
  readonly vpcEndpoints?: 'none' | 'task-start' | undefined;
}

/** Private subnets in two zones behind NAT. */
export interface NatGatewayNetwork extends OwnVpcOptions {
  readonly egress?: 'nat-gateway' | undefined;
  /**
   * One NAT gateway for both zones, or one in each zone.
   *
   * @default 'one'
   */
  readonly natGateways?: 'one' | 'all' | undefined;
}

/** Private subnets behind a firewall that checks server names, and behind NAT. */
export interface NetworkFirewallNetwork extends OwnVpcOptions {
  readonly egress: 'network-firewall';
  /**
   * `one` puts everything into one zone. `all` creates two zones, each with a firewall and a NAT gateway.
   *
   * @default 'one'
   */
  readonly natGateways?: 'one' | 'all' | undefined;
  /** IPv6 would bypass the firewall. */
  readonly ipv6?: false | undefined;
  /** Without DNS Firewall, a job could send data out in DNS queries. */
  readonly dnsFirewall?: true | undefined;
  /**
   * Retention of the firewall's alert and flow logs, as `logs.RetentionDays`.
   *
   * @default 30
   */
  readonly firewallLogRetentionDays?: number | undefined;
}

/** Public subnets. Each task has a public address while it runs. */
export interface PublicIpNetwork extends OwnVpcOptions {
  readonly egress: 'public-ip';
  /** Endpoints cost money while idle. */
  readonly vpcEndpoints?: 'none' | undefined;
}

/** The options of a VPC that only the agents use: an egress mode and its options. */
export type OwnNetwork = NatGatewayNetwork | NetworkFirewallNetwork | PublicIpNetwork;
