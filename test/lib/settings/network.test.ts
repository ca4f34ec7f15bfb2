import { describe, expect, it } from 'vitest';
import { AWS_REGIONS } from '../../../lib/aws/partitions.ts';
import { taskStartNames } from '../../../lib/network/allowed-domains.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { faultsOf, pathsOf } from '../settings-faults.ts';
import { EXISTING_VPC as existing, LEAST, propertiesOf, templateOf } from '../synthesis.ts';

const faults = (network: object, more: object = {}) => faultsOf({ ...more, network });
const paths = (network: object, more?: object) => pathsOf(faults(network, more));
const place = { account: '123456789012', region: 'eu-central-1', urlSuffix: 'amazonaws.com' };

it.each([
  { natGateways: 'all', vpcEndpoints: 'task-start', ipv6: true, dnsFirewall: false, otherCidrs: ['10.0.0.0/16'] },
  { egress: 'network-firewall', natGateways: 'all', vpcEndpoints: 'task-start', firewallLogRetentionDays: 7 },
  { egress: 'network-firewall', ipv6: false, dnsFirewall: true },
  { egress: 'public-ip', ipv6: true, vpcEndpoints: 'none' },
  { egress: 'on-demand', gateways: 'all', vpcEndpoints: 'task-start', gatewayIdleMinutes: 7, gatewayMaxAgeDays: 365 },
  { egress: 'on-demand', ipv6: false, dnsFirewall: true, fixedAddress: true, gatewayStart: 'with-tasks' },
  { ...existing, dnsFirewall: true, allowedDomains: ['app.terraform.io'] },
  existing,
  // Without DNS Firewall, the policy of the S3 endpoint still limits the buckets.
  { dnsFirewall: false, allowedDomains: ['acme-modules.s3.eu-central-1.amazonaws.com'] },
])('an egress mode accepts its own options: %o', (network) => {
  expect(faults(network)).toEqual([]);
});

describe('availabilityZones', () => {
  it.each([
    { availabilityZones: ['us-west-1a', 'us-west-1c'] },
    { egress: 'network-firewall', availabilityZones: ['ap-northeast-1c'] },
    { egress: 'on-demand', availabilityZones: ['ap-northeast-1c'] },
    { egress: 'on-demand', gateways: 'all', availabilityZones: ['us-west-1a', 'us-west-1c'] },
  ])('are the zones of the VPC’s subnets: %o', (network) => {
    const subnets = propertiesOf(templateOf({ network }), 'AWS::EC2::Subnet');
    expect(new Set(subnets.map(({ AvailabilityZone }) => AvailabilityZone))).toEqual(
      new Set(network.availabilityZones),
    );
  });

  it.each<[object, RegExp]>([
    [{ availabilityZones: ['us-west-1a'] }, /two zones of one region, with egress nat-gateway/],
    [{ availabilityZones: ['us-west-1a', 'us-east-1a'] }, /two zones of one region/],
    [{ egress: 'public-ip', availabilityZones: ['us-west-1a'] }, /with egress public-ip/],
    [{ egress: 'network-firewall', availabilityZones: ['us-west-1a', 'us-west-1c'] }, /one zone.* natGateways one/],
    [{ egress: 'on-demand', availabilityZones: ['us-west-1a', 'us-west-1c'] }, /one zone.* gateways one/],
    [{ egress: 'on-demand', gateways: 'all', availabilityZones: ['us-west-1a'] }, /two zones.* gateways all/],
    [
      { egress: 'network-firewall', natGateways: 'all', availabilityZones: ['us-west-1a'] },
      /two zones of one region.* natGateways all/,
    ],
    [{ availabilityZones: ['us-west-1a', 'us-west-1a'] }, /two zone names/],
  ])('must be as many as the mode requires, in one region: %o', (network, allowed) => {
    expect(faults(network)).toMatchObject([
      { path: 'network.availabilityZones', allowed: expect.stringMatching(allowed) },
    ]);
  });

  it.each(['usw1-az1', 'us-west-2-lax-1a', 'us-west-1', 'US-WEST-1A'])('must be zone names, not %s', (zone) => {
    expect(faults({ availabilityZones: [zone, 'us-west-1c'] })[0]).toMatchObject({
      path: expect.stringMatching(/^network\.availabilityZones/),
      remedy: expect.stringContaining('aws ec2 describe-availability-zones'),
    });
  });

  it('are refused for an existing VPC', () => {
    const network = { ...existing, availabilityZones: ['us-west-1a', 'us-west-1c'] };
    expect(paths(network)).toEqual(['network.availabilityZones']);
  });
});

