/** Settings of the agents' network: as they are written, and as the stack takes them. */
import * as z from 'zod';
import { DEFAULT_VPC_CIDR } from './defaults.ts';
import { type AllowedNamesInput, PRESETS } from './egress/allowed-domains.ts';
import { parseName } from './egress/domain-name.ts';
import { REGION } from './egress/partitions.ts';
import { oneOf, RETENTION_DAYS, setting } from './setting.ts';

const days = RETENTION_DAYS.join(', ');
const presets = Object.entries(PRESETS);

/** What the name of an API's endpoint looks like; `network-name-checks.ts` looks closer. */
export const SERVICE = /^[a-z][a-z0-9.-]{1,40}$/;

/** Name of an Availability Zone. Local Zones (`us-west-2-lax-1a`) and Wavelength Zones have no Fargate. */
const AVAILABILITY_ZONE = /^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/;

/** Settings of the network, before they are checked against each other. */
export const networkSettings = z.strictObject({
  egress: setting(z.enum(['nat-gateway', 'network-firewall', 'existing-vpc', 'public-ip']).default('nat-gateway'), {
    description:
      'How agents reach out: private subnets behind NAT, the same behind a firewall that reads server names, a VPC that you have, or public subnets. docs/network.md compares them.',
    allowed: 'nat-gateway, network-firewall, existing-vpc or public-ip',
  }),
  allowedDomains: setting(z.array(z.string()).min(1).max(200).optional(), {
    description: 'Names that agents may reach, in place of the default ones; `hostname` is always allowed.',
    allowed: 'up to 200 names; *.example.com for all below example.com',
    absent: 'the names that `hostname` needs: with HCP Terraform itself, archivist, releases and registry',
  }),
  allowedPresets: setting(z.array(z.enum(Object.keys(PRESETS) as (keyof typeof PRESETS)[])).optional(), {
    description: `Groups of names to allow as well: ${presets.map(([name, what]) => `${name}: ${what}`).join('; ')}.`,
    allowed: presets.map(([name]) => name).join(', '),
    absent: 'none',
  }),
  awsApiServices: setting(z.array(z.string().regex(SERVICE)).min(1).max(50).optional(), {
    description: 'Services of the preset aws-apis, as their endpoints are called.',
    allowed: 'up to 50, such as ec2, s3, sts, iam, monitoring, elasticloadbalancing',
    absent: 'needed with the preset aws-apis',
  }),
  awsApiRegions: setting(z.array(z.string().regex(REGION)).min(1).max(40).optional(), {
    description: 'Regions of the preset aws-apis.',
    allowed: 'up to 40, such as eu-central-1',
    absent:
      "the stack's region; needed with services whose hosts are called otherwise in other partitions, such as iam",
  }),
  dnsFirewall: setting(z.boolean().optional(), {
    description:
      'Whether only the allowed names resolve, by Route 53 Resolver DNS Firewall. It applies to everything in the VPC.',
    allowed: 'true or false; always true with network-firewall',
    absent: 'true, and false with `existing-vpc`',
  }),
  natGateways: setting(z.enum(['one', 'all']).optional(), {
    description:
      'NAT for two zones in one of them, or in each; with network-firewall one zone with everything, or two that stand alone. Each has a fixed address.',
    allowed: 'one or all',
    absent: 'one',
  }),
  vpcEndpoints: setting(z.enum(['none', 'task-start']).optional(), {
    description:
      "Interface endpoints for what a task start needs: ECR, logs, secrets. Without them it goes the jobs' way.",
    allowed: 'none or task-start',
    absent: 'none',
  }),
  ipv6: setting(z.boolean().optional(), {
    description: 'Whether agents reach out over IPv6 as well. Nothing comes in by it.',
    allowed: 'true or false; true with nat-gateway and public-ip only',
    absent: 'false',
  }),
  availabilityZones: setting(
    z
      .array(z.string().regex(AVAILABILITY_ZONE))
      .min(1)
      .max(2)
      .refine((zones) => new Set(zones).size === zones.length)
      .optional(),
    {
      description:
        'Availability Zones of the new VPC. Set them where Fargate is missing in one of the first two zones of the region, as in parts of us-west-1, ap-northeast-1 and cn-north-1.',
      allowed: 'two zone names such as eu-central-1a; one with network-firewall and natGateways one',
      absent: 'the first zones that AWS lists for your account',
      remedy: 'aws ec2 describe-availability-zones lists the zone names of your account',
    },
  ),
  cidr: setting(z.string().optional(), {
    description: 'Address range of the new VPC.',
    allowed: 'private IPv4 range from /16 to /22 that begins at its first address, such as 10.90.0.0/20',
    absent: `${DEFAULT_VPC_CIDR}; none with \`existing-vpc\``,
  }),
  otherCidrs: setting(z.array(z.string()).max(100).optional(), {
    description: 'Address ranges of your other networks, which the new VPC must not overlap.',
    allowed: 'up to 100 IPv4 ranges',
    absent: 'not compared',
  }),
  flowLogRetentionDays: setting(oneOf(RETENTION_DAYS).optional(), {
    description: 'Days that flow logs of the new VPC are kept.',
    allowed: days,
    absent: 'no flow logs',
  }),
  dnsQueryLogRetentionDays: setting(oneOf(RETENTION_DAYS).optional(), {
    description: 'Days that a log of every DNS query in the new VPC is kept; it shows which names were refused.',
    allowed: days,
    absent: 'no query log',
  }),
  firewallLogRetentionDays: setting(oneOf(RETENTION_DAYS).optional(), {
    description: "Days that the network firewall's alerts and flows are kept.",
    allowed: days,
    absent: '`logRetentionDays`',
  }),
  vpcId: setting(
    z
      .string()
      .regex(/^vpc-[0-9a-f]{8,17}$/)
      .optional(),
    { description: 'The existing VPC.', allowed: 'vpc-…', absent: 'needed with `existing-vpc`' },
  ),
  subnetIds: setting(
    z
      .array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/))
      .min(1)
      .max(16)
      .optional(),
    {
      description: 'Private subnets of the existing VPC, with a way out; best in two availability zones.',
      allowed: '1 to 16 of subnet-…',
      absent: 'needed with `existing-vpc`',
    },
  ),
  securityGroupIds: setting(
    z
      .array(z.string().regex(/^sg-[0-9a-f]{8,17}$/))
      .min(1)
      .max(5)
      .optional(),
    {
      description: 'Security groups of the agents in the existing VPC.',
      allowed: '1 to 5 of sg-…',
      absent: 'a new one: nothing in, TCP 443 and the ports of your proxies out',
    },
  ),
});

