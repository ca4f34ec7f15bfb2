import { describe, expect, it } from 'vitest';
import { taskStartServices } from '../../../lib/egress/allowed-domains.ts';
import { findingsIn, type VpcFacts, type VpcNeeds } from '../../../lib/egress/existing-vpc-check.ts';

const needs: VpcNeeds = {
  vpcId: 'vpc-1',
  subnetIds: ['subnet-1', 'subnet-2'],
  hostname: 'app.terraform.io',
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
    [
      'another DNS Firewall',
      { dnsFirewallRuleGroups: [{ name: 'corporate', priority: 200 }] },
      /note: DNS Firewall is attached already \(corporate: priority 200\)/,
    ],
    ['a carrier gateway', { subnets: [{ ...subnet, defaultRoute: 'cagw-1' }] }, /missing: .* carrier gateway cagw-1/],
  ])('with %s is told so', (_name, facts, expected) => {
    expect(found(facts)).toContainEqual(expect.stringMatching(expected));
  });

  it('whose DHCP options name other resolvers lacks what DNS Firewall needs', () => {
    expect(found({ resolvers: ['10.0.0.53'] }, { dnsFirewall: true })).toContainEqual(
      expect.stringMatching(/missing: DHCP names other resolvers \(10\.0\.0\.53\)/),
    );
    expect(found({ resolvers: ['10.0.0.53'] })).toContainEqual(expect.stringMatching(/^note: DHCP/));
  });

  it('whose groups let 443 out to private addresses only lacks a way to HCP Terraform, and may have one elsewhere', () => {
    const to = (...peers: string[]) => ({
      securityGroups: [
        {
          id: 'sg-1',
          vpcId: 'vpc-1',
          inwards: [],
          outwards: peers.map((peer) => ({ protocol: 'tcp', from: 443, to: 443, peer })),
        },
      ],
    });
    const inside = /^missing: security groups let TCP 443 out only to .*, and HCP Terraform is at public IPv4/;
    for (const peers of [['10.0.0.0/8'], ['sg-2'], ['::/0'], ['10.0.0.0/8', '192.168.0.0/16', 'sg-2']]) {
      expect(found(to(...peers))).toEqual([expect.stringMatching(inside)]);
    }
    for (const peers of [['pl-1'], ['75.2.98.97/32'], ['10.0.0.0/8', '75.2.98.97/32']]) {
      expect(found(to(...peers))).toEqual([expect.stringMatching(/^note: security groups let TCP 443 out only to/)]);
    }
    expect(found(to('10.0.0.0/8'), { hostname: 'tfe.example.com' })).toEqual([expect.stringMatching(/^note: /)]);
    expect(found(to('10.0.0.0/8', '0.0.0.0/0'))).toEqual([]);
  });

  it('with our DNS Firewall is told whose priority it takes, and that it fails open', () => {
    const facts = { dnsFirewallRuleGroups: [{ name: 'corporate', priority: 101 }], dnsFailsOpen: true };
    const withOurs = found(facts, { dnsFirewall: true });
    expect(withOurs).toContainEqual(expect.stringMatching(/^note: corporate has the priority 101/));
    expect(withOurs).toContainEqual(expect.stringMatching(/^note: DNS Firewall fails open/));
    expect(found(facts)).toHaveLength(1);
  });

  it('needs no endpoints of ECR for images from elsewhere', () => {
    const services = taskStartServices(['ghcr.io/acme/agent:1']);
    expect(services).toEqual(['logs', 'secretsmanager']);
    expect(taskStartServices([undefined])).toEqual(needs.services);
    const facts = { subnets: [{ ...isolated, s3Endpoint: false }] };
    expect(found(facts, { services })).toContainEqual(
      expect.stringMatching(/the VPC no endpoint for logs, secretsmanager/),
    );
    expect(found({ subnets: [{ ...subnet, s3Endpoint: false }] }, { services })).not.toContainEqual(
      expect.stringMatching(/S3/),
    );
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
