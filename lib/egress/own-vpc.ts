import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { prefixOf } from './address-range.ts';

/** A VPC that holds nothing but agents. */
export interface OwnVpc {
  readonly vpc: ec2.Vpc;
  /** Addresses that the tasks' traffic comes from; none when every task has its own. */
  readonly addresses: readonly string[];
}

/** Where a VPC of its own is: its addresses and its zones. */
export interface VpcPlace {
  readonly cidr: string;
  /** Names of the zones, as many as the mode has; absent: the first ones that AWS lists. */
  readonly availabilityZones?: readonly string[] | undefined;
}

/** What the modes share in a VPC of their own. */
export interface OwnVpcProps extends VpcPlace {
  readonly zones: 1 | 2;
  readonly natGateways: number;
  /** Kind of the subnets that tasks are in. */
  readonly tasks: ec2.SubnetType;
  /** Small subnets beside them. */
  readonly others?: readonly ec2.SubnetConfiguration[];
  readonly ipv6?: boolean;
}

/** Subnets of gateways and endpoints: 16 addresses, the fewest that AWS has. */
export const SMALLEST_MASK = 28;

/**
 * Builds the VPC: for the tasks of each zone a quarter of the range, or half of it when there is only one zone.
 *
 * @throws when the range is not from `/16` to `/22`
 */
export function ownVpc(scope: Construct, props: OwnVpcProps): OwnVpc {
  const mask = prefixOf(props.cidr);
  if (mask === undefined || mask < 16 || mask > 22) {
    throw new Error(
      `The VPC's address range ${props.cidr} does not fit: give a range from /16 to /22, so that each subnet of tasks has at least 256 addresses (every task takes one).`,
    );
  }
  // Elastic IPs of our own, because a gateway's automatic one changes whenever the gateway is replaced.
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
        // RunTask asks for a public address where one is wanted; nothing else in the subnet gets one.
        ...(isPublic && { mapPublicIpOnLaunch: false }),
      },
      ...(props.others ?? []),
    ],
    // Emptying the default security group takes a Lambda of CDK's own with rights on security groups.
    // Nothing here ever uses that group: every RunTask call names ours.
    restrictDefaultSecurityGroup: false,
  });
  return { vpc, addresses: addresses.map(({ attrPublicIp }) => attrPublicIp) };
}

/** Length of the prefix of a zone's subnet of tasks, in a VPC with a prefix of a given length. */
export function taskMask(vpcMask: number, zones: 1 | 2): number {
  return vpcMask + (zones === 1 ? 1 : 2);
}

/** Tasks that such a subnet can hold: AWS keeps five addresses of every subnet, each interface endpoint takes one. */
export function taskCapacity(vpcMask: number, zones: 1 | 2, interfaceEndpoints: number): number {
  return 2 ** (32 - taskMask(vpcMask, zones)) - 5 - interfaceEndpoints;
}
