/** Proxies of the agents: how a value is read, which networks let agents reach them, and what is said about them. */
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { addressOf, proxiesIn, proxyWarnings } from '../../../lib/agent/proxies.ts';
import { claimOf } from '../../../lib/network/claims.ts';
import { SettingsError, type SettingsFault } from '../../../lib/settings/errors.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { LEAST, stackOf, templateOf } from '../synthesis.ts';

const vpc = { egress: 'existing-vpc', vpcId: 'vpc-11111111', subnetIds: ['subnet-11111111'] };
const settings = (environment: object, network: object = vpc, more: object = {}) => ({
  pools: [{ ...LEAST.pools[0], environment }],
  agentImage: { registry: 'hashicorp/tfc-agent:1.31.0' },
  network,
  ...more,
});

function faultsOf(...given: Parameters<typeof settings>): readonly SettingsFault[] {
  try {
    parseSettings({ agentLauncher: { ...LEAST, ...settings(...given) } });
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('a value of HTTPS_PROXY', () => {
  it.each([
    ['http://proxy.corp.example:3128', { scheme: 'http', host: 'proxy.corp.example', port: 3128 }],
    ['http://user:p%40ss@10.0.0.5:3128', { host: '10.0.0.5', port: 3128, hasCredentials: true }],
    ['http://user:p@ss@proxy.corp.example:8080/', { host: 'proxy.corp.example', port: 8080, hasCredentials: true }],
    ['https://proxy.corp.example', { scheme: 'https', port: 443, hasCredentials: false }],
    ['http://proxy.corp.example', { scheme: 'http', port: 80 }],
    ['proxy.corp.example:3128', { scheme: 'http', host: 'proxy.corp.example', port: 3128 }],
    ['Proxy.Corp.Example', { scheme: 'http', host: 'proxy.corp.example', port: 80 }],
    ['socks5://10.0.0.5', { scheme: 'socks5', port: 1080 }],
    ['http://[fd00::5]:3128', { host: 'fd00::5', port: 3128 }],
  ])('%s is read as the agent reads it', (value, expected) => {
    expect(proxiesIn({ HTTPS_PROXY: value })[0]?.proxy).toMatchObject(expected);
  });

  it.each([
    'http://',
    'ftp://proxy.example.com',
    'http://proxy.example.com:0',
    'http://proxy.example.com:99999',
    'a b',
  ])('%s is none, and a fault of the settings', (value) => {
    expect(proxiesIn({ HTTPS_PROXY: value })[0]?.proxy).toBeUndefined();
    expect(faultsOf({ HTTPS_PROXY: value })).toMatchObject([{ path: 'pools.0.environment.HTTPS_PROXY' }]);
  });

  it('is looked for in either case of both variables, and an empty one sets no proxy', () => {
    const all = {
      HTTPS_PROXY: 'a',
      https_proxy: 'b',
      HTTP_PROXY: 'c',
      http_proxy: 'd',
      NO_PROXY: 'e',
      XHTTP_PROXY: 'f',
    };
    expect(proxiesIn(all).map(({ value }) => value)).toEqual(['a', 'b', 'c', 'd']);
    expect(proxiesIn({ HTTPS_PROXY: '' })).toEqual([]);
  });

  it('has an address when it is one', () => {
    expect(['10.0.0.5', 'fd00::5', 'proxy.corp.example', '10.0.0.999'].map((host) => addressOf({ host }))).toEqual([
      '10.0.0.5/32',
      'fd00::5/128',
      undefined,
      undefined,
    ]);
  });
});

const groups = z.record(
  z.string(),
  z.looseObject({
    Properties: z.looseObject({
      SecurityGroupEgress: z.array(
        z.looseObject({ CidrIp: z.string().optional(), CidrIpv6: z.string().optional(), ToPort: z.number() }),
      ),
    }),
  }),
);

function rulesOf(environment: object, more: object = {}): string[] {
  const found = groups.parse(templateOf(settings(environment, vpc, more)).findResources('AWS::EC2::SecurityGroup'));
  return Object.values(found).flatMap(({ Properties: { SecurityGroupEgress } }) =>
    SecurityGroupEgress.map(({ CidrIp, CidrIpv6, ToPort }) => `${CidrIp ?? CidrIpv6}:${ToPort}`),
  );
}

describe('in an existing VPC, the group of the stack', () => {
  it.each<[string, object, object, string[]]>([
    ['opens the port to the address of a proxy', { HTTPS_PROXY: 'http://10.0.0.5:3128' }, {}, ['10.0.0.5/32:3128']],
    ['opens it to an IPv6 address', { https_proxy: 'http://[fd00::5]:3128' }, {}, ['fd00::5/128:3128']],
    [
      'opens the port to every address where a name is given',
      { HTTPS_PROXY: 'http://p.corp:3128' },
      {},
      ['0.0.0.0/0:3128'],
    ],
    ['opens the default port of http to an address', { HTTP_PROXY: 'http://10.0.0.5' }, {}, ['10.0.0.5/32:80']],
    ['opens nothing more for a proxy on 443', { HTTPS_PROXY: 'https://p.corp.example' }, {}, []],
    ['opens nothing for NO_PROXY', { NO_PROXY: 'http://10.0.0.5:3128' }, {}, []],
    ['opens nothing for a process of the task', { HTTPS_PROXY: 'http://127.0.0.1:3128' }, {}, []],
    [
      'opens each port once',
      { HTTPS_PROXY: 'http://10.0.0.5:3128', https_proxy: '10.0.0.5:3128', HTTP_PROXY: 'http://10.0.0.5:8080' },
      {},
      ['10.0.0.5/32:3128', '10.0.0.5/32:8080'],
    ],
    [
      'opens nothing more for a proxy on the port of hostname',
      { HTTPS_PROXY: 'http://p.corp:8443' },
      { hostname: 'tfe.acme.example:8443' },
      ['0.0.0.0/0:8443'],
    ],
  ])('%s', (_, environment, more, expected) => {
    expect(rulesOf(environment, more)).toEqual(['0.0.0.0/0:443', ...expected]);
  });

  it('is described in the claim with the proxy', () => {
    const claim = (address: string | undefined) =>
      claimOf({ egress: 'existing-vpc', proxies: [{ address, port: 3128 }] });
    expect(claim('10.0.0.5/32')).toMatch(/port 443 out, and port 3128 to 10\.0\.0\.5\/32 for a proxy\.$/);
    expect(claim(undefined)).toMatch(/port 443 out, and port 3128 to every address for a proxy\.$/);
    const outputs = templateOf(settings({ HTTPS_PROXY: 'http://10.0.0.5:3128' })).findOutputs('EgressClaim');
    expect(outputs['EgressClaim']?.['Value']).toContain('port 3128 to 10.0.0.5/32');
  });
});

describe('the settings refuse a proxy that agents cannot reach', () => {
  it.each<[string, object, object, object, RegExp]>([
    [
      'a low port of a name',
      { HTTPS_PROXY: 'http://p.corp' },
      vpc,
      {},
      /port is 80, the default of http .*such as :3128/,
    ],
    [
      'another port behind NAT',
      { HTTPS_PROXY: 'http://10.0.0.5:3128' },
      {},
      {},
      /3128 isn't open.*egress existing-vpc/,
    ],
    [
      'another port of a public address',
      { https_proxy: 'p.corp:3128' },
      { egress: 'public-ip' },
      {},
      /3128 isn't open/,
    ],
    [
      'a plain proxy behind the firewall',
      { HTTPS_PROXY: 'http://10.0.0.5:443' },
      { egress: 'network-firewall' },
      {},
      /only passes TLS/,
    ],
    [
      'a name that is not allowed',
      { HTTPS_PROXY: 'https://p.corp.example' },
      {},
      {},
      /add p\.corp\.example to network\.allowedDomains/,
    ],
    [
      'such a name, in a VPC of yours',
      { HTTPS_PROXY: 'http://p.corp.example:3128' },
      { ...vpc, dnsFirewall: true },
      {},
      /doesn't resolve/,
    ],
  ])('%s', (_, environment, network, more, message) => {
    const faults = faultsOf(environment, network, more);
    expect(faults).toHaveLength(1);
    expect(Object.values(faults[0] ?? {}).join(' ')).toMatch(message);
  });

  it.each<[string, object, object]>([
    ['with security groups of yours', { HTTPS_PROXY: 'http://p.corp' }, { ...vpc, securityGroupIds: ['sg-11111111'] }],
    ['with a name that is allowed', { HTTPS_PROXY: 'https://p.corp.example' }, { allowedDomains: ['*.corp.example'] }],
    ['without a limit of names', { HTTPS_PROXY: 'http://p.corp.example:443' }, { dnsFirewall: false }],
    ['in the task itself', { HTTPS_PROXY: 'http://localhost:3128' }, {}],
  ])('and accept one %s', (_, environment, network) => {
    expect(faultsOf(environment, network)).toEqual([]);
  });

  it('without printing its credentials', () => {
    const [fault] = faultsOf({ HTTPS_PROXY: 'http://user:p@ss@10.0.0.5:3128' }, {});
    expect(fault?.given).toContain('"http://…@10.0.0.5:3128"');
    expect(JSON.stringify(fault)).not.toMatch(/user|p@ss/);
  });
});

describe('a pool warns', () => {
  it('that credentials of a proxy are in plain text', () => {
    const { stack } = stackOf(settings({ HTTPS_PROXY: 'http://user:secret@10.0.0.5:3128', NO_PROXY: '169.254.170.2' }));
    const warnings = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('Agent pool default: .*'));
    expect(warnings.map(({ entry }) => entry.data)).toEqual([
      expect.stringContaining('HTTPS_PROXY contains a user name and password'),
    ]);
    expect(JSON.stringify(warnings.map(({ entry }) => entry.data))).not.toContain('secret@');
  });

  it.each([
    [{ HTTP_PROXY: 'http://10.0.0.5:3128' }, 1],
    [{ http_proxy: 'http://10.0.0.5:3128', NO_PROXY: 'localhost' }, 1],
    [{ HTTP_PROXY: 'http://10.0.0.5:3128', no_proxy: 'localhost, 169.254.170.2' }, 0],
    [{ HTTP_PROXY: 'http://10.0.0.5:3128', NO_PROXY: '169.254.0.0/16' }, 0],
    [{ HTTP_PROXY: 'http://10.0.0.5:3128', NO_PROXY: '*' }, 0],
    // The credentials are at an http:// address.
    [{ HTTPS_PROXY: 'http://10.0.0.5:3128' }, 0],
  ])('that %o would send requests for the task role through the proxy: %i', (environment, warnings) => {
    expect([...proxyWarnings(environment)].filter(({ id }) => id.endsWith('proxyTaskRole'))).toHaveLength(warnings);
  });
});
