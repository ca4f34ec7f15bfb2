/**
 * Checks the release template that `npm run release` builds: with parameter values, it must resolve to the stack that the app
 * synthesizes for the same settings. cfn-lint checks it too.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Evaluated, propertyOf, template as templateForCli } from '../../cli/core/template.ts';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { FARGATE_CPU, fargateMemoryMiB } from '../../lib/aws/fargate-size.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { testApp } from '../../test/lib/synthesis.ts';
import { runSync, whyMissing } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { testUnless } from '../../test/unless.ts';
import { type Resolved, Resolver, type Template, unknown } from './resolve-template.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = newFolder('release-lab');
const file = join(folder, 'agent-launcher.template.json');
let template: Template;

beforeAll(() => {
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  execFileSync(process.execPath, ['bin/build-release.ts', folder], { cwd: root, stdio: [...stdio] });
  template = JSON.parse(readFileSync(file, 'utf8'));
}, 240_000);

type Parameters = Readonly<Record<string, string>>;

const REQUIRED: Parameters = {
  Organization: 'acme',
  ApiTokenSecret: 'acme/api-token/of-launcher',
  PoolName: 'team_a-1',
  AgentTokenSecret: 'acme/agent-token/of-pool',
  CodeBucket: 'acme-releases',
};
const EXISTING: Parameters = {
  Egress: 'existing-vpc',
  VpcId: 'vpc-0123456789abcdef0',
  SubnetIds: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
};
const DIGEST = `sha256:${'a1'.repeat(32)}`;

/** The settings that mean the same as these parameters. */
function settingsOf(given: Parameters): object {
  const value = (name: string) => given[name] ?? String(template.Parameters?.[name]?.Default);
  const text = (name: string) => (value(name) === '' ? undefined : value(name));
  const number = (name: string) => (value(name) === '' ? undefined : Number(value(name)));
  const list = (name: string) => text(name)?.split(',');
  const egress = value('Egress');
  const dnsFirewall = value('DnsFirewall') === 'default' ? egress !== 'existing-vpc' : value('DnsFirewall') === 'true';
  const reference = value('ImageReference');
  const copied = `${value('ImageRegistry')}/${value('ImageRepository')}${reference.startsWith('sha256:') ? '@' : ':'}${reference}`;
  return {
    stackName: 'Acme-Agents',
    hostname: value('Hostname'),
    organization: value('Organization'),
    apiTokenSecret: value('ApiTokenSecret'),
    pools: [
      {
        name: value('PoolName'),
        id: text('PoolId'),
        agentTokenSecret: value('AgentTokenSecret'),
        maxAgents: number('MaxAgents'),
        cpu: number('Cpu'),
        memoryMiB: number('MemoryMiB'),
        ephemeralStorageGiB: number('EphemeralStorageGiB'),
        architecture: value('Architecture'),
        taskRolePolicyArns: list('TaskRolePolicyArns') ?? [],
        policySweeps: value('PolicySweeps') === 'true',
      },
    ],
    agentImage:
      text('EcrImage') === undefined
        ? { registry: copied, copy: true, credentialsSecret: text('ImageCredentialsSecret') }
        : { registry: text('EcrImage') },
    network: {
      egress,
      dnsFirewall,
      ...(dnsFirewall && { allowedDomains: list('AllowedDomains') }),
      ...(egress === 'nat-gateway' && { natGateways: value('NatGateways') }),
      ...(egress === 'existing-vpc' && {
        vpcId: value('VpcId'),
        subnetIds: list('SubnetIds'),
        securityGroupIds: list('SecurityGroupIds'),
      }),
    },
    agentsCeiling: number('AgentsCeiling'),
    scheduleMinutes: number('ScheduleMinutes'),
    activePollSeconds: number('ActivePollSeconds'),
    idlePollSeconds: number('IdlePollSeconds'),
    idleWindowSeconds: number('IdleWindowSeconds'),
    startDeadlineSeconds: number('StartDeadlineSeconds'),
    reservedConcurrency: number('ReservedConcurrency'),
    logRetentionDays: number('LogRetentionDays'),
    oldestQueuedMinutes: number('OldestQueuedMinutes'),
    alarmTopicArn: text('AlarmTopicArn'),
    alarmEmail: text('AlarmEmail'),
    auditEvents: text('AuditEvents') === 'true',
    ...(text('PermissionsBoundary') !== undefined && {
      roles: { permissionsBoundary: text('PermissionsBoundary') },
    }),
    ...(text('NudgeHmacKeySecret') !== undefined && {
      nudge: { hmacKeySecret: text('NudgeHmacKeySecret'), reservedConcurrency: number('NudgeReservedConcurrency') },
    }),
  };
}

