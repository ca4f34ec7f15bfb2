import { Fn, Names } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as nfw from 'aws-cdk-lib/aws-networkfirewall';
import { Construct } from 'constructs';
import type { LogGroupOptions } from '../log-group.ts';
import { ruleCapacity } from './suricata-rules.ts';
import { vendedLogGroup } from './vended-log-group.ts';

/** The subnets of one zone, in the order in which outbound traffic passes them. */
interface FirewallZone {
  readonly tasks: ec2.ISubnet;
  readonly firewall: ec2.ISubnet;
  readonly nat: ec2.ISubnet;
}

export interface NetworkFirewallProps {
  readonly vpc: ec2.Vpc;
  /**
   * Scope of the firewalls and routes: the VPC's scope, so that CloudFormation creates and deletes them together with the VPC.
   */
  readonly ground: Construct;
  /** Suricata rules in strict order. */
  readonly rules: string;
  /** Retention of the alert and flow logs. */
  readonly logRetention: logs.RetentionDays;
  readonly logs?: LogGroupOptions | undefined;
}

/**
 * AWS Network Firewall between the agents and the NAT gateway. Outbound traffic goes to the firewall endpoint of its zone, then
 * to the NAT gateway of that zone. Return traffic takes the same endpoint, because a firewall drops a connection if it sees
 * only one direction of it.
 * https://docs.aws.amazon.com/network-firewall/latest/developerguide/route-tables.html
 *
 * Each zone has its own firewall with a shared policy, instead of one firewall with an endpoint per zone. CloudFormation
 * lists the endpoints of a firewall in no particular order, so a route couldn't select the right one.
 */
export class NetworkFirewall extends Construct {
  readonly alerts: logs.LogGroup;
  readonly flows: logs.LogGroup;

  constructor(scope: Construct, id: string, props: NetworkFirewallProps) {
    super(scope, id);
    this.alerts = vendedLogGroup(this, 'Alerts', props.logRetention, props.logs);
    this.flows = vendedLogGroup(this, 'Flows', props.logRetention, props.logs);
    const policy = this.policy(props.rules);
    for (const [index, zone] of zonesIn(props.vpc).entries()) this.zone(`${index + 1}`, zone, props, policy);
  }

  private policy(rules: string): nfw.CfnFirewallPolicy {
    const capacity = ruleCapacity(rules);
    const group = new nfw.CfnRuleGroup(this, 'Rules', {
      // If the capacity changes, CloudFormation replaces the group. Both groups then exist for a while, so their names must
      // differ.
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
      description: 'Strict order; drops traffic that no rule passes',
      firewallPolicy: {
        // Forward everything to the stateful rules, including UDP fragments. Network Firewall silently drops fragments of other
        // protocols before this stage, whatever the settings are.
        // https://docs.aws.amazon.com/network-firewall/latest/developerguide/stateless-default-actions.html
        statelessDefaultActions: ['aws:forward_to_sfe'],
        statelessFragmentDefaultActions: ['aws:forward_to_sfe'],
        statefulEngineOptions: { ruleOrder: 'STRICT_ORDER', streamExceptionPolicy: 'REJECT' },
        statefulRuleGroupReferences: [{ priority: 1, resourceArn: group.attrRuleGroupArn }],
        // `app_layer`: waits until the protocol is known. Plain `aws:drop_established` drops the first segment of a client
        // hello that fills two segments, before the server name can be read.
        // `to_server`: AWS's default for new policies since June 2026. Without it, the default action also drops a server's
        // window updates, keep-alives and resets. Our rules drop early data from a server.
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
      // With delete protection, `cdk destroy` would fail.
      deleteProtection: false,
      subnetChangeProtection: false,
      firewallPolicyChangeProtection: false,
    });
    new nfw.CfnLoggingConfiguration(ground, `Logging${id}`, {
      firewallArn: firewall.attrFirewallArn,
      loggingConfiguration: {
        logDestinationConfigs: Object.entries({ ALERT: this.alerts, FLOW: this.flows }).map(
          ([logType, { logGroupName }]) => ({
            logType,
            logDestinationType: 'CloudWatchLogs',
            logDestination: { logGroup: logGroupName },
          }),
        ),
      },
    });
    // The list has one endpoint, because the firewall has one subnet: `["eu-central-1a:vpce-…"]`.
    const vpcEndpointId = Fn.select(1, Fn.split(':', Fn.select(0, firewall.attrEndpointIds)));
    const route = (name: string, { routeTable: { routeTableId } }: ec2.ISubnet, destinationCidrBlock: string) =>
      new ec2.CfnRoute(ground, `${name}${id}`, { routeTableId, destinationCidrBlock, vpcEndpointId });
    route('Out', zone.tasks, '0.0.0.0/0');
    route('Back', zone.nat, zone.tasks.ipv4CidrBlock);
  }
}

function zonesIn(vpc: ec2.Vpc): FirewallZone[] {
  return vpc.isolatedSubnets.flatMap((tasks, index) => {
    const firewall = vpc.privateSubnets[index];
    const nat = vpc.publicSubnets[index];
    return firewall === undefined || nat === undefined ? [] : [{ tasks, firewall, nat }];
  });
}

/** A unique name. Network Firewall doesn't generate names, and a fixed name would prevent a second stack in the account. */
function nameIn(scope: Construct, part: string): string {
  return `${Names.uniqueResourceName(scope, { maxLength: 100, separator: '-', allowedSpecialCharacters: '-' })}-${part}`;
}
