/** Checks of the network settings that need several settings, or more than a regular expression. */
import { isPrivate, overlaps, PRIVATE_RANGES, parseRange, TAKEN_RANGES } from '../../aws/address-range.ts';
import { bucketsIn } from '../../aws/s3-names.ts';
import { shown } from '../../credentials.ts';
import { DEFAULT_VPC_CIDR } from '../../defaults.ts';
import { TASK_START_ENDPOINTS } from '../../network/allowed-domains.ts';
import { type LauncherInNetwork, launcherApis } from '../../network/launcher-apis.ts';
import { taskCapacity, zonesOf } from '../../network/layout.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableNetwork, ReadablePool } from '../read.ts';
import { repeated } from '../records.ts';
import { type AroundNetwork, countFaults, nameFaults, presetFaults } from './domains.ts';
import { registryFaults } from './images.ts';
import { launcherFaults } from './launcher.ts';
import { proxyFaults } from './proxies.ts';

/** All faults of the network settings that the schema doesn't report. */
export function* networkFaults(network: ReadableNetwork, around: AroundNetwork): Iterable<SettingsFault> {
  if (network.egress === 'existing-vpc') yield* existingVpcFaults(network);
  else if (network.egress !== undefined) yield* ownVpcFaults(network, around);
  yield* launcherFaults(network, around);
  yield* nameFaults(network);
  yield* presetFaults(network);
  yield* idFaults(network);
  yield* registryFaults(network, around);
  yield* proxyFaults(network, around);
  yield* countFaults(network, around);
}

function* existingVpcFaults(network: ReadableNetwork): Iterable<SettingsFault> {
  if (network.dnsFirewall === true) return;
  for (const key of ['allowedDomains', 'allowedPresets', 'awsApiServices', 'awsApiRegions'] as const) {
    if (network[key] === undefined) continue;
    yield {
      path: `network.${key}`,
      given: `${shown(network[key])}, with egress existing-vpc and no dnsFirewall`,
      allowed: 'domains only if this stack enforces them',
      remedy:
        'set network.dnsFirewall to true, which then applies to everything in the VPC, or remove the domains and allow them in your own firewall',
    };
  }
}

function* ownVpcFaults(network: ReadableNetwork, { pools, launcher }: AroundNetwork): Iterable<SettingsFault> {
  yield* zoneFaults(network);
  yield* addressFaults(network);
  if (network.dnsFirewall === false) yield* openDnsFaults(network);
  const range = [...rangeFaults(network)];
  yield* range;
  if (range.length === 0) yield* capacityFaults(network, pools, launcher);
}

/** The fault of a number of Elastic IPs that differs from the number of NAT gateways. */
function* addressFaults({ elasticIpAllocationIds: ids, natGateways }: ReadableNetwork): Iterable<SettingsFault> {
  if (ids === undefined || natGateways === undefined) return;
  const gateways = natGateways === 'all' ? 2 : 1;
  if (ids.length === gateways) return;
  yield {
    path: 'network.elasticIpAllocationIds',
    given: `${shown(ids)}, with natGateways ${natGateways}`,
    allowed: `${gateways === 1 ? 'one ID, because there is one NAT gateway' : 'two IDs, because there are two NAT gateways'}`,
    remedy: gateways === 1 ? 'remove one ID, or set natGateways to all' : 'add an ID, or set natGateways to one',
  };
}

/**
 * Faults of settings that have no effect without DNS Firewall: allowed domains, and the log of DNS queries. (The S3 endpoint's
 * policy still enforces the domains of buckets, and endpoint policies still enforce `awsApiServices`.)
 */
function* openDnsFaults(network: ReadableNetwork): Iterable<SettingsFault> {
  const { dnsQueryLogRetentionDays: days, allowedDomains = [], allowedPresets = [] } = network;
  if (days !== undefined && days !== 0) {
    yield {
      path: 'network.dnsQueryLogRetentionDays',
      given: `${shown(days)}, with dnsFirewall false`,
      allowed: 'a retention only with DNS Firewall, which writes the query log',
      remedy: 'remove network.dnsFirewall, or remove the retention: no query would be logged',
    };
  }
  const isIdle = {
    allowedDomains: allowedDomains.some((name) => name !== undefined && bucketsIn([name]).length === 0),
    allowedPresets: allowedPresets.some((preset) => preset !== undefined && preset !== 'aws-apis'),
  };
  for (const key of ['allowedDomains', 'allowedPresets'] as const) {
    if (!isIdle[key]) continue;
    yield {
      path: `network.${key}`,
      given: `${shown(network[key])}, with dnsFirewall false`,
      allowed: 'domains only if this stack enforces them; without DNS Firewall, only domains of S3 buckets',
      remedy:
        'remove network.dnsFirewall, so that only these domains resolve, or remove the domains: jobs reach every host',
    };
  }
}

