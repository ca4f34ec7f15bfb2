/** Which ground plan a VPC of the stack's own has, as part of the names of what stands on it. */
import { DEFAULT_VPC_CIDR } from '../defaults.ts';

export interface Layout {
  readonly mode: 'nat-gateway' | 'network-firewall' | 'public-ip';
  readonly zones: 1 | 2;
  readonly cidr: string;
  /** Names of the zones; absent: the first ones that AWS lists. */
  readonly availabilityZones?: readonly string[] | undefined;
}

/**
 * The construct that a VPC and all beneath it are in: another one for every other ground plan, and none for the default.
 *
 * CloudFormation makes what is new before it deletes what is old, so two ground plans must not share a resource: a subnet
 * cannot change its range, nor be replaced by one that overlaps it; a route table takes no second route to everywhere; an
 * Elastic IP serves one NAT gateway; a firewall's name is taken while the old one stands. With names of their own the
 * new VPC is complete before the old one goes.
 */
export function layoutId({ mode, zones, cidr, availabilityZones = [] }: Layout): string | undefined {
  if (mode === 'nat-gateway' && cidr === DEFAULT_VPC_CIDR && availabilityZones.length === 0) return undefined;
  // A construct's id has no slash.
  return [mode, zones, cidr.replace('/', '-'), ...availabilityZones].join('-');
}
