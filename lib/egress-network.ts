import { Duration, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge, explain, ROLE_EXCEPTIONS } from './acknowledgement.ts';
import type { IdleNetwork } from './aws/costs.ts';
import { ecrImage } from './aws/ecr-image.ts';
import { suffixOf } from './aws/partitions.ts';
import { bucketsIn } from './aws/s3-names.ts';
import { DEFAULT_LOG_RETENTION_DAYS } from './defaults.ts';
import { allowServices, type LogGroupOptions } from './log-group.ts';
import {
  jobNames,
  type Place,
  portOf,
  registryBuckets,
  resolvingNames,
  TASK_START_ENDPOINTS,
  taskStartNames,
} from './network/allowed-domains.ts';
import { DnsFirewall } from './network/dns-firewall.ts';
import { covers, normalised } from './network/domain-name.ts';
import { Gateways } from './network/gateways.ts';
import { guardDutyAccount } from './network/guardduty.ts';
import { isOpenToJobs, type LauncherApi, launcherApiName, launcherApis } from './network/launcher-apis.ts';
import { layoutId } from './network/layout.ts';
import { NetworkFirewall } from './network/network-firewall.ts';
import { ownVpc } from './network/own-vpc.ts';
import { launcherSecurityGroup, taskSecurityGroup } from './network/security-group.ts';
import { suricataRules } from './network/suricata-rules.ts';
import { vendedLogGroup } from './network/vended-log-group.ts';
import {
  allowThrough,
  launcherEndpointGroup,
  launcherEndpoints,
  layerEndpoint,
  taskEndpoints,
} from './network/vpc-endpoints.ts';
import type { EgressNetworkProps } from './properties/egress-network.ts';
import { checkNetworkProps } from './properties/egress-network-checks.ts';
import { restrictTrust } from './service-trust.ts';

export type { EgressNetworkProps, Gateways };

/** A VPC that allows the outbound traffic of its egress mode, and no inbound traffic. */
export class EgressNetwork extends Construct {
  readonly vpc: ec2.IVpc;
  /** Subnets of the agents. */
  readonly taskSubnets: ec2.SubnetSelection;
  /** The agents' security group; see {@link taskSecurityGroup}. */
  readonly securityGroup: ec2.SecurityGroup;
  /** Group of the launcher's function, if `launcher` is set; see {@link launcherSecurityGroup}. */
  readonly launcherSecurityGroup: ec2.SecurityGroup | undefined;
  /** APIs of the launcher that have an endpoint in this VPC, which admits only the launcher. */
  readonly launcherEndpoints: readonly LauncherApi[];
  /** Gateways of the mode `on-demand`. Pass them to `AgentLauncher`, which starts and stops them. */
  readonly gateways: Gateways | undefined;
  /**
   * Source addresses of all IPv4 traffic of the VPC, for IP allow-lists. Empty if each task has its own address, or if a gateway gets another
   * address at each start.
   */
  readonly addresses: readonly string[];
  /** Allocation IDs of the existing Elastic IPs that the NAT gateways use; {@link addresses} is then empty. */
  readonly allocationIds: readonly string[];
  /** Whether tasks need a public address. */
  readonly assignPublicIp: boolean;
  /** Resources that cost money while nothing runs. */
  readonly idle: IdleNetwork;
  /** Every domain that resolves. */
  readonly names: readonly string[];
  /** Log of the VPC's DNS queries; `undefined`: they are not logged. */
  readonly dnsQueryLogGroup: logs.ILogGroup | undefined;
  private readonly dnsFirewall: boolean;
  /** The endpoint of Secrets Manager, with `vpcEndpoints: 'task-start'`. */
  private readonly secretsEndpoint: ec2.InterfaceVpcEndpoint | undefined;

