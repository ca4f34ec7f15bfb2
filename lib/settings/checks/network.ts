/** Checks of the network settings that need several settings, or more than a regular expression. */
import { contains, overlaps, PRIVATE_RANGES, parseRange, TAKEN_RANGES } from '../../aws/address-range.ts';
import { bucketsIn } from '../../aws/s3-names.ts';
import { shown } from '../../credentials.ts';
import { DEFAULT_VPC_CIDR } from '../../defaults.ts';
import { TASK_START_ENDPOINTS } from '../../network/allowed-domains.ts';
import { taskCapacity } from '../../network/layout.ts';
import type { SettingsFault } from '../errors.ts';
import { ID_DOC } from '../network.ts';
import type { ReadablePool } from '../read.ts';
import { type AroundNetwork, countFaults, nameFaults, presetFaults } from './domains.ts';
import { registryFaults } from './images.ts';
import { proxyFaults } from './proxies.ts';

type Given = Readonly<Record<string, unknown>>;

const NAMES = ['allowedDomains', 'allowedPresets', 'awsApiServices', 'awsApiRegions'];
const OWN_VPC = [
  'availabilityZones',
  'cidr',
  'otherCidrs',
  'flowLogRetentionDays',
  'dnsQueryLogRetentionDays',
  'dnsFirewall',
  'guardDuty',
  ...NAMES,
];

/** Which settings each mode needs and accepts. */
const MODES: Readonly<Record<string, { readonly needs: readonly string[]; readonly takes: readonly string[] }>> = {
  'nat-gateway': { needs: [], takes: [...OWN_VPC, 'natGateways', 'vpcEndpoints', 'ipv6'] },
  'network-firewall': { needs: [], takes: [...OWN_VPC, 'natGateways', 'vpcEndpoints', 'firewallLogRetentionDays'] },
  'existing-vpc': {
    needs: ['vpcId', 'subnetIds'],
    takes: ['vpcId', 'subnetIds', 'securityGroupIds', 'dnsFirewall', 'guardDuty', ...NAMES],
  },
  'public-ip': { needs: [], takes: [...OWN_VPC, 'ipv6'] },
};

/** Remedies for a setting that doesn't fit a mode, if "it belongs to another mode" isn't enough. */
const REASONS: Readonly<Record<string, string>> = {
  'network-firewall ipv6':
    "remove it: return traffic of an egress-only internet gateway can't be routed through the firewall, so IPv6 would bypass it",
  'public-ip natGateways': 'remove it, or choose nat-gateway: tasks with public addresses need no NAT',
  'public-ip vpcEndpoints':
    'remove it, or choose nat-gateway: endpoints cost money while idle, and public-ip is meant to cost almost nothing',
  'existing-vpc vpcEndpoints':
    'remove it, and create the endpoints together with the VPC: they change DNS for everything in it',
};

/** All faults of the network settings, except those that the schema reports. */
export function networkFaults(network: Given, around: AroundNetwork): SettingsFault[] {
  const { pools } = around;
  const egress = network['egress'] ?? 'nat-gateway';
  const mode = typeof egress === 'string' ? MODES[egress] : undefined;
  const ofAnyMode = [
    ...nameFaults(network),
    ...presetFaults(network),
    ...idFaults(network),
    ...registryFaults(network, around),
    ...proxyFaults(network, around),
    ...countFaults(network, around),
  ];
  if (mode === undefined) return ofAnyMode;
  return [
    ...misfits(network, `${egress}`, mode),
    ...(egress === 'existing-vpc' ? existingVpcFaults(network) : ownVpcFaults(network, `${egress}`, pools)),
    ...ofAnyMode,
  ];
}

function misfits(network: Given, egress: string, mode: { needs: readonly string[]; takes: readonly string[] }) {
  const known = new Set(Object.values(MODES).flatMap(({ takes }) => takes));
  // A setting that is turned off fits every mode.
  const given = Object.keys(network).filter((key) => !['none', false, undefined].includes(network[key] as never));
  const wrong = given
    .filter((key) => known.has(key) && !mode.takes.includes(key))
    .map((key) => ({
      path: `network.${key}`,
      given: `${shown(network[key])}, with egress ${egress}`,
      allowed: `with ${egress}: ${mode.takes.join(', ')}`,
      remedy:
        REASONS[`${egress} ${key}`] ??
        `remove it, or set network.egress to ${Object.keys(MODES)
          .filter((other) => MODES[other]?.takes.includes(key))
          .join(' or ')}`,
    }));
  const missing = mode.needs
    .filter((key) => network[key] === undefined)
    .map((key) => ({
      path: `network.${key}`,
      given: `nothing, with egress ${egress}`,
      allowed: key === 'vpcId' ? ID_DOC.vpc.allowed : `1 to 16 of ${ID_DOC.subnet.allowed}`,
      remedy: `set it: ${key === 'vpcId' ? ID_DOC.vpc.remedy : ID_DOC.subnet.remedy}`,
    }));
  return [...wrong, ...missing];
}

