import { describe, expect, it } from 'vitest';
import { type Ask, dnsFirewallFacts, vpcFacts } from '../../../lib/network-check/facts.ts';
import { answersWith, routesTo, SUBNET, SUBNET_ID, VPC_ID } from './aws-answers.ts';

const needs = {
  vpcId: VPC_ID,
  subnetIds: [SUBNET_ID],
  hostname: 'app.terraform.io',
  agents: 1,
  ports: [443],
  services: [],
  dnsFirewall: false,
};

/** Returns the facts of a VPC with a NAT gateway, with other answers of AWS to the given commands. */
async function factsWith(more: Record<string, unknown>, dnsFirewall = false, asked: string[] = []) {
  const answers = { ...answersWith({ NatGatewayId: 'nat-1' }), ...more };
  const aws: Ask = async (_service, action) => {
    const command = action.replaceAll(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
    asked.push(command);
    return answers[command];
  };
  const all = { ...needs, dnsFirewall };
  return { ...(await vpcFacts(aws, all, [])), ...(await dnsFirewallFacts(aws, all)) };
}

describe('the default route', () => {
  it.each([
    [{ NatGatewayId: 'nat-1' }, 'nat-1'],
    [{ TransitGatewayId: 'tgw-1' }, 'tgw-1'],
    [
      { CoreNetworkArn: 'arn:aws:networkmanager::1:core-network/core-network-1' },
      'arn:aws:networkmanager::1:core-network/core-network-1',
    ],
    [{ LocalGatewayId: 'lgw-1' }, 'lgw-1'],
    [{ CarrierGatewayId: 'cagw-1' }, 'cagw-1'],
  ])('to %o is recognized', async (route, target) => {
    expect((await factsWith({ 'describe-route-tables': routesTo(route) })).subnets).toMatchObject([
      { targets: [target] },
    ]);
  });

  const route = (range: string, NatGatewayId: string) => ({ DestinationCidrBlock: range, NatGatewayId });
  const deleted = (range: string) => ({ ...route(range, 'nat-gone'), State: 'blackhole' });
  const [all, low, high] = ['0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'] as const;

  it.each<[string, object[], string[], string[]]>([
    ['in both halves', [route(low, 'nat-1'), route(high, 'nat-1')], ['nat-1'], []],
    ['in halves with two targets', [route(low, 'nat-1'), route(high, 'nat-2')], ['nat-1', 'nat-2'], []],
    ['in halves and as a whole', [route(all, 'nat-3'), route(low, 'nat-1'), route(high, 'nat-1')], ['nat-1'], []],
    ['in one half and as a whole', [route(all, 'nat-3'), route(low, 'nat-1')], ['nat-1', 'nat-3'], []],
    ['with a deleted target', [deleted(all)], [], [all]],
    ['with a deleted target in one half', [route(all, 'nat-1'), deleted(low)], ['nat-1'], [low]],
    ['for IPv6 only', [{ DestinationIpv6CidrBlock: '::/0', NatGatewayId: 'nat-1' }], [], [all]],
    ['for a prefix list only', [{ DestinationPrefixListId: 'pl-1' }], [], [all]],
  ])('%s has these targets, and these ranges without a target', async (_, Routes, targets, nowhere) => {
    const tables = { RouteTables: [{ Associations: [{ Main: true }], Routes }] };
    expect((await factsWith({ 'describe-route-tables': tables })).subnets).toMatchObject([{ targets, nowhere }]);
  });

  it('comes from the route table of the subnet, not from the main one', async () => {
    const own = { Associations: [{ SubnetId: SUBNET_ID }], Routes: [route(all, 'nat-1')] };
    const main = { Associations: [{ Main: true }], Routes: [route(all, 'nat-2')] };
    expect((await factsWith({ 'describe-route-tables': { RouteTables: [main, own] } })).subnets).toMatchObject([
      { targets: ['nat-1'] },
    ]);
  });
});

it('a subnet can have no IPv4 range, and can be on an Outpost', async () => {
  const { CidrBlock: _, ...ofIpv6 } = SUBNET;
  const OutpostArn = 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-1';
  const [subnet] = (await factsWith({ 'describe-subnets': { Subnets: [{ ...ofIpv6, OutpostArn }] } })).subnets;
  expect(subnet).toMatchObject({ outpost: OutpostArn });
  expect(subnet).not.toHaveProperty('range');
});

describe('endpoints', () => {
  const endpoint = (service: string, type: string, more: object = {}) => ({
    VpcEndpointId: `vpce-${service}`,
    ServiceName: `com.amazonaws.eu-central-1.${service}`,
    VpcEndpointType: type,
    State: 'available',
    ...more,
  });
  const listed = (...VpcEndpoints: object[]) => ({ 'describe-vpc-endpoints': { VpcEndpoints } });
  const everything = { Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' };
  const policy = (...Statement: object[]) => JSON.stringify({ Version: '2008-10-17', Statement });
  const s3 = (more: object = {}) => endpoint('s3', 'Gateway', more);

  it.each<[string, boolean, object[], string]>([
    ['to S3', true, [s3(), endpoint('dynamodb', 'Gateway')], 'vpce-s3'],
    ['to DynamoDB', false, [s3(), endpoint('dynamodb', 'Gateway')], 'vpce-dynamodb'],
    ['to one that is being deleted', false, [s3({ State: 'deleting' })], 'vpce-s3'],
  ])('of the gateway type serve a subnet with a route %s: %s', async (_, expected, endpoints, GatewayId) => {
    const route = { GatewayId, DestinationPrefixListId: 'pl-1', DestinationCidrBlock: undefined };
    const facts = await factsWith({ ...listed(...endpoints), 'describe-route-tables': routesTo(route) });
    expect(facts.subnets[0]?.s3Endpoint).toBe(expected);
  });

  it('have the name of their service (also in China), their security groups, and a mark if their policy is custom', async () => {
    const https = { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: '10.0.0.0/16' }] };
    const group = { GroupId: 'sg-9', VpcId: VPC_ID, IpPermissions: [https], IpPermissionsEgress: [] };
    const facts = await factsWith({
      ...listed(
        endpoint('logs', 'Interface', {
          Groups: [{ GroupId: 'sg-9' }],
          PrivateDnsEnabled: true,
          PolicyDocument: policy(everything),
        }),
        endpoint('', 'Interface', {
          ServiceName: 'cn.com.amazonaws.cn-north-1.ecr.api',
          PolicyDocument: policy({ ...everything, Condition: { StringEquals: {} } }),
        }),
      ),
      'describe-security-groups': { SecurityGroups: [group] },
    });
    const inbound = [{ protocol: 'tcp', from: 443, to: 443, peer: '10.0.0.0/16' }];
    expect(facts.endpoints).toEqual([
      {
        service: 'logs',
        privateDns: true,
        hasCustomPolicy: false,
        groups: [{ id: 'sg-9', vpcId: VPC_ID, inbound, outbound: [] }],
      },
      { service: 'ecr.api', privateDns: false, hasCustomPolicy: true, groups: [] },
    ]);
    // The agents have other security groups.
    expect(facts.securityGroups).toEqual([]);
  });

  it.each([
    ['denies everything', policy(everything, { ...everything, Effect: 'Deny' }), true],
    ['allows everything', policy(everything), false],
    ['allows everything in a single statement', JSON.stringify({ Statement: everything }), false],
    ['is not JSON', '%7B%7D', true],
  ])('for S3 have a custom policy unless it allows everything: one that %s', async (_, PolicyDocument, isCustom) => {
    expect((await factsWith(listed(s3({ PolicyDocument })))).s3HasCustomPolicy).toBe(isCustom);
  });
});

