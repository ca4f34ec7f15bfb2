import { describe, expect, it } from 'vitest';
import { taskStartServices } from '../../../lib/network/allowed-domains.ts';
import { findingsIn } from '../../../lib/network-check/check.ts';
import type { EndpointFacts, VpcFacts, VpcNeeds } from '../../../lib/network-check/findings.ts';
import { existingVpcNeeds } from '../../../lib/network-check/needs.ts';
import type { AclFacts, AclRule } from '../../../lib/network-check/network-acl.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { EXISTING_VPC, LEAST } from '../synthesis.ts';

const needs: VpcNeeds = {
  vpcId: 'vpc-1',
  subnetIds: ['subnet-1', 'subnet-2'],
  hostname: 'app.terraform.io',
  agents: 20,
  ports: [443],
  services: ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager'],
  dnsFirewall: false,
};
/** The default network ACL of a VPC allows everything. */
const open: AclFacts = {
  id: 'acl-1',
  rules: (['in', 'out'] as const).flatMap((direction): AclRule[] => [
    { number: 100, direction, allows: true, protocol: '-1', range: '0.0.0.0/0' },
    { number: 32_767, direction, allows: false, protocol: '-1', range: '0.0.0.0/0' },
  ]),
};
const subnet = {
  id: 'subnet-1',
  vpcId: 'vpc-1',
  zone: 'a',
  freeAddresses: 200,
  range: '10.0.1.0/24',
  targets: ['nat-1'],
  nowhere: [],
  s3Endpoint: true,
  acl: open,
};
const good: VpcFacts = {
  range: '10.0.0.0/16',
  dnsSupport: true,
  dnsHostnames: true,
  resolvers: ['AmazonProvidedDNS'],
  subnets: [subnet, { ...subnet, id: 'subnet-2', zone: 'b' }],
  endpoints: [],
  s3HasCustomPolicy: false,
  securityGroups: [],
  launcherSecurityGroups: [],
  dnsFirewallRuleGroups: [],
};
const found = (facts: Partial<VpcFacts>, more: Partial<VpcNeeds> = {}) =>
  findingsIn({ ...good, ...facts }, { ...needs, ...more }).map(({ level, what }) => `${level}: ${what}`);
const isolated = { ...subnet, targets: [], nowhere: ['0.0.0.0/0'] };
const endpoint = (service: string, more: Partial<EndpointFacts> = {}): EndpointFacts => ({
  service,
  privateDns: true,
  hasCustomPolicy: false,
  groups: [{ id: 'sg-9', vpcId: 'vpc-1', inbound: [tcp(443, '10.0.0.0/16')], outbound: [] }],
  ...more,
});
const tcp = (port: number, peer: string) => ({ protocol: 'tcp', from: port, to: port, peer });
type GroupRules = VpcFacts['securityGroups'][number]['outbound'][number][];

