import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { parseRange } from '../aws/address-range.ts';
import { type Layout, type OwnEgress, taskMask, zonesOf } from './layout.ts';

/** A VPC that contains only agents. */
export interface OwnVpc {
  readonly vpc: ec2.Vpc;
  /** Source addresses of the tasks' traffic. Empty if every task has its own address, or if the Elastic IPs exist already. */
  readonly addresses: readonly string[];
  /** Allocation IDs of the existing Elastic IPs, whose addresses the template doesn't know. */
  readonly allocationIds: readonly string[];
  readonly natGateways: number;
}

export interface OwnVpcProps extends Layout {
  readonly ipv6?: boolean;
  readonly elasticIpAllocationIds?: readonly string[] | undefined;
}

/** Subnets of gateways and endpoints: 16 addresses, the minimum in AWS. */
const SMALLEST_MASK = 28;

const NAT = { name: 'Nat', subnetType: ec2.SubnetType.PUBLIC, cidrMask: SMALLEST_MASK, mapPublicIpOnLaunch: false };
const GATEWAY = { ...NAT, name: 'Gateway' };
const FIREWALL = { name: 'Firewall', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: SMALLEST_MASK };

/**
 * The type of the tasks' subnets, and the other subnets of a zone.
 *
 * - `nat-gateway`: the tasks' only egress path is NAT with a fixed address. One gateway for both zones halves the idle price, but
 *   no agent starts while the gateway's zone is down.
 * - `on-demand`: the tasks have a route to the gateway of their zone only, and the gateway has a public address.
 * - `network-firewall`: the tasks have no route to NAT, and the firewall's endpoint has one. Zones are independent: none sends
 *   traffic through another.
 * - `public-ip`: the subnets cost nothing while no task runs, because tasks reach the internet without a NAT gateway.
 */
const SUBNETS: Readonly<Record<OwnEgress, { tasks: ec2.SubnetType; others: readonly ec2.SubnetConfiguration[] }>> = {
  'nat-gateway': { tasks: ec2.SubnetType.PRIVATE_WITH_EGRESS, others: [NAT] },
  'on-demand': { tasks: ec2.SubnetType.PRIVATE_ISOLATED, others: [GATEWAY] },
  'network-firewall': { tasks: ec2.SubnetType.PRIVATE_ISOLATED, others: [FIREWALL, NAT] },
  'public-ip': { tasks: ec2.SubnetType.PUBLIC, others: [] },
};

/**
 * Builds the VPC. The tasks of each zone get a quarter of the range, or half of it if there is only one zone.
 *
 * @throws if the range isn't from `/16` to `/22`
 */
export function ownVpc(scope: Construct, props: OwnVpcProps): OwnVpc {
  const { egress, cidr, availabilityZones } = props;
  const mask = parseRange(cidr)?.prefix;
  if (mask === undefined || mask < 16 || mask > 22) {
    throw new Error(
      `The VPC's address range is ${cidr}. Allowed is a range from /16 to /22, so that each subnet of tasks has at least 256 addresses (every task uses one).`,
    );
  }
  const zones = zonesOf(props);
  const { tasks, others } = SUBNETS[egress];
  const hasNat = egress === 'nat-gateway' || egress === 'network-firewall';
  const natGateways = hasNat ? (props.natGateways === 'all' ? 2 : 1) : 0;
  const allocationIds = props.elasticIpAllocationIds ?? [];
  // Explicit Elastic IPs stay the same if a gateway is replaced. A gateway's automatic Elastic IP would change.
  const addresses = Array.from(
    { length: allocationIds.length > 0 ? 0 : natGateways },
    (_, index) => new ec2.CfnEIP(scope, index === 0 ? 'NatAddress' : `NatAddress${index + 1}`, { domain: 'vpc' }),
  );
  const vpc = new ec2.Vpc(scope, 'Vpc', {
    ipAddresses: ec2.IpAddresses.cidr(cidr),
    ...(props.ipv6 === true && { ipProtocol: ec2.IpProtocol.DUAL_STACK }),
    ...(availabilityZones === undefined ? { maxAzs: zones } : { availabilityZones: [...availabilityZones] }),
    natGateways,
    ...(natGateways > 0 && {
      natGatewayProvider: ec2.NatProvider.gateway({
        eipAllocationIds:
          allocationIds.length > 0 ? [...allocationIds] : addresses.map(({ attrAllocationId }) => attrAllocationId),
      }),
    }),
    subnetConfiguration: [
      {
        name: 'Tasks',
        subnetType: tasks,
        cidrMask: taskMask(mask, zones),
        // The subnet assigns no public addresses. If the mode needs them, RunTask requests one for each task.
        ...(tasks === ec2.SubnetType.PUBLIC && { mapPublicIpOnLaunch: false }),
      },
      ...others,
    ],
    // Leave the default security group unchanged. To empty it, the CDK would add a Lambda function with permissions on security
    // groups. Nothing uses the group, because every RunTask call sets the stack's own group.
    restrictDefaultSecurityGroup: false,
  });
  return { vpc, addresses: addresses.map(({ attrPublicIp }) => attrPublicIp), allocationIds, natGateways };
}