/** The stack of the app for these settings. */
function synthesized(settings: object): Resolved {
  const app = testApp();
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  for (const [key, flag] of Object.entries(context)) {
    if (key.startsWith('@aws-cdk/') && !key.includes('alidat')) app.node.setContext(key, flag);
  }
  app.node.setContext('@aws-cdk/core:annotationsInValidationReport', false);
  const parsed = parseSettings({ agentLauncher: settings });
  const stack = new AgentLauncherStack(app, parsed.stackName, { settings: parsed });
  const { directory } = app.synth();
  return new Resolver(JSON.parse(readFileSync(join(directory, stack.templateFile), 'utf8')), {}).resolved();
}

/** Removes what differs for a good reason. */
function comparable({ Resources, Outputs }: Resolved, poolName: string): unknown {
  // The ID of a resource contains the pool's name and the image in the app's template, but neither in the release template.
  const pool = poolName.replaceAll(/[^A-Za-z0-9]/g, '');
  const canonical = (id: string) =>
    id
      .replace(/[0-9A-F]{8}$/, '')
      .replace(new RegExp(`(Pool|[a-z])(?:${pool}|agentpool)`), '$1-POOL-')
      .replace(/^(ImageCopiesa(?:md|rm)64).*/, '$1');
  const names = new Map(Object.keys(Resources).map((id) => [id, canonical(id)]));
  const longestFirst = [...names.keys()].sort((one, other) => other.length - one.length);
  const renamed = JSON.stringify({ Resources, Outputs })
    .replaceAll(new RegExp(longestFirst.join('|'), 'g'), (id) => `${names.get(id)}`)
    .replaceAll(unknown({ Ref: 'AWS::Partition' }), 'aws')
    .replaceAll(unknown({ Ref: 'AWS::StackName' }), 'Acme-Agents');
  return JSON.parse(renamed, (key, value) => {
    // The code is the same, but in another bucket.
    if (key === 'Code' || key === 'TargetTag' || key === 'BootstrapVersion') return undefined;
    if (key === 'Outputs') return { ...value, TaskRoleName: undefined, TaskRoleArn: undefined };
    if (key === 'Domains') return [...new Set(value)].sort();
    if (key === 'DependsOn' && value.every((item: unknown) => typeof item === 'string')) return value.sort();
    // A hash of the stack's name at synthesis, which differs. The name of the deployed stack, which also begins it, makes the name unique.
    if (key === 'LogGroupName' && typeof value === 'string') return value.replace(/-[0-9A-F]{8}-(\w+)$/, '-$1');
    // The app leaves out the default address.
    if (key === 'Environment' && Array.isArray(value)) {
      return value.filter(({ Name, Value }) => Name !== 'TFC_ADDRESS' || Value !== 'https://app.terraform.io');
    }
    return value;
  });
}

function expectSameStack(parameters: Parameters): void {
  const all = { ...REQUIRED, ...parameters };
  const resolver = new Resolver(template, all);
  expect(resolver.failedAssertions()).toEqual([]);
  const pool = `${all['PoolName']}`;
  expect(comparable(resolver.resolved(), pool)).toEqual(comparable(synthesized(settingsOf(all)), pool));
}

const ECR = '123456789012.dkr.ecr.us-west-2.amazonaws.com';