  constructor(scope: Construct, id: string, props: EgressNetworkProps) {
    super(scope, id);
    const network = checkNetworkProps(this, props);
    const { egress, hostname, images, ipv6, vpcEndpoints, dnsFirewall } = network;
    const layout = layoutId(network);
    const ground = layout === undefined ? this : new Construct(this, layout);
    const { vpc, addresses, allocationIds, natGateways } = ownVpc(ground, network);
    this.vpc = vpc as ec2.IVpc;
    explain(vpc, {
      VPCDefaultSecurityGroupClosed:
        'Nothing uses the default security group: every network interface has a group of the stack. To empty it, the stack would need another function with permissions on security groups.',
      VPCNoUnrestrictedRouteToIGW:
        egress === 'public-ip'
          ? 'Tasks use the route directly, because they have public addresses. Their security group admits nothing. Another network.egress gives tasks private subnets.'
          : egress === 'on-demand'
            ? 'Only the subnets of the gateways have the route. No task runs there, and the security group of the gateways admits only the subnets of the tasks.'
            : 'Only the subnets of the NAT gateways have the route. No task runs there, and NAT gateways admit no connections from outside.',
      ...(ipv6 && {
        VPCSubnetAutoAssignPublicIpDisabled:
          'Only IPv6 addresses are assigned automatically, because of network.ipv6. The security group of the tasks admits nothing.',
      }),
    });
    this.allocationIds = allocationIds;
    this.taskSubnets = { subnetGroupName: 'Tasks' };
    this.assignPublicIp = egress === 'public-ip';

    const port = portOf(hostname);
    this.securityGroup = taskSecurityGroup(this, { vpc: this.vpc, extraPorts: [port], ipv6 });

    const awsApiServices = network.allowedPresets?.includes('aws-apis') === true ? (network.awsApiServices ?? []) : [];
    const endpoints = { vpc, subnets: this.taskSubnets, awsApiServices };
    layerEndpoint(this, {
      ...endpoints,
      buckets: bucketsIn(network.allowedDomains ?? []),
      registryBuckets: registryBuckets(images),
    });
    const place: Place = Stack.of(this);
    const { launcher } = network;
    this.launcherSecurityGroup = launcher && launcherSecurityGroup(this, { vpc: this.vpc, extraPorts: [port] });
    const apis = launcher === undefined ? [] : launcherApis(launcher);
    const located = {
      account: place.account,
      region: place.region,
      urlSuffix: place.urlSuffix,
      isKnown: !Token.isUnresolved(place.region),
    };
    // Without DNS Firewall, every domain resolves and is reachable, so an endpoint would limit nothing.
    this.launcherEndpoints = dnsFirewall ? apis.filter((api) => !isOpenToJobs(api, network, located)) : [];
    const withEndpoints = vpcEndpoints === 'task-start';
    const launcherGroup =
      this.launcherSecurityGroup !== undefined && (withEndpoints || this.launcherEndpoints.length > 0)
        ? launcherEndpointGroup(this, this.vpc, this.launcherSecurityGroup)
        : undefined;
    this.secretsEndpoint = withEndpoints
      ? taskEndpoints(this, { ...endpoints, securityGroup: this.securityGroup, launcher: launcherGroup })
      : undefined;
    if (launcherGroup !== undefined) {
      launcherEndpoints(this, { ...endpoints, apis: this.launcherEndpoints, securityGroup: launcherGroup });
    }

    const guardDuty = network.guardDuty ? guardDutyAccount(this) : undefined;
    const launcherNames = apis.map((api) => launcherApiName(api, place));
    this.names = normalised([...resolvingNames(network, images, place, guardDuty), ...launcherNames]);
    this.dnsFirewall = dnsFirewall;
    if (this.dnsFirewall) {
      const { queryLogGroup } = new DnsFirewall(this, 'DnsFirewall', {
        vpcId: vpc.vpcId,
        names: this.names,
        logs: network.logs,
        queryLogRetention: network.dnsQueryLogRetentionDays ?? DEFAULT_LOG_RETENTION_DAYS,
      });
      this.dnsQueryLogGroup = queryLogGroup;
    }
    // Traffic to an endpoint doesn't pass the firewall or the gateway, so these don't need to allow it.
    const start = taskStartNames(images, place, guardDuty);
    const passing = normalised([
      ...jobNames(network, place),
      ...start.registries,
      ...start.monitoring,
      ...(withEndpoints ? [] : start.apis),
      ...apis.filter((api) => !this.launcherEndpoints.includes(api)).map((api) => launcherApiName(api, place)),
    ]);
    const host = hostname.split(':')[0] ?? hostname;
    if (network.egress === 'network-firewall') {
      new NetworkFirewall(this, 'Firewall', {
        vpc,
        ground,
        rules: suricataRules(passing, port === 443 ? [] : [{ name: host, port }]),
        logRetention: network.firewallLogRetentionDays ?? DEFAULT_LOG_RETENTION_DAYS,
        logs: network.logs,
      });
    }
    this.gateways =
      network.egress === 'on-demand'
        ? new Gateways(this, 'Gateways', {
            vpc,
            cidr: network.cidr,
            ground,
            names: passing,
            host,
            port,
            instanceType: network.gatewayInstanceType,
            start: network.gatewayStart,
            idleTime: Duration.minutes(network.gatewayIdleMinutes),
            maxAge: Duration.days(network.gatewayMaxAgeDays),
            fixedAddress: network.fixedAddress,
            sessionManager: network.gatewaySessionManager,
            logRetention: network.gatewayLogRetentionDays ?? DEFAULT_LOG_RETENTION_DAYS,
            logs: network.logs,
            volumeKey: network.gatewayVolumeKey,
          })
        : undefined;
    this.addresses = this.gateways?.addresses ?? addresses;
    allowServices(this, 'logs', network.logs?.encryptionKey, Stack.of(this).stackName);
    this.flowLogs(network.flowLogRetentionDays ?? DEFAULT_LOG_RETENTION_DAYS, network.logs);

    const zones = vpc.selectSubnets(this.taskSubnets).subnets.length;
    this.idle = {
      natGateways,
      firewallEndpoints: egress === 'network-firewall' ? zones : 0,
      gateways: this.gateways?.all.length ?? 0,
      fixedAddresses: this.gateways?.addresses.length ?? 0,
      interfaceEndpoints: ((withEndpoints ? TASK_START_ENDPOINTS : 0) + this.launcherEndpoints.length) * zones,
      dnsNames: this.dnsFirewall ? this.names.length + 1 : 0,
    };
  }

