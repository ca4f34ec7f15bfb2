/** Proxies of the agents: how a value is parsed, which security group rules it needs, and when a pool warns about it. */
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { addressOf, proxiesIn, proxyWarnings } from '../../../lib/agent/proxies.ts';
import { claimOf } from '../../../lib/network/claims.ts';
import { faultsOf } from '../settings-faults.ts';
import { EXISTING_VPC, onePool, propertiesOf, REGISTRY_IMAGE, stackOf, templateOf, warningsIn } from '../synthesis.ts';

const settings = (environment: object, network: object = EXISTING_VPC, more: object = {}) => ({
  ...onePool({ environment }),
  ...REGISTRY_IMAGE,
  network,
  ...more,
});

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
  ])('%s is parsed as the agent parses it', (value, expected) => {
    expect(proxiesIn({ HTTPS_PROXY: value })[0]?.proxy).toMatchObject(expected);
  });

  it.each([
    'http://',
    'ftp://proxy.example.com',
    'http://proxy.example.com:0',
    'http://proxy.example.com:99999',
    'a b',
  ])('%s is not a proxy, so the settings refuse it', (value) => {
    expect(proxiesIn({ HTTPS_PROXY: value })[0]?.proxy).toBeUndefined();
    expect(faultsOf(settings({ HTTPS_PROXY: value }))).toMatchObject([{ path: 'pools.0.environment.HTTPS_PROXY' }]);
  });

  it('is read from both variables, in upper and lower case, and an empty value sets no proxy', () => {
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

  it.each([
    ['10.0.0.5', '10.0.0.5/32'],
    ['fd00::5', 'fd00::5/128'],
    ['proxy.corp.example', undefined],
    ['10.0.0.999', undefined],
  ])('with the host %s has the address range %s', (host, range) => {
    expect(addressOf({ host })).toBe(range);
  });
});

const rules = z.array(
  z.looseObject({ CidrIp: z.string().optional(), CidrIpv6: z.string().optional(), ToPort: z.number() }),
);

function rulesOf(environment: object, more: object = {}): string[] {
  const groups = propertiesOf(templateOf(settings(environment, EXISTING_VPC, more)), 'AWS::EC2::SecurityGroup');
  return groups.flatMap(({ SecurityGroupEgress }) =>
    rules.parse(SecurityGroupEgress).map(({ CidrIp, CidrIpv6, ToPort }) => `${CidrIp ?? CidrIpv6}:${ToPort}`),
  );
}

describe("in an existing VPC, the stack's security group", () => {
  it.each<[string, object, string[], object?]>([
    ["opens the port to the proxy's address", { HTTPS_PROXY: 'http://10.0.0.5:3128' }, ['10.0.0.5/32:3128']],
    ['opens the port to an IPv6 address', { https_proxy: 'http://[fd00::5]:3128' }, ['fd00::5/128:3128']],
    ['opens the port to any address for a hostname', { HTTPS_PROXY: 'http://p.corp:3128' }, ['0.0.0.0/0:3128']],
    ['opens the default port of http', { HTTP_PROXY: 'http://10.0.0.5' }, ['10.0.0.5/32:80']],
    ['opens no other port for a proxy on port 443', { HTTPS_PROXY: 'https://p.corp.example' }, []],
    ['opens no port for NO_PROXY', { NO_PROXY: 'http://10.0.0.5:3128' }, []],
    ['opens no port for a proxy inside the task', { HTTPS_PROXY: 'http://127.0.0.1:3128' }, []],
    [
      'opens each port once',
      { HTTPS_PROXY: 'http://10.0.0.5:3128', https_proxy: '10.0.0.5:3128', HTTP_PROXY: 'http://10.0.0.5:8080' },
      ['10.0.0.5/32:3128', '10.0.0.5/32:8080'],
    ],
    [
      'opens no other port for a proxy on the port of hostname',
      { HTTPS_PROXY: 'http://p.corp:8443' },
      ['0.0.0.0/0:8443'],
      { hostname: 'tfe.acme.example:8443' },
    ],
  ])('%s', (_, environment, expected, more) => {
    expect(rulesOf(environment, more)).toEqual(['0.0.0.0/0:443', ...expected]);
  });

  it('has its port for a proxy in the network’s description', () => {
    const claim = (address: string | undefined) =>
      claimOf({ egress: 'existing-vpc', proxies: [{ address, port: 3128 }] });
    expect(claim('10.0.0.5/32')).toMatch(/allows outbound port 443, and port 3128 to 10\.0\.0\.5\/32 for a proxy\.$/);
    expect(claim(undefined)).toMatch(/allows outbound port 443, and port 3128 to every address for a proxy\.$/);
    const outputs = templateOf(settings({ HTTPS_PROXY: 'http://10.0.0.5:3128' })).findOutputs('EgressClaim');
    expect(outputs['EgressClaim']?.['Value']).toContain('port 3128 to 10.0.0.5/32');
  });
});

