/** Settings of the agents' network: the schema of the input, and the type that the stack uses. */
import * as z from 'zod';
import { REGION } from '../aws/partitions.ts';
import { shown } from '../credentials.ts';
import { DEFAULT_VPC_CIDR } from '../defaults.ts';
import { type AllowedNamesInput, PRESETS } from '../network/allowed-domains.ts';
import { parseName } from '../network/domain-name.ts';
import { oneOf, RETENTION_DAYS, RETENTION_DOC, setting } from './fields.ts';

const presets = Object.entries(PRESETS);

/** What the name of an API's endpoint looks like; `settings/checks/domains.ts` checks more. */
export const SERVICE = /^[a-z][a-z0-9.-]{1,40}$/;

/** Name of an Availability Zone. Local Zones (`us-west-2-lax-1a`) and Wavelength Zones have no Fargate. */
const AVAILABILITY_ZONE = /^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/;

/** Ids have 17 hexadecimal digits, and 8 if they are from before 2018. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html */
const ID = {
  vpc: /^vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
  subnet: /^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
  sg: /^sg-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
};

/** Documentation of the ids, which `settings/checks/network.ts` also uses where one is missing. */
export const ID_DOC = {
  vpc: idDoc('vpc', 'describe-vpcs --query "Vpcs[].VpcId"'),
  subnet: idDoc('subnet', 'describe-subnets --query "Subnets[].[VpcId,SubnetId]"'),
  sg: idDoc('sg', 'describe-security-groups --query "SecurityGroups[].[VpcId,GroupId]"'),
};

function idDoc(prefix: keyof typeof ID, command: string) {
  const remedy = `copy the ID from the console. This lists yours: aws ec2 ${command} --output text`;
  return {
    allowed: `${prefix}- and 8 or 17 hex digits`,
    remedy,
    explain: (value: unknown) => {
      const digits = typeof value === 'string' && value.startsWith(`${prefix}-`) ? value.slice(prefix.length + 1) : '';
      if (digits === '') return undefined;
      const wrong = /^[0-9a-f]*$/.test(digits)
        ? `has ${digits.length} digits`
        : 'has other characters than 0-9 and a-f';
      return {
        given: `${shown(value)}, which ${wrong} after ${prefix}-`,
        allowed: `${prefix}- and 8 or 17 hex digits`,
        remedy,
      };
    },
  };
}

