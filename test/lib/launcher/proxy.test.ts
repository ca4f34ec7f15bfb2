import { describe, expect, it } from 'vitest';
import { ENV } from '../../../functions/launcher/contract.ts';
import { faultsIn, faultsOf } from '../settings-faults.ts';
import {
  configOf,
  EXISTING_VPC,
  LEAST,
  propertiesOf,
  REGISTRY_IMAGE,
  resourcesOf,
  statementsOf,
  templateOf,
  variablesOf,
} from '../synthesis.ts';

const httpsProxy = 'http://proxy.corp.example:3128';

describe('launcher.httpsProxy', () => {
  it('is a variable of the launcher’s function, with its exceptions and the name of the secret', () => {
    const template = templateOf({
      ...REGISTRY_IMAGE,
      launcher: {
        httpsProxy,
        noProxy: ['tfe.corp.example', '.vpce.amazonaws.com'],
        httpsProxyCredentialsSecret: 'acme/proxy',
      },
    });
    expect(configOf(template).proxy).toEqual({
      url: httpsProxy,
      noProxy: ['tfe.corp.example', '.vpce.amazonaws.com'],
      credentialsSecret: 'acme/proxy',
    });
    const reads = statementsOf(template).filter(({ Sid }) => Sid === 'ReadConnectionSecrets');
    expect(reads.flatMap(resourcesOf)).toEqual([expect.stringMatching(/:secret:acme\/proxy-\?{6}$/)]);
  });

  it('without exceptions and login adds one variable and no permission', () => {
    const template = templateOf({ ...REGISTRY_IMAGE, launcher: { httpsProxy } });
    expect(variablesOf(template)).toMatchObject({ [ENV.httpsProxy]: httpsProxy });
    expect(variablesOf(template)).not.toHaveProperty(ENV.noProxy);
    expect(statementsOf(template).filter(({ Sid }) => Sid === 'ReadConnectionSecrets')).toEqual([]);
    expect(configOf(template).proxy).toMatchObject({ noProxy: [], credentialsSecret: undefined });
  });

  it('never shows a login that a user puts into the URL, and says where it belongs', () => {
    const [fault, ...others] = faultsOf({
      launcher: { httpsProxy: 'http://user:must-not-show@proxy.corp.example:3128' },
    });
    expect(others).toEqual([]);
    expect(fault).toMatchObject({
      path: 'launcher.httpsProxy',
      given: '"http://…@proxy.corp.example:3128", with a login',
    });
    expect(fault?.remedy).toContain('launcher.httpsProxyCredentialsSecret');
    expect(JSON.stringify(fault)).not.toContain('must-not-show');
  });

  it.each([
    ['proxy.corp.example:3128', 'add the scheme: http://proxy.corp.example:3128'],
    ['socks5://proxy.corp.example:1080', 'use the HTTP port of the proxy'],
    ['http://proxy.corp.example:3128/path', 'correct the URL'],
    ['http://proxy.corp.example:99999', 'set the hostname or the IP address of the proxy'],
    ['http://127.0.0.1:3128', 'set the hostname or the IP address of the proxy'],
  ])('refuses %s', (value, remedy) => {
    const faults = faultsOf({ launcher: { httpsProxy: value } });
    expect(faults).toMatchObject([{ path: 'launcher.httpsProxy', remedy: expect.stringContaining(remedy) }]);
  });
});

