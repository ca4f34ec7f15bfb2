/** Settings of the agents' network: a union of the egress modes, each with its own options. */
import * as z from 'zod';
import { GATEWAY_STARTS } from '../../functions/launcher/contract.ts';
import { dollars, gatewayHourCost, idleNetworkCost, total, vpcLogCost } from '../aws/costs.ts';
import { architectureOf } from '../aws/instance-type.ts';
import { REGION } from '../aws/partitions.ts';
import { shown } from '../credentials.ts';
import {
  DEFAULT_GATEWAY_IDLE_MINUTES,
  DEFAULT_GATEWAY_INSTANCE_TYPE,
  DEFAULT_GATEWAY_MAX_AGE_DAYS,
  DEFAULT_VPC_CIDR,
  LEAST_GATEWAY_IDLE_MINUTES,
} from '../defaults.ts';
import { PRESETS } from '../network/allowed-domains.ts';
import { parseName } from '../network/domain-name.ts';
import { EGRESS_MODES, type EgressMode } from '../network/egress.ts';
import { ID, ID_DOC } from './aws-ids.ts';
import {
  choices,
  chosenOption,
  type Explanation,
  retention,
  retentionOrOff,
  type SettingDoc,
  setting,
  shapeOf,
  unwrapped,
  whole,
} from './fields.ts';
import { valueAt } from './records.ts';

const presets = Object.entries(PRESETS);

/** Prices of the logs of a VPC for 1,000 jobs, at list prices of us-east-1. */
const [FLOWS_PRICE = '', QUERIES_PRICE = ''] = vpcLogCost(1_000).map(({ usd }) => dollars(usd));

/** Pattern for the name of an API's endpoint. `settings/checks/domains.ts` checks more. */
export const SERVICE = /^[a-z][a-z0-9.-]{1,40}$/;

/** Name of an Availability Zone. Local Zones (`us-west-2-lax-1a`) and Wavelength Zones have no Fargate. */
const AVAILABILITY_ZONE = /^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/;

const EGRESS_DOC: SettingDoc = {
  description:
    'Egress mode: how traffic of the agents leaves. `nat-gateway`: private subnets with a NAT gateway. `on-demand` (preview): private subnets with a filtering gateway that sleeps while nothing runs. `network-firewall`: also a firewall that checks server names. `existing-vpc`: your VPC. `public-ip`: public subnets. docs/network.md compares the modes.',
  allowed: 'nat-gateway, on-demand, network-firewall, existing-vpc or public-ip',
};
const EGRESS = setting(z.enum(EGRESS_MODES).default('nat-gateway'), EGRESS_DOC);

/** The documented literal of an egress mode. It is the discriminator of the union. */
const mode = <Mode extends EgressMode>(value: Mode) => setting(z.literal(value), EGRESS_DOC);