type ReadNetworkSettings = z.infer<typeof networkSettings>;

/** What may be reached, beside `hostname`. */
export type AllowedSettings = Omit<AllowedNamesInput, 'hostname'>;

interface OwnVpcSettings {
  readonly cidr: string;
  readonly availabilityZones?: readonly string[];
  readonly flowLogRetentionDays?: number;
  readonly dnsQueryLogRetentionDays?: number;
}

/** The network of the agents, by how they reach out. */
export type NetworkSettings = { readonly allowed: AllowedSettings } & (
  | (OwnVpcSettings & {
      readonly egress: 'nat-gateway';
      readonly natGateways: 'one' | 'all';
      readonly vpcEndpoints: 'none' | 'task-start';
      readonly ipv6: boolean;
      readonly dnsFirewall: boolean;
    })
  | (OwnVpcSettings & {
      readonly egress: 'network-firewall';
      readonly natGateways: 'one' | 'all';
      readonly vpcEndpoints: 'none' | 'task-start';
      readonly firewallLogRetentionDays?: number;
    })
  | (OwnVpcSettings & {
      readonly egress: 'public-ip';
      readonly ipv6: boolean;
      readonly dnsFirewall: boolean;
    })
  | {
      readonly egress: 'existing-vpc';
      readonly vpcId: string;
      readonly subnetIds: readonly string[];
      readonly securityGroupIds?: readonly string[];
      readonly dnsFirewall: boolean;
    }
);

/** The settings of the chosen mode, defaults filled in. They have no fault: see `networkFaults`. */
export function chosenNetwork(read: ReadNetworkSettings): NetworkSettings {
  const allowed: AllowedSettings = {
    ...(read.allowedDomains !== undefined && { allowedDomains: read.allowedDomains.map(normalisedName) }),
    ...(read.allowedPresets !== undefined && { allowedPresets: read.allowedPresets }),
    ...(read.awsApiServices !== undefined && { awsApiServices: read.awsApiServices }),
    ...(read.awsApiRegions !== undefined && { awsApiRegions: read.awsApiRegions }),
  };
  const own: OwnVpcSettings = {
    cidr: read.cidr ?? DEFAULT_VPC_CIDR,
    ...(read.availabilityZones !== undefined && { availabilityZones: read.availabilityZones }),
    ...(read.flowLogRetentionDays !== undefined && { flowLogRetentionDays: read.flowLogRetentionDays }),
    ...(read.dnsQueryLogRetentionDays !== undefined && { dnsQueryLogRetentionDays: read.dnsQueryLogRetentionDays }),
  };
  const { natGateways = 'one', vpcEndpoints = 'none', ipv6 = false, egress } = read;
  switch (egress) {
    case 'nat-gateway':
      return { egress, allowed, ...own, natGateways, vpcEndpoints, ipv6, dnsFirewall: read.dnsFirewall ?? true };
    case 'network-firewall': {
      const { firewallLogRetentionDays: days } = read;
      return { egress, allowed, ...own, natGateways, vpcEndpoints, ...(days && { firewallLogRetentionDays: days }) };
    }
    case 'public-ip':
      return { egress, allowed, ...own, ipv6, dnsFirewall: read.dnsFirewall ?? true };
    case 'existing-vpc': {
      const { vpcId = '', subnetIds = [], securityGroupIds, dnsFirewall = false } = read;
      return {
        egress,
        allowed,
        vpcId,
        subnetIds,
        ...(securityGroupIds !== undefined && { securityGroupIds }),
        dnsFirewall,
      };
    }
  }
}

function normalisedName(given: string): string {
  const parsed = parseName(given);
  return 'name' in parsed ? parsed.name : given;
}
