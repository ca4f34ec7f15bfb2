/** The public properties of EgressNetwork. They are apart from it because their checks need them, too. */
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { AllowedNamesInput } from '../network/allowed-domains.ts';

/** Egress mode of a VPC that only the agents use, with the options of that mode. */
export type OwnEgress =
  | {
      /** Private subnets in two zones behind NAT. */
      readonly mode: 'nat-gateway';
      /** One NAT gateway for both zones, or one in each zone. */
      readonly natGateways: 'one' | 'all';
      readonly vpcEndpoints: 'none' | 'task-start';
      /** Whether IPv6 is also used, through an egress-only internet gateway. */
      readonly ipv6: boolean;
      readonly dnsFirewall: boolean;
    }
  | {
      /** Private subnets behind a firewall that checks server names, and behind NAT. */
      readonly mode: 'network-firewall';
      /** Everything in one zone, or in two zones that each have a firewall and a NAT gateway. */
      readonly natGateways: 'one' | 'all';
      readonly vpcEndpoints: 'none' | 'task-start';
      /**
       * Retention of the firewall's alert and flow logs.
       *
       * @default logs.RetentionDays.ONE_MONTH
       */
      readonly firewallLogRetention?: logs.RetentionDays;
    }
  | {
      /** Public subnets. Each task has a public address while it runs. */
      readonly mode: 'public-ip';
      readonly ipv6: boolean;
      readonly dnsFirewall: boolean;
    };

export interface EgressNetworkProps {
  /** Address range of the VPC, `/16` to `/22`. */
  readonly cidr: string;
  /**
   * Names of the VPC's Availability Zones: two, or one with `network-firewall` and `natGateways: 'one'`. Some zones
   * have no Fargate: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
   *
   * @default - the first zones that AWS lists for the account
   */
  readonly availabilityZones?: readonly string[];
  /**
   * Egress mode of the agents.
   *
   * @default - one NAT gateway, DNS Firewall, no endpoints, no IPv6
   */
  readonly egress?: OwnEgress;
  /**
   * Domains that agents may reach, in addition to those that a task startup needs.
   *
   * @default - the domains that HCP Terraform needs
   */
  readonly allowed?: AllowedNamesInput;
  /**
   * References of the images that tasks pull directly: those of `AgentImage.fromReference`. Their registries resolve.
   * `undefined` means an image in the stack's own account: one that is built with the stack, or a copy (`AgentImage.copyOf`).
   *
   * @default - an image in the stack's own account
   */
  readonly images?: readonly (string | undefined)[];
  /**
   * Retention of the VPC flow logs.
   *
   * @default - no flow logs are written
   */
  readonly flowLogRetention?: logs.RetentionDays;
  /**
   * Retention of the DNS query log.
   *
   * @default - queries are not logged
   */
  readonly dnsQueryLogRetention?: logs.RetentionDays;
  /**
   * Whether the tasks have GuardDuty's sidecar: its image and what it sends are let through. GuardDuty creates the endpoint that
   * it sends to; the stack doesn't.
   *
   * @default false
   */
  readonly guardDuty?: boolean;
}
