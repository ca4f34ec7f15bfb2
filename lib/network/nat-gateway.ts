import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { type OwnVpc, ownVpc, SMALLEST_MASK, type VpcPlace } from './own-vpc.ts';

export interface NatGatewayOptions {
  readonly natGateways: 'one' | 'all';
  readonly ipv6: boolean;
}

/**
 * Private subnets in two zones, whose only egress path is NAT with a fixed address. One gateway for both zones halves the idle
 * price, but no agent starts while the gateway's zone is down.
 */
export function natGatewayVpc(scope: Construct, place: VpcPlace, options: NatGatewayOptions): OwnVpc {
  return ownVpc(scope, {
    ...place,
    zones: 2,
    natGateways: options.natGateways === 'all' ? 2 : 1,
    tasks: ec2.SubnetType.PRIVATE_WITH_EGRESS,
    others: [{ name: 'Nat', subnetType: ec2.SubnetType.PUBLIC, cidrMask: SMALLEST_MASK, mapPublicIpOnLaunch: false }],
    ipv6: options.ipv6,
  });
}
