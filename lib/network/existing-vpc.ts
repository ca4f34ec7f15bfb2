import { Annotations, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { IdleNetwork } from '../aws/costs.ts';
import { type AllowedNamesInput, type Place, portOf, resolvingNames } from './allowed-domains.ts';
import { DnsFirewall } from './dns-firewall.ts';
import { normalised } from './domain-name.ts';
import { guardDutyAccount } from './guardduty.ts';
import {
  type LauncherApi,
  type LauncherInNetwork,
  launcherApiName,
  launcherApis,
  launcherFipsNames,
} from './launcher-apis.ts';
import { launcherSecurityGroup, type TaskSecurityGroupProps, taskSecurityGroup } from './security-group.ts';

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
  /** Set if the launcher's function also runs in the VPC. */
  readonly launcher?: LauncherInNetwork | undefined;
  /** Proxies of the launcher, whose ports its new security group opens. */
  readonly launcherProxies?: TaskSecurityGroupProps['proxies'];
  /** Subnets of the launcher. Default: the agents' subnets. */
  readonly launcherSubnetIds?: readonly string[] | undefined;
  /** Security groups of the launcher. Default: a new one ({@link launcherSecurityGroup}). */
  readonly launcherSecurityGroupIds?: readonly string[] | undefined;
}

/** The network in a user's VPC. The stack creates only a security group, or nothing if the user provides security groups. */
export class ExistingVpc extends Construct {
  readonly vpc: ec2.IVpc;
  readonly taskSubnets: ec2.SubnetSelection;
  readonly securityGroups: readonly ec2.ISecurityGroup[];
  readonly launcherSubnets: ec2.SubnetSelection;
  /** Groups of the launcher; empty if it doesn't run in the VPC. */
  readonly launcherSecurityGroups: readonly ec2.ISecurityGroup[];
  /** The stack creates no endpoints in an existing VPC. */
  readonly launcherEndpoints: readonly LauncherApi[] = [];
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
    const byId = new Map<string, ec2.ISubnet>();
    const subnet = (subnetId: string): ec2.ISubnet => {
      const known = byId.get(subnetId);
      if (known !== undefined) return known;
      const imported = ec2.Subnet.fromSubnetId(this, subnetId, subnetId);
      byId.set(subnetId, imported);
      return imported;
    };
    const subnets = props.subnetIds.map(subnet);
    this.launcherSubnets = { subnets: props.launcherSubnetIds?.map(subnet) ?? subnets };
    for (const subnet of byId.values()) {
      Annotations.of(subnet).acknowledgeWarning(
        '@aws-cdk/aws-ec2:noSubnetRouteTableId',
        'The stack neither creates nor reads routes of this subnet.',
      );
    }
    this.taskSubnets = { subnets };
    const group = (groupId: string) =>
      ec2.SecurityGroup.fromSecurityGroupId(this, groupId, groupId, { mutable: false });
    this.securityGroups = props.securityGroupIds?.map(group) ?? [
      taskSecurityGroup(this, { vpc: this.vpc, extraPorts: [portOf(props.hostname)], proxies: props.proxies ?? [] }),
    ];

    this.launcherSecurityGroups =
      props.launcher === undefined
        ? []
        : (props.launcherSecurityGroupIds?.map(group) ?? [
            launcherSecurityGroup(this, {
              vpc: this.vpc,
              extraPorts: [portOf(props.hostname)],
              proxies: props.launcherProxies ?? [],
            }),
          ]);

    const guardDuty = props.dnsFirewall && props.guardDuty === true ? guardDutyAccount(this) : undefined;
    const place: Place = Stack.of(this);
    const apis = props.launcher === undefined ? [] : launcherApis(props.launcher);
    this.names = props.dnsFirewall
      ? normalised([
          ...resolvingNames(props, props.images, place, guardDuty),
          ...apis.map((api) => launcherApiName(api, place)),
          ...(props.fips === true && props.launcher !== undefined ? launcherFipsNames(apis, place) : []),
        ])
      : [];
    if (props.dnsFirewall) new DnsFirewall(this, 'DnsFirewall', { vpcId: props.vpcId, names: this.names });
    this.idle = { dnsNames: props.dnsFirewall ? this.names.length + 1 : 0 };
  }
}