describe('a VPC', () => {
  it('with NAT, DNS and free addresses has what agents need', () => {
    expect(found({})).toEqual([]);
  });

  const group = (inbound: GroupRules, ...outbound: GroupRules) => ({
    securityGroups: [{ id: 'sg-1', vpcId: 'vpc-1', inbound, outbound }],
  });

  it.each<[string, Partial<VpcFacts>, RegExp]>([
    [
      'no default route',
      { subnets: [isolated] },
      /missing: subnet subnet-1 has no default route, and no endpoint with private DNS for ecr\.api/,
    ],
    ['a public subnet', { subnets: [{ ...subnet, targets: ['igw-1'] }] }, /missing: subnet subnet-1 is public/],
    [
      'a subnet of another VPC',
      { subnets: [{ ...subnet, vpcId: 'vpc-2' }] },
      /missing: subnet subnet-1 belongs to vpc-2/,
    ],
    ['a subnet that is too small', { subnets: [{ ...subnet, freeAddresses: 11 }] }, /missing: .* 11 free addresses/],
    ['a subnet that does not exist', { subnets: [subnet] }, /missing: subnet subnet-2 does not exist/],
    ['no DNS', { dnsSupport: false }, /missing: the VPC has no DNS/],
    [
      'endpoints without DNS hostnames',
      { dnsHostnames: false, endpoints: [endpoint('logs')] },
      /missing: .*enableDnsHostnames/,
    ],
    [
      'an endpoint of another service without DNS hostnames',
      { dnsHostnames: false, endpoints: [endpoint('kms')] },
      /note: .*enableDnsHostnames.*\(kms\)/,
    ],
    [
      'a dead route to one half of all addresses next to a default route',
      { subnets: [{ ...subnet, nowhere: ['0.0.0.0/1'] }] },
      /missing: subnet subnet-1 has no route to 0\.0\.0\.0\/1 \(missing, or its target was deleted\)/,
    ],
    [
      'a narrow dead route',
      { subnets: [{ ...subnet, nowhere: ['198.51.100.0/24'] }] },
      /note: some routes of subnet subnet-1 lead to a deleted target \(198\.51\.100\.0\/24\)/,
    ],
    ['a subnet on an Outpost', { subnets: [{ ...subnet, outpost: 'arn:outpost/op-1' }] }, /missing: .*on an Outpost/],
    ['one zone', { subnets: [subnet, { ...subnet, id: 'subnet-2' }] }, /note: all subnets are in one zone/],
    ['no S3 endpoint', { subnets: [{ ...subnet, s3Endpoint: false }] }, /note: .*no gateway endpoint for S3/],
    [
      'a security group without outbound TCP 443',
      group([], tcp(80, '0.0.0.0/0')),
      /missing: no security group allows outbound TCP 443/,
    ],
    [
      'a security group with an inbound rule',
      group([tcp(22, '0.0.0.0/0')], { protocol: '-1', from: 0, to: 65_535, peer: '0.0.0.0/0' }),
      /note: security group sg-1 allows inbound traffic: tcp 22/,
    ],
    [
      'another DNS Firewall rule group',
      { dnsFirewallRuleGroups: [{ name: 'corporate', priority: 200 }] },
      /note: the VPC already has a DNS Firewall rule group \(corporate: priority 200\)/,
    ],
    ['a carrier gateway', { subnets: [{ ...subnet, targets: ['cagw-1'] }] }, /missing: .* carrier gateway cagw-1/],
  ])('with %s has a finding', (_, facts, expected) => {
    expect(found(facts)).toContainEqual(expect.stringMatching(expected));
  });

  it.each(['AmazonProvidedDNS', '10.0.0.2', '169.254.169.253', 'fd00:ec2::253'])(
    'whose DHCP options set its own resolver as %s has what agents need',
    (resolver) => {
      expect(found({ resolvers: [resolver] }, { dnsFirewall: true })).toEqual([]);
    },
  );

  it('without a default route also needs an endpoint for S3', () => {
    const services = needs.services.map((service) => endpoint(service));
    const only = (facts: Partial<VpcFacts>, more: object) =>
      found({ ...facts, subnets: [{ ...isolated, s3Endpoint: false, ...more }] }, { subnetIds: ['subnet-1'] })[0];
    expect(only({ endpoints: services }, {})).toMatch(/private DNS for s3 \(gateway\)$/);
    expect(only({ endpoints: services }, { s3Endpoint: true })).toMatch(/no default route$/);
    expect(only({ endpoints: [...services, endpoint('s3')] }, {})).toMatch(/no default route$/);
    expect(only({ endpoints: services.map((one) => ({ ...one, privateDns: false })) }, {})).toMatch(
      /for ecr\.api, ecr/,
    );
  });

  it('with an IPv6-only subnet has a finding about the missing IPv4 range, and none about its consequences', () => {
    const { range: _, ...ofIpv6 } = { ...isolated, freeAddresses: 0 };
    expect(found({ subnets: [ofIpv6] }, { subnetIds: ['subnet-1'] })).toEqual([
      expect.stringMatching(/^missing: subnet subnet-1 has no IPv4 range/),
      expect.stringMatching(/^note: all subnets are in one zone/),
    ]);
  });

  it('without DNS hostnames has what agents need if no endpoint has private DNS', () => {
    expect(found({ dnsHostnames: false, endpoints: [] })).toEqual([]);
    expect(found({ dnsHostnames: false, endpoints: [endpoint('kms', { privateDns: false })] })).toEqual([
      expect.stringMatching(/^note: the endpoint for kms has no private DNS/),
    ]);
  });

  it('with a default route in two halves counts as public if one half leads to an internet gateway', () => {
    expect(found({ subnets: [{ ...subnet, targets: ['nat-1', 'igw-1'] }] })).toContainEqual(
      expect.stringMatching(/missing: .* internet gateway igw-1/),
    );
    expect(found({ subnets: [{ ...subnet, targets: ['nat-1', 'tgw-1'], s3Endpoint: false }] })).toContainEqual(
      expect.stringMatching(/image layers use nat-1 and tgw-1/),
    );
  });

  it('has a finding for each endpoint that blocks agents that use it', () => {
    const shutTo = (peer: string, more: Partial<EndpointFacts> = {}) => ({
      endpoints: [
        endpoint('logs', {
          groups: [{ id: 'sg-9', vpcId: 'vpc-1', inbound: [tcp(443, peer), tcp(80, '0.0.0.0/0')], outbound: [] }],
          ...more,
        }),
      ],
    });
    const shut =
      /^missing: the endpoint for logs \(security groups sg-9\) does not allow inbound TCP 443 from subnet-1, subnet-2/;
    for (const peer of ['192.168.0.0/16', '10.0.2.0/24', 'sg-7']) {
      expect(found(shutTo(peer))).toEqual([expect.stringMatching(shut)]);
    }
    expect(found(shutTo('pl-1'))).toEqual([expect.stringMatching(/^note: the endpoint for logs .* only through pl-1/)]);
    for (const peer of ['10.0.0.0/16', '0.0.0.0/0']) expect(found(shutTo(peer))).toEqual([]);
    expect(found(shutTo('sg-7', { service: 'kms' }))).toEqual([]);
    expect(found(shutTo('sg-7', { privateDns: false }))).toEqual([expect.stringMatching(/^note: .* no private DNS/)]);
    const ours = { id: 'sg-7', vpcId: 'vpc-1', inbound: [], outbound: [tcp(443, '0.0.0.0/0')] };
    expect(found({ ...shutTo('sg-7'), securityGroups: [ours] })).toEqual([]);
  });

  it('has a note for each custom endpoint policy, because the check does not evaluate them', () => {
    const endpoints = [endpoint('logs', { hasCustomPolicy: true }), endpoint('kms', { hasCustomPolicy: true })];
    expect(found({ endpoints, s3HasCustomPolicy: true })).toEqual([
      expect.stringMatching(/^note: the endpoint for logs has a custom policy/),
      expect.stringMatching(/^note: the endpoint for s3 has a custom policy/),
    ]);
    expect(found({ s3HasCustomPolicy: true }, { services: ['logs'] })).toEqual([]);
  });

  const second = { ...subnet, id: 'subnet-2', zone: 'b' };

  it('has a finding if its network ACL blocks requests or answers', () => {
    const [into, , out] = open.rules as [AclRule, AclRule, AclRule];
    const facts = (...rules: AclRule[]) => ({ subnets: [{ ...subnet, acl: { id: 'acl-1', rules } }, second] });
    expect(found(facts(into, out))).toEqual([]);
    expect(found(facts(into))).toEqual([
      expect.stringMatching(/^missing: network ACL acl-1 of subnet subnet-1 does not allow outbound TCP 443/),
    ]);
    expect(found(facts(out))).toEqual([
      expect.stringMatching(/^missing: .* does not allow inbound responses \(TCP 32768 to 60999\)/),
    ]);
    expect(found(facts(into, { ...out, range: '10.0.0.0/8' }))).toEqual([
      expect.stringMatching(/^note: .* allows outbound TCP 443 for some/),
    ]);
    expect(found(facts(into, out), { ports: [443, 8443] })).toEqual([]);
    const { acl: _, ...unseen } = subnet;
    expect(found({ subnets: [unseen, second] })).toEqual([
      expect.stringMatching(/^note: this account can't see the network ACL of subnet subnet-1/),
    ]);
  });

  it('has a finding if its security groups or its network ACL block the port of a proxy', () => {
    const proxied = { proxyPorts: [3128] };
    const https = tcp(443, '0.0.0.0/0');
    expect(found(group([], https), proxied)).toEqual(['missing: no security group allows outbound TCP 3128']);
    expect(found(group([], https, tcp(3128, '10.0.0.5/32')), proxied)).toEqual([]);
    const [, , rule] = open.rules as [AclRule, AclRule, AclRule];
    const block = { ...rule, number: 50, allows: false, protocol: '6', ports: { from: 3128, to: 3128 } };
    const closed = { ...subnet, acl: { id: 'acl-2', rules: [block, ...open.rules] } };
    expect(found({ subnets: [closed, second] }, proxied)).toEqual([expect.stringMatching(/outbound TCP 3128/)]);
  });

  it('has a finding if its DHCP options set other resolvers and DNS Firewall is on, and otherwise a note', () => {
    expect(found({ resolvers: ['10.0.0.53'] }, { dnsFirewall: true })).toContainEqual(
      expect.stringMatching(/missing: DHCP sets other resolvers \(10\.0\.0\.53\)/),
    );
    expect(found({ resolvers: ['10.0.0.53'] })).toContainEqual(expect.stringMatching(/^note: DHCP/));
  });

  it('with outbound TCP 443 to private addresses only has no path to HCP Terraform, but perhaps a path to a private host', () => {
    const to = (...peers: string[]) => group([], ...peers.map((peer) => tcp(443, peer)));
    const inside =
      /^missing: security groups allow outbound TCP 443 only to .*, but the addresses of HCP Terraform are public/;
    for (const peers of [['10.0.0.0/8'], ['sg-2'], ['::/0'], ['10.0.0.0/8', '192.168.0.0/16', 'sg-2']]) {
      expect(found(to(...peers))).toEqual([expect.stringMatching(inside)]);
    }
    for (const peers of [['pl-1'], ['75.2.98.97/32'], ['10.0.0.0/8', '75.2.98.97/32']]) {
      expect(found(to(...peers))).toEqual([
        expect.stringMatching(/^note: security groups allow outbound TCP 443 only to/),
      ]);
    }
    expect(found(to('10.0.0.0/8'), { hostname: 'tfe.example.com' })).toEqual([expect.stringMatching(/^note: /)]);
    expect(found(to('10.0.0.0/8', '0.0.0.0/0'))).toEqual([]);
  });

  it("with the stack's DNS Firewall has notes about a priority that is in use, and about failing open", () => {
    const facts = { dnsFirewallRuleGroups: [{ name: 'corporate', priority: 101 }], dnsFailsOpen: true };
    const withOurs = found(facts, { dnsFirewall: true });
    expect(withOurs).toContainEqual(expect.stringMatching(/^note: corporate has the priority 101/));
    expect(withOurs).toContainEqual(expect.stringMatching(/^note: DNS Firewall fails open/));
    expect(found(facts)).toHaveLength(1);
  });

  it('needs no ECR endpoints for images in other registries', () => {
    const services = taskStartServices(['ghcr.io/acme/agent:1']);
    expect(services).toEqual(['logs', 'secretsmanager']);
    expect(taskStartServices([undefined])).toEqual(needs.services);
    const facts = { subnets: [{ ...isolated, s3Endpoint: false }] };
    expect(found(facts, { services })).toContainEqual(
      expect.stringMatching(/no endpoint with private DNS for logs, secretsmanager$/),
    );
    expect(found({ subnets: [{ ...subnet, s3Endpoint: false }] }, { services })).not.toContainEqual(
      expect.stringMatching(/S3/),
    );
  });

  it('has a remedy in each finding, and lists findings that prevent a start first', () => {
    const findings = findingsIn({ ...good, subnets: [{ ...isolated, s3Endpoint: false }], dnsSupport: false }, needs);
    const levels = findings.map(({ level }) => level);
    expect(levels.lastIndexOf('missing')).toBeLessThan(
      levels.includes('note') ? levels.indexOf('note') : levels.length,
    );
    for (const { remedy } of findings) expect(remedy.length).toBeGreaterThan(5);
  });
});

describe("GuardDuty's endpoint", () => {
  const guardDuty = { guardDuty: true };

  it('is not checked if the tasks have no sidecar', () => {
    expect(found({ endpoints: [endpoint('guardduty-data', { groups: [] })] })).toEqual([]);
  });

  it('causes a note if it is missing or has no private DNS, because agents start without it', () => {
    const noted = /^note: the VPC has no endpoint for guardduty-data with private DNS/;
    expect(found({}, guardDuty)).toEqual([expect.stringMatching(noted)]);
    const nameless = [endpoint('guardduty-data', { privateDns: false })];
    expect(found({ endpoints: nameless }, guardDuty)).toContainEqual(expect.stringMatching(noted));
  });

  it('causes a note if its security group blocks the agents', () => {
    expect(found({ endpoints: [endpoint('guardduty-data')] }, guardDuty)).toEqual([]);
    expect(found({ endpoints: [endpoint('guardduty-data', { groups: [] })] }, guardDuty)).toEqual([
      expect.stringMatching(/^note: the endpoint for guardduty-data .* does not allow inbound TCP 443/),
    ]);
  });
});

describe('the launcher in the VPC', () => {
  const launcher = {
    subnetIds: ['subnet-1', 'subnet-2'],
    hasOwnSubnets: false,
    securityGroupIds: [],
    services: ['ecs', 'secretsmanager'],
    proxyPorts: [],
  };
  const own = { ...launcher, subnetIds: ['subnet-3'], hasOwnSubnets: true };
  const third = { ...subnet, id: 'subnet-3', range: '10.0.3.0/24', zone: 'c' };
  const both = (more: Partial<typeof subnet>) => ({ subnets: [...good.subnets, { ...third, ...more }] });

  it('finds nothing missing with a route', () => {
    expect(found({}, { launcher })).toEqual(found({}));
  });

  it('misses ECS without a route and an endpoint', () => {
    const endpoints = [...needs.services, 's3'].map((service) => endpoint(service));
    const subnets = good.subnets.map((one) => ({ ...one, ...isolated, id: one.id, zone: one.zone }));
    const missingFor = (services: string[]) =>
      found({ subnets, endpoints: [...endpoints, ...services.map((service) => endpoint(service))] }, { launcher });
    expect(missingFor([])).toContain(
      'missing: subnet subnet-1 has no default route, and no endpoint with private DNS for ecs',
    );
    expect(missingFor(['ecs']).filter((what) => what.includes('for ecs'))).toEqual([]);
  });

  it('misses an endpoint that does not admit the launcher', () => {
    const groups = [{ id: 'sg-9', vpcId: 'vpc-1', inbound: [tcp(443, '10.0.1.0/24')], outbound: [] }];
    const facts = { ...both({}), endpoints: [endpoint('ecs', { groups })] };
    expect(found(facts, { launcher: own })).toContainEqual(
      expect.stringMatching(
        /^missing: the endpoint for ecs .* does not allow inbound TCP 443 from the launcher in subnet-3/,
      ),
    );
    const admitted = { id: 'sg-7', vpcId: 'vpc-1', inbound: [], outbound: [tcp(443, '0.0.0.0/0')] };
    const byGroup = { ...groups[0], id: 'sg-9', vpcId: 'vpc-1', inbound: [tcp(443, 'sg-7')], outbound: [] };
    const open = { ...facts, endpoints: [endpoint('ecs', { groups: [byGroup] })], launcherSecurityGroups: [admitted] };
    expect(found(open, { launcher: own }).filter((what) => what.startsWith('missing'))).toEqual([]);
  });

  it('misses a private subnet and a free address', () => {
    expect(found(both({ targets: ['igw-1'] }), { launcher: own })).toContainEqual(
      "missing: subnet subnet-3 is public: its default route is the internet gateway igw-1, which a Lambda function can't use, because it has no public address",
    );
    expect(found(both({ freeAddresses: 0 }), { launcher: own })).toEqual(
      expect.arrayContaining(['missing: subnet subnet-3 has no free address for the launcher']),
    );
    expect(found(both({ freeAddresses: 1 }), { launcher: own }).filter((what) => what.startsWith('missing'))).toEqual(
      [],
    );
  });

  it('misses an outbound rule of its security groups', () => {
    const closed = { id: 'sg-7', vpcId: 'vpc-1', inbound: [], outbound: [tcp(80, '0.0.0.0/0')] };
    expect(found({ launcherSecurityGroups: [closed] }, { launcher })).toContain(
      'missing: no security group of the launcher allows outbound TCP 443',
    );
  });

  it('misses the port of its proxy in its security groups and in the network ACLs of its subnets', () => {
    const https = { id: 'sg-7', vpcId: 'vpc-1', inbound: [], outbound: [tcp(443, '0.0.0.0/0')] };
    const allow = (direction: 'in' | 'out', from: number, to: number): AclRule => ({
      number: 1,
      direction,
      allows: true,
      protocol: '6',
      range: '0.0.0.0/0',
      ports: { from, to },
    });
    const acl = { id: 'acl-3', rules: [allow('out', 443, 443), allow('in', 1024, 65_535)] };
    const facts = { ...both({ acl }), launcherSecurityGroups: [https] };
    const missing = (proxyPorts: number[]) =>
      found(facts, { launcher: { ...own, proxyPorts } }).filter((what) => what.startsWith('missing'));
    expect(missing([])).toEqual([]);
    expect(missing([3128])).toEqual([
      'missing: network ACL acl-3 of subnet subnet-3 does not allow outbound TCP 3128',
      'missing: no security group of the launcher allows outbound TCP 3128',
    ]);
  });

  it('has its own remedy for a finding that agents also have, unless it uses the subnets of the agents', () => {
    const remedies = (more: object) =>
      findingsIn({ ...good, subnets: [] }, { ...needs, subnetIds: ['subnet-9'], launcher: { ...launcher, ...more } })
        .filter(({ what }) => what.includes('does not exist'))
        .map(({ remedy }) => remedy);
    expect(remedies({ subnetIds: ['subnet-9'] })).toEqual(['correct network.subnetIds']);
    expect(remedies({ subnetIds: ['subnet-9'], hasOwnSubnets: true })).toEqual([
      'correct network.subnetIds',
      'correct network.launcherSubnetIds',
    ]);
  });

  it('does not check its subnets for agents', () => {
    expect(found(both({ freeAddresses: 1 }), { launcher: own }).filter((what) => what.includes('agents'))).toEqual([]);
  });
});

describe('what the launcher needs', () => {
  const needsOf = (settings: object) =>
    existingVpcNeeds(parseSettings({ agentLauncher: { ...LEAST, network: EXISTING_VPC, ...settings } }))?.launcher;

  it('is nothing outside the VPC', () => {
    expect(needsOf({})).toBeUndefined();
  });

  it('is ECS and Secrets Manager in the subnets of the agents, and SQS with a nudge', () => {
    const inVpc = { launcher: { vpc: true } };
    const subnetIds = EXISTING_VPC.subnetIds;
    expect(needsOf(inVpc)).toEqual({
      subnetIds,
      hasOwnSubnets: false,
      securityGroupIds: [],
      services: ['ecs', 'secretsmanager'],
      proxyPorts: [],
    });
    expect(needsOf({ ...inVpc, nudge: { hmacKeySecret: 'acme/key' } })?.services).toContain('sqs');
    const launcherSubnetIds = ['subnet-22222222'];
    expect(needsOf({ ...inVpc, network: { ...EXISTING_VPC, launcherSubnetIds } })).toMatchObject({
      subnetIds: launcherSubnetIds,
      hasOwnSubnets: true,
    });
  });

  it('is the port of its proxy', () => {
    const withProxy = { vpc: true, httpsProxy: 'http://proxy.acme.example:3128' };
    expect(needsOf({ launcher: withProxy })?.proxyPorts).toEqual([3128]);
  });
});