function existingVpcFaults(network: Given): SettingsFault[] {
  if (network['dnsFirewall'] === true) return [];
  return NAMES.filter((key) => network[key] !== undefined).map((key) => ({
    path: `network.${key}`,
    given: `${shown(network[key])}, with egress existing-vpc and no dnsFirewall`,
    allowed: 'domains only if this stack enforces them',
    remedy:
      'set network.dnsFirewall to true, which then applies to everything in the VPC, or remove the domains and allow them in your own firewall',
  }));
}

function ownVpcFaults(network: Given, egress: string, pools: readonly ReadablePool[]): SettingsFault[] {
  const dns =
    egress === 'network-firewall' && network['dnsFirewall'] === false
      ? [
          {
            path: 'network.dnsFirewall',
            given: 'false, with egress network-firewall',
            allowed: 'true',
            remedy: 'remove it: without DNS Firewall, a job could send data out in DNS queries',
          },
        ]
      : [];
  const range = rangeFaults(network);
  return [
    ...dns,
    ...zoneFaults(network, egress),
    ...queryLogFaults(network, egress),
    ...idleNameFaults(network),
    ...range,
    ...(range.length === 0 ? capacityFaults(network, egress, pools) : []),
  ];
}

/** The log of DNS queries is a part of DNS Firewall: without it, the stack creates none. */
function queryLogFaults(network: Given, egress: string): SettingsFault[] {
  if (network['dnsFirewall'] !== false || egress === 'network-firewall') return [];
  const days = network['dnsQueryLogRetentionDays'];
  if (days === undefined) return [];
  return [
    {
      path: 'network.dnsQueryLogRetentionDays',
      given: `${shown(days)}, with dnsFirewall false`,
      allowed: 'a query log only with DNS Firewall',
      remedy: 'remove network.dnsFirewall, or remove the retention: no query would be logged',
    },
  ];
}

/**
 * Allowed domains that nothing enforces. (The S3 endpoint's policy enforces the domains of buckets, and endpoint policies enforce
 * `awsApiServices`.)
 */
function idleNameFaults(network: Given): SettingsFault[] {
  if (network['dnsFirewall'] !== false || network['egress'] === 'network-firewall') return [];
  const idle = (key: string, works: (value: unknown) => boolean) => {
    const values = network[key];
    return Array.isArray(values) && values.some((value: unknown) => typeof value === 'string' && !works(value))
      ? [key]
      : [];
  };
  return [
    ...idle('allowedDomains', (name) => bucketsIn([`${name}`]).length > 0),
    ...idle('allowedPresets', (preset) => preset === 'aws-apis'),
  ].map((key) => ({
    path: `network.${key}`,
    given: `${shown(network[key])}, with dnsFirewall false`,
    allowed: 'domains only if this stack enforces them; without DNS Firewall, only domains of S3 buckets',
    remedy:
      'remove network.dnsFirewall, so that only these domains resolve, or remove the domains: jobs reach every host',
  }));
}

