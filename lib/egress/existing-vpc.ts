import { Annotations, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { IdleNetwork } from '../prices.ts';
import { type AllowedNamesInput, portOf, resolvingNames } from './allowed-domains.ts';
import { DnsFirewall } from './dns-firewall.ts';
import { guardDutyAccount } from './guardduty.ts';
import { taskSecurityGroup } from './task-security-group.ts';

export interface ExistingVpcProps {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  /**
   * Security groups of the agents.
   *
   * @default - a new one: nothing in, TCP 443 out
   */
  readonly securityGroupIds?: readonly string[];
  /** Whether only the allowed names resolve: for everything in the VPC, not for agents alone. */
  readonly dnsFirewall: boolean;
  readonly allowed: AllowedNamesInput;
  /**
   * Proxies of the agents, for the new security group.
   *
   * @default - none
   */
  readonly proxies?: readonly { readonly address: string | undefined; readonly port: number }[];
  /** References of the images that tasks run; `undefined` stands for the one that is built with the stack. */
  readonly images: readonly (string | undefined)[];
  /**
   * Whether the tasks have GuardDuty's sidecar.
   *
   * @default false
   */
  readonly guardDuty?: boolean;
}

/** The network in a VPC that is not ours: nothing is made in it but a security group, and not that when one is given. */
export class ExistingVpc extends Construct {
  readonly vpc: ec2.IVpc;
  readonly taskSubnets: ec2.SubnetSelection;
  readonly securityGroups: readonly ec2.ISecurityGroup[];
  readonly idle: IdleNetwork;
  /** Every name that resolves; none when the VPC's resolver is left alone. */
  readonly names: readonly string[];

  constructor(scope: Construct, id: string, props: ExistingVpcProps) {
    super(scope, id);
    // Subnets are used by their ids alone; which zone and which route table they have is nothing to this stack.
    this.vpc = ec2.Vpc.fromVpcAttributes(this, 'Vpc', { vpcId: props.vpcId, availabilityZones: ['unknown'] });
    const subnets = props.subnetIds.map((subnetId) => ec2.Subnet.fromSubnetId(this, subnetId, subnetId));
    for (const subnet of subnets) {
      Annotations.of(subnet).acknowledgeWarning('@aws-cdk/aws-ec2:noSubnetRouteTableId', 'No route is made or read.');
    }
    this.taskSubnets = { subnets };
    this.securityGroups = props.securityGroupIds?.map((groupId) =>
      ec2.SecurityGroup.fromSecurityGroupId(this, groupId, groupId, { mutable: false }),
    ) ?? [
      taskSecurityGroup(this, {
        vpc: this.vpc,
        extraPorts: [portOf(props.allowed.hostname)],
        proxies: props.proxies ?? [],
      }),
    ];

    const guardDuty = props.dnsFirewall && props.guardDuty === true ? guardDutyAccount(this) : undefined;
    this.names = props.dnsFirewall ? resolvingNames(props.allowed, props.images, Stack.of(this), guardDuty) : [];
    if (props.dnsFirewall) {
      new DnsFirewall(this, 'DnsFirewall', { vpcId: props.vpcId, names: this.names });
    }
    this.idle = {
      natGateways: 0,
      firewallEndpoints: 0,
      interfaceEndpoints: 0,
      dnsNames: props.dnsFirewall ? this.names.length + 1 : 0,
    };
  }
}