const apis = (more: object) => ({ allowedPresets: ['aws-apis'], awsApiServices: ['ec2'], ...more });
const group = 'sg-0123456789abcdef0';
const buckets = Array.from({ length: 51 }, (_, i) => `acme-${i}.s3.amazonaws.com`);

describe('a network', () => {
  it.each<[object, string, RegExp]>([
    [{ egress: 'network-firewall', ipv6: true }, 'network.ipv6', /would bypass the firewall/],
    [{ egress: 'network-firewall', dnsFirewall: false }, 'network.dnsFirewall', /remove it/],
    [{ egress: 'public-ip', natGateways: 'one' }, 'network.natGateways', /choose nat-gateway/],
    [{ egress: 'on-demand', ipv6: true }, 'network.ipv6', /would bypass them/],
    [{ egress: 'on-demand', dnsFirewall: false }, 'network.dnsFirewall', /in DNS queries/],
    [{ egress: 'on-demand', natGateways: 'all' }, 'network.natGateways', /use network\.gateways/],
    [
      { egress: 'on-demand', elasticIpAllocationIds: ['eipalloc-0123456789abcdef0'] },
      'network.elasticIpAllocationIds',
      /set network\.fixedAddress to true/,
    ],
    [{ egress: 'on-demand', gatewayInstanceType: 't2.nano' }, 'network.gatewayInstanceType', /instance-type-offerings/],
    [{ egress: 'on-demand', gatewayIdleMinutes: 6 }, 'network.gatewayIdleMinutes', /correct it/],
    [{ egress: 'on-demand', gatewayStart: 'after-tasks' }, 'network.gatewayStart', /./],
    [{ egress: 'on-demand', gatewayMaxAgeDays: 0 }, 'network.gatewayMaxAgeDays', /./],
    [{ fixedAddress: true }, 'network.fixedAddress', /set network\.egress to on-demand/],
    [{ egress: 'public-ip', vpcEndpoints: 'task-start' }, 'network.vpcEndpoints', /cost money even while no task runs/],
    [{ firewallLogRetentionDays: 7 }, 'network.firewallLogRetentionDays', /set network\.egress to network-firewall/],
    [{ vpcId: existing.vpcId }, 'network.vpcId', /set network\.egress to existing-vpc/],
    [{ ...existing, vpcEndpoints: 'task-start' }, 'network.vpcEndpoints', /where you create the VPC/],
    [{ ...existing, flowLogRetentionDays: 7 }, 'network.flowLogRetentionDays', /remove it/],
    [{ ...existing, allowedDomains: ['a.example.com'] }, 'network.allowedDomains', /dnsFirewall to true/],
    [{ egress: 'existing-vpc', subnetIds: existing.subnetIds }, 'network.vpcId', /describe-vpcs/],
    [{ dnsFirewall: false, allowedDomains: ['a.example.com'] }, 'network.allowedDomains', /jobs reach every host/],
    [
      { dnsFirewall: false, dnsQueryLogRetentionDays: 7 },
      'network.dnsQueryLogRetentionDays',
      /no query would be logged/,
    ],
    [
      { egress: 'public-ip', dnsFirewall: false, allowedPresets: ['github-releases'] },
      'network.allowedPresets',
      /remove network\.dnsFirewall/,
    ],
    [
      { allowedPresets: ['aws-apis'], awsApiServices: ['cloudwatch'] },
      'network.awsApiServices.0',
      /^use the name of its endpoint: monitoring$/,
    ],
    [apis({ awsApiRegions: ['eu-centrall-1'] }), 'network.awsApiRegions.0', /did you mean eu-central-1\?/],
    [apis({ awsApiServices: ['ec2.'] }), 'network.awsApiServices.0', /single dots/],
    [apis({ awsApiServices: ['ec2-'] }), 'network.awsApiServices.0', /letters, digits/],
    [apis({ awsApiServices: ['ec2', 'ec2.eu-central-1'] }), 'network.awsApiServices.1', /awsApiRegions/],
    [apis({ awsApiServices: ['s3.amazonaws.com'] }), 'network.awsApiServices.0', /before the region/],
    [apis({ awsApiServices: ['stepfunctions'] }), 'network.awsApiServices.0', /states/],
    [apis({ awsApiServices: ['mybucket.s3'] }), 'network.awsApiServices.0', /mybucket\.s3\.<region>.*allowedDomains/],
    [apis({ awsApiServices: ['ec2', 'iam'] }), 'network.awsApiRegions', /know the partition/],
    [{ allowedDomains: ['s3.eu-central-1.amazonaws.com'] }, 'network.allowedDomains.0', /add the bucket/],
    [{ allowedDomains: buckets }, 'network.allowedDomains', /awsApiServices/],
    [{ ...existing, subnetIds: [...existing.subnetIds, ...existing.subnetIds] }, 'network.subnetIds.1', /remove it/],
    [{ ...existing, securityGroupIds: [group, group] }, 'network.securityGroupIds.1', /remove it/],
  ])('%o is refused at %s, with a remedy', (network, path, remedy) => {
    expect(faults(network)).toMatchObject([{ path, remedy: expect.stringMatching(remedy) }]);
  });

  it('with an unknown egress mode is refused, with the known modes', () => {
    expect(faults({ egress: 'proxy' })).toMatchObject([
      { path: 'network.egress', allowed: 'nat-gateway, on-demand, network-firewall, existing-vpc or public-ip' },
    ]);
  });

  it.each<[object, string[]]>([
    [{ egress: 'nat', allowedDomains: ['*.com'] }, ['network.allowedDomains.0', 'network.egress']],
    [{ allowedDomains: [] }, ['network.allowedDomains']],
    [{ allowedPresets: ['gitlab'] }, ['network.allowedPresets.0']],
    [{ allowedPresets: ['aws-apis'] }, ['network.awsApiServices']],
    [{ awsApiServices: ['ec2'] }, ['network.awsApiServices']],
    [apis({ awsApiRegions: ['Frankfurt'] }), ['network.awsApiRegions.0']],
  ])('%o has faults at %j', (network, expected) => {
    expect(paths(network)).toEqual(expected);
  });
});