function rangeFaults(network: Given): SettingsFault[] {
  const others = Array.isArray(network['otherCidrs']) ? network['otherCidrs'] : [];
  const wrongOthers = others.flatMap((other: unknown, index) =>
    typeof other !== 'string' || parseRange(other) !== undefined
      ? []
      : [
          {
            path: `network.otherCidrs.${index}`,
            given: shown(other),
            allowed: 'IPv4 range that begins at its first address, such as 10.0.0.0/16',
            remedy: 'correct it, or remove it',
          },
        ],
  );
  const cidr = network['cidr'] ?? DEFAULT_VPC_CIDR;
  if (typeof cidr !== 'string') return wrongOthers;
  const range = parseRange(cidr);
  const isPrivate = PRIVATE_RANGES.some((outer) => within(outer, cidr));
  if (range === undefined || range.prefix < 16 || range.prefix > 22 || !isPrivate) {
    const wrong = {
      path: 'network.cidr',
      given: shown(cidr),
      allowed: `IPv4 range from /16 to /22 that begins at its first address, such as 10.90.0.0/20, inside ${PRIVATE_RANGES.join(', ')}`,
      remedy:
        "each subnet of tasks gets a quarter of it, and each task uses one address; use a range that your other networks don't use",
    };
    return [wrong, ...wrongOthers];
  }
  const overlapped = [...TAKEN_RANGES, ...others].find((other: unknown) => {
    const parsed = typeof other === 'string' ? parseRange(other) : undefined;
    return parsed !== undefined && overlaps(parsed, range);
  });
  if (overlapped === undefined) return wrongOthers;
  const overlap = {
    path: 'network.cidr',
    given: `${cidr}${network['cidr'] === undefined ? ' (the default)' : ''}, which overlaps ${overlapped}`,
    allowed: 'a range that nothing else uses',
    remedy: TAKEN_RANGES.includes(overlapped)
      ? 'use another range: container engines use this one'
      : 'use a range outside network.otherCidrs',
  };
  return [overlap, ...wrongOthers];
}

/** Each subnet must have capacity for the agents of all pools, because ECS chooses the subnet. */
function capacityFaults(network: Given, egress: string, pools: readonly ReadablePool[]): SettingsFault[] {
  const cidr = network['cidr'] ?? DEFAULT_VPC_CIDR;
  const prefix = typeof cidr === 'string' ? parseRange(cidr)?.prefix : undefined;
  if (prefix === undefined) return [];
  const agents = pools.reduce((sum, { maxAgents }) => sum + (maxAgents ?? 0), 0);
  const zones = zonesOf(network, egress);
  const endpoints = network['vpcEndpoints'] === 'task-start' ? TASK_START_ENDPOINTS : 0;
  // GuardDuty's endpoint also uses an address in each subnet.
  const capacity = taskCapacity(prefix, zones, endpoints + (network['guardDuty'] === true ? 1 : 0));
  if (agents <= capacity) return [];
  return [
    {
      path: 'network.cidr',
      given: `${cidr}, in which a subnet of tasks holds ${capacity}, with ${agents} agents (maxAgents of all pools)`,
      allowed: 'a range in which each subnet of tasks holds all agents',
      remedy: 'use a larger range (up to /16), or lower maxAgents',
    },
  ];
}

function zonesOf(network: Given, egress: string): 1 | 2 {
  return egress === 'network-firewall' && network['natGateways'] !== 'all' ? 1 : 2;
}

/** Zones of different regions, or the wrong number of zones. */
function zoneFaults(network: Given, egress: string): SettingsFault[] {
  const { availabilityZones: given } = network;
  if (!Array.isArray(given)) return [];
  const count = zonesOf(network, egress);
  const regions = new Set(given.map((zone: unknown) => `${zone}`.slice(0, -1)));
  if (given.length === count && regions.size === 1) return [];
  return [
    {
      path: 'network.availabilityZones',
      given: shown(given),
      allowed: `${count === 1 ? 'one zone' : 'two zones of one region'}, with egress ${egress}${egress === 'network-firewall' ? ` and natGateways ${network['natGateways'] ?? 'one'}` : ''}`,
      remedy: 'aws ec2 describe-availability-zones lists the zone names of your account',
    },
  ];
}

/** A security group or subnet that is listed twice. */
function idFaults(network: Given): SettingsFault[] {
  return ['subnetIds', 'securityGroupIds'].flatMap((key) => {
    const ids: readonly unknown[] = Array.isArray(network[key]) ? network[key] : [];
    return ids.flatMap((id, index) =>
      ids.indexOf(id) === index
        ? []
        : [
            {
              path: `network.${key}.${index}`,
              given: `${shown(id)}, which is network.${key}.${ids.indexOf(id)} already`,
              allowed: 'each once',
              remedy: 'remove it, or set the intended id',
            },
          ],
    );
  });
}

function within(outer: string, inner: string): boolean {
  const [a, b] = [parseRange(outer), parseRange(inner)];
  return a !== undefined && b !== undefined && contains(a, b);
}
