import { Annotations, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { IdleNetwork } from '../aws/costs.ts';
import { type AllowedNamesInput, portOf, resolvingNames } from './allowed-domains.ts';
import { DnsFirewall } from './dns-firewall.ts';
import { guardDutyAccount } from './guardduty.ts';
import { type TaskSecurityGroupProps, taskSecurityGroup } from './security-group.ts';

export interface ExistingVpcProps extends AllowedNamesInput, Pick<TaskSecurityGroupProps, 'proxies'> {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  /** Security groups of the agents. Default: a new one ({@link taskSecurityGroup}). */
  readonly securityGroupIds?: readonly string[] | undefined;
  /** Whether only the allowed domains resolve. This affects everything in the VPC, not only agents. */
  readonly dnsFirewall: boolean;
  /** References of the tasks' images; `undefined` is the image that the stack builds. */
  readonly images: readonly (string | undefined)[];
  /** Whether the tasks have GuardDuty's sidecar. */
  readonly guardDuty?: boolean;
}

/** The network in a user's VPC. The stack creates only a security group, or nothing if the user provides security groups. */
export class ExistingVpc extends Construct {
  readonly vpc: ec2.IVpc;
  readonly taskSubnets: ec2.SubnetSelection;
  readonly securityGroups: readonly ec2.ISecurityGroup[];
  readonly assignPublicIp = false;
  /** Empty, because the source addresses depend on the VPC's egress path. */
  readonly addresses: readonly string[] = [];
  readonly idle: IdleNetwork;
  /** Every domain that resolves; empty if DNS Firewall is off. */
  readonly names: readonly string[];

  constructor(scope: Construct, id: string, props: ExistingVpcProps) {
    super(scope, id);
    // The stack uses only the subnets' IDs. It doesn't need their zones and route tables.
    this.vpc = ec2.Vpc.fromVpcAttributes(this, 'Vpc', { vpcId: props.vpcId, availabilityZones: ['unknown'] });
    const subnets = props.subnetIds.map((subnetId) => ec2.Subnet.fromSubnetId(this, subnetId, subnetId));
    for (const subnet of subnets) {
      Annotations.of(subnet).acknowledgeWarning(
        '@aws-cdk/aws-ec2:noSubnetRouteTableId',
        'The stack neither creates nor reads routes of this subnet.',
      );
    }
    this.taskSubnets = { subnets };
    this.securityGroups = props.securityGroupIds?.map((groupId) =>
      ec2.SecurityGroup.fromSecurityGroupId(this, groupId, groupId, { mutable: false }),
    ) ?? [
      taskSecurityGroup(this, { vpc: this.vpc, extraPorts: [portOf(props.hostname)], proxies: props.proxies ?? [] }),
    ];

    const guardDuty = props.dnsFirewall && props.guardDuty === true ? guardDutyAccount(this) : undefined;
    this.names = props.dnsFirewall ? resolvingNames(props, props.images, Stack.of(this), guardDuty) : [];
    if (props.dnsFirewall) new DnsFirewall(this, 'DnsFirewall', { vpcId: props.vpcId, names: this.names });
    this.idle = {
      natGateways: 0,
      firewallEndpoints: 0,
      interfaceEndpoints: 0,
      dnsNames: props.dnsFirewall ? this.names.length + 1 : 0,
    };
  }
}
