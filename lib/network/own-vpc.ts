import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { parseRange } from '../aws/address-range.ts';
import { taskMask } from './layout.ts';

/** A VPC that contains only agents. */
export interface OwnVpc {
  readonly vpc: ec2.Vpc;
  /** Source addresses of the tasks' traffic; empty if every task has its own address. */
  readonly addresses: readonly string[];
}

/** Address range and zones of a VPC that the stack creates. */
export interface VpcPlace {
  readonly cidr: string;
  /** Names of the zones, as many as the mode uses. Default: the first ones that AWS lists. */
  readonly availabilityZones?: readonly string[] | undefined;
}

/** What the modes that create a VPC share. */
export interface OwnVpcProps extends VpcPlace {
  readonly zones: 1 | 2;
  readonly natGateways: number;
  /** Type of the tasks' subnets. */
  readonly tasks: ec2.SubnetType;
  /** Additional small subnets. */
  readonly others?: readonly ec2.SubnetConfiguration[];
  readonly ipv6?: boolean;
}

/** Subnets of gateways and endpoints: 16 addresses, the minimum in AWS. */
export const SMALLEST_MASK = 28;

/**
 * Builds the VPC. The tasks of each zone get a quarter of the range, or half of it if there is only one zone.
 *
 * @throws if the range isn't from `/16` to `/22`
 */
export function ownVpc(scope: Construct, props: OwnVpcProps): OwnVpc {
  const mask = parseRange(props.cidr)?.prefix;
  if (mask === undefined || mask < 16 || mask > 22) {
    throw new Error(
      `The VPC's address range is ${props.cidr}. Allowed is a range from /16 to /22, so that each subnet of tasks has at least 256 addresses (every task uses one).`,
    );
  }
  // Explicit Elastic IPs, because a gateway's automatic one changes whenever the gateway is replaced.
  const addresses = Array.from(
    { length: props.natGateways },
    (_, index) => new ec2.CfnEIP(scope, index === 0 ? 'NatAddress' : `NatAddress${index + 1}`, { domain: 'vpc' }),
  );
  const isPublic = props.tasks === ec2.SubnetType.PUBLIC;
  const vpc = new ec2.Vpc(scope, 'Vpc', {
    ipAddresses: ec2.IpAddresses.cidr(props.cidr),
    ...(props.ipv6 === true && { ipProtocol: ec2.IpProtocol.DUAL_STACK }),
    ...(props.availabilityZones === undefined
      ? { maxAzs: props.zones }
      : { availabilityZones: [...props.availabilityZones] }),
    natGateways: props.natGateways,
    ...(addresses.length > 0 && {
      natGatewayProvider: ec2.NatProvider.gateway({
        eipAllocationIds: addresses.map(({ attrAllocationId }) => attrAllocationId),
      }),
    }),
    subnetConfiguration: [
      {
        name: 'Tasks',
        subnetType: props.tasks,
        cidrMask: taskMask(mask, props.zones),
        // RunTask requests a public address if the mode needs one. Nothing else in the subnet gets one.
        ...(isPublic && { mapPublicIpOnLaunch: false }),
      },
      ...(props.others ?? []),
    ],
    // To empty the default security group, the CDK would add a Lambda function with permissions on security groups.
    // Nothing uses that group: every RunTask call sets ours.
    restrictDefaultSecurityGroup: false,
  });
  return { vpc, addresses: addresses.map(({ attrPublicIp }) => attrPublicIp) };
}
