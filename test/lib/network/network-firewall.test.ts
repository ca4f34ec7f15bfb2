import { Template } from 'aws-cdk-lib/assertions';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { expect, it } from 'vitest';
import { NetworkFirewall } from '../../../lib/network/network-firewall.ts';
import { ownVpc } from '../../../lib/network/own-vpc.ts';
import { emptyStack, resourcesById, text } from '../synthesis.ts';

const RULES = 'pass tls any any -> any 443 (sid:1; rev:1;)';

/** Creates a VPC with two zones. Each has a firewall, and both firewalls have the same policy. */
function firewallIn(rules = RULES): Template {
  const stack = emptyStack();
  const { vpc } = ownVpc(stack, { egress: 'network-firewall', cidr: '10.90.0.0/20', natGateways: 'all' });
  new NetworkFirewall(stack, 'Firewall', {
    vpc,
    ground: stack,
    rules,
    logRetention: RetentionDays.FIVE_DAYS,
  });
  return Template.fromStack(stack);
}

const template = firewallIn();
const all = (type: string, of = template) =>
  Object.entries(resourcesById(of)).flatMap(([id, { Type, Properties: properties }]) =>
    Type === type ? [{ id, properties }] : [],
  );
const only = (type: string, of = template) => {
  const [found, ...more] = all(type, of);
  if (found === undefined || more.length > 0) throw new Error(`not exactly one ${type}`);
  return found;
};
const FIREWALL = 'AWS::NetworkFirewall::';

it('the policy forwards everything to one rule group in strict order, and drops traffic that no rule passes', () => {
  const { properties } = only(`${FIREWALL}FirewallPolicy`);
  expect(properties).toEqual({
    FirewallPolicyName: expect.stringMatching(/-policy$/),
    Description: expect.stringMatching(/\w/),
    FirewallPolicy: {
      StatelessDefaultActions: ['aws:forward_to_sfe'],
      StatelessFragmentDefaultActions: ['aws:forward_to_sfe'],
      StatefulEngineOptions: { RuleOrder: 'STRICT_ORDER', StreamExceptionPolicy: 'REJECT' },
      StatefulRuleGroupReferences: [
        { Priority: 1, ResourceArn: { 'Fn::GetAtt': [only(`${FIREWALL}RuleGroup`).id, 'RuleGroupArn'] } },
      ],
      StatefulDefaultActions: ['aws:drop_established_app_layer_to_server', 'aws:alert_established_app_layer_to_server'],
    },
  });
});

it('the policy has the given rules in a stateful group of strict order', () => {
  const { properties } = only(`${FIREWALL}RuleGroup`);
  expect(properties).toEqual({
    RuleGroupName: expect.stringMatching(/-rules-100$/),
    Description: expect.stringMatching(/\w/),
    Type: 'STATEFUL',
    Capacity: 100,
    RuleGroup: { RulesSource: { RulesString: RULES }, StatefulRuleOptions: { RuleOrder: 'STRICT_ORDER' } },
  });
});

it('the rule group gets a new name if its capacity changes, so that CloudFormation can replace it', () => {
  const many = firewallIn(Array.from({ length: 200 }, () => RULES).join('\n'));
  const { properties } = only(`${FIREWALL}RuleGroup`, many);
  expect(properties).toMatchObject({ Capacity: 400, RuleGroupName: expect.stringMatching(/-rules-400$/) });
});

const firewalls = all(`${FIREWALL}Firewall`);

it('each zone has its own firewall with the shared policy, without delete protection', () => {
  expect(firewalls).toHaveLength(2);
  const policy = { 'Fn::GetAtt': [only(`${FIREWALL}FirewallPolicy`).id, 'FirewallPolicyArn'] };
  for (const [index, { properties }] of firewalls.entries()) {
    expect(properties).toEqual({
      FirewallName: expect.stringMatching(new RegExp(`-${index + 1}$`)),
      Description: expect.stringContaining(String(index + 1)),
      FirewallPolicyArn: policy,
      VpcId: { Ref: only('AWS::EC2::VPC').id },
      SubnetMappings: [{ SubnetId: { Ref: expect.stringMatching(new RegExp(`FirewallSubnet${index + 1}`)) } }],
      DeleteProtection: false,
      SubnetChangeProtection: false,
      FirewallPolicyChangeProtection: false,
    });
  }
});

it('each zone logs alerts and flows to two groups that are deleted with the stack after five days', () => {
  const groups = Object.entries(template.findResources('AWS::Logs::LogGroup'));
  const [alerts, flows] = groups.map(([id]) => ({ logGroup: { Ref: id } }));
  expect(groups.map(([id]) => id)).toEqual([expect.stringContaining('Alerts'), expect.stringContaining('Flows')]);
  for (const [, group] of groups) {
    expect(group).toMatchObject({ Properties: { RetentionInDays: 5 }, DeletionPolicy: 'Delete' });
  }
  expect(all(`${FIREWALL}LoggingConfiguration`).map(({ properties }) => properties)).toEqual(
    firewalls.map(({ id }) => ({
      FirewallArn: { 'Fn::GetAtt': [id, 'FirewallArn'] },
      LoggingConfiguration: {
        LogDestinationConfigs: [
          { LogType: 'ALERT', LogDestinationType: 'CloudWatchLogs', LogDestination: alerts },
          { LogType: 'FLOW', LogDestinationType: 'CloudWatchLogs', LogDestination: flows },
        ],
      },
    })),
  );
});

it('each zone sends outbound and return traffic through its own firewall', () => {
  const routes = all('AWS::EC2::Route').filter(({ properties }) => properties['VpcEndpointId'] !== undefined);
  const vpcEndpoint = (id: string | undefined) => ({
    'Fn::Select': [1, { 'Fn::Split': [':', { 'Fn::Select': [0, { 'Fn::GetAtt': [id, 'EndpointIds'] }] }] }],
  });
  const subnets = all('AWS::EC2::Subnet');
  const rangeOf = (name: string) => subnets.find(({ id }) => id.includes(name))?.properties['CidrBlock'];
  const found = routes.map(({ properties }) => [
    text(properties['RouteTableId']),
    properties['DestinationCidrBlock'],
    properties['VpcEndpointId'],
  ]);
  expect(found).toEqual(
    [1, 2].flatMap((zone) => {
      const firewall = vpcEndpoint(firewalls[zone - 1]?.id);
      const tableOf = (name: string) => expect.stringMatching(new RegExp(`(?:${name})Subnet${zone}RouteTable`));
      return [
        [tableOf('Tasks'), '0.0.0.0/0', firewall],
        [tableOf('Public|Nat'), rangeOf(`TasksSubnet${zone}`), firewall],
      ];
    }),
  );
});
