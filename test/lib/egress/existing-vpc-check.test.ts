import { describe, expect, it } from 'vitest';
import { findingsIn, type VpcFacts, type VpcNeeds } from '../../../lib/egress/existing-vpc-check.ts';

const needs: VpcNeeds = {
  vpcId: 'vpc-1',
  subnetIds: ['subnet-1', 'subnet-2'],
  agents: 20,
  ports: [443],
  services: ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager'],
  dnsFirewall: false,
};
const subnet = {
  id: 'subnet-1',
  vpcId: 'vpc-1',
  zone: 'a',
  freeAddresses: 200,
  defaultRoute: 'nat-1',
  s3Endpoint: true,
};
const good: VpcFacts = {
  dnsSupport: true,
  dnsHostnames: true,
  resolvers: ['AmazonProvidedDNS'],
  subnets: [subnet, { ...subnet, id: 'subnet-2', zone: 'b' }],
  endpoints: [],
  securityGroups: [],
  dnsFirewallRuleGroups: [],
};
const found = (facts: Partial<VpcFacts>, more: Partial<VpcNeeds> = {}) =>
  findingsIn({ ...good, ...facts }, { ...needs, ...more }).map(({ level, what }) => `${level}: ${what}`);
const { defaultRoute: _, ...isolated } = subnet;

describe('a VPC', () => {
  it('with NAT, DNS and room has what agents need', () => {
    expect(found({})).toEqual([]);
  });

  it.each<[string, Partial<VpcFacts>, RegExp]>([
    [
      'no way out',
      { subnets: [isolated] },
      /missing: subnet subnet-1 has no default route, and the VPC no endpoint for ecr\.api/,
    ],
    ['a public subnet', { subnets: [{ ...subnet, defaultRoute: 'igw-1' }] }, /missing: subnet subnet-1 is public/],
    ['a subnet of another VPC', { subnets: [{ ...subnet, vpcId: 'vpc-2' }] }, /missing: subnet subnet-1 is in vpc-2/],
    ['a subnet that is too small', { subnets: [{ ...subnet, freeAddresses: 11 }] }, /missing: .* 11 free addresses/],
    ['a subnet that is not there', { subnets: [subnet] }, /missing: subnet subnet-2 does not exist/],
    ['no DNS', { dnsSupport: false }, /missing: the VPC resolves no names/],
    [
      'endpoints without DNS host names',
      { dnsHostnames: false, endpoints: [{ service: 'logs', privateDns: true }] },
      /missing: .*enableDnsHostnames/,
    ],
    ['one zone', { subnets: [subnet, { ...subnet, id: 'subnet-2' }] }, /note: all subnets are in one zone/],
    ['no S3 endpoint', { subnets: [{ ...subnet, s3Endpoint: false }] }, /note: .*no gateway endpoint for S3/],
    [
      'a closed security group',
      {
        securityGroups: [
          {
            id: 'sg-1',
            vpcId: 'vpc-1',
            inwards: [],
            outwards: [{ protocol: 'tcp', from: 80, to: 80, peer: '0.0.0.0/0' }],
          },
        ],
      },
      /missing: no security group lets TCP 443 out/,
    ],
    [
      'an open security group',
      {
        securityGroups: [
          {
            id: 'sg-1',
            vpcId: 'vpc-1',
            inwards: ['tcp 22 from 0.0.0.0/0'],
            outwards: [{ protocol: '-1', from: 0, to: 65_535, peer: '0.0.0.0/0' }],
          },
        ],
      },
      /note: security group sg-1 lets in: tcp 22/,
    ],
    ['another DNS Firewall', { dnsFirewallRuleGroups: ['corporate'] }, /note: DNS Firewall is attached already/],
  ])('with %s is told so', (_name, facts, expected) => {
    expect(found(facts)).toContainEqual(expect.stringMatching(expected));
  });

  it('whose DHCP options name other resolvers lacks what DNS Firewall needs', () => {
    expect(found({ resolvers: ['10.0.0.53'] }, { dnsFirewall: true })).toContainEqual(
      expect.stringMatching(/missing: DHCP names other resolvers \(10\.0\.0\.53\)/),
    );
    expect(found({ resolvers: ['10.0.0.53'] })).toContainEqual(expect.stringMatching(/^note: DHCP/));
  });

  it('is told first what keeps agents from starting, and each time what to do', () => {
    const findings = findingsIn({ ...good, subnets: [{ ...isolated, s3Endpoint: false }], dnsSupport: false }, needs);
    const levels = findings.map(({ level }) => level);
    expect(levels.lastIndexOf('missing')).toBeLessThan(
      levels.includes('note') ? levels.indexOf('note') : levels.length,
    );
    for (const { remedy } of findings) expect(remedy.length).toBeGreaterThan(5);
  });
});