describe('the allowed domains', () => {
  it('are normalized to one form', () => {
    const { network } = parseSettings({
      agentLauncher: { ...LEAST, network: { allowedDomains: ['App.Example.COM.', '*.Example.org'] } },
    });
    expect(network.allowedDomains).toEqual(['app.example.com', '*.example.org']);
  });

  it('are refused one by one, each with its reason', () => {
    expect(faults({ allowedDomains: ['ok.example.com', 'https://a.example.com', '*.com', '10.0.0.1'] })).toMatchObject([
      { path: 'network.allowedDomains.1', given: expect.stringContaining('it is a URL') },
      { path: 'network.allowedDomains.2', given: expect.stringContaining('top-level') },
      { path: 'network.allowedDomains.3', given: expect.stringContaining('address') },
    ]);
  });

  it.each(['iam', 'ce', 'organizations', 'route53', 'cloudfront', 'support'])(
    'include %s only with regions, because its host depends on the partition',
    (service) => {
      const network = apis({ awsApiServices: [service] });
      expect(faults(network)).toMatchObject([
        { path: 'network.awsApiRegions', given: expect.stringContaining(service) },
      ]);
      expect(paths({ ...network, awsApiRegions: ['us-gov-west-1'] })).toEqual([]);
    },
  );

  it.each(['ec2', 's3', 'sts', 'ecr', 'ecr-public', 'sagemaker', 's3.dualstack'])(
    'include %s without regions',
    (service) => {
      expect(paths(apis({ awsApiServices: [service] }))).toEqual([]);
    },
  );

  it('include the APIs of every region that the CDK knows', () => {
    for (const region of AWS_REGIONS) expect(paths(apis({ awsApiRegions: [region] }))).toEqual([]);
    expect(AWS_REGIONS).toContain('eusc-de-east-1');
  });

  it('include a domain of S3 without a bucket if jobs may use S3, or if the VPC exists already', () => {
    const allowedDomains = ['s3.eu-central-1.amazonaws.com'];
    expect(paths(apis({ awsApiServices: ['s3'], allowedDomains }))).toEqual([]);
    expect(paths({ ...existing, dnsFirewall: true, allowedDomains })).toEqual([]);
  });
});