const allowed = {
  allowedDomains: setting(z.array(z.string().overwrite(normalisedName)).min(1).max(200).optional(), {
    description: 'Domains that agents can reach. Your list replaces the default domains. `hostname` is always allowed.',
    allowed: 'up to 200 domains; *.example.com allows every name below example.com',
    absent: 'the domains that `hostname` requires; for HCP Terraform, also those of archivist, releases and registry',
  }),
  allowedPresets: setting(z.array(z.enum(Object.keys(PRESETS) as (keyof typeof PRESETS)[])).optional(), {
    description: `Additional groups of domains to allow. ${presets.map(([name, what]) => `\`${name}\` adds ${what}.`).join(' ')}`,
    allowed: presets.map(([name]) => name).join(', '),
    absent: 'none',
  }),
  awsApiServices: setting(z.array(z.string().regex(SERVICE)).min(1).max(50).optional(), {
    description: 'AWS services that the preset `aws-apis` allows. Use the names in their hostnames.',
    allowed: 'up to 50, such as ec2, s3, sts, iam, monitoring, elasticloadbalancing',
    absent: 'required with the preset `aws-apis`',
  }),
  awsApiRegions: setting(z.array(z.string().regex(REGION)).min(1).max(40).optional(), {
    description: 'Regions in which the preset `aws-apis` allows the services.',
    allowed: 'up to 40, such as eu-central-1',
    absent: "the stack's region; required for services whose hostnames differ between partitions, such as iam",
  }),
};

const DNS_FIREWALL: SettingDoc = {
  description: 'Whether Route 53 Resolver DNS Firewall limits DNS to the allowed domains. It applies to the whole VPC.',
  allowed: 'true or false; always true with network-firewall and on-demand',
  absent: 'true; false with `existing-vpc`',
};
const NAT_GATEWAYS: SettingDoc = {
  description:
    'Number of NAT gateways: one for both zones, or one per zone. With `network-firewall`, `one` puts everything into one zone, and `all` creates two independent zones. Each NAT gateway has a fixed address.',
  allowed: 'one or all',
  absent: 'one',
};
const VPC_ENDPOINTS: SettingDoc = {
  description:
    'Interface endpoints that a task needs to start: for ECR, CloudWatch Logs and Secrets Manager. Without them, a starting task uses the egress path of the jobs.',
  allowed: 'none or task-start',
  absent: 'none',
};
const IPV6: SettingDoc = {
  description: 'Whether agents can also send traffic over IPv6. No connection comes in over IPv6.',
  allowed: 'true or false; true only with nat-gateway or public-ip',
  absent: 'false',
};

/** Documentation of an option that a mode accepts only if it is off, with the reason. */
function off(doc: SettingDoc, egress: EgressMode, remedy: string): SettingDoc {
  return { ...doc, explain: (value) => ({ given: `${shown(value)}, with egress ${egress}`, remedy }) };
}

const dnsFirewall = setting(z.boolean().default(true), DNS_FIREWALL);
const guardDuty = setting(z.boolean().default(false), {
  description:
    'Whether GuardDuty Runtime Monitoring adds its sidecar to the tasks. If true, tasks can pull the image of the sidecar, and the sidecar can report to GuardDuty.',
  allowed: "true or false; true only in the regions that AWS lists for GuardDuty's sidecar",
  absent: 'false',
});
const natGateways = setting(z.enum(['one', 'all']).default('one'), NAT_GATEWAYS);
const elasticIpAllocationIds = setting(
  z
    .array(z.string().regex(ID.eipalloc))
    .min(1)
    .max(2)
    .refine((ids) => new Set(ids).size === ids.length)
    .optional(),
  {
    description:
      'Allocation IDs of existing Elastic IPs for the NAT gateways, so that the source addresses of the agents are known before the deployment and outlive the stack. A change replaces the NAT gateways, and running jobs lose their connections.',
    ...ID_DOC.eipalloc,
    allowed: `one ID per NAT gateway: one with natGateways one, two with natGateways all; each is ${ID_DOC.eipalloc.allowed}`,
    absent: 'the stack creates the Elastic IPs',
  },
);
const vpcEndpoints = setting(z.enum(['none', 'task-start']).default('none'), VPC_ENDPOINTS);
const ipv6 = setting(z.boolean().default(false), IPV6);

/** Settings that all modes with a new VPC share. */
const ofVpc = {
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
      allowed:
        'two zone names such as eu-central-1a; only one name with network-firewall and natGateways one, and with on-demand and gateways one',
      absent: 'the first zones that AWS lists for your account',
      remedy: 'aws ec2 describe-availability-zones lists the zone names of your account',
    },
  ),
  cidr: setting(z.string().default(DEFAULT_VPC_CIDR), {
    description: 'Address range of the new VPC.',
    allowed: 'private IPv4 range from /16 to /22, written with its first address, such as 10.90.0.0/20',
    absent: `${DEFAULT_VPC_CIDR}; not allowed with \`existing-vpc\``,
  }),
  otherCidrs: setting(z.array(z.string()).max(100).optional(), {
    description: 'Address ranges of your other networks. The new VPC must not overlap them.',
    allowed: 'up to 100 IPv4 ranges',
    absent: 'no check',
  }),
  flowLogRetentionDays: retentionOrOff(
    `Retention in days for the flow logs of the new VPC: its connections, by address. They cost about ${FLOWS_PRICE} per 1,000 jobs, and less than $0.01 per month while nothing runs.`,
    '`logRetentionDays`',
  ),
  dnsQueryLogRetentionDays: retentionOrOff(
    `Retention in days for a log of every DNS query in the new VPC. The log shows the refused domains. It costs about ${QUERIES_PRICE} per 1,000 jobs, and nothing while nothing runs.`,
    '`logRetentionDays`; no log with dnsFirewall false',
  ),
};

const natGatewayNetwork = z.strictObject({
  egress: setting(z.literal('nat-gateway').optional().default('nat-gateway'), EGRESS_DOC),
  ...allowed,
  dnsFirewall,
  guardDuty,
  natGateways,
  elasticIpAllocationIds,
  vpcEndpoints,
  ipv6,
  ...ofVpc,
});

