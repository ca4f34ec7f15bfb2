import { describe, expect, it } from 'vitest';
import { vpcFacts } from '../../../lib/network-check/facts.ts';
import type { VpcNeeds } from '../../../lib/network-check/findings.ts';

const needs: VpcNeeds = {
  vpcId: 'vpc-1',
  subnetIds: ['subnet-1'],
  hostname: 'app.terraform.io',
  agents: 1,
  ports: [443],
  services: [],
  dnsFirewall: false,
};

/** Answers as the AWS CLI gives them, and every command that was run. */
function aws(route: object, asked: string[] = [], more: Record<string, unknown> = {}) {
  const answers: Record<string, unknown> = {
    'describe-vpcs': { Vpcs: [{ VpcId: 'vpc-1', CidrBlock: '10.0.0.0/16', DhcpOptionsId: 'dopt-1' }] },
    'describe-vpc-attribute': { EnableDnsSupport: { Value: true }, EnableDnsHostnames: { Value: true } },
    'describe-dhcp-options': {
      DhcpOptions: [{ DhcpConfigurations: [{ Key: 'domain-name-servers', Values: [{ Value: 'AmazonProvidedDNS' }] }] }],
    },
    'describe-subnets': {
      Subnets: [
        {
          SubnetId: 'subnet-1',
          VpcId: 'vpc-1',
          AvailabilityZone: 'a',
          CidrBlock: '10.0.1.0/24',
          AvailableIpAddressCount: 9,
        },
      ],
    },
    'describe-route-tables': {
      RouteTables: [
        { Associations: [{ SubnetId: 'subnet-1' }], Routes: [{ DestinationCidrBlock: '0.0.0.0/0', ...route }] },
      ],
    },
    'describe-vpc-endpoints': { VpcEndpoints: [] },
    'describe-network-acls': { NetworkAcls: [] },
    'list-firewall-rule-group-associations': {
      FirewallRuleGroupAssociations: [{ FirewallRuleGroupId: 'rslvr-frg-1', Priority: 101 }],
    },
    'get-firewall-config': { FirewallConfig: { FirewallFailOpen: 'ENABLED' } },
    ...more,
  };
  return (_service: string, command = '') => {
    asked.push(command);
    return answers[command];
  };
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
  ])('%o is recognized', (route, target) => {
    expect(vpcFacts(aws(route), needs, []).subnets).toMatchObject([{ targets: [target] }]);
  });

  it('without a target is none', () => {
    expect(vpcFacts(aws({ NatGatewayId: 'nat-1', State: 'blackhole' }), needs, []).subnets).toMatchObject([
      { targets: [], nowhere: ['0.0.0.0/0'] },
    ]);
  });

  const table = (...Routes: object[]) => ({
    'describe-route-tables': { RouteTables: [{ Associations: [{ Main: true }], Routes }] },
  });
  const route = (range: string, NatGatewayId: string) => ({ DestinationCidrBlock: range, NatGatewayId });
  const [all, low, high] = ['0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'] as const;

  it.each<[string, object[], string[]]>([
    ['both halves', [route(low, 'nat-1'), route(high, 'nat-1')], ['nat-1']],
    ['halves that go two targets', [route(low, 'nat-1'), route(high, 'nat-2')], ['nat-1', 'nat-2']],
    ['halves before the whole', [route(all, 'nat-3'), route(low, 'nat-1'), route(high, 'nat-1')], ['nat-1']],
    ['a half and the whole', [route(all, 'nat-3'), route(low, 'nat-1')], ['nat-1', 'nat-3']],
  ])('of %s is recognized', (_name, routes, targets) => {
    expect(vpcFacts(aws({}, [], table(...routes)), needs, []).subnets).toMatchObject([{ targets, nowhere: [] }]);
  });

  it('with a dead half leads nowhere in that half, even if a wider route covers it', () => {
    const dead = { DestinationCidrBlock: low, NatGatewayId: 'nat-gone', State: 'blackhole' };
    expect(vpcFacts(aws({}, [], table(route(all, 'nat-1'), dead)), needs, []).subnets).toMatchObject([
      { targets: ['nat-1'], nowhere: [low] },
    ]);
  });

  it('is not an IPv6 route or a route to a prefix list', () => {
    const others = [{ DestinationIpv6CidrBlock: '::/0', NatGatewayId: 'nat-1' }, { DestinationPrefixListId: 'pl-1' }];
    expect(vpcFacts(aws({}, [], table(...others)), needs, []).subnets).toMatchObject([
      { targets: [], nowhere: ['0.0.0.0/0'] },
    ]);
  });
});

