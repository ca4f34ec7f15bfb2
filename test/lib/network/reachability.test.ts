/** The outbound and inbound traffic that a synthesized template allows, in every mode and combination of options. */
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { EXISTING_VPC as existing, propertiesOf, REGISTRY_IMAGE as registry, templateOf } from '../synthesis.ts';
import { networkIn } from './reachability/network-model.ts';
import { policyFaults } from './reachability/policy-faults.ts';
import { entrance, findings } from './reachability/probes.ts';
import { resourcesIn } from './reachability/template-values.ts';
import { firewallsOnTheWay } from './reachability/walk.ts';

const either = [false, true];

const inWords = (network: object) => JSON.stringify(network).replace(/[{}"]/g, '') || 'defaults';

interface OwnNetwork {
  readonly egress: string;
  readonly natGateways?: string;
  readonly vpcEndpoints?: string;
  readonly ipv6?: boolean;
  readonly dnsFirewall?: boolean;
  readonly allowedDomains?: readonly string[];
  readonly allowedPresets?: readonly string[];
  readonly awsApiServices?: readonly string[];
  readonly awsApiRegions?: readonly string[];
  readonly guardDuty?: boolean;
  readonly gateways?: string;
  readonly fixedAddress?: boolean;
  readonly gatewaySessionManager?: boolean;
}

/** Networks that the stack creates. */
const own: OwnNetwork[] = [
  ...['one', 'all'].flatMap((natGateways) =>
    ['none', 'task-start'].flatMap((vpcEndpoints) => [
      ...either.flatMap((ipv6) =>
        either.map((dnsFirewall) => ({ egress: 'nat-gateway', natGateways, vpcEndpoints, ipv6, dnsFirewall })),
      ),
      { egress: 'network-firewall', natGateways, vpcEndpoints },
      {
        egress: 'network-firewall',
        natGateways,
        vpcEndpoints,
        allowedPresets: ['hcp-terraform', 'github-releases', 'aws-apis'],
        awsApiServices: ['s3', 'sts'],
        awsApiRegions: ['us-east-1'],
      },
    ]),
  ),
  ...either.flatMap((ipv6) => either.map((dnsFirewall) => ({ egress: 'public-ip', ipv6, dnsFirewall }))),
  ...['one', 'all'].flatMap((gateways) =>
    ['none', 'task-start'].flatMap((vpcEndpoints) =>
      either.map((fixedAddress) => ({ egress: 'on-demand', gateways, vpcEndpoints, fixedAddress })),
    ),
  ),
  { egress: 'on-demand', guardDuty: true, gatewaySessionManager: true },
  {
    egress: 'on-demand',
    allowedPresets: ['hcp-terraform', 'github-releases', 'aws-apis'],
    awsApiServices: ['s3', 'sts'],
    awsApiRegions: ['us-east-1'],
  },
  { egress: 'nat-gateway', vpcEndpoints: 'task-start', guardDuty: true },
  { egress: 'network-firewall', natGateways: 'all', guardDuty: true },
  { egress: 'public-ip', guardDuty: true },
  {
    egress: 'nat-gateway',
    vpcEndpoints: 'task-start',
    allowedDomains: ['acme-modules.s3.eu-central-1.amazonaws.com'],
    allowedPresets: ['hcp-terraform', 'aws-apis'],
    awsApiServices: ['logs', 'secretsmanager', 'ecr'],
    awsApiRegions: ['eu-central-1'],
  },
];

describe.each(own.map((network) => [inWords(network), network] as const))('%s', (_, network) => {
  const template = templateOf({ ...registry, network }).toJSON();
  const model = networkIn(template);
  const of = (type: string) => resourcesIn(template).filter((resource) => resource.type === type);
  const reached = new Map(findings(model).map((finding) => [finding.what, finding]));
  const isFirewalled = network.egress === 'network-firewall';
  const hasGateways = network.egress === 'on-demand';
  const gateways = hasGateways ? (network.gateways === 'all' ? 2 : 1) : 0;

  it('has exactly these policies of security groups, DNS Firewall, firewalls with their logs, and endpoints', () => {
    const faults = policyFaults(template, {
      firewalls: isFirewalled ? (network.natGateways === 'all' ? 2 : 1) : 0,
      gateways,
      dnsFirewall: network.dnsFirewall !== false,
      taskStartEndpoints: network.vpcEndpoints === 'task-start',
      ipv6: network.ipv6 === true,
      services: network.awsApiServices ?? [],
      buckets: network.allowedDomains === undefined ? [] : ['acme-modules'],
      ports: [443],
    });
    expect(faults).toEqual([]);
  });

  it('lets a task start, and reach the allowed domains', () => {
    for (const what of ['TLS to an allowed name', 'CloudWatch Logs', 'Secrets Manager']) {
      expect(reached.get(what), what).toMatchObject({ reached: true });
    }
    for (const [what, service] of [
      ['CloudWatch Logs', 'logs'],
      ['Secrets Manager', 'secretsmanager'],
    ] as const) {
      const isInside = network.vpcEndpoints === 'task-start';
      expect(reached.get(what)?.hops.includes(`interface endpoint ${service}`), what).toBe(isInside);
    }
  });

  it('blocks API calls with keys of a different account only if the APIs have endpoints', () => {
    const found = reached.get('CloudWatch Logs, with keys of another account');
    expect(found?.reached).toBe(network.vpcEndpoints !== 'task-start');
  });

  it('allows only outbound TCP 443, through its own gateways, firewalls and endpoints', () => {
    for (const what of [
      'another TCP port (80, 22, …), to an address',
      'UDP (QUIC), to an address',
      'another DNS resolver',
    ]) {
      expect(reached.get(what), what).toMatchObject({ reached: false });
    }
    expect(reached.get('TLS over IPv6, to an address')?.reached).toBe(network.ipv6 === true);
    const hops = new Set([...reached.values()].flatMap((finding) => finding.hops));
    const allowed = [
      ...(network.egress === 'public-ip' ? [] : hasGateways ? ['gateway'] : ['NAT gateway']),
      ...(isFirewalled ? ['Network Firewall'] : []),
      ...(network.ipv6 === true && network.egress === 'nat-gateway' ? ['egress-only internet gateway'] : []),
      ...(network.vpcEndpoints === 'task-start'
        ? ['ecr.api', 'logs', 'secretsmanager'].map((x) => `interface endpoint ${x}`)
        : []),
      'internet gateway',
      'S3 gateway endpoint',
    ];
    for (const hop of hops) expect(allowed).toContain(hop);
  });

  it('limits domains with DNS Firewall, and server names with the network firewall', () => {
    expect(reached.get('TLS to another name')?.reached).toBe(network.dnsFirewall === false);
    for (const what of [
      'TLS to an address, with its own server name',
      'TLS to an address, without a server name',
      'anything but TLS on port 443, to an address',
    ]) {
      expect(reached.get(what)?.reached, what).toBe(!isFirewalled && !hasGateways);
    }
  });

  it('connects to the host of a forged server name only behind a gateway', () => {
    const found = reached.get('TLS to an address, with a forged server name');
    expect(found?.reached).toBe(!hasGateways);
    if (hasGateways) expect(found?.stoppedBy).toMatch(/the host of the server name instead/);
  });

  it('lets no task bypass the firewall to reach a bucket', () => {
    expect(reached.get("someone else's bucket in this region, by its IPv4 address")).toMatchObject({ reached: false });
  });

  it('allows no inbound traffic from the internet or from other tasks', () => {
    const group = 'the security group, which has no inbound rule';
    const addresses = ['a public IPv4 address', ...(network.ipv6 === true ? ['an IPv6 address'] : [])];
    const gateway = network.ipv6 === true ? ['an IPv6 gateway that blocks inbound connections'] : [];
    const stoppedBy =
      network.egress === 'public-ip'
        ? `only ${group}; the task has ${addresses.join(' and ')}`
        : ['no public IPv4 address', ...gateway, group].join('; ');
    expect(entrance(model)).toEqual({ reached: false, hops: [], stoppedBy });
    expect(reached.get('another task')).toMatchObject({ reached: false });
    const ofGateways = [...model.gateways.values()].flatMap(({ groups }) => groups);
    const inwards = model.groupRules.filter(
      ({ direction, group }) => direction === 'in' && !ofGateways.includes(group),
    );
    for (const rule of inwards) {
      expect(rule).toMatchObject({ protocol: 'tcp', from: 443, to: 443, peer: model.tasks.groups[0] });
      expect(model.tasks.groups).not.toContain(rule.group);
    }
    expect(inwards).toHaveLength(network.vpcEndpoints === 'task-start' ? 1 : 0);
  });

  it('has the outbound rules inside each security group, so that no group is open until they exist', () => {
    for (const { properties } of of('AWS::EC2::SecurityGroup')) {
      expect(properties['SecurityGroupEgress']).toEqual(expect.arrayContaining([expect.anything()]));
    }
    expect(of('AWS::EC2::SecurityGroupEgress')).toEqual([]);
    for (const id of model.groups)
      expect(model.groupRules.filter((rule) => rule.group === id && rule.direction === 'out')).not.toEqual([]);
  });

  it('has public addresses for NAT gateways, and for tasks only in the mode public-ip', () => {
    expect(model.tasks.publicAddress).toBe(network.egress === 'public-ip');
    for (const subnet of model.subnets.values()) expect(subnet.mapsPublicAddresses).toBe(false);
    const natGateways = of('AWS::EC2::NatGateway').length;
    expect(of('AWS::EC2::EIP')).toHaveLength(network.fixedAddress === true ? gateways : natGateways);
    const hasNat = network.egress === 'nat-gateway' || isFirewalled;
    expect(natGateways).toBe(hasNat ? (network.natGateways === 'all' ? 2 : 1) : 0);
  });

  it('routes outbound and return traffic through the same firewall, in the zone of the task', () => {
    const firewalls = model.tasks.subnets.map((subnet) => firewallsOnTheWay(model, subnet));
    for (const { out, back } of firewalls) {
      expect(back).toEqual(out);
      expect(out).toHaveLength(isFirewalled ? 1 : 0);
    }
    const ids = firewalls.flatMap(({ out }) => out);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [index, id] of ids.entries()) {
      const task = model.subnets.get(model.tasks.subnets[index] ?? '');
      expect(model.subnets.get(model.placed.get(id) ?? '')?.zone).toBe(task?.zone);
    }
  });

  it('has a gateway in the zone of each subnet of tasks, which forwards exactly the domains that tasks need', () => {
    if (!hasGateways) return;
    const names = [...model.gateways.values()].map(({ filter }) => filter.names);
    for (const id of model.tasks.subnets) {
      const subnet = model.subnets.get(id);
      const targets = subnet?.routes.flatMap(({ target }) => (target.kind === 'gateway' ? target.id : [])) ?? [];
      expect(targets).toHaveLength(1);
      const its = model.gateways.get(targets[0] ?? '');
      expect(model.subnets.get(its?.subnet ?? '')?.zone).toBe(subnet?.zone);
    }
    const resolving = model.dnsRules[0]?.domains ?? [];
    const own = resolving.filter((name) => !names[0]?.includes(name));
    for (const each of names) {
      expect(each).toEqual(names[0]);
      expect(each.filter((name) => !resolving.includes(name))).toEqual([]);
    }
    // Layers use the endpoint of S3. The other names are for the gateway itself, or have an endpoint.
    const isExpected =
      /^(?:prod-.*-layer-bucket|al2023-repos-.*|cdn\.amazonlinux\.com$|ec2\.|logs\.|ssm\.|ssmmessages\.|ec2messages\.|secretsmanager\.|api\.ecr\.|\d+\.dkr\.ecr\.)/;
    expect(own.filter((name) => !isExpected.test(name))).toEqual([]);
    expect(own.some((name) => name.startsWith('logs.'))).toBe(network.vpcEndpoints === 'task-start');
  });

  it('has only routes to gateways, and to the firewall for its own subnets', () => {
    for (const { routes, cidr } of model.subnets.values()) {
      for (const { destination, target } of routes) {
        expect(target.kind, cidr).not.toBe('unknown');
        if (['0.0.0.0/0', '::/0', 's3'].includes(destination)) continue;
        expect(target.kind).toBe('firewall');
        expect([...model.subnets.values()].map((subnet) => subnet.cidr)).toContain(destination);
      }
    }
    const others = ['VPCPeeringConnection', 'TransitGatewayAttachment', 'VPNGateway', 'Instance'];
    for (const type of others) expect(of(`AWS::EC2::${type}`)).toEqual([]);
    expect(of('AWS::EC2::NetworkInterface')).toHaveLength(gateways);
  });
});

it('the outputs contain the claim, the price and the addresses', () => {
  const { Outputs } = templateOf({ network: { egress: 'network-firewall', natGateways: 'all' } }).toJSON();
  expect(Outputs.EgressIdleCost.Value).toBe('$584.00 per month');
  expect(Outputs.EgressClaim.Value).toContain('only TLS with an allowed server name goes out');
  expect(Outputs.EgressAddresses.Value['Fn::Join'][1].filter((part: unknown) => typeof part === 'object')).toHaveLength(
    2,
  );
  const { Outputs: ofPublicIp } = templateOf({ network: { egress: 'public-ip' } }).toJSON();
  expect(ofPublicIp).not.toHaveProperty('EgressAddresses');
  expect(ofPublicIp.EgressIdleCost.Value).toBe('$0.005 per month');
});

describe('the output of the claim', () => {
  const outputs = (settings: object) => templateOf(settings).toJSON()['Outputs'];
  const groups = { ...existing, securityGroupIds: ['sg-0123456789abcdef0'] };
  const tfe = { hostname: 'tfe.example.com:8443' };

  it.each<[string, object, RegExp, RegExp?]>([
    ['defaults', { network: {} }, /only port 443 goes out, and only the allowed domains resolve/],
    ['no DNS Firewall', { network: { dnsFirewall: false } }, /to any host: domains are not limited/, /resolve/],
    [
      'no DNS Firewall, public addresses',
      { network: { egress: 'public-ip', dnsFirewall: false } },
      /domains are not limited, and tasks have public addresses/,
      /resolve|costs/,
    ],
    ['another port', { ...tfe, network: {} }, /only ports 443 and 8443 go out/, /only port 443/],
    [
      'another port behind the firewall',
      { ...tfe, network: { egress: 'network-firewall' } },
      /on port 443 and to `hostname` on port 8443/,
    ],
    [
      'another port in an existing VPC',
      { ...tfe, network: existing },
      /blocks inbound traffic and allows outbound ports 443 and 8443/,
    ],
    ['IPv6', { network: { ipv6: true } }, /only port 443 goes out, by IPv4 and IPv6/],
    ['your own security groups', { network: groups }, /your security groups decide what comes in/, /nothing in|443/],
    [
      'DNS Firewall in an existing VPC',
      { network: { ...existing, dnsFirewall: true } },
      /In the whole VPC, only the allowed domains resolve/,
    ],
  ])('matches the settings: %s', (_, settings, says, never = /^$/) => {
    const { EgressClaim } = outputs(settings);
    expect(EgressClaim.Value).toMatch(says);
    expect(EgressClaim.Value).not.toMatch(never);
  });

  it('comes with an output of the addresses, which says that they are for IPv4 only if IPv6 is on', () => {
    expect(outputs({ network: { ipv6: true } }).EgressAddresses.Description).toContain('IPv4 only');
    expect(outputs({ network: {} }).EgressAddresses.Description).not.toContain('IPv4');
  });
});

describe('a packet through a changed template', () => {
  type Resources = Record<string, { Type: string; Properties: Record<string, unknown> }>;
  const template = templateOf({ ...registry, network: { egress: 'network-firewall' } }).toJSON();
  const changed = (change: (resources: Resources) => void) => {
    const copy = structuredClone(template);
    change(copy['Resources']);
    return networkIn(copy);
  };

  it('follows a route that bypasses the firewall', () => {
    const model = changed((resources) => {
      const [nat] = Object.keys(resources).filter((id) => resources[id]?.Type === 'AWS::EC2::NatGateway');
      for (const { Type, Properties } of Object.values(resources)) {
        if (Type !== 'AWS::EC2::Route' || Properties['VpcEndpointId'] === undefined) continue;
        delete Properties['VpcEndpointId'];
        Properties['NatGatewayId'] = { Ref: nat };
      }
    });
    const found = findings(model).find(({ what }) => what === 'TLS to an address, without a server name');
    expect(found).toMatchObject({ reached: true, hops: ['NAT gateway', 'internet gateway'] });
  });

  it('returns without the firewall if the return route is missing', () => {
    const model = changed((resources) => {
      for (const [id, { Properties }] of Object.entries(resources)) {
        if (Properties['DestinationCidrBlock'] === '10.90.0.0/21') delete resources[id];
      }
    });
    const [subnet = ''] = model.tasks.subnets;
    expect(firewallsOnTheWay(model, subnet)).toMatchObject({ out: [expect.any(String)], back: [] });
  });

  it('passes a security group that is open in both directions', () => {
    const model = changed((resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        if (Type !== 'AWS::EC2::SecurityGroup') continue;
        Properties['SecurityGroupIngress'] = [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, CidrIp: '0.0.0.0/0' }];
        Properties['SecurityGroupEgress'] = [{ IpProtocol: '-1', CidrIp: '0.0.0.0/0' }];
      }
    });
    expect(entrance(model)).toMatchObject({ reached: true });
    const udp = findings(model).find(({ what }) => what.startsWith('UDP'));
    expect(udp?.stoppedBy).toBe('Network Firewall: UDP');
  });
});