describe('the registry of an image', () => {
  it('is refused on a port that the stack’s security group does not open', () => {
    const pools = [{ name: 'a', agentTokenSecret: 'one', image: 'registry.acme.example:5000/agent:1' }];
    const agentImage = { registry: 'registry.acme.example:8443/agent:1' };
    expect(paths({}, { pools, agentImage })).toEqual(['pools.0.image', 'agentImage.registry']);
    expect(paths({}, { agentImage: { registry: 'registry.acme.example:443/agent:1' } })).toEqual([]);
    expect(paths({ ...existing, securityGroupIds: [group] }, { pools, agentImage })).toEqual([]);
  });

  const image = (host: string) => ({ agentImage: { registry: `${host}/acme/agent:1` } });

  it.each<[string, RegExp]>([
    ['192.0.2.10', /it is an IP address/],
    ['localhost', /it has no dot/],
    ['registry:443', /it has no dot/],
    ['a_b.example.com', /it is not a hostname/],
    ['registry..example.com', /it is not a hostname/],
  ])('%s is refused if only allowed domains resolve', (host, fault) => {
    expect(faults({}, image(host))).toMatchObject([
      { path: 'agentImage.registry', given: expect.stringMatching(fault), remedy: expect.stringMatching(/ECR/) },
    ]);
  });

  it.each<[string, RegExp, RegExp]>([
    ['https://ghcr.io', /begins with https:\/\//, /^remove https:\/\/: ghcr\.io\/acme\/agent:1$/],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com', /amazonaws\.com$/, /correct the end/],
    ['123456789012.dkr.ecr.eu-central-1.example.com', /example\.com$/, /correct the end/],
    ['123456789012.dkr-ecr.cn-north-1.on.aws', /on\.aws$/, /correct the end/],
    ['123456789012.dkr.ecr.eu-central-1.amazonaws.com:443', /with a port/, /remove the port/],
  ])('%s is refused in every mode', (host, given, remedy) => {
    for (const network of [{}, existing]) {
      expect(faults(network, image(host))).toMatchObject([
        { path: 'agentImage.registry', given: expect.stringMatching(given), remedy: expect.stringMatching(remedy) },
      ]);
    }
  });

  it.each([
    ...['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', '123456789012.dkr.ecr-fips.us-east-1.amazonaws.com'],
    ...['123456789012.dkr-ecr.eu-central-1.on.aws', '123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn'],
    '123456789012.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu',
  ])('may be ECR at %s', (host) => {
    expect(paths({}, image(host))).toEqual([]);
  });

  it('is checked for the image of a pool, not only for agentImage.registry', () => {
    const pools = [{ name: 'a', agentTokenSecret: 'one', image: '192.0.2.10/agent:1' }];
    expect(paths({ egress: 'network-firewall' }, { pools })).toEqual(['pools.0.image']);
  });

  it('may be an IP address if the stack does not limit domains', () => {
    for (const network of [existing, { dnsFirewall: false }]) expect(paths(network, image('192.0.2.10'))).toEqual([]);
    expect(paths({ ...existing, dnsFirewall: true }, image('192.0.2.10'))).toEqual(['agentImage.registry']);
  });

  it('is among the allowed domains without its trailing dot', () => {
    expect(taskStartNames(['registry.example.com./agent:1'], place).registries).toEqual(['registry.example.com']);
  });
});

describe('the number of domains', () => {
  const awsApiServices = Array.from({ length: 50 }, (_, i) => `service${i}`);
  const inRegions = (count: number) => apis({ awsApiServices, awsApiRegions: AWS_REGIONS.slice(0, count) });

  it('is limited to what DNS Firewall accepts in one request', () => {
    expect(faults(inRegions(19))).toEqual([]);
    expect(faults(inRegions(20))).toMatchObject([
      {
        path: 'network.awsApiRegions',
        given: expect.stringMatching(/20 regions.*50 services.*result in 1009 domains/),
      },
    ]);
    expect(paths({ ...inRegions(20), egress: 'network-firewall' })).toEqual(['network.awsApiRegions']);
    expect(paths({ ...existing, ...inRegions(20), dnsFirewall: true })).toEqual(['network.awsApiRegions']);
    // Without DNS Firewall, domains are not limited.
    expect(paths({ ...inRegions(20), dnsFirewall: false })).toEqual([]);
  });

  it('includes allowedDomains', () => {
    const allowedDomains = Array.from({ length: 200 }, (_, i) => `host${i}.example.com`);
    expect(paths({ ...inRegions(16), allowedDomains })).toEqual(['network.awsApiRegions']);
    expect(paths({ ...inRegions(15), allowedDomains })).toEqual([]);
  });

  it('stays within the limits of AWS’s firewalls and of CloudFormation at its maximum', () => {
    const template = templateOf({ network: { ...inRegions(19), egress: 'network-firewall' } });
    const [group] = Object.values(template.findResources('AWS::NetworkFirewall::RuleGroup'));
    const rules = JSON.stringify(group?.['Properties'].RuleGroup.RulesSource.RulesString);
    expect(Buffer.byteLength(rules)).toBeLessThan(2_000_000);
    expect(group?.['Properties'].Capacity).toBeLessThanOrEqual(30_000);
    expect(Buffer.byteLength(JSON.stringify(template.toJSON()))).toBeLessThan(1_000_000);
  });
});

describe('the address range', () => {
  it.each(['8.8.0.0/16', '172.17.0.0/20', '172.16.0.0/15', '0.0.0.0/16', '224.0.0.0/20'])('%s is refused', (cidr) => {
    expect(paths({ cidr })).toEqual(['network.cidr']);
  });

  it.each(['10.0.0.0/16', '192.168.0.0/20', '100.64.0.0/20', '172.31.0.0/16'])('%s is accepted', (cidr) => {
    expect(faults({ cidr })).toEqual([]);
  });

  it('must not overlap other networks, even if it is the default', () => {
    expect(faults({ cidr: '10.1.0.0/20', otherCidrs: ['10.0.0.0/8'] })).toMatchObject([
      { path: 'network.cidr', given: expect.stringContaining('overlaps 10.0.0.0/8') },
    ]);
    expect(faults({ otherCidrs: ['10.90.8.0/24'] })).toMatchObject([
      { path: 'network.cidr', given: expect.stringContaining('(the default)') },
    ]);
    expect(paths({ otherCidrs: ['10.0.0.1/8'] })).toEqual(['network.otherCidrs.0']);
  });

  it.each([
    [{ cidr: '10.0.0.0/22' }, 251],
    [{ cidr: '10.0.0.0/22', vpcEndpoints: 'task-start' }, 247],
    [{ cidr: '10.0.0.0/22', egress: 'network-firewall' }, 507],
    [{ cidr: '10.0.0.0/22', egress: 'network-firewall', natGateways: 'all' }, 251],
    [{ cidr: '10.0.0.0/20', egress: 'public-ip' }, 1019],
    [{ cidr: '10.0.0.0/22', egress: 'on-demand' }, 507],
    [{ cidr: '10.0.0.0/22', egress: 'on-demand', gateways: 'all' }, 251],
  ])('with %o has enough addresses for %i agents in each subnet, and not one more', (network, most) => {
    const pools = (maxAgents: number) => ({
      pools: [
        { name: 'a', agentTokenSecret: 'one', maxAgents: 1 },
        { name: 'b', agentTokenSecret: 'two', maxAgents: Math.min(500, maxAgents - 1) },
        { name: 'c', agentTokenSecret: 'three', maxAgents: Math.max(1, maxAgents - 501) },
      ].filter(({ name }) => name !== 'c' || maxAgents > 501),
    });
    expect(paths(network, pools(most))).toEqual([]);
    expect(faults(network, pools(most + 1))).toMatchObject([
      { path: 'network.cidr', given: expect.stringContaining(`${most + 1} agents`) },
    ]);
  });
});