describe('the release template resolves to the stack that the app synthesizes', () => {
  it.each<[string, Parameters]>([
    ['with the defaults', {}],
    ['with two NAT gateways', { NatGateways: 'all' }],
    ['without DNS Firewall', { DnsFirewall: 'false' }],
    ['with public addresses', { Egress: 'public-ip', DnsFirewall: 'true' }],
    ['in an existing VPC', EXISTING],
    ['in an existing VPC with DNS Firewall', { ...EXISTING, DnsFirewall: 'true' }],
    ['with existing security groups', { ...EXISTING, SecurityGroupIds: 'sg-0123456789abcdef0,sg-0123456789abcdef1' }],
    [
      'for Terraform Enterprise',
      { Hostname: 'tfe.acme.example', AllowedDomains: 'a.acme.example,*.b.acme.example,c.acme.example' },
    ],
    ['with an image by digest and a login', { ImageReference: DIGEST, ImageCredentialsSecret: 'acme/registry/login' }],
    ['with an image of ECR by digest', { EcrImage: `${ECR}/team/a/tfc-agent@${DIGEST}`, Architecture: 'arm64' }],
    ['with an image of ECR by tag', { EcrImage: `${ECR}/tfc-agent:1.33.0`, Egress: 'public-ip' }],
    ['on ARM', { Architecture: 'arm64', Cpu: '2048', MemoryMiB: '16384', EphemeralStorageGiB: '200' }],
    ['with a nudge', { NudgeHmacKeySecret: 'acme/nudge/key', NudgeReservedConcurrency: '9' }],
    ['with idle polls', { IdlePollSeconds: '10', PolicySweeps: 'false' }],
    ['with idle polls and a nudge', { IdlePollSeconds: '5', NudgeHmacKeySecret: 'acme/nudge/key' }],
    ['without policy sweeps', { PolicySweeps: 'false' }],
    ['with a slow schedule', { ScheduleMinutes: '15', OldestQueuedMinutes: '60', ActivePollSeconds: '0' }],
  ])('%s', (_, parameters) => expectSameStack(parameters));

  it('with random parameters', () => {
    const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: '' as const });
    const integer = (min: number, max: number) => fc.integer({ min, max }).map(String);
    const allowed = (name: string) => {
      const values = template.Parameters?.[name]?.AllowedValues ?? [];
      return fc.constantFrom(...values.map(String));
    };
    const network = fc.oneof(
      fc.record({ Egress: fc.constant('nat-gateway'), NatGateways: allowed('NatGateways') }),
      fc.record({ Egress: fc.constant('public-ip') }),
      fc.record({
        Egress: fc.constant('existing-vpc'),
        VpcId: fc.constant('vpc-0123456789abcdef0'),
        SubnetIds: fc.constantFrom('subnet-0123456789abcdef0', 'subnet-01234567,subnet-89abcdef'),
        SecurityGroupIds: fc.constantFrom('', 'sg-01234567', 'sg-0123456789abcdef0,sg-89abcdef'),
      }),
    );
    const size = fc
      .constantFrom(...FARGATE_CPU)
      .chain((cpu) =>
        fc.constantFrom(...fargateMemoryMiB(cpu)).map((memory) => ({ Cpu: `${cpu}`, MemoryMiB: `${memory}` })),
      );
    const polls = fc.oneof(
      fc.record({ ScheduleMinutes: allowed('ScheduleMinutes') }),
      fc.record({ IdlePollSeconds: allowed('IdlePollSeconds') }),
    );
    const image = fc.oneof(
      fc.record({
        ImageReference: fc.constantFrom(DIGEST, '1.33.0'),
        ImageCredentialsSecret: fc.constantFrom('', 'acme/registry/login'),
      }),
      fc.record({ EcrImage: fc.constantFrom(`${ECR}/a/b@${DIGEST}`, `${ECR}/agents:7`) }),
    );
    const others = fc.record({
      PoolId: optional(fc.constant('apool-abcDEF123')),
      MaxAgents: integer(1, 1000),
      EphemeralStorageGiB: optional(integer(21, 200)),
      Architecture: allowed('Architecture'),
      TaskRolePolicyArns: optional(
        fc.constantFrom(
          'arn:aws:iam::aws:policy/ReadOnlyAccess',
          'arn:aws:iam::123456789012:policy/one,arn:aws:iam::123456789012:policy/path/two',
        ),
      ),
      PolicySweeps: allowed('PolicySweeps'),
      DnsFirewall: allowed('DnsFirewall'),
      Hostname: fc.constantFrom('app.terraform.io', 'app.eu.terraform.io', 'tfe.acme.example'),
      ActivePollSeconds: fc.oneof(fc.constant('0'), integer(5, 60)),
      IdleWindowSeconds: integer(60, 3600),
      StartDeadlineSeconds: integer(120, 3600),
      AgentsCeiling: optional(integer(1, 10_000)),
      ReservedConcurrency: optional(integer(1, 10)),
      NudgeHmacKeySecret: optional(fc.constant('acme/nudge/key')),
      NudgeReservedConcurrency: integer(1, 100),
      LogRetentionDays: allowed('LogRetentionDays'),
      OldestQueuedMinutes: allowed('OldestQueuedMinutes'),
      AlarmTopicArn: optional(fc.constant('arn:aws:sns:eu-central-1:123456789012:alarms')),
      AlarmEmail: optional(fc.constant('ops@acme.example')),
      AuditEvents: fc.constantFrom('true', 'false'),
      PermissionsBoundary: optional(fc.constant('arn:aws:iam::123456789012:policy/boundaries/acme')),
    });
    const isAllowed = (parameters: Parameters) =>
      new Resolver(template, { ...REQUIRED, ...parameters }).failedAssertions().length === 0;
    const parameters = fc
      .tuple(network, size, polls, image, others)
      .map((parts): Parameters => Object.assign({}, ...parts))
      .filter(isAllowed);
    fc.assert(fc.property(parameters, expectSameStack), { numRuns: 40 });
  }, 240_000);
});