describe('the settings', () => {
  it.each<[string, object, object, RegExp]>([
    [
      'on a port below 1024 of a hostname',
      { HTTPS_PROXY: 'http://p.corp' },
      EXISTING_VPC,
      /port 80, the default of http .*such as :3128/,
    ],
    [
      'on port 3128 with NAT',
      { HTTPS_PROXY: 'http://10.0.0.5:3128' },
      {},
      /3128, but this port isn't open.*egress existing-vpc/,
    ],
    [
      'on port 3128 with public addresses',
      { https_proxy: 'p.corp:3128' },
      { egress: 'public-ip' },
      /3128, but this port isn't open/,
    ],
    [
      'without TLS with the network firewall',
      { HTTPS_PROXY: 'http://10.0.0.5:443' },
      { egress: 'network-firewall' },
      /only passes TLS/,
    ],
    [
      'without TLS with gateways',
      { HTTPS_PROXY: 'http://p.corp.example:443' },
      { egress: 'on-demand', allowedDomains: ['p.corp.example'] },
      /the gateway only passes TLS/,
    ],
    [
      'with an address and gateways',
      { HTTPS_PROXY: 'https://10.0.0.5' },
      { egress: 'on-demand' },
      /which has an IP address.*only passes TLS with a server name/,
    ],
    [
      'with a hostname that is not allowed',
      { HTTPS_PROXY: 'https://p.corp.example' },
      {},
      /add p\.corp\.example to network\.allowedDomains/,
    ],
    [
      'with a hostname that is not allowed in an existing VPC with DNS Firewall',
      { HTTPS_PROXY: 'http://p.corp.example:3128' },
      { ...EXISTING_VPC, dnsFirewall: true },
      /can't resolve its hostname/,
    ],
  ])('refuse a proxy %s, because agents could not reach it', (_, environment, network, message) => {
    const faults = faultsOf(settings(environment, network));
    expect(faults).toHaveLength(1);
    expect(Object.values(faults[0] ?? {}).join(' ')).toMatch(message);
  });

  it.each<[string, string, object]>([
    ['with your own security groups', 'http://p.corp', { ...EXISTING_VPC, securityGroupIds: ['sg-11111111'] }],
    ['with an allowed hostname', 'https://p.corp.example', { allowedDomains: ['*.corp.example'] }],
    ['with any hostname without DNS Firewall', 'http://p.corp.example:443', { dnsFirewall: false }],
    ['inside the task', 'http://localhost:3128', {}],
  ])('accept a proxy %s', (_, proxy, network) => {
    expect(faultsOf(settings({ HTTPS_PROXY: proxy }, network))).toEqual([]);
  });

  it("never print a proxy's credentials", () => {
    const [fault] = faultsOf(settings({ HTTPS_PROXY: 'http://user:p@ss@10.0.0.5:3128' }, {}));
    expect(fault?.given).toContain('"http://…@10.0.0.5:3128"');
    expect(JSON.stringify(fault)).not.toMatch(/user|p@ss/);
  });
});

describe('a pool warns', () => {
  it('about credentials of a proxy in plain text, without printing them', () => {
    const environment = { HTTPS_PROXY: 'http://user:secret@10.0.0.5:3128', NO_PROXY: '169.254.170.2' };
    const warnings = warningsIn(stackOf(settings(environment)).stack, 'Agent pool default: .*');
    expect(warnings).toEqual([expect.stringContaining('HTTPS_PROXY contains a user name and password')]);
    expect(warnings.join()).not.toContain('secret@');
  });

  it.each([
    [{}, 1],
    [{ NO_PROXY: 'localhost' }, 1],
    [{ no_proxy: 'localhost, 169.254.170.2' }, 0],
    [{ NO_PROXY: '169.254.0.0/16' }, 0],
    [{ NO_PROXY: '*' }, 0],
  ])('if a proxy would get the requests for the task role, with HTTP_PROXY and %o: %i', (exceptions, warnings) => {
    for (const name of ['HTTP_PROXY', 'http_proxy']) {
      const found = [...proxyWarnings({ [name]: 'http://10.0.0.5:3128', ...exceptions })];
      expect(found.filter(({ id }) => id.endsWith('proxyTaskRole'))).toHaveLength(warnings);
    }
  });

  it('about nothing with HTTPS_PROXY only, because requests for the task role go to an http:// address', () => {
    expect([...proxyWarnings({ HTTPS_PROXY: 'http://10.0.0.5:3128' })]).toEqual([]);
  });
});
