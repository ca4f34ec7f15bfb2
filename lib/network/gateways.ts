/**
 * The gateways of the mode `on-demand`: everything except their instances.
 *
 * CloudFormation owns a network interface per gateway, to which the default route of the tasks in its zone leads, and a launch template.
 * The launcher creates, starts, stops and replaces the instance. So no deployment ever restarts a gateway while jobs run, and no route
 * changes when a gateway starts. While the instance is stopped, the tasks have no egress path.
 */
import { createHash } from 'node:crypto';
import { type Duration, Fn, Lazy, Stack, TagManager, TagType } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import {
  GATEWAY_METRICS,
  GATEWAY_TAGS,
  type GatewayStart,
  METRICS_NAMESPACE,
  SERVICE_DIMENSION,
} from '../../functions/launcher/contract.ts';
import { acknowledge, arnInFindings, explain, ROLE_EXCEPTIONS, wildcard } from '../acknowledgement.ts';
import { GATEWAY_VOLUME_GB } from '../aws/costs.ts';
import { architectureOf } from '../aws/instance-type.ts';
import { gatewayUserData } from '../gateway/user-data.ts';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';
import { trustedService } from '../service-trust.ts';
import { GatewayRemoval } from './gateway-removal.ts';

/** A gateway, as the launcher needs it. */
export interface Gateway {
  /** Value of the tag that its instances have. */
  readonly name: string;
  readonly launchTemplateId: string;
  readonly launchTemplateVersion: string;
  readonly networkInterfaceId: string;
  readonly subnetId: string;
  /** Role of the instance, and its instance profile. */
  readonly roleArn: string;
  readonly profileArn: string;
  /** Hash of everything that an instance is made from. */
  readonly config: string;
  readonly fixedAddress: boolean;
}

export interface GatewaysProps {
  readonly vpc: ec2.Vpc;
  /** Address range of the VPC. */
  readonly cidr: string;
  /** Scope of the interfaces and routes: the VPC's scope, so that CloudFormation creates and deletes them together with the VPC. */
  readonly ground: Construct;
  /** Server names that the gateways forward on port 443. `*.` at the beginning includes every subdomain. */
  readonly names: readonly string[];
  /** Host of HCP Terraform or Terraform Enterprise, which they also forward on its own port. */
  readonly host: string;
  readonly port: number;
  readonly instanceType: string;
  readonly fixedAddress: boolean;
  readonly sessionManager: boolean;
  readonly start: GatewayStart;
  /** Time without a task after which the launcher stops a gateway, in whole minutes. */
  readonly idleTime: Duration;
  /** Age after which the launcher replaces an idle gateway, in whole days. */
  readonly maxAge: Duration;
  readonly logRetention: logs.RetentionDays;
  readonly logs?: LogGroupOptions | undefined;
  /** Key of the volumes; `undefined`: the account's default key of EBS. */
  readonly volumeKey?: IKey | undefined;
}

/** AWS's public parameter with the ID of the current image of Amazon Linux 2023. */
export function imageParameter(architecture: 'arm64' | 'x86_64'): string {
  return `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`;
}

/** Minimum minutes without a connection after which a gateway powers itself off. An agent sends requests more often. */
const UNUSED_MINUTES = 60;

/** Time that the launcher has to stop an idle gateway, in minutes. */
const TIME_TO_STOP_MINUTES = 30;

/**
 * Minutes without a connection after which a gateway powers itself off, in case the launcher doesn't stop it.
 *
 * This is later than the launcher's stop. The launcher doesn't know when a gateway powers itself off, so at the same minute it could launch a task
 * whose first connection comes too late.
 */
function unusedMinutes(idleTime: Duration): number {
  return Math.max(UNUSED_MINUTES, idleTime.toMinutes() + TIME_TO_STOP_MINUTES);
}

/** The subnets of one zone. */
interface Zone {
  readonly tasks: ec2.ISubnet;
  readonly gateway: ec2.ISubnet;
}

