import { describe, expect, it } from 'vitest';
import { SettingsError, type SettingsFault } from '../../../lib/settings/errors.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { LEAST } from '../synthesis.ts';

function faultsOf(context: Record<string, unknown>): readonly SettingsFault[] {
  try {
    parseSettings(context);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

const faultsOfSettings = (settings: object) => faultsOf({ agentLauncher: { ...LEAST, ...settings } });
const faultsOfPool = (pool: object) =>
  faultsOfSettings({ pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token', ...pool }] });
const paths = (faults: readonly SettingsFault[]) => faults.map(({ path }) => path);

describe('the host', () => {
  it.each([
    ...['10.0.0.5', '0x7f000001', '0x7f.1', 'localhost', 'localhost:8443', 'tfe'],
    ...[0, 22, 53, 80, 853, 1023, 70_000].map((port) => `tfe.example.com:${port}`),
  ])('may not be %s', (hostname) => {
    expect(paths(faultsOfSettings({ hostname }))).toEqual(['hostname']);
  });

  it.each([
    'tfe.example.com:8443',
    'tfe.example.com:1024',
    'tfe.example.com',
    'tfe.corp.internal',
    'app.eu.terraform.io',
  ])('may be %s', (hostname) => {
    expect(faultsOfSettings({ hostname })).toEqual([]);
  });
});

describe('settings without a fault', () => {
  it('need an organization, an API token secret and a pool with its agent token secret', () => {
    const settings = parseSettings({ agentLauncher: LEAST });
    expect(settings).toEqual({
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
      activePollSeconds: 10,
      idleWindowSeconds: 300,
      startDeadlineSeconds: 300,
      logRetentionDays: 30,
      oldestQueuedMinutes: 15,
      tags: {},
    });
  });

  it('may name secrets by complete ARN, hosts with a port, images by digest, and a VPC that exists', () => {
    const settings = parseSettings({
      agentLauncher: {
        ...LEAST,
        hostname: 'tfe.acme.example:8443',
        apiTokenSecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/api-token-a1B2c3',
        agentImage: { registry: `registry.acme.example/tfc-agent@sha256:${'0'.repeat(64)}` },
        network: {
          egress: 'existing-vpc',
          vpcId: 'vpc-0123456789abcdef0',
          subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
        },
      },
    });
    expect(settings.network).toMatchObject({ egress: 'existing-vpc', vpcId: 'vpc-0123456789abcdef0' });
    expect(settings.agentImage).toHaveProperty('registry');
  });

  it("leave CDK's own context keys alone", () => {
    expect(faultsOf({ agentLauncher: LEAST, '@aws-cdk/core:x': true, 'aws:cdk:bundling-stacks': [] })).toEqual([]);
  });
});

describe('overrides with -c', () => {
  it('give the whole of the settings without cdk.json', () => {
    const settings = parseSettings({
      organization: 'acme',
      apiTokenSecret: 'acme/api-token',
      pools: '[{"name":"default","agentTokenSecret":"acme/agent-token"}]',
    });
    expect(settings).toEqual(parseSettings({ agentLauncher: LEAST }));
  });

  it('reach into objects and lists by a dotted path, and come before cdk.json', () => {
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

  it('keep texts that look like numbers texts', () => {
    expect(parseSettings({ agentLauncher: LEAST, organization: '4711' }).organization).toBe('4711');
  });

  it('leave the settings of cdk.json unchanged', () => {
    const agentLauncher = structuredClone(LEAST);
    parseSettings({ agentLauncher, 'pools.0.name': 'other' });
    expect(agentLauncher).toEqual(LEAST);
  });

  it('that name no setting are faults, with the setting that was meant', () => {
    expect(faultsOf({ agentLauncher: LEAST, organisation: 'acme' })).toMatchObject([
      { path: 'organisation', given: '"acme"', remedy: 'did you mean organization?' },
    ]);
    expect(faultsOf({ agentLauncher: LEAST, 'pools.0.max_agents': '3' })).toMatchObject([
      { path: 'pools.0.max_agents', remedy: 'did you mean maxAgents?' },
    ]);
  });
});

describe('a path that leads out of the settings', () => {
  it.each([
    'network.__proto__.egress',
    '__proto__.organization',
    'pools.0.__proto__',
    'constructor.prototype.x',
    'network.toString',
  ])('%s is a setting that there is not, and changes no object', (path) => {
    expect(paths(faultsOf({ agentLauncher: LEAST, [path]: 'public-ip' }))).toEqual([
      path === 'constructor.prototype.x' ? 'constructor' : path,
    ]);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect({}).not.toHaveProperty('egress');
  });
});

describe('wrong settings', () => {
  it('are all reported at once, each with what was given, what is allowed and what to do', () => {
    const faults = faultsOf({
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
    expect(paths(faults)).toEqual([
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

  it('are reported in one message with every fault', () => {
    const error = new SettingsError(faultsOf({ organization: 'acme' }));
    expect(error.message).toMatch(/^2 settings are wrong/);
    expect(error.message).toContain('given:    nothing');
    expect(error.message).toContain('aws secretsmanager create-secret');
    expect(error.message).toContain("-c pools='[{");
  });

  it('never show a token', () => {
    const token = 'AbCdEfGhIjKlMn.atlasv1.secretsecretsecret';
    const faults = faultsOf({
      agentLauncher: {
        ...LEAST,
        apiTokenSecret: token,
        pools: [
          { name: 'default', agentTokenSecret: token, environment: { TF_TOKEN_app: token }, taskRoleStatements: token },
        ],
        token,
        unknown: { nested: [token] },
      },
    });
    expect(faults.length).toBeGreaterThanOrEqual(6);
    expect(new SettingsError(faults).message).not.toContain('secretsecret');
    expect(faults.find(({ path }) => path === 'apiTokenSecret')?.remedy).toContain('Secrets Manager');
  });

  it('that are no object at all are a fault and not a crash', () => {
    expect(paths(faultsOf({ agentLauncher: 'pools' }))).toEqual(['agentLauncher']);
    expect(paths(faultsOf({ agentLauncher: { ...LEAST, pools: 'default', network: 7 } }))).toEqual([
      'pools',
      'network',
    ]);
    expect(paths(faultsOf({ agentLauncher: { ...LEAST, pools: [7] } }))).toEqual(['pools.0']);
    expect(paths(faultsOf({}))).toEqual(['organization', 'apiTokenSecret', 'pools']);
  });
});

describe('a single value in the place of a list or an object', () => {
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
  ])('%s=%s is refused, with what to write', (path, value, remedy, given) => {
    expect(faultsOf({ agentLauncher: LEAST, [path]: value })).toEqual([
      expect.objectContaining({
        path,
        given: expect.stringContaining(given),
        remedy: expect.stringContaining(remedy),
      }),
    ]);
  });

  it('is one fault, also where another setting goes with it', () => {
    const network = { allowedPresets: 'aws-apis', awsApiServices: ['ec2'] };
    expect(paths(faultsOfSettings({ network }))).toEqual(['network.allowedPresets']);
  });

  it('never shows a token', () => {
    const [fault] = faultsOfSettings({ network: { allowedDomains: 'x.atlasv1.secret' } });
    expect(JSON.stringify(fault)).not.toContain('secret"');
    const [list] = faultsOfSettings({ network: { allowedDomains: 'a.example.com,x.atlasv1.secret' } });
    expect(JSON.stringify(list)).not.toContain('atlasv1');
  });
});

describe('settings that contradict each other', () => {
  it.each([{ cpu: 256, memoryMiB: 3072 }, { cpu: 4096 }, { memoryMiB: 1024 }, { cpu: 8192, memoryMiB: 17_408 }])(
    'are refused: Fargate has no task of %o',
    (size) => {
      expect(paths(faultsOfPool(size))).toEqual(['pools.0.memoryMiB']);
    },
  );

  it('are refused: one secret for two pools, or for an agent token and an API token', () => {
    const pools = [
      { name: 'a', agentTokenSecret: 'one' },
      { name: 'b', agentTokenSecret: 'one' },
      { name: 'c', agentTokenSecret: LEAST.apiTokenSecret },
    ];
    expect(paths(faultsOfSettings({ pools }))).toEqual(['pools.1.agentTokenSecret', 'pools.2.agentTokenSecret']);
  });

  it('are refused: an existing VPC without its ids, and settings of another mode', () => {
    expect(paths(faultsOfSettings({ network: { egress: 'existing-vpc', cidr: '10.0.0.0/16' } }))).toEqual([
      'network.vpcId',
      'network.subnetIds',
      'network.cidr',
    ]);
  });

  it.each([
    { version: '1.33.0', registry: 'hashicorp/tfc-agent:1.33.0' },
    { source: 'release', registry: 'hashicorp/tfc-agent:1.33.0' },
    { source: 'release', digest: `sha256:${'0'.repeat(64)}` },
    { base: 'ubuntu:24.04' },
    { source: 'official', base: 'ubuntu:24.04' },
  ])('are refused: an image from two sources, $source $version $registry', (agentImage) => {
    expect(paths(faultsOfSettings({ agentImage }))).toEqual(['agentImage']);
  });

  it('may build the image from a release on a chosen base, or on a pinned official image', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const image = (agentImage: object) => parseSettings({ agentLauncher: { ...LEAST, agentImage } }).agentImage;
    expect(image({ source: 'release', base: `debian:13@${digest}` })).toEqual({
      source: 'release',
      base: `debian:13@${digest}`,
    });
    expect(image({ digest })).toEqual({ digest });
    expect(paths(faultsOfSettings({ agentImage: { digest: 'sha256:12' } }))).toEqual(['agentImage.digest']);
  });
});

describe('single settings', () => {
  it.each(['10.0.0.0/16', '10.0.252.0/22', '172.16.0.0/20'])('take the address range %s', (cidr) => {
    expect(faultsOfSettings({ network: { cidr } })).toEqual([]);
  });

  it.each(['10.0.0.1/16', '10.0.1.0/22', '10.0.0.0/15', '10.0.0.0/23', '256.0.0.0/16', '10.0.0.0', 'fd00::/16'])(
    'refuse the address range %s',
    (cidr) => {
      expect(paths(faultsOfSettings({ network: { cidr } }))).toEqual(['network.cidr']);
    },
  );

  it.each(['hashicorp/tfc-agent', 'hashicorp/tfc-agent:latest', 'registry:5000/tfc-agent', 'a@sha256:12'])(
    'refuse the unpinned image %s',
    (registry) => {
      expect(paths(faultsOfSettings({ agentImage: { registry } }))).toEqual(['agentImage.registry']);
    },
  );

  it.each([
    'TFC_AGENT_TOKEN',
    'TFC_AGENT_NAME',
    'TFC_ADDRESS',
    'AWS_SECRET_ACCESS_KEY',
    'ECS_CONTAINER_METADATA_URI_V4',
    'A-B',
  ])('refuse the environment variable %s', (name) => {
    expect(paths(faultsOfPool({ environment: { [name]: 'x' } }))).toEqual([`pools.0.environment.${name}`]);
  });

  it.each(['TFC_AGENT_LOG_LEVEL', 'TFC_AGENT_OTLP_ADDRESS', 'NO_PROXY', 'AWS_REGION'])(
    'take the environment variable %s',
    (name) => {
      expect(faultsOfPool({ environment: { [name]: 'x' } })).toEqual([]);
    },
  );

  it('refuse texts where cdk.json should have numbers, and take them from -c when they are numbers', () => {
    expect(paths(faultsOfPool({ maxAgents: '3' }))).toEqual(['pools.0.maxAgents']);
    expect(paths(faultsOf({ agentLauncher: LEAST, 'pools.0.maxAgents': 'three' }))).toEqual(['pools.0.maxAgents']);
  });
});

describe('pools', () => {
  const named = (names: readonly string[]) => names.map((name) => ({ name, agentTokenSecret: `acme/token/${name}` }));

  it('are at most as many as one launcher can serve', () => {
    const names = Array.from({ length: 21 }, (_, i) => `p${i}`);
    expect(paths(faultsOfSettings({ pools: named(names.slice(1)) }))).toEqual([]);
    expect(paths(faultsOfSettings({ pools: named(names) }))).toEqual(['pools']);
  });

  it('fit into the function’s environment', () => {
    const names = Array.from({ length: 20 }, (_, i) => `${'long-'.repeat(16)}${i}`);
    const faults = faultsOfSettings({ pools: named(names) });
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
    const pool = { name: 'default', agentTokenSecret: 'acme/token', ...wrong };
    for (const path of paths(faultsOfSettings({ pools: [pool] }))) expect(path).toContain(`pools.0.${setting}`);
    expect(faultsOfSettings({ pools: [pool] })).not.toEqual([]);
  });
});

describe('a region that is known', () => {
  const arn = (service: string, region: string, name: string) => `arn:aws:${service}:${region}:123456789012:${name}`;
  const settings = (region: string) => ({
    ...LEAST,
    alarmTopicArn: arn('sns', region, 'alarms'),
    apiTokenSecret: arn('secretsmanager', region, 'secret:api-AbCdEf'),
    pools: [{ ...LEAST.pools[0], apiTokenSecret: arn('secretsmanager', region, 'secret:own-AbCdEf') }],
  });

  it('is the one of the alarm topic and of the secrets that the launcher reads', () => {
    const faults = () => parseSettings({ agentLauncher: settings('us-east-1') }, { region: 'eu-central-1' });
    expect(faults).toThrow(SettingsError);
    expect(faults).toThrow(
      /3 settings are wrong[\s\S]*apiTokenSecret[\s\S]*pools\.0\.apiTokenSecret[\s\S]*alarmTopicArn/,
    );
    expect(faults).toThrow(/a topic in eu-central-1[\s\S]*set AWS_REGION/);
  });

  it('contains the zones of the new VPC', () => {
    const network = { availabilityZones: ['eu-west-1a', 'eu-west-1b'] };
    const parse = (region: string) => () => parseSettings({ agentLauncher: { ...LEAST, network } }, { region });
    expect(parse('us-east-1')).toThrow(/network\.availabilityZones[\s\S]*eu-west-1a[\s\S]*zones of us-east-1/);
    const own = { ...LEAST, network: { availabilityZones: ['us-east-1a', 'us-east-1b'] } };
    expect(() => parseSettings({ agentLauncher: own }, { region: 'us-east-1' })).not.toThrow();
  });

  it('is not compared where it is not known, or where a secret is given by its name', () => {
    expect(() => parseSettings({ agentLauncher: settings('us-east-1') })).not.toThrow();
    expect(() => parseSettings({ agentLauncher: settings('us-east-1') }, { region: 'us-east-1' })).not.toThrow();
    expect(() => parseSettings({ agentLauncher: LEAST }, { region: 'us-east-1' })).not.toThrow();
  });
});
