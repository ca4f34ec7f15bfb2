import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { type OwnVpc, ownVpc } from './own-vpc.ts';

export interface PublicIpOptions {
  readonly ipv6: boolean;
}

/** Public subnets in two zones: nothing that is paid for while no task runs, and no gateway between a task and the internet. */
export function publicIpVpc(scope: Construct, cidr: string, options: PublicIpOptions): OwnVpc {
  return ownVpc(scope, { cidr, zones: 2, natGateways: 0, tasks: ec2.SubnetType.PUBLIC, ipv6: options.ipv6 });
}