  /**
   * Allows a role to call further actions of Secrets Manager, if an endpoint limits them. A starting task only reads values, and so
   * does the launcher.
   */
  allowSecretsActions(role: IRole, actions: readonly string[]): void {
    if (this.secretsEndpoint !== undefined) allowThrough(this.secretsEndpoint, 'Launcher', [...actions], role);
  }

  /** The hosts that a pull of the image needs and that don't resolve. Ignores hosts that are known only at deployment. */
  unresolvedHostsOf(image: string): string[] {
    const place: Place = Stack.of(this);
    const isInEcr = ecrImage(image) !== undefined;
    if (!this.dnsFirewall || Token.isUnresolved(image)) return [];
    if (isInEcr && (Token.isUnresolved(place.account) || Token.isUnresolved(place.region))) return [];
    const { registries } = taskStartNames([image], place);
    const names = this.names.map((name) => name.replace(place.urlSuffix, suffixOf(place.region, 'amazonaws.com')));
    return registries.filter((host) => !names.some((name) => covers(name, host)));
  }

  private flowLogs(retention: logs.RetentionDays | 0, options: LogGroupOptions | undefined): void {
    if (retention === 0) {
      const reason =
        'Flow logs are on by default, and network.flowLogRetentionDays 0 turns them off. The setting network.flowLogRetentionDays removes the finding.';
      acknowledge(this.vpc, { id: 'AwsSolutions::AwsSolutions-VPC7', reason });
      explain(this.vpc, { VPCFlowLogsEnabled: reason });
      return;
    }
    const logGroup = vendedLogGroup(this, 'FlowLogs', retention, options);
    const { iamRole } = this.vpc.addFlowLog('FlowLog', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(logGroup),
    });
    restrictTrust(iamRole, 'vpc-flow-logs.amazonaws.com');
    if (iamRole !== undefined) explain(iamRole, ROLE_EXCEPTIONS);
  }
}
