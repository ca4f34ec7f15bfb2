/** Changes of the network's settings in a deployed stack. No resource may change into another one. */
import { describe, expect, it } from 'vitest';
import { layoutId } from '../../../lib/network/layout.ts';
import { templateOf } from '../synthesis.ts';
import { resourcesIn } from './reachability/template-values.ts';

/** Types of resources that CloudFormation must replace, and whose old and new resource can't exist together. */
const OF_A_VPC =
  /^AWS::(EC2::(VPC|Subnet|RouteTable|Route|SubnetRouteTableAssociation|NatGateway|EIP|EIPAssociation|NetworkInterface|LaunchTemplate|InternetGateway|VPCGatewayAttachment|VPCEndpoint|VPCCidrBlock|EgressOnlyInternetGateway)|NetworkFirewall::(Firewall|LoggingConfiguration))$/;

const layouts: Record<string, object> = {
  'nat-gateway': {},
  'nat-gateway, another range': { cidr: '10.91.0.0/20' },
  'nat-gateway, a smaller range': { cidr: '10.90.0.0/22' },
  'network-firewall': { egress: 'network-firewall' },
  'network-firewall, two zones': { egress: 'network-firewall', natGateways: 'all' },
  'network-firewall, a smaller range': { egress: 'network-firewall', cidr: '10.90.0.0/22' },
  'on-demand': { egress: 'on-demand', fixedAddress: true },
  'on-demand, two zones': { egress: 'on-demand', gateways: 'all', fixedAddress: true },
  'on-demand, another range': { egress: 'on-demand', cidr: '10.91.0.0/20' },
  'public-ip': { egress: 'public-ip' },
  'public-ip, another range': { egress: 'public-ip', cidr: '10.91.0.0/20' },
};

/** Returns the properties of the VPC's resources, by their logical IDs. */
const vpcResources = (network: object) =>
  new Map(
    resourcesIn(templateOf({ network }).toJSON())
      .filter(({ type }) => OF_A_VPC.test(type))
      .map(({ id, properties }) => [id, properties]),
  );
const templates = Object.entries(layouts).map(([name, network]) => [name, vpcResources(network)] as const);
const pairs = templates.flatMap(([from, before], index) =>
  templates.slice(index + 1).map(([to, after]) => [from, to, before, after] as const),
);

describe('a changed layout', () => {
  it.each(pairs)('shares no resource of the VPC with the previous layout: %s and %s', (_from, _to, before, after) => {
    expect(before.size).toBeGreaterThan(5);
    expect([...before.keys()].filter((id) => after.has(id))).toEqual([]);
  });

  it('has firewalls with different names', () => {
    const names = Object.values(layouts).flatMap((network) =>
      resourcesIn(templateOf({ network }).toJSON())
        .filter(({ type }) => type === 'AWS::NetworkFirewall::Firewall')
        .map(({ properties }) => `${properties['FirewallName']}`),
    );
    expect(names).toHaveLength(4);
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9-]{1,128}$/);
  });
});

describe('gateways', () => {
  const names = (network: object) =>
    resourcesIn(templateOf({ network }).toJSON())
      .filter(({ type }) => type === 'Custom::GatewayRemoval')
      .flatMap(({ properties }) => properties['Gateways']);

  it('have different names in different layouts, so that the removal of the old ones ends no new one', () => {
    const all = Object.values(layouts).flatMap(names);
    expect(all).toHaveLength(4);
    expect(new Set(all).size).toBe(4);
  });

  it('keep their names in an unchanged layout', () => {
    const more = { gatewayInstanceType: 't4g.small', fixedAddress: true, allowedDomains: ['a.example.com'] };
    expect(names({ egress: 'on-demand', ...more })).toEqual(names({ egress: 'on-demand' }));
  });
});

describe('an unchanged layout', () => {
  it.each([
    ['a NAT gateway in each zone', { natGateways: 'all' }],
    ['interface endpoints', { vpcEndpoints: 'task-start' }],
    ['no DNS Firewall', { dnsFirewall: false }],
    ['other allowed domains', { allowedDomains: ['a.example.com'] }],
  ])('keeps or updates its resources in place with %s', (_, network) => {
    const [before, after] = [vpcResources({}), vpcResources(network)];
    for (const [id, properties] of before) {
      const { NatGatewayId: _was, ...was } = properties;
      // CloudFormation changes the gateway of a route in place. No other property may differ.
      const { NatGatewayId: _is, ...is } = after.get(id) ?? {};
      expect(is, id).toEqual(was);
    }
  });

  it('has no separate construct if it is the default one, so that its resources keep their logical IDs', () => {
    expect(layoutId({ egress: 'nat-gateway', cidr: '10.90.0.0/20' })).toBeUndefined();
    expect(layoutId({ egress: 'public-ip', cidr: '10.90.0.0/20' })).toBe('public-ip-2-10.90.0.0-20');
    const availabilityZones = ['us-west-1a', 'us-west-1c'];
    expect(layoutId({ egress: 'nat-gateway', cidr: '10.90.0.0/20', availabilityZones })).toBe(
      'nat-gateway-2-10.90.0.0-20-us-west-1a-us-west-1c',
    );
    expect(
      [...vpcResources({}).keys()].filter((id) => /^(AgentLauncher)?NetworkVpc[0-9A-F]{8}$/.test(id)),
    ).toHaveLength(1);
  });
});