const onDemandNetwork = z.strictObject({
  egress: mode('on-demand'),
  ...allowed,
  dnsFirewall: setting(
    z.literal(true).default(true),
    off(DNS_FIREWALL, 'on-demand', 'remove it: without DNS Firewall, a job could send data out in DNS queries'),
  ),
  guardDuty,
  gateways: setting(z.enum(['one', 'all']).default('one'), {
    description:
      'Number of gateways. `one` puts everything into one zone. `all` creates two zones with a gateway each, which both run while agents run. Agents start only while all gateways work.',
    absent: 'one',
  }),
  gatewayInstanceType: setting(
    z
      .string()
      .refine((type) => architectureOf(type) !== undefined)
      .default(DEFAULT_GATEWAY_INSTANCE_TYPE),
    {
      description: `EC2 instance type of the gateways. A running ${DEFAULT_GATEWAY_INSTANCE_TYPE} costs ${dollars(gatewayHourCost(DEFAULT_GATEWAY_INSTANCE_TYPE) ?? Number.NaN)} per hour, with its address. A change replaces the gateways while nothing runs.`,
      allowed: 'a burstable, general or compute type that is not bare metal, such as t4g.nano, t3.micro or c7gn.medium',
      remedy:
        'use a type that your zone offers: aws ec2 describe-instance-type-offerings --location-type availability-zone',
    },
  ),
  gatewayIdleMinutes: setting(whole(LEAST_GATEWAY_IDLE_MINUTES, 1440).default(DEFAULT_GATEWAY_IDLE_MINUTES), {
    description: 'Minutes that a gateway keeps running after its last task.',
  }),
  gatewayStart: setting(z.enum(GATEWAY_STARTS).default('before-tasks'), {
    description:
      'When tasks start while the gateway sleeps. `before-tasks`: when the gateway is ready, so that the image pull cannot fail. `with-tasks`: at the same time, which saves the time of the start of the gateway, except for a new gateway, which must be ready first; it is unverified whether the image pull waits long enough.',
  }),
  gatewayMaxAgeDays: setting(whole(1, 365).default(DEFAULT_GATEWAY_MAX_AGE_DAYS), {
    description:
      'Days after which a gateway is replaced while nothing runs, so that it has the current image of Amazon Linux.',
  }),
  fixedAddress: setting(z.boolean().default(false), {
    description: `Whether each gateway keeps a fixed address (an Elastic IP), for IP allow-lists. It costs ${dollars(total(idleNetworkCost({ fixedAddresses: 1 })))} per month and gateway. Without it, each start of a gateway gets another address.`,
  }),
  gatewaySessionManager: setting(z.boolean().default(false), {
    description:
      'Whether people with the permission `ssm:StartSession` can open a shell on the gateways with Session Manager.',
  }),
  gatewayLogRetentionDays: retention(
    'Retention in days for the log of the gateways, which has a line for every connection.',
    '`logRetentionDays`',
  ),
  vpcEndpoints,
  ipv6: setting(
    z.literal(false).default(false),
    off(IPV6, 'on-demand', 'remove it: the gateways forward IPv4 only, so IPv6 would bypass them'),
  ),
  ...ofVpc,
});

const firewallNetwork = z.strictObject({
  egress: mode('network-firewall'),
  ...allowed,
  dnsFirewall: setting(
    z.literal(true).default(true),
    off(DNS_FIREWALL, 'network-firewall', 'remove it: without DNS Firewall, a job could send data out in DNS queries'),
  ),
  guardDuty,
  natGateways,
  elasticIpAllocationIds,
  vpcEndpoints,
  ipv6: setting(
    z.literal(false).default(false),
    off(
      IPV6,
      'network-firewall',
      "remove it: the firewall can't see return traffic of an egress-only internet gateway, so IPv6 would bypass the firewall",
    ),
  ),
  ...ofVpc,
  firewallLogRetentionDays: retention(
    'Retention in days for the alert log and the flow log of the network firewall.',
    '`logRetentionDays`',
  ),
});

const publicIpNetwork = z.strictObject({
  egress: mode('public-ip'),
  ...allowed,
  dnsFirewall,
  guardDuty,
  vpcEndpoints: setting(
    z.literal('none').default('none'),
    off(
      VPC_ENDPOINTS,
      'public-ip',
      'remove it, or choose nat-gateway: endpoints cost money even while no task runs, but public-ip must cost almost nothing then',
    ),
  ),
  ipv6,
  ...ofVpc,
});

