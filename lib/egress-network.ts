import { Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledgement.ts';
import type { IdleNetwork } from './aws/costs.ts';
import { ecrImage } from './aws/ecr-image.ts';
import { suffixOf } from './aws/partitions.ts';
import { bucketsIn } from './aws/s3-names.ts';
import { DEFAULT_LOG_RETENTION_DAYS } from './defaults.ts';
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
import { guardDutyAccount } from './network/guardduty.ts';
import { layoutId } from './network/layout.ts';
import { NetworkFirewall } from './network/network-firewall.ts';
import { ownVpc } from './network/own-vpc.ts';
import { taskSecurityGroup } from './network/security-group.ts';
import { suricataRules } from './network/suricata-rules.ts';
import { vendedLogGroup } from './network/vended-log-group.ts';
import { layerEndpoint, taskEndpoints } from './network/vpc-endpoints.ts';
import type { EgressNetworkProps } from './properties/egress-network.ts';
import { checkNetworkProps } from './properties/egress-network-checks.ts';

export type { EgressNetworkProps };

/** A VPC that allows the outbound traffic of its egress mode, and no inbound traffic. */
export class EgressNetwork extends Construct {
  readonly vpc: ec2.IVpc;
  /** Subnets of the agents. */
  readonly taskSubnets: ec2.SubnetSelection;
  /** The agents' security group; see {@link taskSecurityGroup}. */
  readonly securityGroup: ec2.SecurityGroup;
  /** Source addresses of all IPv4 traffic of the tasks, for IP allow-lists. Empty if each task has its own address. */
  readonly addresses: readonly string[];
  /** Whether tasks need a public address. */
  readonly assignPublicIp: boolean;
  /** Resources that cost money while nothing runs. */
  readonly idle: IdleNetwork;
  /** Every domain that resolves. */
  readonly names: readonly string[];
  private readonly dnsFirewall: boolean;

  constructor(scope: Construct, id: string, props: EgressNetworkProps) {
    super(scope, id);
    const network = checkNetworkProps(this, props);
    const { egress, hostname, images, ipv6, vpcEndpoints, dnsFirewall } = network;
    const layout = layoutId(network);
    const ground = layout === undefined ? this : new Construct(this, layout);
    const { vpc, addresses } = ownVpc(ground, network);
    this.vpc = vpc as ec2.IVpc;
    this.addresses = addresses;
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
    const withEndpoints = vpcEndpoints === 'task-start';
    if (withEndpoints) taskEndpoints(this, { ...endpoints, securityGroup: this.securityGroup });

    const place: Place = Stack.of(this);
    const guardDuty = network.guardDuty ? guardDutyAccount(this) : undefined;
    this.names = resolvingNames(network, images, place, guardDuty);
    this.dnsFirewall = dnsFirewall;
    if (this.dnsFirewall) {
      new DnsFirewall(this, 'DnsFirewall', {
        vpcId: vpc.vpcId,
        names: this.names,
        ...(network.dnsQueryLogRetentionDays !== undefined && { queryLogRetention: network.dnsQueryLogRetentionDays }),
      });
    }
    if (network.egress === 'network-firewall') {
      // Traffic to an endpoint doesn't pass the firewall, so the firewall doesn't need to allow it.
      const { apis, registries, monitoring } = taskStartNames(images, place, guardDuty);
      const names = normalised([
        ...jobNames(network, place),
        ...registries,
        ...monitoring,
        ...(withEndpoints ? [] : apis),
      ]);
      const host = hostname.split(':')[0] ?? hostname;
      new NetworkFirewall(this, 'Firewall', {
        vpc,
        ground,
        rules: suricataRules(names, port === 443 ? [] : [{ name: host, port }]),
        logRetention: network.firewallLogRetentionDays ?? DEFAULT_LOG_RETENTION_DAYS,
      });
    }
    this.flowLogs(network.flowLogRetentionDays);

    const zones = vpc.selectSubnets(this.taskSubnets).subnets.length;
    this.idle = {
      natGateways: addresses.length,
      firewallEndpoints: egress === 'network-firewall' ? zones : 0,
      interfaceEndpoints: withEndpoints ? TASK_START_ENDPOINTS * zones : 0,
      dnsNames: this.dnsFirewall ? this.names.length + 1 : 0,
    };
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

  private flowLogs(retention: logs.RetentionDays | undefined): void {
    if (retention === undefined) {
      acknowledge(this.vpc, {
        id: 'AwsSolutions::AwsSolutions-VPC7',
        reason:
          'Flow logs are billed per gigabyte and contain addresses, not names; nothing in this VPC accepts connections. The setting network.flowLogRetentionDays turns them on.',
      });
      return;
    }
    const logGroup = vendedLogGroup(this, 'FlowLogs', retention);
    this.vpc.addFlowLog('FlowLog', { destination: ec2.FlowLogDestination.toCloudWatchLogs(logGroup) });
  }
}
