import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

export interface EgressNetworkProps {
  /** Address range of the VPC, `/16` to `/22`: a quarter of it for each of the two private subnets. */
  readonly cidr: string;
  /**
   * Ports of Terraform Enterprise hosts that do not listen on 443; agents must reach them.
   *
   * @default - 443 is the only port that may be reached
   */
  readonly extraPorts?: readonly number[];
  /**
   * How long VPC flow logs are kept.
   *
   * @default - no flow logs are written
   */
  readonly flowLogRetention?: logs.RetentionDays;
}

/**
 * A VPC in which tasks can reach out and nothing can reach in: private subnets in two availability zones, one NAT
 * gateway whose address stays the same (for HCP Terraform's IP allow-lists), and a free way to S3, where ECR keeps the
 * layers of images. One NAT gateway and not two: while its zone is down no agent starts, and half the standing price is saved.
 */
export class EgressNetwork extends Construct {
  readonly vpc: ec2.IVpc;
  /** The agents' security group; see {@link taskSecurityGroup}. */
  readonly securityGroup: ec2.SecurityGroup;
  /** The address that all of the tasks' traffic comes from. */
  readonly natAddress: string;

  constructor(scope: Construct, id: string, props: EgressNetworkProps) {
    super(scope, id);
    const mask = Number(props.cidr.split('/')[1]);
    if (!(mask >= 16 && mask <= 22)) {
      throw new Error(
        `The VPC's address range ${props.cidr} does not fit: give a range from /16 to /22, so that each private subnet has at least 256 addresses (every task takes one).`,
      );
    }

    // An Elastic IP of our own, because a gateway's automatic one changes whenever the gateway is replaced.
    const address = new ec2.CfnEIP(this, 'NatAddress', { domain: 'vpc' });
    this.natAddress = address.attrPublicIp;

    const vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: ec2.IpAddresses.cidr(props.cidr),
      maxAzs: 2,
      natGateways: 1,
      natGatewayProvider: ec2.NatProvider.gateway({ eipAllocationIds: [address.attrAllocationId] }),
      subnetConfiguration: [
        { name: 'Tasks', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: mask + 2 },
        { name: 'Nat', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 28, mapPublicIpOnLaunch: false },
      ],
      gatewayEndpoints: { S3: { service: ec2.GatewayVpcEndpointAwsService.S3 } },
      // Emptying the default security group takes a Lambda of CDK's own with rights on security groups.
      // Nothing here ever uses that group: every RunTask call names ours.
      restrictDefaultSecurityGroup: false,
    });
    this.vpc = vpc as ec2.IVpc;

    this.securityGroup = taskSecurityGroup(this, this.vpc, props.extraPorts);

    if (props.flowLogRetention === undefined) {
      Validations.of(this.vpc).acknowledge({
        id: 'AwsSolutions::AwsSolutions-VPC7',
        reason:
          'Flow logs cost per gigabyte and tell addresses, not names; nothing listens in this VPC. They are an option of the settings (network.flowLogRetentionDays).',
      });
    } else {
      const logGroup = new logs.LogGroup(this, 'FlowLogs', {
        retention: props.flowLogRetention,
        removalPolicy: RemovalPolicy.DESTROY,
      });
      this.vpc.addFlowLog('FlowLog', { destination: ec2.FlowLogDestination.toCloudWatchLogs(logGroup) });
    }
  }
}

/**
 * The agents' security group: no rule inwards; outwards TCP 443 and the extra ports, to any IPv4 address. It limits by
 * port and not by name. DNS goes to the VPC's resolver, which security groups do not see.
 */
export function taskSecurityGroup(
  scope: Construct,
  vpc: ec2.IVpc,
  extraPorts: readonly number[] = [],
): ec2.SecurityGroup {
  const securityGroup = new ec2.SecurityGroup(scope, 'TaskSecurityGroup', {
    vpc,
    description: 'Agents: nothing in, HTTPS out',
    allowAllOutbound: false,
  });
  for (const port of new Set([443, ...extraPorts])) {
    // An address range and not a prefix list or group, so that the rule is written inside the group itself: a group
    // without an inline rule is created open, and closed a moment later.
    securityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(port), 'HCP Terraform, registries, AWS APIs');
  }
  return securityGroup;
}