function* rangeFaults({ cidr, otherCidrs: others = [] }: ReadableNetwork): Iterable<SettingsFault> {
  if (cidr !== undefined) yield* ownRangeFaults(cidr, others);
  for (const [index, other] of others.entries()) {
    if (other === undefined || parseRange(other) !== undefined) continue;
    yield {
      path: `network.otherCidrs.${index}`,
      given: shown(other),
      allowed: 'IPv4 range that begins at its first address, such as 10.0.0.0/16',
      remedy: 'correct the range, or remove it',
    };
  }
}

function* ownRangeFaults(cidr: string, others: readonly (string | undefined)[]): Iterable<SettingsFault> {
  const range = parseRange(cidr);
  if (range === undefined || range.prefix < 16 || range.prefix > 22 || !isPrivate(cidr)) {
    yield {
      path: 'network.cidr',
      given: shown(cidr),
      allowed: `IPv4 range from /16 to /22 that begins at its first address, such as 10.90.0.0/20, inside ${PRIVATE_RANGES.join(', ')}`,
      remedy:
        "each subnet of tasks gets a quarter of it, and each task uses one address; use a range that your other networks don't use",
    };
    return;
  }
  const overlapped = [...TAKEN_RANGES, ...others].find((other) => {
    const parsed = other === undefined ? undefined : parseRange(other);
    return parsed !== undefined && overlaps(parsed, range);
  });
  if (overlapped === undefined) return;
  yield {
    path: 'network.cidr',
    given: `${cidr}${cidr === DEFAULT_VPC_CIDR ? ' (the default)' : ''}, which overlaps ${overlapped}`,
    allowed: 'a range that nothing else uses',
    remedy: TAKEN_RANGES.includes(overlapped)
      ? 'use a different range, because container engines use this one'
      : 'use a range outside network.otherCidrs',
  };
}

/**
 * The fault of a range that is too small. Each subnet needs addresses for the agents of all pools, because ECS chooses the
 * subnet.
 */
function* capacityFaults(
  network: ReadableNetwork,
  pools: readonly ReadablePool[],
  launcher: LauncherInNetwork | undefined,
): Iterable<SettingsFault> {
  const { cidr } = network;
  const prefix = cidr === undefined ? undefined : parseRange(cidr)?.prefix;
  if (prefix === undefined) return;
  const agents = pools.reduce((sum, { maxAgents }) => sum + (maxAgents ?? 0), 0);
  const endpoints = network.vpcEndpoints === 'task-start' ? TASK_START_ENDPOINTS : 0;
  // GuardDuty's endpoint also uses an address in each subnet, and so do the launcher's network interface and its endpoints.
  const others =
    (network.guardDuty === true ? 1 : 0) + (launcher === undefined ? 0 : 1 + launcherApis(launcher).length);
  const capacity = taskCapacity(prefix, zonesOf(network), endpoints + others);
  if (agents <= capacity) return;
  yield {
    path: 'network.cidr',
    given: `${cidr}, in which each task subnet has addresses for ${capacity} agents, but all pools together can have ${agents} agents (sum of maxAgents)`,
    allowed: 'a range in which each task subnet has addresses for all agents',
    remedy: 'use a larger range (up to /16), or lower maxAgents',
  };
}

/** Faults of zones in different regions, and of the wrong number of zones. */
function* zoneFaults(network: ReadableNetwork): Iterable<SettingsFault> {
  const { availabilityZones: zones, egress, natGateways, gateways } = network;
  if (zones === undefined || zones.includes(undefined)) return;
  const count = zonesOf(network);
  const regions = new Set(zones.map((zone) => zone?.slice(0, -1)));
  if (zones.length === count && regions.size === 1) return;
  yield {
    path: 'network.availabilityZones',
    given: shown(zones),
    allowed: `${count === 1 ? 'one zone' : 'two zones of one region'}, with egress ${egress}${egress === 'network-firewall' ? ` and natGateways ${natGateways}` : ''}${egress === 'on-demand' ? ` and gateways ${gateways}` : ''}`,
    remedy:
      'set zone names of your account. This prints them: aws ec2 describe-availability-zones --query "AvailabilityZones[].ZoneName" --output text',
  };
}

/** Faults of security groups or subnets that are listed twice. */
function* idFaults(network: ReadableNetwork): Iterable<SettingsFault> {
  for (const key of ['subnetIds', 'securityGroupIds', 'launcherSubnetIds', 'launcherSecurityGroupIds'] as const) {
    for (const { index, value, first } of repeated(network[key] ?? [])) {
      yield {
        path: `network.${key}.${index}`,
        given: `${shown(value)}, the same as network.${key}.${first}`,
        allowed: 'each ID once',
        remedy: 'remove it, or set the intended ID',
      };
    }
  }
}
