import { describe, expect, it } from 'vitest';
import { SettingsError } from '../../../lib/settings/errors.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { faultsIn, faultsOf, faultsOfPool, pathsOf } from '../settings-faults.ts';
import { EXISTING_VPC, LEAST, onePool } from '../synthesis.ts';

describe('the hostname', () => {
  it.each([
    ...['10.0.0.5', '0x7f000001', '0x7f.1', 'localhost', 'localhost:8443', 'tfe'],
    ...[0, 22, 53, 80, 853, 1023, 70_000].map((port) => `tfe.example.com:${port}`),
  ])('may not be %s', (hostname) => {
    expect(pathsOf(faultsOf({ hostname }))).toEqual(['hostname']);
  });

  it.each([
    'tfe.example.com:8443',
    'tfe.example.com:1024',
    'tfe.example.com',
    'tfe.corp.internal',
    'app.eu.terraform.io',
  ])('may be %s', (hostname) => {
    expect(faultsOf({ hostname })).toEqual([]);
  });
});

describe('settings without a fault', () => {
  it('have these defaults in addition to the required settings', () => {
    expect(parseSettings({ agentLauncher: LEAST })).toEqual({
      stackName: 'AgentLauncher',
      hostname: 'app.terraform.io',
      organization: 'acme',
      apiTokenSecret: 'acme/api-token',
      pools: [
        {
          name: 'default',
          agentTokenSecret: 'acme/agent-token',
          maxAgents: 10,
          cpu: 1024,
          memoryMiB: 2048,
          architecture: 'x86_64',
          environment: {},
          taskRolePolicyArns: [],
          taskRoleStatements: [],
          policySweeps: true,
        },
      ],
      agentImage: {},
      network: {
        egress: 'nat-gateway',
        guardDuty: false,
        cidr: '10.90.0.0/20',
        natGateways: 'one',
        vpcEndpoints: 'none',
        ipv6: false,
        dnsFirewall: true,
      },
      scheduleMinutes: 1,
      activePollSeconds: 5,
      launcher: { vpc: false, noProxy: [], architecture: 'arm64' },
      logs: { onDelete: 'delete' },
      encryption: {},
      terminationProtection: false,
      fips: false,
      idlePollSeconds: 60,
      idleWindowSeconds: 300,
      startDeadlineSeconds: 300,
      logRetentionDays: 30,
      oldestQueuedMinutes: 15,
      oldestTaskHours: 24,
      apiTokenExpiryDays: 14,
      tags: {},
    });
  });

  it('may have a hostname with a port, a secret by its complete ARN, an image by its digest, and an existing VPC', () => {
    const settings = {
      hostname: 'tfe.acme.example:8443',
      apiTokenSecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/api-token-a1B2c3',
      agentImage: { registry: `registry.acme.example/tfc-agent@sha256:${'0'.repeat(64)}` },
      network: { ...EXISTING_VPC, subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'] },
    };
    expect(parseSettings({ agentLauncher: { ...LEAST, ...settings } })).toMatchObject(settings);
  });

  it("can be in the same context as the CDK's own keys", () => {
    expect(faultsIn({ agentLauncher: LEAST, '@aws-cdk/core:x': true, 'aws:cdk:bundling-stacks': [] })).toEqual([]);
  });
});

describe('options with -c', () => {
  it('can contain all settings without cdk.json', () => {
    const settings = parseSettings({
      organization: 'acme',
      apiTokenSecret: 'acme/api-token',
      pools: '[{"name":"default","agentTokenSecret":"acme/agent-token"}]',
    });
    expect(settings).toEqual(parseSettings({ agentLauncher: LEAST }));
  });

  it('set values in objects and lists by a dotted path, and override cdk.json', () => {
    const settings = parseSettings({
      agentLauncher: LEAST,
      'pools.0.maxAgents': '3',
      'pools.0.environment.HTTPS_PROXY': 'https://10.0.0.5',
      'agentImage.version': '1.30.2',
      'tags.cost-centre': '4711',
      'network.flowLogRetentionDays': '7',
    });
    expect(settings.pools[0]).toMatchObject({ maxAgents: 3, environment: { HTTPS_PROXY: 'https://10.0.0.5' } });
    expect(settings.agentImage).toEqual({ version: '1.30.2' });
    expect(settings.tags).toEqual({ 'cost-centre': '4711' });
    expect(settings.network).toMatchObject({ flowLogRetentionDays: 7 });
  });

  it('with a number as the value stay text if the setting is text', () => {
    expect(parseSettings({ agentLauncher: LEAST, organization: '4711' }).organization).toBe('4711');
  });

  it('leave the settings of cdk.json unchanged', () => {
    const agentLauncher = structuredClone(LEAST);
    parseSettings({ agentLauncher, 'pools.0.name': 'other' });
    expect(agentLauncher).toEqual(LEAST);
  });

  it('for an unknown setting cause faults that suggest the right setting', () => {
    expect(faultsIn({ agentLauncher: LEAST, organisation: 'acme' })).toMatchObject([
      { path: 'organisation', given: '"acme"', remedy: 'did you mean organization?' },
    ]);
    expect(faultsIn({ agentLauncher: LEAST, 'pools.0.max_agents': '3' })).toMatchObject([
      { path: 'pools.0.max_agents', remedy: 'did you mean maxAgents?' },
    ]);
  });
});

it.each([
  'network.__proto__.egress',
  '__proto__.organization',
  'pools.0.__proto__',
  'constructor.prototype.x',
  'network.toString',
])('%s is an unknown setting with -c, and changes no object', (path) => {
  expect(pathsOf(faultsIn({ agentLauncher: LEAST, [path]: 'public-ip' }))).toEqual([
    path === 'constructor.prototype.x' ? 'constructor' : path,
  ]);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect({}).not.toHaveProperty('egress');
});

describe('wrong settings', () => {
  it('are all reported at once, each with the given value, the allowed values and the remedy', () => {
    const faults = faultsIn({
      agentLauncher: {
        hostname: 'https://app.terraform.io',
        organization: 'acme inc.',
        apiTokenSecret: 'AbCdEfGhIjKlMn.atlasv1.secretsecretsecret',
        stackName: '1st',
        pools: [
          {
            name: 'my pool',
            agentTokenSecret: 'one',
            maxAgents: 0,
            cpu: 512,
            memoryMiB: 8192,
            ephemeralStorageGiB: 20,
            logRetentionDays: 31,
            architecture: 'arm',
            environment: { TFC_AGENT_TOKEN: 'x' },
            taskRolePolicyArns: ['AdministratorAccess'],
          },
          { name: 'second', agentTokenSecret: 'one' },
          { name: 'second', agentTokenSecret: 'two' },
        ],
        agentImage: { registry: 'hashicorp/tfc-agent:latest' },
        network: { cidr: '10.0.0.0/28', vpcId: 'vpc-0123456789abcdef0' },
        alarmTopicArn: 'my-topic',
        idleWindow: 60,
      },
    });
    expect(pathsOf(faults)).toEqual([
      'stackName',
      'hostname',
      'organization',
      'apiTokenSecret',
      'pools.0.memoryMiB',
      'pools.0.environment.TFC_AGENT_TOKEN',
      'pools.0.name',
      'pools.0.maxAgents',
      'pools.0.ephemeralStorageGiB',
      'pools.0.architecture',
      'pools.0.taskRolePolicyArns.0',
      'pools.0.logRetentionDays',
      'pools.1.agentTokenSecret',
      'pools.2.name',
      'agentImage.registry',
      'network.cidr',
      'network.vpcId',
      'alarmTopicArn',
      'idleWindow',
    ]);
    for (const fault of faults) {
      expect(fault.given, fault.path).not.toBe('');
      expect(fault.allowed, fault.path).not.toBe('');
      expect(fault.remedy, fault.path).not.toBe('');
    }
  });

  it('are reported in one message with every fault and an example', () => {
    const error = new SettingsError(faultsIn({ organization: 'acme' }));
    expect(error.message).toMatch(/^2 settings are wrong/);
    expect(error.message).toContain('given:    nothing');
    expect(error.message).toContain('aws secretsmanager create-secret');
    expect(error.message).toContain("-c pools='[{");
  });

  it('never show a token', () => {
    const token = 'AbCdEfGhIjKlMn.atlasv1.secretsecretsecret';
    const faults = faultsOf({
      ...onePool({ agentTokenSecret: token, environment: { TF_TOKEN_app: token }, taskRoleStatements: token }),
      apiTokenSecret: token,
      token,
      unknown: { nested: [token] },
    });
    expect(faults.length).toBeGreaterThanOrEqual(6);
    expect(new SettingsError(faults).message).not.toContain('secretsecret');
    expect(faults.find(({ path }) => path === 'apiTokenSecret')?.remedy).toContain('Secrets Manager');
  });

  it.each([
    [{ agentLauncher: 'pools' }, ['agentLauncher']],
    [{ agentLauncher: { ...LEAST, pools: 'default', network: 7 } }, ['pools', 'network']],
    [{ agentLauncher: { ...LEAST, pools: [7] } }, ['pools.0']],
    [{}, ['organization', 'apiTokenSecret', 'pools']],
  ])('of the wrong type or without content cause faults: %j', (context, paths) => {
    expect(pathsOf(faultsIn(context))).toEqual(paths);
  });
});

describe('a single value instead of a list or an object', () => {
  it.each<[string, unknown, string, string]>([
    [
      'network',
      'public-ip',
      'write it as an object, {"egress":"public-ip"}; with -c by its part: -c network.egress=public-ip',
      'public-ip',
    ],
    ['network', 'somewhere', '-c network.egress=…', 'somewhere'],
    ['agentImage', '1.33.0', '-c agentImage.version=…', '1.33.0'],
    [
      'network.allowedDomains',
      'a.example.com',
      `write it as a list, ["a.example.com"]; with -c as JSON: -c network.allowedDomains='["a.example.com"]'`,
      'a.example.com',
    ],
    ['network.allowedDomains', 'a.example.com, b.example.com', '["a.example.com","b.example.com"]', 'a.example.com'],
    ['network.otherCidrs', '10.0.0.0/8', '["10.0.0.0/8"]', '10.0.0.0/8'],
    ['pools.0.taskRolePolicyArns', 'arn:aws:iam::aws:policy/ReadOnlyAccess', '-c pools.0.taskRolePolicyArns=', 'arn'],
  ])('%s=%s is refused with the right form', (path, value, remedy, given) => {
    expect(faultsIn({ agentLauncher: LEAST, [path]: value })).toMatchObject([
      { path, given: expect.stringContaining(given), remedy: expect.stringContaining(remedy) },
    ]);
  });

  it('is one fault, even if another setting depends on it', () => {
    const network = { allowedPresets: 'aws-apis', awsApiServices: ['ec2'] };
    expect(pathsOf(faultsOf({ network }))).toEqual(['network.allowedPresets']);
  });

  it.each([
    ['x.atlasv1.secret', 'secret"'],
    ['a.example.com,x.atlasv1.secret', 'atlasv1'],
  ])('%s is refused without showing the token', (allowedDomains, token) => {
    expect(JSON.stringify(faultsOf({ network: { allowedDomains } }))).not.toContain(token);
  });
});

describe('settings that contradict each other', () => {
  it.each([{ cpu: 256, memoryMiB: 3072 }, { cpu: 4096 }, { memoryMiB: 1024 }, { cpu: 8192, memoryMiB: 17_408 }])(
    'are refused if Fargate does not offer the size: %o',
    (size) => {
      expect(pathsOf(faultsOfPool(size))).toEqual(['pools.0.memoryMiB']);
    },
  );

  it('are refused if two pools, or an agent token and an API token, have the same secret', () => {
    const pools = [
      { name: 'a', agentTokenSecret: 'one' },
      { name: 'b', agentTokenSecret: 'one' },
      { name: 'c', agentTokenSecret: LEAST.apiTokenSecret },
    ];
    expect(pathsOf(faultsOf({ pools }))).toEqual(['pools.1.agentTokenSecret', 'pools.2.agentTokenSecret']);
  });

  it('are refused if an existing VPC has no IDs, or a setting of another mode', () => {
    const network = { egress: 'existing-vpc', cidr: '10.0.0.0/16' };
    expect(pathsOf(faultsOf({ network }))).toEqual(['network.vpcId', 'network.subnetIds', 'network.cidr']);
  });

  it.each([
    { version: '1.33.0', registry: 'hashicorp/tfc-agent:1.33.0' },
    { source: 'release', registry: 'hashicorp/tfc-agent:1.33.0' },
    { source: 'release', digest: `sha256:${'0'.repeat(64)}` },
    { base: 'ubuntu:24.04' },
    { source: 'official', base: 'ubuntu:24.04' },
  ])('are refused if an image has two sources: %j', (agentImage) => {
    expect(pathsOf(faultsOf({ agentImage }))).toEqual(['agentImage']);
  });

  const digest = `sha256:${'a'.repeat(64)}`;
  it.each([{ source: 'release', base: `debian:13@${digest}` }, { digest }])(
    'do not include the source and the base, or the digest, of a built image: %j',
    (agentImage) => {
      expect(parseSettings({ agentLauncher: { ...LEAST, agentImage } }).agentImage).toEqual(agentImage);
    },
  );
});

describe('a single setting', () => {
  it.each([
    ...['10.0.0.0/16', '10.0.252.0/22', '172.16.0.0/20'].map((cidr) => ({ network: { cidr } })),
    ...['TFC_AGENT_LOG_LEVEL', 'TFC_AGENT_OTLP_ADDRESS', 'NO_PROXY', 'AWS_REGION'].map((name) =>
      onePool({ environment: { [name]: 'x' } }),
    ),
  ])('is accepted: %j', (settings) => {
    expect(faultsOf(settings)).toEqual([]);
  });

  it.each<[string, object]>([
    ...['10.0.0.1/16', '10.0.1.0/22', '10.0.0.0/15', '10.0.0.0/23', '256.0.0.0/16', '10.0.0.0', 'fd00::/16'].map(
      (cidr): [string, object] => ['network.cidr', { network: { cidr } }],
    ),
    ...['hashicorp/tfc-agent', 'hashicorp/tfc-agent:latest', 'registry:5000/tfc-agent', 'a@sha256:12'].map(
      (registry): [string, object] => ['agentImage.registry', { agentImage: { registry } }],
    ),
    ['agentImage.digest', { agentImage: { digest: 'sha256:12' } }],
    // cdk.json has numbers. Only with -c may a number be text.
    ['pools.0.maxAgents', onePool({ maxAgents: '3' })],
  ])('is refused at %s: %j', (path, settings) => {
    expect(pathsOf(faultsOf(settings))).toEqual([path]);
  });

  it('is refused with -c if a number is required and the text is not a number', () => {
    expect(pathsOf(faultsIn({ agentLauncher: LEAST, 'pools.0.maxAgents': 'three' }))).toEqual(['pools.0.maxAgents']);
  });
});

describe('pools', () => {
  const named = (names: readonly string[]) => names.map((name) => ({ name, agentTokenSecret: `acme/token/${name}` }));

  it('are limited to 20, the maximum number of one launcher', () => {
    const names = Array.from({ length: 21 }, (_, i) => `p${i}`);
    expect(pathsOf(faultsOf({ pools: named(names.slice(1)) }))).toEqual([]);
    expect(pathsOf(faultsOf({ pools: named(names) }))).toEqual(['pools']);
  });

  it('are refused if they do not fit into the function’s environment', () => {
    const names = Array.from({ length: 20 }, (_, i) => `${'long-'.repeat(16)}${i}`);
    const faults = faultsOf({ pools: named(names) });
    expect(faults).toMatchObject([
      { path: 'pools', given: expect.stringContaining('bytes'), remedy: expect.any(String) },
    ]);
  });

  it.each([
    ['agentTokenSecret', { agentTokenSecret: 'acme/agent-tokens' }],
    ['taskRolePolicyArns', { taskRolePolicyArns: Array(2).fill('arn:aws:iam::aws:policy/ReadOnlyAccess') }],
    ['taskRoleStatements', { taskRoleStatements: [{ Effect: 'Allow', Action: 's3GetObject', Resource: '*' }] }],
    ['taskRoleStatements', { taskRoleStatements: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'bucket' }] }],
    ['taskRoleStatements', { taskRoleStatements: [{ Sid: 'a b', Effect: 'Allow', Action: '*', Resource: '*' }] }],
    ['environment', { environment: { TFC_AGENT_ACCEPT: 'plan' } }],
  ])('are refused with a wrong %s', (setting, wrong) => {
    const paths = pathsOf(faultsOfPool(wrong));
    expect(paths).not.toEqual([]);
    for (const path of paths) expect(path).toContain(`pools.0.${setting}`);
  });
});