describe('a subnet', () => {
  it('may have no IPv4 range, and be on an Outpost', () => {
    const Subnets = [
      {
        SubnetId: 'subnet-1',
        VpcId: 'vpc-1',
        AvailabilityZone: 'a',
        AvailableIpAddressCount: 0,
        OutpostArn: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-1',
      },
    ];
    const [subnet] = vpcFacts(
      aws({ NatGatewayId: 'nat-1' }, [], { 'describe-subnets': { Subnets } }),
      needs,
      [],
    ).subnets;
    expect(subnet).toMatchObject({ outpost: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-1' });
    expect(subnet).not.toHaveProperty('range');
  });
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
  const by = (id: string) => ({ GatewayId: id, DestinationPrefixListId: 'pl-1', DestinationCidrBlock: undefined });

  it('of the gateway type include S3 and not DynamoDB', () => {
    const both = listed(endpoint('s3', 'Gateway'), endpoint('dynamodb', 'Gateway'));
    const s3Endpoint = (id: string, more: Record<string, unknown> = both) =>
      vpcFacts(aws(by(id), [], more), needs, []).subnets[0]?.s3Endpoint;
    expect(s3Endpoint('vpce-s3')).toBe(true);
    expect(s3Endpoint('vpce-dynamodb')).toBe(false);
    expect(s3Endpoint('vpce-s3', listed(endpoint('s3', 'Gateway', { State: 'deleting' })))).toBe(false);
  });

  it('have the name of their service, in China too, with their groups and whether they have a custom policy', () => {
    const everything = { Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' };
    const policy = (...Statement: object[]) => JSON.stringify({ Version: '2008-10-17', Statement });
    const groups = { Groups: [{ GroupId: 'sg-9' }] };
    const facts = vpcFacts(
      aws({}, [], {
        ...listed(
          endpoint('logs', 'Interface', { ...groups, PrivateDnsEnabled: true, PolicyDocument: policy(everything) }),
          endpoint('', 'Interface', {
            ServiceName: 'cn.com.amazonaws.cn-north-1.ecr.api',
            PolicyDocument: policy({ ...everything, Condition: { StringEquals: {} } }),
          }),
          endpoint('s3', 'Gateway', { PolicyDocument: policy(everything, { ...everything, Effect: 'Deny' }) }),
        ),
        'describe-security-groups': {
          SecurityGroups: [
            {
              GroupId: 'sg-9',
              VpcId: 'vpc-1',
              IpPermissions: [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: '10.0.0.0/16' }] }],
              IpPermissionsEgress: [],
            },
          ],
        },
      }),
      needs,
      [],
    );
    expect(facts.endpoints).toEqual([
      {
        service: 'logs',
        privateDns: true,
        hasCustomPolicy: false,
        groups: [
          {
            id: 'sg-9',
            vpcId: 'vpc-1',
            inbound: [{ protocol: 'tcp', from: 443, to: 443, peer: '10.0.0.0/16' }],
            outbound: [],
          },
        ],
      },
      { service: 'ecr.api', privateDns: false, hasCustomPolicy: true, groups: [] },
    ]);
    expect(facts.s3HasCustomPolicy).toBe(true);
    const ofS3 = (PolicyDocument: string) =>
      vpcFacts(aws({}, [], listed(endpoint('s3', 'Gateway', { PolicyDocument }))), needs, []).s3HasCustomPolicy;
    expect(ofS3(policy(everything))).toBe(false);
    expect(ofS3(JSON.stringify({ Statement: everything }))).toBe(false);
    expect(ofS3('%7B%7D')).toBe(true);
    // The agents' groups are others.
    expect(facts.securityGroups).toEqual([]);
  });
});

describe('the network ACL', () => {
  it('of a subnet is read rule by rule', () => {
    const Entries = [
      {
        RuleNumber: 100,
        Egress: true,
        RuleAction: 'allow',
        Protocol: '6',
        CidrBlock: '0.0.0.0/0',
        PortRange: { From: 443, To: 443 },
      },
      { RuleNumber: 32_767, Egress: false, RuleAction: 'deny', Protocol: '-1', Ipv6CidrBlock: '::/0' },
    ];
    const lists = [
      { NetworkAclId: 'acl-2', Associations: [{ SubnetId: 'subnet-2' }], Entries: [] },
      { NetworkAclId: 'acl-1', Associations: [{ SubnetId: 'subnet-1' }], Entries },
    ];
    expect(
      vpcFacts(aws({}, [], { 'describe-network-acls': { NetworkAcls: lists } }), needs, []).subnets[0]?.acl,
    ).toEqual({
      id: 'acl-1',
      rules: [
        {
          number: 100,
          direction: 'out',
          allows: true,
          protocol: '6',
          range: '0.0.0.0/0',
          ports: { from: 443, to: 443 },
        },
        { number: 32_767, direction: 'in', allows: false, protocol: '-1' },
      ],
    });
  });
});

describe('DNS Firewall', () => {
  it('is read with its priorities, and with its failure mode only if it is ours', () => {
    const asked: string[] = [];
    const facts = vpcFacts(aws({}, asked), needs, []);
    expect(facts.dnsFirewallRuleGroups).toEqual([{ name: 'rslvr-frg-1', priority: 101 }]);
    expect(facts).not.toHaveProperty('dnsFailsOpen');
    expect(asked).not.toContain('get-firewall-config');
    expect(vpcFacts(aws({}), { ...needs, dnsFirewall: true }, []).dnsFailsOpen).toBe(true);
  });
});