/** Settings of the network, before they are checked against each other. */
export const networkSettings = z.strictObject({
  egress: setting(z.enum(['nat-gateway', 'network-firewall', 'existing-vpc', 'public-ip']).default('nat-gateway'), {
    description:
      'Egress mode of the agents: private subnets behind NAT, the same with a firewall that checks server names, an existing VPC, or public subnets. docs/network.md compares them.',
    allowed: 'nat-gateway, network-firewall, existing-vpc or public-ip',
  }),
  allowedDomains: setting(z.array(z.string()).min(1).max(200).optional(), {
    description: 'Domains that agents may reach, instead of the default ones. `hostname` is always allowed.',
    allowed: 'up to 200 domains; *.example.com allows every name below example.com',
    absent: 'the domains that `hostname` requires; for HCP Terraform, also archivist, releases and registry',
  }),
  allowedPresets: setting(z.array(z.enum(Object.keys(PRESETS) as (keyof typeof PRESETS)[])).optional(), {
    description: `Additional groups of domains to allow: ${presets.map(([name, what]) => `${name}: ${what}`).join('; ')}.`,
    allowed: presets.map(([name]) => name).join(', '),
    absent: 'none',
  }),
  awsApiServices: setting(z.array(z.string().regex(SERVICE)).min(1).max(50).optional(), {
    description: 'Services of the preset aws-apis, by the names of their endpoints.',
    allowed: 'up to 50, such as ec2, s3, sts, iam, monitoring, elasticloadbalancing',
    absent: 'required with the preset aws-apis',
  }),
  awsApiRegions: setting(z.array(z.string().regex(REGION)).min(1).max(40).optional(), {
    description: 'Regions of the preset aws-apis.',
    allowed: 'up to 40, such as eu-central-1',
    absent: "the stack's region; required for services whose hosts have other names in other partitions, such as iam",
  }),
  dnsFirewall: setting(z.boolean().optional(), {
    description:
      'Whether Route 53 Resolver DNS Firewall resolves the allowed domains only. It applies to the whole VPC.',
    allowed: 'true or false; always true with network-firewall',
    absent: 'true, and false with `existing-vpc`',
  }),
  guardDuty: setting(z.boolean().optional(), {
    description:
      'Whether GuardDuty Runtime Monitoring adds its sidecar to the tasks. If true, tasks may pull its image and report to GuardDuty.',
    allowed: "true or false; true in the regions of AWS's list",
    absent: 'false',
  }),
  natGateways: setting(z.enum(['one', 'all']).optional(), {
    description:
      'NAT gateways: one for both zones, or one per zone. With network-firewall: one zone with everything, or two independent zones. Each gateway has a fixed address.',
    allowed: 'one or all',
    absent: 'one',
  }),
  vpcEndpoints: setting(z.enum(['none', 'task-start']).optional(), {
    description:
      'Interface endpoints for task startup: ECR, logs, secrets. Without them, task startup uses the egress path of the jobs.',
    allowed: 'none or task-start',
    absent: 'none',
  }),
  ipv6: setting(z.boolean().optional(), {
    description: 'Whether agents also have an egress path over IPv6. Nothing comes in over IPv6.',
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
        'Availability Zones of the new VPC. Set them if Fargate is not available in the first two zones of the region, as in parts of us-west-1, ap-northeast-1 and cn-north-1.',
      allowed: 'two zone names such as eu-central-1a; one with network-firewall and natGateways one',
      absent: 'the first zones that AWS lists for your account',
      remedy: 'aws ec2 describe-availability-zones lists the zone names of your account',
    },
  ),
  cidr: setting(z.string().optional(), {
    description: 'Address range of the new VPC.',
    allowed: 'private IPv4 range from /16 to /22, beginning at its first address, such as 10.90.0.0/20',
    absent: `${DEFAULT_VPC_CIDR}; none with \`existing-vpc\``,
  }),
  otherCidrs: setting(z.array(z.string()).max(100).optional(), {
    description: 'Address ranges of your other networks, which the new VPC must not overlap.',
    allowed: 'up to 100 IPv4 ranges',
    absent: 'not compared',
  }),
  flowLogRetentionDays: setting(oneOf(RETENTION_DAYS).optional(), {
    description: 'Retention in days for the flow logs of the new VPC.',
    ...RETENTION_DOC,
    absent: 'no flow logs',
  }),
  dnsQueryLogRetentionDays: setting(oneOf(RETENTION_DAYS).optional(), {
    description: 'Retention in days for a log of every DNS query in the new VPC, which shows the refused domains.',
    ...RETENTION_DOC,
    absent: 'no query log',
  }),
  firewallLogRetentionDays: setting(oneOf(RETENTION_DAYS).optional(), {
    description: 'Retention in days for the alerts and flows of the network firewall.',
    ...RETENTION_DOC,
    absent: '`logRetentionDays`',
  }),
  vpcId: setting(z.string().regex(ID.vpc).optional(), {
    description: 'The existing VPC.',
    ...ID_DOC.vpc,
    absent: 'required with `existing-vpc`',
  }),
  subnetIds: setting(z.array(z.string().regex(ID.subnet)).min(1).max(16).optional(), {
    description: 'Private subnets of the existing VPC that have an egress path, preferably in two Availability Zones.',
    ...ID_DOC.subnet,
    allowed: `1 to 16 of ${ID_DOC.subnet.allowed}`,
    absent: 'required with `existing-vpc`',
  }),
  securityGroupIds: setting(z.array(z.string().regex(ID.sg)).min(1).max(5).optional(), {
    description: 'Security groups of the agents in the existing VPC.',
    ...ID_DOC.sg,
    allowed: `1 to 5 of ${ID_DOC.sg.allowed}`,
    absent: 'a new group: no inbound traffic; outbound TCP 443 and the ports of your proxies',
  }),
});

type ReadNetworkSettings = z.infer<typeof networkSettings>;

/** What agents may reach in addition to `hostname`. */
export type AllowedSettings = Omit<AllowedNamesInput, 'hostname'>;

interface OwnVpcSettings {
  readonly cidr: string;
  readonly availabilityZones?: readonly string[];
  readonly flowLogRetentionDays?: number;
  readonly dnsQueryLogRetentionDays?: number;
}

/** The network of the agents, by egress mode. */
export type NetworkSettings = { readonly allowed: AllowedSettings; readonly guardDuty: boolean } & (
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

/** The settings of the chosen mode with defaults. `networkFaults` must have found no fault in them. */
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
  const { natGateways = 'one', vpcEndpoints = 'none', ipv6 = false, guardDuty = false, egress } = read;
  const any = { allowed, guardDuty };
  switch (egress) {
    case 'nat-gateway':
      return { egress, ...any, ...own, natGateways, vpcEndpoints, ipv6, dnsFirewall: read.dnsFirewall ?? true };
    case 'network-firewall': {
      const { firewallLogRetentionDays: days } = read;
      return { egress, ...any, ...own, natGateways, vpcEndpoints, ...(days && { firewallLogRetentionDays: days }) };
    }
    case 'public-ip':
      return { egress, ...any, ...own, ipv6, dnsFirewall: read.dnsFirewall ?? true };
    case 'existing-vpc': {
      const { vpcId = '', subnetIds = [], securityGroupIds, dnsFirewall = false } = read;
      return {
        egress,
        ...any,
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
