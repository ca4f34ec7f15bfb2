/** The egress modes, and the options of the modes that create a VPC. */
import type { GatewayStart } from '../../functions/launcher/contract.ts';
import type { AllowedDomainOptions } from './allowed-domains.ts';

export const EGRESS_MODES = ['nat-gateway', 'on-demand', 'network-firewall', 'existing-vpc', 'public-ip'] as const;
export type EgressMode = (typeof EGRESS_MODES)[number];

/** Modes that are complete, but that nobody has tried in a live account, although they rely on what AWS doesn't document. */
export const PREVIEW_MODES: readonly EgressMode[] = ['on-demand'];

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
   * Names of the VPC's Availability Zones: two, or one with `network-firewall` and `natGateways: 'one'`, and with `on-demand` and
   * `gateways: 'one'`. Fargate isn't available in some zones: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
   *
   * @default - the first zones that AWS lists for the account
   */
  readonly availabilityZones?: readonly string[] | undefined;
  /**
   * Retention of the VPC flow logs, as `logs.RetentionDays`; 0: no flow logs are written.
   *
   * @default 30
   */
  readonly flowLogRetentionDays?: number | undefined;
  /**
   * Retention of the DNS query log, as `logs.RetentionDays`; 0: queries are not logged.
   *
   * @default 30; without `dnsFirewall`, queries are not logged
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
  /**
   * Allocation IDs of existing Elastic IPs, one for each NAT gateway. A change replaces the NAT gateways.
   *
   * @default - the network creates the Elastic IPs
   */
  readonly elasticIpAllocationIds?: readonly string[] | undefined;
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
  /**
   * Allocation IDs of existing Elastic IPs, one for each NAT gateway. A change replaces the NAT gateways.
   *
   * @default - the network creates the Elastic IPs
   */
  readonly elasticIpAllocationIds?: readonly string[] | undefined;
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

/**
 * Private subnets behind gateways that only forward TLS to allowed server names. A gateway is an EC2 instance of the launcher: it is
 * stopped while no task needs it. Pass `gateways` of the construct to `AgentLauncher`.
 */
export interface OnDemandNetwork extends OwnVpcOptions {
  readonly egress: 'on-demand';
  /**
   * `one` puts everything into one zone. `all` creates two zones, each with a gateway.
   *
   * @default 'one'
   */
  readonly gateways?: 'one' | 'all' | undefined;
  /**
   * Instance type of the gateways: a burstable, general or compute type such as `t4g.small`. A change replaces the gateways while nothing
   * runs.
   *
   * @default 't4g.nano'
   */
  readonly gatewayInstanceType?: string | undefined;
  /**
   * Minutes that a gateway keeps running after its last task, from 7 to 1440.
   *
   * @default 10
   */
  readonly gatewayIdleMinutes?: number | undefined;
  /**
   * `before-tasks`: a task starts when the gateway is ready. `with-tasks`: both start at the same time, unless the gateway is new.
   *
   * @default 'before-tasks'
   */
  readonly gatewayStart?: GatewayStart | undefined;
  /**
   * Days after which an idle gateway is replaced, so that it runs the current image of Amazon Linux, from 1 to 365.
   *
   * @default 30
   */
  readonly gatewayMaxAgeDays?: number | undefined;
  /**
   * Whether each gateway keeps an Elastic IP, so that the source addresses of the agents never change.
   *
   * @default false
   */
  readonly fixedAddress?: boolean | undefined;
  /**
   * Whether people can open a shell on the gateways with Session Manager.
   *
   * @default false
   */
  readonly gatewaySessionManager?: boolean | undefined;
  /**
   * Retention of the gateways' log, as `logs.RetentionDays`. It has a line for every connection.
   *
   * @default 30
   */
  readonly gatewayLogRetentionDays?: number | undefined;
  /** The gateways forward IPv4 only. */
  readonly ipv6?: false | undefined;
  /** Without DNS Firewall, a job could send data out in DNS queries. */
  readonly dnsFirewall?: true | undefined;
}

/** Public subnets. Each task has a public address while it runs. */
export interface PublicIpNetwork extends OwnVpcOptions {
  readonly egress: 'public-ip';
  /** Endpoints cost money while idle. */
  readonly vpcEndpoints?: 'none' | undefined;
}

/** The options of a VPC that only the agents use: an egress mode and its options. */
export type OwnNetwork = NatGatewayNetwork | OnDemandNetwork | NetworkFirewallNetwork | PublicIpNetwork;