export class Gateways extends Construct {
  readonly all: readonly Gateway[];
  readonly logGroup: logs.LogGroup;
  readonly securityGroup: ec2.SecurityGroup;
  readonly instanceType: string;
  /** Parameter with the ID of the gateways' image. */
  readonly imageParameter: string;
  /** The fixed addresses; empty if each start of a gateway gets another address. */
  readonly addresses: readonly string[];
  readonly volumeKey: IKey | undefined;
  /** Value of the dimension `service` of {@link GATEWAY_METRICS}`.refusedDomains`. */
  readonly service: string;
  readonly start: GatewayStart;
  readonly idleTime: Duration;
  readonly maxAge: Duration;
  readonly removal: GatewayRemoval;

  constructor(scope: Construct, id: string, props: GatewaysProps) {
    super(scope, id);
    const { vpc, ground } = props;
    const architecture = architectureOf(props.instanceType);
    if (architecture === undefined) {
      throw new Error(`The gateways can't have the instance type ${props.instanceType}. This is our bug: report it.`);
    }
    this.instanceType = props.instanceType;
    this.imageParameter = imageParameter(architecture);
    this.volumeKey = props.volumeKey;
    this.service = Stack.of(this).stackName;
    this.start = props.start;
    this.idleTime = props.idleTime;
    this.maxAge = props.maxAge;
    this.logGroup = newLogGroup(this, 'Logs', { retention: props.logRetention }, props.logs);
    // The name of a host is no dimension: a job could create any number of metrics, and each costs money.
    new logs.MetricFilter(this, 'Refused', {
      logGroup: this.logGroup,
      filterPattern: logs.FilterPattern.literal('{ $.verdict = "refused" }'),
      metricNamespace: METRICS_NAMESPACE,
      metricName: GATEWAY_METRICS.refusedDomains,
      metricValue: '1',
      dimensions: { [SERVICE_DIMENSION]: '$.service' },
    });
    const zones = zonesIn(vpc);
    this.securityGroup = gatewaySecurityGroup(ground, props, zones);
    const userData = this.userData(props, zones);
    const built = zones.map((zone, index) => this.gateway(`${index + 1}`, zone, userData, props));
    this.all = built.map(({ gateway }) => gateway);
    this.addresses = built.flatMap(({ address }) => address ?? []);
    this.removal = new GatewayRemoval(this, 'Removal', {
      ground,
      gateways: this.all.map(({ name }) => name),
      // CloudFormation deletes the instances before what they use.
      after: [this.securityGroup, vpc, ...built.flatMap(({ resources }) => resources)],
      logs: props.logs,
    });
  }

  private gateway(id: string, zone: Zone, userData: string, props: GatewaysProps) {
    const { ground, fixedAddress } = props;
    const name = gatewayName(ground, id);
    const networkInterface = new ec2.CfnNetworkInterface(ground, `Gateway${id}Interface`, {
      description: `Gateway ${id} of the agents`,
      subnetId: zone.gateway.subnetId,
      groupSet: [this.securityGroup.securityGroupId],
      // It gets packets for other addresses than its own.
      sourceDestCheck: false,
    });
    const route = new ec2.CfnRoute(ground, `Gateway${id}Route`, {
      routeTableId: zone.tasks.routeTable.routeTableId,
      destinationCidrBlock: '0.0.0.0/0',
      networkInterfaceId: networkInterface.ref,
    });
    const address = fixedAddress ? this.address(ground, id, networkInterface, props.vpc) : undefined;
    const role = this.role(ground, id, name, props);
    const profile = new iam.CfnInstanceProfile(ground, `Gateway${id}Profile`, { roles: [role.roleName] });
    const template = new GatewayTemplate(ground, `Gateway${id}`, {
      name,
      networkInterfaceId: networkInterface.ref,
      profileArn: profile.attrArn,
      imageParameter: this.imageParameter,
      instanceType: props.instanceType,
      volumeKey: props.volumeKey,
      userData,
    });
    const gateway: Gateway = {
      name,
      launchTemplateId: template.id,
      launchTemplateVersion: template.version,
      networkInterfaceId: networkInterface.ref,
      subnetId: zone.gateway.subnetId,
      roleArn: role.roleArn,
      profileArn: profile.attrArn,
      config: template.config,
      fixedAddress,
    };
    return { gateway, address, resources: [networkInterface, route, role, profile, template] };
  }

