import { describe, expect, it } from 'vitest';
import type { VpcNeeds } from '../../../lib/egress/existing-vpc-check.ts';
import { vpcFacts } from '../../../lib/egress/existing-vpc-facts.ts';

const needs: VpcNeeds = {
  vpcId: 'vpc-1',
  subnetIds: ['subnet-1'],
  hostname: 'app.terraform.io',
  agents: 1,
  ports: [443],
  services: [],
  dnsFirewall: false,
};

/** Answers in the shape of the AWS CLI's, and every command that was asked. */
function aws(route: object, asked: string[] = []) {
  const answers: Record<string, unknown> = {
    'describe-vpcs': { Vpcs: [{ VpcId: 'vpc-1', DhcpOptionsId: 'dopt-1' }] },
    'describe-vpc-attribute': { EnableDnsSupport: { Value: true }, EnableDnsHostnames: { Value: true } },
    'describe-dhcp-options': {
      DhcpOptions: [{ DhcpConfigurations: [{ Key: 'domain-name-servers', Values: [{ Value: 'AmazonProvidedDNS' }] }] }],
    },
    'describe-subnets': {
      Subnets: [{ SubnetId: 'subnet-1', VpcId: 'vpc-1', AvailabilityZone: 'a', AvailableIpAddressCount: 9 }],
    },
    'describe-route-tables': {
      RouteTables: [
        { Associations: [{ SubnetId: 'subnet-1' }], Routes: [{ DestinationCidrBlock: '0.0.0.0/0', ...route }] },
      ],
    },
    'describe-vpc-endpoints': { VpcEndpoints: [] },
    'list-firewall-rule-group-associations': {
      FirewallRuleGroupAssociations: [{ FirewallRuleGroupId: 'rslvr-frg-1', Priority: 101 }],
    },
    'get-firewall-config': { FirewallConfig: { FirewallFailOpen: 'ENABLED' } },
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
  ])('by %o is seen', (route, target) => {
    expect(vpcFacts(aws(route), needs, []).subnets).toMatchObject([{ defaultRoute: target }]);
  });

  it('into nothing is none', () => {
    expect(vpcFacts(aws({ NatGatewayId: 'nat-1', State: 'blackhole' }), needs, []).subnets[0]).not.toHaveProperty(
      'defaultRoute',
    );
  });
});

describe('DNS Firewall', () => {
  it('is told with its priorities, and how it fails only where it is ours', () => {
    const asked: string[] = [];
    const facts = vpcFacts(aws({}, asked), needs, []);
    expect(facts.dnsFirewallRuleGroups).toEqual([{ name: 'rslvr-frg-1', priority: 101 }]);
    expect(facts).not.toHaveProperty('dnsFailsOpen');
    expect(asked).not.toContain('get-firewall-config');
    expect(vpcFacts(aws({}), { ...needs, dnsFirewall: true }, []).dnsFailsOpen).toBe(true);
  });
});
