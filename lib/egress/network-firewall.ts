import { Fn, Names } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as nfw from 'aws-cdk-lib/aws-networkfirewall';
import { Construct } from 'constructs';
import { ruleCapacity } from './suricata-rules.ts';
import { vendedLogGroup } from './vended-log-group.ts';

/** The subnets of one zone, in the order in which traffic leaves. */
export interface FirewallZone {
  readonly tasks: ec2.ISubnet;
  readonly firewall: ec2.ISubnet;
  readonly nat: ec2.ISubnet;
}

export interface NetworkFirewallProps {
  readonly vpc: ec2.IVpc;
  /** What the firewalls and routes are made in: that of the VPC, so that they come and go with it. */
  readonly ground: Construct;
  readonly zones: readonly FirewallZone[];
  /** Suricata rules in strict order. */
  readonly rules: string;
  /** How long alerts and flows are kept. */
  readonly logRetention: logs.RetentionDays;
}

/**
 * AWS Network Firewall between the agents and the NAT gateway. What leaves a subnet of agents goes to the firewall
 * endpoint of its own zone, from there to the NAT gateway of that zone; what comes back takes the same endpoint, because
 * a firewall that sees one half of a connection drops it.
 * https://docs.aws.amazon.com/network-firewall/latest/developerguide/route-tables.html
 *
 * One firewall a zone with one common policy, and not one firewall with an endpoint in each: CloudFormation lists the
 * endpoints of a firewall in no particular order, and a route must not be made by guessing.
 */
export class NetworkFirewall extends Construct {
  readonly alerts: logs.LogGroup;
  readonly flows: logs.LogGroup;

  constructor(scope: Construct, id: string, props: NetworkFirewallProps) {
    super(scope, id);
    this.alerts = vendedLogGroup(this, 'Alerts', props.logRetention);
    this.flows = vendedLogGroup(this, 'Flows', props.logRetention);
    const policy = this.policy(props.rules);
    for (const [index, zone] of props.zones.entries()) this.zone(`${index + 1}`, zone, props, policy);
  }

  private policy(rules: string): nfw.CfnFirewallPolicy {
    const capacity = ruleCapacity(rules);
    const group = new nfw.CfnRuleGroup(this, 'Rules', {
      // A group that needs more room is replaced, and two of one name cannot stand side by side while that happens.
      ruleGroupName: nameIn(this, `rules-${capacity}`),
      description: 'TLS to the allowed names, and nothing else',
      type: 'STATEFUL',
      capacity,
      ruleGroup: {
        rulesSource: { rulesString: rules },
        statefulRuleOptions: { ruleOrder: 'STRICT_ORDER' },
      },
    });
    return new nfw.CfnFirewallPolicy(this, 'Policy', {
      firewallPolicyName: nameIn(this, 'policy'),
      description: 'Strict order; what no rule passes is dropped',
      firewallPolicy: {
        // Everything is judged by the stateful rules, fragments of UDP too. Those of other protocols never come so far:
        // Network Firewall drops them silently, whatever is said here.
        // https://docs.aws.amazon.com/network-firewall/latest/developerguide/stateless-default-actions.html
        statelessDefaultActions: ['aws:forward_to_sfe'],
        statelessFragmentDefaultActions: ['aws:forward_to_sfe'],
        statefulEngineOptions: { ruleOrder: 'STRICT_ORDER', streamExceptionPolicy: 'REJECT' },
        statefulRuleGroupReferences: [{ priority: 1, resourceArn: group.attrRuleGroupArn }],
        // Of `aws:drop_established` the form that waits until the protocol is known: the plain one drops the first
        // segment of a client hello that fills two, before its server name is there to be read. And of that the form
        // that looks towards the server only, AWS's default for new policies since June 2026: the other one drops a
        // server's window updates, keep-alives and resets as well. What a server says early, the rules above judge.
        // https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html
        // https://aws.amazon.com/about-aws/whats-new/2026/06/aws-network-firewall-updates-default-drop-action
        statefulDefaultActions: [
          'aws:drop_established_app_layer_to_server',
          'aws:alert_established_app_layer_to_server',
        ],
      },
    });
  }

  private zone(
    id: string,
    zone: FirewallZone,
    { vpc, ground }: NetworkFirewallProps,
    policy: nfw.CfnFirewallPolicy,
  ): void {
    const firewall = new nfw.CfnFirewall(ground, `Firewall${id}`, {
      firewallName: nameIn(ground, id),
      description: `Zone ${id} of the agents`,
      firewallPolicyArn: policy.attrFirewallPolicyArn,
      vpcId: vpc.vpcId,
      subnetMappings: [{ subnetId: zone.firewall.subnetId }],
      // Or `cdk destroy` fails.
      deleteProtection: false,
      subnetChangeProtection: false,
      firewallPolicyChangeProtection: false,
    });
    new nfw.CfnLoggingConfiguration(ground, `Logging${id}`, {
      firewallArn: firewall.attrFirewallArn,
      loggingConfiguration: {
        logDestinationConfigs: [
          {
            logType: 'ALERT',
            logDestinationType: 'CloudWatchLogs',
            logDestination: { logGroup: this.alerts.logGroupName },
          },
          {
            logType: 'FLOW',
            logDestinationType: 'CloudWatchLogs',
            logDestination: { logGroup: this.flows.logGroupName },
          },
        ],
      },
    });
    // `["eu-central-1a:vpce-…"]`: one endpoint, because the firewall has one subnet.
    const vpcEndpointId = Fn.select(1, Fn.split(':', Fn.select(0, firewall.attrEndpointIds)));
    new ec2.CfnRoute(ground, `Out${id}`, {
      routeTableId: zone.tasks.routeTable.routeTableId,
      destinationCidrBlock: '0.0.0.0/0',
      vpcEndpointId,
    });
    new ec2.CfnRoute(ground, `Back${id}`, {
      routeTableId: zone.nat.routeTable.routeTableId,
      destinationCidrBlock: zone.tasks.ipv4CidrBlock,
      vpcEndpointId,
    });
  }
}

/** Network Firewall makes up no names, and a fixed one would let no second stack into the account. */
function nameIn(scope: Construct, part: string): string {
  return `${Names.uniqueResourceName(scope, { maxLength: 100, separator: '-', allowedSpecialCharacters: '-' })}-${part}`;
}
