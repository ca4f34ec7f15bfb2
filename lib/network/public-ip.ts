import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { type OwnVpc, ownVpc, type VpcPlace } from './own-vpc.ts';

export interface PublicIpOptions {
  readonly ipv6: boolean;
}

/** Public subnets in two zones. They cost nothing while no task runs, and no NAT gateway is between a task and the internet. */
export function publicIpVpc(scope: Construct, place: VpcPlace, options: PublicIpOptions): OwnVpc {
  return ownVpc(scope, { ...place, zones: 2, natGateways: 0, tasks: ec2.SubnetType.PUBLIC, ipv6: options.ipv6 });
}