describe('the region of the stack', () => {
  const arn = (service: string, region: string, name: string) => `arn:aws:${service}:${region}:123456789012:${name}`;
  const settings = (region: string) => ({
    ...LEAST,
    alarmTopicArn: arn('sns', region, 'alarms'),
    apiTokenSecret: arn('secretsmanager', region, 'secret:api-AbCdEf'),
    pools: [{ ...LEAST.pools[0], apiTokenSecret: arn('secretsmanager', region, 'secret:own-AbCdEf') }],
  });

  it('must be the region of the alarm topic and of the secrets that the launcher reads', () => {
    const faults = () => parseSettings({ agentLauncher: settings('us-east-1') }, { region: 'eu-central-1' });
    expect(faults).toThrow(SettingsError);
    expect(faults).toThrow(
      /3 settings are wrong[\s\S]*apiTokenSecret[\s\S]*pools\.0\.apiTokenSecret[\s\S]*alarmTopicArn/,
    );
    expect(faults).toThrow(/a topic in eu-central-1[\s\S]*set AWS_REGION/);
  });

  it('must contain the zones of the new VPC', () => {
    const network = { availabilityZones: ['eu-west-1a', 'eu-west-1b'] };
    const parse = (region: string) => () => parseSettings({ agentLauncher: { ...LEAST, network } }, { region });
    expect(parse('us-east-1')).toThrow(/network\.availabilityZones[\s\S]*eu-west-1a[\s\S]*zones of us-east-1/);
    const own = { ...LEAST, network: { availabilityZones: ['us-east-1a', 'us-east-1b'] } };
    expect(() => parseSettings({ agentLauncher: own }, { region: 'us-east-1' })).not.toThrow();
  });

  it('is not compared if it is unknown or a secret is set by its name', () => {
    expect(() => parseSettings({ agentLauncher: settings('us-east-1') })).not.toThrow();
    expect(() => parseSettings({ agentLauncher: settings('us-east-1') }, { region: 'us-east-1' })).not.toThrow();
    expect(() => parseSettings({ agentLauncher: LEAST }, { region: 'us-east-1' })).not.toThrow();
  });
});