const existingVpc = z.strictObject({
  egress: mode('existing-vpc'),
  ...allowed,
  dnsFirewall: setting(z.boolean().default(false), DNS_FIREWALL),
  guardDuty,
  vpcEndpoints: setting(
    z.literal('none').optional(),
    off(
      VPC_ENDPOINTS,
      'existing-vpc',
      'remove it, and create the endpoints where you create the VPC, because they change DNS for everything in the VPC',
    ),
  ),
  ipv6: setting(
    z.literal(false).optional(),
    off(IPV6, 'existing-vpc', 'remove it: the configuration of your VPC determines whether agents can use IPv6'),
  ),
  vpcId: setting(z.string().regex(ID.vpc), {
    description: 'The existing VPC.',
    ...ID_DOC.vpc,
    absent: 'required with `existing-vpc`',
  }),
  subnetIds: setting(z.array(z.string().regex(ID.subnet)).min(1).max(16), {
    description:
      'Private subnets of the existing VPC. They need an egress path. Use subnets in two Availability Zones if you can.',
    ...ID_DOC.subnet,
    allowed: `list of 1 to 16 IDs; each is ${ID_DOC.subnet.allowed}`,
    absent: 'required with `existing-vpc`',
  }),
  securityGroupIds: setting(z.array(z.string().regex(ID.sg)).min(1).max(5).optional(), {
    description: 'Security groups of the agents in the existing VPC.',
    ...ID_DOC.sg,
    allowed: `list of 1 to 5 IDs; each is ${ID_DOC.sg.allowed}`,
    absent: 'a new group that blocks inbound traffic and allows outbound TCP 443 and the ports of your proxies',
  }),
  launcherSubnetIds: setting(z.array(z.string().regex(ID.subnet)).min(1).max(16).optional(), {
    description:
      'Private subnets of the launcher with `launcher.vpc`. They need a route or endpoints to HCP Terraform, ECS and Secrets Manager.',
    ...ID_DOC.subnet,
    allowed: `list of 1 to 16 IDs, only with launcher.vpc; each is ${ID_DOC.subnet.allowed}`,
    absent: '`network.subnetIds`',
  }),
  launcherSecurityGroupIds: setting(z.array(z.string().regex(ID.sg)).min(1).max(5).optional(), {
    description: 'Security groups of the launcher with `launcher.vpc`. They must not be those of the agents.',
    ...ID_DOC.sg,
    allowed: `list of 1 to 5 IDs, only with launcher.vpc; each is ${ID_DOC.sg.allowed}`,
    absent: 'a new group that blocks inbound traffic and allows outbound TCP 443 and the port of `hostname`',
  }),
});

/** Settings of a VPC that the stack creates. `network/egress.ts` has the types of their input. */
export const ownNetworkSettings = z.discriminatedUnion('egress', [
  natGatewayNetwork,
  onDemandNetwork,
  firewallNetwork,
  publicIpNetwork,
]);

/** Settings of the agents' network: a union of the egress modes. */
export const networkSettings = z.discriminatedUnion('egress', [
  natGatewayNetwork,
  onDemandNetwork,
  firewallNetwork,
  publicIpNetwork,
  existingVpc,
]);

choices.set(ownNetworkSettings, EGRESS);
choices.set(networkSettings, EGRESS);

export type OnDemandSettings = z.infer<typeof onDemandNetwork>;
export type OwnNetworkSettings = z.infer<typeof ownNetworkSettings>;
export type NetworkSettings = z.infer<typeof networkSettings>;

/** Specific remedies for options that a mode doesn't have. */
const REMEDIES: Readonly<Record<string, string>> = {
  'public-ip natGateways': 'remove it, or choose nat-gateway: tasks with public addresses need no NAT',
  'on-demand natGateways': 'remove it, or use network.gateways: this mode has gateways instead of NAT gateways',
  'on-demand elasticIpAllocationIds':
    'remove it, and set network.fixedAddress to true: the stack then creates the Elastic IPs of the gateways',
};

/**
 * The fault of an option that belongs to other modes; `undefined` if no mode has the option.
 *
 * @param given the network settings
 */
export function foreignOption(key: string, given: unknown): Required<Explanation> | undefined {
  const options: readonly z.core.$ZodType[] = networkSettings.options;
  const own = chosenOption(networkSettings, given);
  const others = options.filter((option) => Object.hasOwn(shapeOf(option) ?? {}, key));
  if (own === undefined || others.length === 0) return undefined;
  const egress = modeOf(own);
  // An option with a single allowed value is either `egress` itself, or an option that must be off in this mode.
  const parts = Object.entries(shapeOf(own) ?? {}).filter(([, part]) => !(unwrapped(part) instanceof z.ZodLiteral));
  return {
    given: `${shown(valueAt(given, [key]))}, with egress ${egress}`,
    allowed: `with ${egress}: ${parts.map(([name]) => name).join(', ')}`,
    remedy: REMEDIES[`${egress} ${key}`] ?? `remove it, or set network.egress to ${others.map(modeOf).join(' or ')}`,
  };
}

function modeOf(option: z.core.$ZodType): string {
  const values = shapeOf(option)?.['egress']?._zod.values ?? [];
  return [...values].filter((value) => value !== undefined).join();
}

function normalisedName(given: string): string {
  const parsed = parseName(given);
  return 'name' in parsed ? parsed.name : given;
}