describe('the rules of the release template refuse', () => {
  it.each<[string, Parameters, string]>([
    ['an existing VPC without IDs', { Egress: 'existing-vpc', VpcId: 'vpc-01234567' }, 'set SubnetIds'],
    ['IDs of a VPC in another mode', { VpcId: 'vpc-01234567' }, 'VpcId has no effect'],
    ['security groups in another mode', { SecurityGroupIds: 'sg-01234567' }, 'SecurityGroupIds have no effect'],
    ['two NAT gateways without NAT', { Egress: 'public-ip', NatGateways: 'all' }, 'NatGateways all has no effect'],
    ['memory that Fargate does not offer', { Cpu: '512', MemoryMiB: '8192' }, 'With Cpu 512, Fargate offers'],
    ['idle polls with a slow schedule', { IdlePollSeconds: '10', ScheduleMinutes: '5' }, 'needs ScheduleMinutes 1'],
    ['domains that nothing enforces', { ...EXISTING, AllowedDomains: 'acme.example' }, 'without DNS Firewall'],
    [
      'idle polls without active polls',
      { IdlePollSeconds: '10', ActivePollSeconds: '0' },
      'ActivePollSeconds of at least 5',
    ],
    ['idle polls with one invocation', { IdlePollSeconds: '10', ReservedConcurrency: '2' }, 'at least 3'],
    ['a nudge with one invocation', { NudgeHmacKeySecret: 'key', ReservedConcurrency: '1' }, 'at least 3'],
    ['a login that nothing uses', { EcrImage: `${ECR}/agents:7`, ImageCredentialsSecret: 'login' }, 'has no effect'],
    [
      'two topics',
      { AlarmEmail: 'ops@acme.example', AlarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms' },
      'Remove one of them',
    ],
    ['a token as the HMAC key', { NudgeHmacKeySecret: `${REQUIRED['ApiTokenSecret']}` }, 'the secret of a token'],
    ['one secret for both tokens', { AgentTokenSecret: `${REQUIRED['ApiTokenSecret']}` }, 'are the same secret'],
  ])('%s', (_, parameters, text) => {
    expect(new Resolver(template, { ...REQUIRED, ...parameters }).failedAssertions()).toEqual([
      expect.stringContaining(text),
    ]);
  });
});

it.each<[string, Parameters, Evaluated]>([
  ['is that of the parameter', { ReservedConcurrency: '5' }, { is: 'value', value: '5' }],
  ['is none if the parameter has its default', {}, { is: 'none' }],
])('the reserved concurrency that resume restores %s', (_, parameters, expected) => {
  const read = templateForCli.parse(template);
  const launcher = Object.keys(template.Resources).find((id) => id.startsWith('LauncherFunction')) ?? '';
  const given = new Map(Object.entries(parameters));
  expect(propertyOf(read, given, launcher, 'ReservedConcurrentExecutions')).toEqual(expected);
});

it('every function’s ZIP file is in the release, and the checksums are right', () => {
  const functions = Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  const files = readdirSync(folder);
  const keys = functions.map((one) => /([a-z-]+-[0-9a-f]{16}\.zip)/.exec(JSON.stringify(one))?.[1]);
  expect(keys).toHaveLength(3);
  expect(files).toEqual(expect.arrayContaining(keys));
  expect(runSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder })).toMatchObject({ code: 0 });
});

testUnless(whyMissing('cfn-lint'), 'cfn-lint has no finding in the release template', () => {
  expect(runSync('cfn-lint', ['--', file])).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
});