  /** A fixed address, which stays with the interface whatever instance has it. */
  private address(ground: Construct, id: string, networkInterface: ec2.CfnNetworkInterface, vpc: ec2.Vpc): string {
    const address = new ec2.CfnEIP(ground, `Gateway${id}Address`, { domain: 'vpc' });
    const association = new ec2.CfnEIPAssociation(ground, `Gateway${id}AddressAssociation`, {
      allocationId: address.attrAllocationId,
      networkInterfaceId: networkInterface.ref,
    });
    association.node.addDependency(vpc.internetConnectivityEstablished);
    return address.attrPublicIp;
  }

  private role(ground: Construct, id: string, name: string, { sessionManager }: GatewaysProps): iam.Role {
    const { account, region, partition } = Stack.of(this);
    const role = new iam.Role(ground, `Gateway${id}Role`, {
      assumedBy: trustedService(this, 'ec2.amazonaws.com'),
      description: `Lets gateway ${id} of the agents write its log and report its state`,
    });
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        // Writes to the log group of the gateways, which the stack creates. It can't create log groups.
        sid: 'WriteItsLog',
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [this.logGroup.logGroupArn],
      }),
    );
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        // Reports that the filter works, or what is wrong, in two tags of the instance. An instance's ID is random, so the resource
        // ends in `/*`; the launcher gives the tag of the condition to this gateway's instances only. Without a key, DeleteTags would
        // delete all tags.
        sid: 'ReportItsState',
        actions: ['ec2:CreateTags', 'ec2:DeleteTags'],
        resources: [`arn:${partition}:ec2:${region}:${account}:instance/*`],
        conditions: {
          StringEquals: { [`aws:ResourceTag/${GATEWAY_TAGS.gateway}`]: name },
          'ForAllValues:StringEquals': { 'aws:TagKeys': [GATEWAY_TAGS.ready, GATEWAY_TAGS.problem] },
          Null: { 'aws:TagKeys': 'false' },
        },
      }),
    );
    if (sessionManager) {
      role.addToPrincipalPolicy(
        new iam.PolicyStatement({
          // Session Manager, without the parameters that AWS's own policy lets an instance read. These actions support no narrower resource.
          // https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
          sid: 'SessionManager',
          actions: [
            'ssm:UpdateInstanceInformation',
            'ssmmessages:CreateControlChannel',
            'ssmmessages:CreateDataChannel',
            'ssmmessages:OpenControlChannel',
            'ssmmessages:OpenDataChannel',
          ],
          resources: ['*'],
        }),
      );
    }
    explain(role, ROLE_EXCEPTIONS);
    acknowledge(
      role,
      wildcard(
        arnInFindings(Stack.of(this), 'ec2', 'instance/*'),
        'Instances with the tag of this gateway, whose IDs are random; see ReportItsState.',
      ),
      ...(sessionManager
        ? [wildcard('*', 'Session Manager supports no narrower resource, and gatewaySessionManager requests it.')]
        : []),
    );
    return role;
  }

  private userData(props: GatewaysProps, zones: readonly Zone[]): string {
    return gatewayUserData({
      names: props.names,
      host: props.host,
      port: props.port,
      taskRanges: zones.map(({ tasks }) => tasks.ipv4CidrBlock),
      vpcRange: props.cidr,
      logGroup: this.logGroup.logGroupName,
      service: this.service,
      region: Stack.of(this).region,
      unusedMinutes: unusedMinutes(props.idleTime),
      sessionManager: props.sessionManager,
    });
  }
}

interface GatewayTemplateProps {
  readonly name: string;
  readonly networkInterfaceId: string;
  readonly profileArn: string;
  readonly imageParameter: string;
  readonly instanceType: string;
  readonly volumeKey: IKey | undefined;
  readonly userData: string;
}

/** The launch template of a gateway. The tags of the app apply to the instance, its volume and the template itself. */
class GatewayTemplate extends Construct {
  readonly tags = new TagManager(TagType.KEY_VALUE, 'AWS::EC2::LaunchTemplate');
  readonly id: string;
  readonly version: string;
  readonly config: string;