describe('an existing VPC', () => {
  it('gets only a security group', () => {
    const types = resourcesIn(templateOf({ network: existing }).toJSON()).map(({ type }) => type);
    expect(types.filter((type) => /EC2|Route53|NetworkFirewall/.test(type))).toEqual(['AWS::EC2::SecurityGroup']);
  });

  it('gets DNS Firewall if the setting is on', () => {
    const template = templateOf({ network: { ...existing, dnsFirewall: true } });
    template.resourceCountIs('AWS::Route53Resolver::FirewallRuleGroupAssociation', 1);
    template.hasResourceProperties('AWS::Route53Resolver::FirewallRuleGroupAssociation', {
      VpcId: 'vpc-0123456789abcdef0',
    });
  });
});

describe('log groups that AWS services write to', () => {
  const names = (template: Template) =>
    propertiesOf(template, 'AWS::Logs::LogGroup')
      .map(({ LogGroupName }) => String(LogGroupName))
      .filter((name) => !/^\/\w+\/(launcher|agents\/)/.test(name));
  const network = { egress: 'network-firewall', flowLogRetentionDays: 7, dnsQueryLogRetentionDays: 7 };

  it('are under /aws/vendedlogs/, so that no deployment fails because a log resource policy is full', () => {
    const all = names(templateOf({ network }));
    expect(all).toHaveLength(4);
    for (const name of all)
      expect(name).toMatch(/^\/aws\/vendedlogs\/AgentLauncher-[\w-]+-(Queries|FlowLogs|Alerts|Flows)$/);
  });

  it('have a unique name in each stack', () => {
    const one = names(templateOf({ network, stackName: 'One' }));
    const two = names(templateOf({ network, stackName: 'Two' }));
    expect(new Set([...one, ...two]).size).toBe(8);
  });

  it('have a query log configuration without tags, because some regions do not support them', () => {
    const template = templateOf({ network, tags: { team: 'platform' } });
    const [config] = propertiesOf(template, 'AWS::Route53Resolver::ResolverQueryLoggingConfig');
    expect(config).not.toHaveProperty('Tags');
    template.hasResourceProperties('AWS::ECS::Cluster', {
      Tags: Match.arrayWith([{ Key: 'team', Value: 'platform' }]),
    });
  });
});