it('the network ACL of a subnet has its rules', async () => {
  const ofAll = { CidrBlock: '0.0.0.0/0', PortRange: { From: 443, To: 443 } };
  const Entries = [
    { RuleNumber: 100, Egress: true, RuleAction: 'allow', Protocol: '6', ...ofAll },
    { RuleNumber: 32_767, Egress: false, RuleAction: 'deny', Protocol: '-1', Ipv6CidrBlock: '::/0' },
  ];
  const NetworkAcls = [
    { NetworkAclId: 'acl-2', Associations: [{ SubnetId: 'subnet-2' }], Entries: [] },
    { NetworkAclId: 'acl-1', Associations: [{ SubnetId: SUBNET_ID }], Entries },
  ];
  const ports = { from: 443, to: 443 };
  expect((await factsWith({ 'describe-network-acls': { NetworkAcls } })).subnets[0]?.acl).toEqual({
    id: 'acl-1',
    rules: [
      { number: 100, direction: 'out', allows: true, protocol: '6', range: '0.0.0.0/0', ports },
      { number: 32_767, direction: 'in', allows: false, protocol: '-1' },
    ],
  });
});

it("the facts contain DNS Firewall's priorities, and its failure mode only if the rule group is the stack's", async () => {
  const answers = {
    'list-firewall-rule-group-associations': {
      FirewallRuleGroupAssociations: [{ FirewallRuleGroupId: 'rslvr-frg-1', Priority: 101 }],
    },
    'get-firewall-config': { FirewallConfig: { FirewallFailOpen: 'ENABLED' } },
  };
  const asked: string[] = [];
  const facts = await factsWith(answers, false, asked);
  expect(facts.dnsFirewallRuleGroups).toEqual([{ name: 'rslvr-frg-1', priority: 101 }]);
  expect(facts).not.toHaveProperty('dnsFailsOpen');
  expect(asked).not.toContain('get-firewall-config');
  expect((await factsWith(answers, true)).dnsFailsOpen).toBe(true);
});
