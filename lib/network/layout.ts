/** Identifies the layout of a VPC that the stack creates. The layout is a part of its resources' names. */
import { DEFAULT_VPC_CIDR } from '../defaults.ts';
import type { OwnNetwork } from './egress.ts';

export type OwnEgress = NonNullable<OwnNetwork['egress']>;

export interface Layout {
  readonly egress: OwnEgress;
  readonly cidr: string;
  /** Names of the zones. The egress mode determines their number. Default: the first zones that AWS lists. */
  readonly availabilityZones?: readonly string[] | undefined;
  /** Number of NAT gateways. Default: one. The mode `public-ip` has no NAT gateway. */
  readonly natGateways?: 'one' | 'all' | undefined;
  /** Number of gateways of the mode `on-demand`. Default: one. */
  readonly gateways?: 'one' | 'all' | undefined;
}

/**
 * ID of the construct that contains the VPC and its resources. Every layout has a different ID; the default layout has no ID.
 *
 * CloudFormation creates new resources before it deletes old ones, so two layouts must not share a resource. A subnet can't
 * change its range or be replaced by an overlapping one. A route table can't have two default routes. An Elastic IP serves one
 * NAT gateway. A firewall's name is in use while the old firewall exists. Different names let CloudFormation complete the
 * new VPC before it deletes the old one.
 */
export function layoutId(layout: Layout): string | undefined {
  const { egress, cidr, availabilityZones = [] } = layout;
  if (egress === 'nat-gateway' && cidr === DEFAULT_VPC_CIDR && availabilityZones.length === 0) return undefined;
  // A construct's ID can't contain a slash.
  return [egress, zonesOf(layout), cidr.replace('/', '-'), ...availabilityZones].join('-');
}

/** Number of zones with subnets for tasks. */
export function zonesOf({
  egress,
  natGateways,
  gateways,
}: {
  readonly egress?: unknown;
  readonly natGateways?: unknown;
  readonly gateways?: unknown;
}): 1 | 2 {
  if (egress === 'network-firewall') return natGateways === 'all' ? 2 : 1;
  return egress === 'on-demand' && gateways !== 'all' ? 1 : 2;
}

/** Prefix length of each task subnet in a VPC with a given prefix length. */
export function taskMask(vpcMask: number, zones: 1 | 2): number {
  return vpcMask + (zones === 1 ? 1 : 2);
}

/** Number of tasks that fit into a task subnet. AWS reserves five addresses, and each interface endpoint uses one. */
export function taskCapacity(vpcMask: number, zones: 1 | 2, interfaceEndpoints: number): number {
  return 2 ** (32 - taskMask(vpcMask, zones)) - 5 - interfaceEndpoints;
}
