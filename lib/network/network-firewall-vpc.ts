import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { FirewallZone } from './network-firewall.ts';
import { type OwnVpc, ownVpc, SMALLEST_MASK, type VpcPlace } from './own-vpc.ts';

export interface NetworkFirewallVpcOptions {
  readonly natGateways: 'one' | 'all';
}

/**
 * Each zone has three subnets: one for tasks without a route to NAT, one for the firewall's endpoint with a route to NAT, and one
 * for the NAT gateway. Zones are independent: none sends traffic through another.
 */
export function networkFirewallVpc(scope: Construct, place: VpcPlace, options: NetworkFirewallVpcOptions): OwnVpc {
  const zones = options.natGateways === 'all' ? 2 : 1;
  return ownVpc(scope, {
    ...place,
    zones,
    natGateways: zones,
    tasks: ec2.SubnetType.PRIVATE_ISOLATED,
    others: [
      { name: 'Firewall', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: SMALLEST_MASK },
      { name: 'Nat', subnetType: ec2.SubnetType.PUBLIC, cidrMask: SMALLEST_MASK, mapPublicIpOnLaunch: false },
    ],
  });
}

/** The subnets of each zone. */
export function firewallZones(vpc: ec2.Vpc): FirewallZone[] {
  return vpc.isolatedSubnets.flatMap((tasks, index) => {
    const firewall = vpc.privateSubnets[index];
    const nat = vpc.publicSubnets[index];
    return firewall === undefined || nat === undefined ? [] : [{ tasks, firewall, nat }];
  });
}