describe('launcher.noProxy', () => {
  it('accepts what Go accepts', () => {
    const noProxy = [
      '*',
      'corp.example',
      '.corp.example',
      '*.corp.example:8443',
      '10.0.0.0/8',
      'fd00::/8',
      'fd00::1',
      'localhost',
      '_sub.corp.example',
      '[fd00::1]:443',
    ];
    expect(faultsOf({ launcher: { httpsProxy, noProxy } })).toEqual([]);
  });

  it.each([
    ['', 'correct the entry'],
    ['https://corp.example/path', 'use the host only: corp.example'],
    ['a,b', 'write each one as an entry'],
    ['a b', 'write each one as an entry'],
    ['corp.example:0', 'use a port from 1 to 65535'],
    ['corp.example:70000', 'use a port from 1 to 65535'],
    ['corp.example:https', 'use a port from 1 to 65535'],
    ['10.1', 'use a complete address'],
    ['10.1.2.300', 'use a complete address'],
    ['[corp.example]:443', 'remove the brackets'],
    ['10.0.0.0/33', 'use a prefix from 0 to 32'],
    ['fd00::/129', 'use a prefix from 0 to 128'],
    ['10.0.0.0/', 'use a prefix from 0 to 32'],
    ['10.0.0.0/8:443', 'remove the port'],
    ['corp.example/8', 'begin a range with an IP address'],
    ['tfe.*.example', 'use a domain, which includes its subdomains'],
    ['*corp.example', 'use a domain, which includes its subdomains'],
    ['corp..example', 'correct the entry'],
  ])('refuses the exception %j', (entry, remedy) => {
    expect(faultsOf({ launcher: { httpsProxy, noProxy: ['ok.example', entry] } })).toEqual([
      {
        path: 'launcher.noProxy.1',
        given: expect.stringMatching(/^".*", /),
        allowed: expect.stringContaining('up to 50 domains'),
        remedy: expect.stringContaining(remedy),
      },
    ]);
  });

  it('is refused if the variables of the launcher get longer than Lambda allows', () => {
    const exceptions = (length: number) => Array.from({ length }, (_, n) => `${'a'.repeat(60)}${n}.corp.example`);
    const faults = faultsOf({ launcher: { httpsProxy, noProxy: exceptions(50) } });
    expect(faults).toMatchObject([
      {
        path: 'launcher.noProxy',
        given: expect.stringMatching(/^50 exceptions of \d+ bytes/),
        allowed: expect.stringContaining('4096 bytes'),
      },
    ]);
    expect(faultsOf({ launcher: { httpsProxy, noProxy: exceptions(30) } })).toEqual([]);
  });
});

it('opens the port of the proxy in the security group of a launcher in an existing VPC, and in no other', () => {
  const groups = (launcher: object) =>
    propertiesOf(templateOf({ ...REGISTRY_IMAGE, network: EXISTING_VPC, launcher }), 'AWS::EC2::SecurityGroup').map(
      ({ GroupDescription, SecurityGroupEgress }) => [
        GroupDescription,
        SecurityGroupEgress.map(({ CidrIp, ToPort }: { CidrIp: string; ToPort: number }) => `${CidrIp} ${ToPort}`),
      ],
    );
  expect(groups({ vpc: true, httpsProxy: 'http://10.20.0.5:3128' })).toEqual([
    [expect.stringMatching(/^Agents/), ['0.0.0.0/0 443']],
    [expect.stringMatching(/^Launcher/), ['0.0.0.0/0 443', '10.20.0.5/32 3128']],
  ]);
  expect(groups({ vpc: true, httpsProxy })[1]?.[1]).toEqual(['0.0.0.0/0 443', '0.0.0.0/0 3128']);
});

it('refuses a port that is closed in a VPC of the stack', () => {
  expect(faultsOf({ launcher: { vpc: true, httpsProxy } })).toMatchObject([{ path: 'launcher.httpsProxy' }]);
  expect(faultsOf({ launcher: { vpc: true, httpsProxy: 'http://proxy.corp.example:443' } })).toEqual([]);
});

it.each([{ noProxy: ['corp.example'] }, { httpsProxyCredentialsSecret: 'acme/proxy' }])(
  '%j without a proxy is a fault',
  (launcher) => {
    expect(faultsOf({ launcher })).toMatchObject([{ allowed: 'only together with launcher.httpsProxy' }]);
  },
);

it('the secret with the login must be in the region of the stack', () => {
  const secret = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/proxy-a1B2c3';
  const settings = { ...LEAST, launcher: { httpsProxy, httpsProxyCredentialsSecret: secret } };
  expect(faultsIn({ agentLauncher: settings }, { account: '123456789012', region: 'eu-central-1' })).toMatchObject([
    { path: 'launcher.httpsProxyCredentialsSecret', allowed: 'a secret in eu-central-1' },
  ]);
});
