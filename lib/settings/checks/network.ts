/** Checks of the network settings that need several settings, or more than a regular expression. */
import { contains, overlaps, PRIVATE_RANGES, parseRange, TAKEN_RANGES } from '../../aws/address-range.ts';
import { bucketsIn } from '../../aws/s3-names.ts';
import { shown } from '../../credentials.ts';
import { DEFAULT_VPC_CIDR } from '../../defaults.ts';
import { TASK_START_ENDPOINTS } from '../../network/allowed-domains.ts';
import { taskCapacity } from '../../network/layout.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableNetwork, ReadablePool } from '../read.ts';
import { type AroundNetwork, countFaults, nameFaults, presetFaults } from './domains.ts';
import { registryFaults } from './images.ts';
import { proxyFaults } from './proxies.ts';

const NAMES = ['allowedDomains', 'allowedPresets', 'awsApiServices', 'awsApiRegions'] as const;

/** All faults of the network settings, except those that the schema reports. */
export function networkFaults(network: ReadableNetwork, around: AroundNetwork): SettingsFault[] {
  return [
    ...modeFaults(network, around.pools),
    ...nameFaults(network),
    ...presetFaults(network),
    ...idFaults(network),
    ...registryFaults(network, around),
    ...proxyFaults(network, around),
    ...countFaults(network, around),
  ];
}

function modeFaults(network: ReadableNetwork, pools: readonly ReadablePool[]): SettingsFault[] {
  if (network.egress === undefined) return [];
  return network.egress === 'existing-vpc' ? existingVpcFaults(network) : ownVpcFaults(network, pools);
}

function existingVpcFaults(network: ReadableNetwork): SettingsFault[] {
  if (network.dnsFirewall === true) return [];
  return NAMES.filter((key) => network[key] !== undefined).map((key) => ({
    path: `network.${key}`,
    given: `${shown(network[key])}, with egress existing-vpc and no dnsFirewall`,
    allowed: 'domains only if this stack enforces them',
    remedy:
      'set network.dnsFirewall to true, which then applies to everything in the VPC, or remove the domains and allow them in your own firewall',
  }));
}

function ownVpcFaults(network: ReadableNetwork, pools: readonly ReadablePool[]): SettingsFault[] {
  const range = rangeFaults(network);
  return [
    ...zoneFaults(network),
    ...queryLogFaults(network),
    ...idleNameFaults(network),
    ...range,
    ...(range.length === 0 ? capacityFaults(network, pools) : []),
  ];
}

/** The log of DNS queries is a part of DNS Firewall: without it, the stack creates none. */
function queryLogFaults(network: ReadableNetwork): SettingsFault[] {
  if (network.dnsFirewall !== false) return [];
  const days = network.dnsQueryLogRetentionDays;
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
function idleNameFaults(network: ReadableNetwork): SettingsFault[] {
  if (network.dnsFirewall !== false) return [];
  const { allowedDomains = [], allowedPresets = [] } = network;
  const isIdle = {
    allowedDomains: allowedDomains.some((name) => name !== undefined && bucketsIn([name]).length === 0),
    allowedPresets: allowedPresets.some((preset) => preset !== undefined && preset !== 'aws-apis'),
  };
  return [
    ...(isIdle.allowedDomains ? (['allowedDomains'] as const) : []),
    ...(isIdle.allowedPresets ? (['allowedPresets'] as const) : []),
  ].map((key) => ({
    path: `network.${key}`,
    given: `${shown(network[key])}, with dnsFirewall false`,
    allowed: 'domains only if this stack enforces them; without DNS Firewall, only domains of S3 buckets',
    remedy:
      'remove network.dnsFirewall, so that only these domains resolve, or remove the domains: jobs reach every host',
  }));
}

function rangeFaults(network: ReadableNetwork): SettingsFault[] {
  const { cidr, otherCidrs: others = [] } = network;
  const wrongOthers = others.flatMap((other, index) =>
    other === undefined || parseRange(other) !== undefined
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
  if (cidr === undefined) return wrongOthers;
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
  const overlapped = [...TAKEN_RANGES, ...others].find((other) => {
    const parsed = other === undefined ? undefined : parseRange(other);
    return parsed !== undefined && overlaps(parsed, range);
  });
  if (overlapped === undefined) return wrongOthers;
  const overlap = {
    path: 'network.cidr',
    given: `${cidr}${cidr === DEFAULT_VPC_CIDR ? ' (the default)' : ''}, which overlaps ${overlapped}`,
    allowed: 'a range that nothing else uses',
    remedy: TAKEN_RANGES.includes(overlapped)
      ? 'use another range: container engines use this one'
      : 'use a range outside network.otherCidrs',
  };
  return [overlap, ...wrongOthers];
}

/** Each subnet must have capacity for the agents of all pools, because ECS chooses the subnet. */
function capacityFaults(network: ReadableNetwork, pools: readonly ReadablePool[]): SettingsFault[] {
  const { cidr } = network;
  const prefix = cidr === undefined ? undefined : parseRange(cidr)?.prefix;
  if (prefix === undefined) return [];
  const agents = pools.reduce((sum, { maxAgents }) => sum + (maxAgents ?? 0), 0);
  const zones = zonesOf(network);
  const endpoints = network.vpcEndpoints === 'task-start' ? TASK_START_ENDPOINTS : 0;
  // GuardDuty's endpoint also uses an address in each subnet.
  const capacity = taskCapacity(prefix, zones, endpoints + (network.guardDuty === true ? 1 : 0));
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

function zonesOf({ egress, natGateways }: ReadableNetwork): 1 | 2 {
  return egress === 'network-firewall' && natGateways !== 'all' ? 1 : 2;
}

/** Zones of different regions, or the wrong number of zones. */
function zoneFaults(network: ReadableNetwork): SettingsFault[] {
  const { availabilityZones: zones, egress, natGateways } = network;
  if (zones === undefined || zones.includes(undefined)) return [];
  const count = zonesOf(network);
  const regions = new Set(zones.map((zone) => zone?.slice(0, -1)));
  if (zones.length === count && regions.size === 1) return [];
  return [
    {
      path: 'network.availabilityZones',
      given: shown(zones),
      allowed: `${count === 1 ? 'one zone' : 'two zones of one region'}, with egress ${egress}${egress === 'network-firewall' ? ` and natGateways ${natGateways}` : ''}`,
      remedy: 'aws ec2 describe-availability-zones lists the zone names of your account',
    },
  ];
}

/** A security group or subnet that is listed twice. */
function idFaults(network: ReadableNetwork): SettingsFault[] {
  return (['subnetIds', 'securityGroupIds'] as const).flatMap((key) => {
    const ids = network[key] ?? [];
    return ids.flatMap((id, index) =>
      id === undefined || ids.indexOf(id) === index
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
