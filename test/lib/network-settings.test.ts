import { describe, expect, it } from 'vitest';
import { AWS_REGIONS } from '../../lib/egress/partitions.ts';
import { parseSettings } from '../../lib/settings.ts';
import { SettingsError, type SettingsFault } from '../../lib/settings-faults.ts';
import { LEAST } from './synthesis.ts';

function faults(network: object, more: object = {}): readonly SettingsFault[] {
  try {
    parseSettings({ agentLauncher: { ...LEAST, ...more, network } });
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}
const paths = (network: object, more?: object) => faults(network, more).map(({ path }) => path);
const existing = { egress: 'existing-vpc', vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0'] };

describe('each mode takes its own options', () => {
  it.each([
    { natGateways: 'all', vpcEndpoints: 'task-start', ipv6: true, dnsFirewall: false, otherCidrs: ['10.0.0.0/16'] },
    { egress: 'network-firewall', natGateways: 'all', vpcEndpoints: 'task-start', firewallLogRetentionDays: 7 },
    { egress: 'network-firewall', ipv6: false, dnsFirewall: true },
    { egress: 'public-ip', ipv6: true, vpcEndpoints: 'none' },
    { ...existing, dnsFirewall: true, allowedDomains: ['app.terraform.io'] },
    existing,
  ])('%o', (network) => {
    expect(faults(network)).toEqual([]);
  });
});

describe('a mode refuses what does not fit it, and says what to do', () => {
  it.each<[object, string, RegExp]>([
    [{ egress: 'network-firewall', ipv6: true }, 'network.ipv6', /go round it/],
    [{ egress: 'network-firewall', dnsFirewall: false }, 'network.dnsFirewall', /leave it out/],
    [{ egress: 'public-ip', natGateways: 'one' }, 'network.natGateways', /choose nat-gateway/],
    [{ egress: 'public-ip', vpcEndpoints: 'task-start' }, 'network.vpcEndpoints', /nothing while idle/],
    [{ firewallLogRetentionDays: 7 }, 'network.firewallLogRetentionDays', /set network\.egress to network-firewall/],
    [{ vpcId: existing.vpcId }, 'network.vpcId', /set network\.egress to existing-vpc/],
    [{ ...existing, vpcEndpoints: 'task-start' }, 'network.vpcEndpoints', /where the VPC is made/],
    [{ ...existing, flowLogRetentionDays: 7 }, 'network.flowLogRetentionDays', /leave it out/],
    [{ ...existing, allowedDomains: ['a.example.com'] }, 'network.allowedDomains', /dnsFirewall to true/],
    [{ egress: 'existing-vpc', subnetIds: existing.subnetIds }, 'network.vpcId', /describe-vpcs/],
  ])('%o', (network, path, remedy) => {
    expect(faults(network)).toMatchObject([{ path, remedy: expect.stringMatching(remedy) }]);
  });

  it('an unknown one is refused, with the ones there are', () => {
    expect(faults({ egress: 'proxy' })).toMatchObject([
      { path: 'network.egress', allowed: 'nat-gateway, network-firewall, existing-vpc or public-ip' },
    ]);
  });
});

describe('names', () => {
  it('are brought into one form', () => {
    const { network } = parseSettings({
      agentLauncher: { ...LEAST, network: { allowedDomains: ['App.Example.COM.', '*.Example.org'] } },
    });
    expect(network.allowed.allowedDomains).toEqual(['app.example.com', '*.example.org']);
  });

  it('are refused one by one, each with why and what to do', () => {
    expect(faults({ allowedDomains: ['ok.example.com', 'https://a.example.com', '*.com', '10.0.0.1'] })).toMatchObject([
      { path: 'network.allowedDomains.1', given: expect.stringContaining('it is a URL') },
      { path: 'network.allowedDomains.2', given: expect.stringContaining('top-level') },
      { path: 'network.allowedDomains.3', given: expect.stringContaining('address') },
    ]);
    expect(paths({ allowedDomains: [] })).toEqual(['network.allowedDomains']);
  });

  it('of presets are refused when there is no such preset, or it lacks its services', () => {
    expect(paths({ allowedPresets: ['gitlab'] })).toEqual(['network.allowedPresets.0']);
    expect(paths({ allowedPresets: ['aws-apis'] })).toEqual(['network.awsApiServices']);
    expect(paths({ awsApiServices: ['ec2'] })).toEqual(['network.awsApiServices']);
    expect(faults({ allowedPresets: ['aws-apis'], awsApiServices: ['cloudwatch'] })).toMatchObject([
      { path: 'network.awsApiServices.0', remedy: 'its endpoint is called monitoring' },
    ]);
    expect(paths({ allowedPresets: ['aws-apis'], awsApiServices: ['ec2'], awsApiRegions: ['Frankfurt'] })).toEqual([
      'network.awsApiRegions.0',
    ]);
  });
});

describe('what a regular expression does not see', () => {
  const apis = (more: object) => ({ allowedPresets: ['aws-apis'], awsApiServices: ['ec2'], ...more });

  it.each<[object, string, RegExp]>([
    [apis({ awsApiRegions: ['eu-centrall-1'] }), 'network.awsApiRegions.0', /did you mean eu-central-1\?/],
    [apis({ awsApiServices: ['ec2.'] }), 'network.awsApiServices.0', /single dots/],
    [apis({ awsApiServices: ['ec2-'] }), 'network.awsApiServices.0', /letters, digits/],
    [apis({ awsApiServices: ['ec2', 'ec2.eu-central-1'] }), 'network.awsApiServices.1', /awsApiRegions/],
    [apis({ awsApiServices: ['s3.amazonaws.com'] }), 'network.awsApiServices.0', /before the region/],
    [apis({ awsApiServices: ['stepfunctions'] }), 'network.awsApiServices.0', /states/],
    [{ allowedDomains: ['s3.eu-central-1.amazonaws.com'] }, 'network.allowedDomains.0', /name the bucket/],
    [
      { allowedDomains: Array.from({ length: 51 }, (_, i) => `acme-${i}.s3.amazonaws.com`) },
      'network.allowedDomains',
      /awsApiServices/,
    ],
    [{ ...existing, subnetIds: [...existing.subnetIds, ...existing.subnetIds] }, 'network.subnetIds.1', /leave it out/],
    [
      { ...existing, securityGroupIds: ['sg-0123456789abcdef0', 'sg-0123456789abcdef0'] },
      'network.securityGroupIds.1',
      /leave it out/,
    ],
  ])('%o', (network, path, remedy) => {
    expect(faults(network)).toMatchObject([{ path, remedy: expect.stringMatching(remedy) }]);
  });

  it('takes a region of every partition that the CDK knows', () => {
    for (const region of AWS_REGIONS) expect(paths(apis({ awsApiRegions: [region] }))).toEqual([]);
    expect(AWS_REGIONS).toContain('eusc-de-east-1');
  });

  it('takes names of S3 that name no bucket where its endpoint lets the account’s through, or is not ours', () => {
    const allowedDomains = ['s3.eu-central-1.amazonaws.com'];
    expect(paths(apis({ awsApiServices: ['s3'], allowedDomains }))).toEqual([]);
    expect(paths({ ...existing, dnsFirewall: true, allowedDomains })).toEqual([]);
  });

  it('refuses images of registries on another port than leaves', () => {
    const pools = [{ name: 'a', agentTokenSecret: 'one', image: 'registry.acme.example:5000/agent:1' }];
    const agentImage = { registry: 'registry.acme.example:8443/agent:1' };
    expect(paths({}, { pools, agentImage })).toEqual(['pools.0.image', 'agentImage.registry']);
    expect(paths({}, { agentImage: { registry: 'registry.acme.example:443/agent:1' } })).toEqual([]);
    expect(paths({ ...existing, securityGroupIds: ['sg-0123456789abcdef0'] }, { pools, agentImage })).toEqual([]);
  });
});

describe('the address range', () => {
  it.each(['8.8.0.0/16', '172.17.0.0/20', '172.16.0.0/15', '0.0.0.0/16', '224.0.0.0/20'])('%s is refused', (cidr) => {
    expect(paths({ cidr })).toEqual(['network.cidr']);
  });

  it.each(['10.0.0.0/16', '192.168.0.0/20', '100.64.0.0/20', '172.31.0.0/16'])('%s is taken', (cidr) => {
    expect(faults({ cidr })).toEqual([]);
  });

  it('may not overlap the ranges of other networks, the default included', () => {
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
  ])('with %o holds %i agents in each subnet, and not one more', (network, most) => {
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