  constructor(scope: Construct, id: string, props: GatewayTemplateProps) {
    super(scope, id);
    // The hash is an instance's tag, so it can't contain itself.
    this.config = Lazy.string({ produce: () => hashOf(Stack.of(this).resolve(this.data(props))) });
    const template = new ec2.CfnLaunchTemplate(this, 'Template', {
      launchTemplateData: this.data(props, { [GATEWAY_TAGS.config]: this.config }),
      tagSpecifications: Lazy.any({
        produce: () => [{ resourceType: 'launch-template', tags: this.tagsWith({ Name: props.name }) }],
      }),
    });
    this.id = template.ref;
    this.version = template.attrLatestVersionNumber;
  }

  private data(
    props: GatewayTemplateProps,
    config: Readonly<Record<string, string>> = {},
  ): ec2.CfnLaunchTemplate.LaunchTemplateDataProperty {
    const { name, instanceType, volumeKey } = props;
    return {
      // EC2 looks the image up when the launcher creates an instance.
      imageId: `resolve:ssm:${props.imageParameter}`,
      instanceType,
      iamInstanceProfile: { arn: props.profileArn },
      networkInterfaces: [{ deviceIndex: 0, networkInterfaceId: props.networkInterfaceId, deleteOnTermination: false }],
      blockDeviceMappings: [
        {
          deviceName: '/dev/xvda',
          ebs: {
            volumeType: 'gp3',
            volumeSize: GATEWAY_VOLUME_GB,
            encrypted: true,
            deleteOnTermination: true,
            ...(volumeKey !== undefined && { kmsKeyId: volumeKey.keyArn }),
          },
        },
      ],
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1 },
      // A gateway that switches itself off must still exist for the launcher.
      instanceInitiatedShutdownBehavior: 'stop',
      disableApiTermination: true,
      // With standard credits, a new instance has none, and would start slowly.
      ...(instanceType.startsWith('t') && { creditSpecification: { cpuCredits: 'unlimited' } }),
      userData: Fn.base64(props.userData),
      tagSpecifications: Lazy.any({
        produce: () => {
          const tags = this.tagsWith({ Name: name, [GATEWAY_TAGS.gateway]: name, ...config });
          return ['instance', 'volume'].map((resourceType) => ({ resourceType, tags }));
        },
      }),
    };
  }

  private tagsWith(own: Readonly<Record<string, string>>): { key: string; value: string }[] {
    return Object.entries({ ...this.tags.tagValues(), ...own }).map(([key, value]) => ({ key, value }));
  }
}

function hashOf(data: unknown): string {
  return createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 16);
}

/**
 * The name of a gateway. It differs between layouts: while CloudFormation replaces a VPC, the gateways of both exist, and those of the old
 * one must not be treated as those of the new one.
 */
function gatewayName(ground: Construct, id: string): string {
  const layout = createHash('sha256').update(ground.node.path).digest('hex').slice(0, 6);
  return `${Stack.of(ground).stackName}/gateway-${id}-${layout}`;
}

function zonesIn(vpc: ec2.Vpc): Zone[] {
  return vpc.isolatedSubnets.flatMap((tasks, index) => {
    const gateway = vpc.publicSubnets[index];
    return gateway === undefined ? [] : [{ tasks, gateway }];
  });
}

/**
 * The gateways' security group: inbound only the ports that they forward, and only from the tasks' subnets; outbound the same ports, to any
 * address. Security groups see neither the queries to the VPC's resolver nor those to the Amazon Time Sync Service.
 *
 * The peer is the range of the subnets, not the tasks' group. It is unverified whether a rule with a group admits packets that a route
 * sends to the interface, because their destination is another address. Nothing else runs in these subnets.
 */
function gatewaySecurityGroup(
  scope: Construct,
  { vpc, port }: GatewaysProps,
  zones: readonly Zone[],
): ec2.SecurityGroup {
  const securityGroup = new ec2.SecurityGroup(scope, 'GatewaySecurityGroup', {
    vpc: vpc as ec2.IVpc,
    description: 'Gateways: HTTPS from the agents in, HTTPS out',
    allowAllOutbound: false,
  });
  for (const each of new Set([443, port])) {
    for (const { tasks } of zones) {
      securityGroup.addIngressRule(ec2.Peer.ipv4(tasks.ipv4CidrBlock), ec2.Port.tcp(each), 'Agents');
    }
    securityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(each), 'Hosts of the agents, AWS APIs');
  }
  return securityGroup;
}
