import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { AUDIT_HEADING } from '../../../lib/launcher/audit.ts';
import { runSyncOk } from '../../processes.ts';
import { describeUnless } from '../../unless.ts';
import { EXISTING_VPC, propertiesOf, stackOf, templateOf, warningsIn } from '../synthesis.ts';

const ACCOUNT = '123456789012';
const REGION = 'eu-central-1';
const alarmTopicArn = `arn:aws:sns:${REGION}:${ACCOUNT}:alarms`;
const alarmEmail = 'ops@acme.example';
const LAUNCHER_ROLE = `arn:aws:iam::${ACCOUNT}:role/AgentLauncher-LauncherRole-1AB`;
const ROTATION_ROLE = `arn:aws:iam::${ACCOUNT}:role/AgentLauncher-LauncherTokenRotationRole-2CD`;
const FAMILY = 'AgentLauncher_all_default';

/** What a reference to a role becomes, by the beginning of its logical ID. */
const ROLES = [
  ['LauncherRole', LAUNCHER_ROLE],
  ['LauncherTokenRotationRole', ROTATION_ROLE],
  ['LauncherNudgeRole', `arn:aws:iam::${ACCOUNT}:role/AgentLauncher-LauncherNudgeRole-3EF`],
] as const;

const agentTokenRotation = { days: 30, apiTokenSecret: 'acme/rotation-token' };

const ruleSchema = z.looseObject({
  EventPattern: z.looseObject({ detail: z.unknown() }),
  Targets: z.array(
    z.object({
      Arn: z.unknown(),
      Id: z.string(),
      InputTransformer: z.object({ InputPathsMap: z.record(z.string(), z.string()), InputTemplate: z.string() }),
    }),
  ),
});
const rulesOf = (template: Template) => z.array(ruleSchema).parse(propertiesOf(template, 'AWS::Events::Rule'));

/** What CloudFormation writes instead of references. */
function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [[key, inner] = ['', undefined]] = entries;
  if (key === 'Ref') {
    const known: Record<string, string> = { 'AWS::Partition': 'aws', 'AWS::Region': REGION, 'AWS::AccountId': ACCOUNT };
    return known[String(inner)] ?? String(inner);
  }
  if (key === 'Fn::GetAtt')
    return ROLES.find(([id]) => String([inner].flat()[0]).startsWith(id))?.[1] ?? 'sg-0123456789abcdef0';
  if (key === 'Fn::Join')
    return z
      .tuple([z.string(), z.array(z.unknown())])
      .parse(inner)[1]
      .map(resolved)
      .join('');
  return Object.fromEntries(entries.map(([name, one]) => [name, resolved(one)]));
}

it.each([{ alarmTopicArn }, { alarmEmail }])('with %o, two rules notify the topic', (settings) => {
  const { stack } = stackOf(settings);
  const template = Template.fromStack(stack);
  const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
  const rules = rulesOf(template);
  expect(rules.map(({ Name }) => Name).sort()).toEqual(['AgentLauncher-audit-callers', 'AgentLauncher-audit-role']);
  for (const { Targets, State } of rules) {
    expect(State).toBe('ENABLED');
    expect(Targets.map(({ Arn }) => Arn)).toEqual([topic === undefined ? alarmTopicArn : { Ref: topic }]);
  }
});

const warned = (settings: object) =>
  warningsIn(stackOf(settings).stack, 'EventBridge').filter((text) => text.includes('agent-launcher:auditTopic'));

it('with a topic of the user, a warning says what its policy must allow, until the user sets auditEvents', () => {
  expect(warned({ alarmTopicArn })).toEqual([expect.stringContaining('events.amazonaws.com')]);
  for (const settings of [
    { alarmTopicArn, auditEvents: true },
    { alarmTopicArn, auditEvents: false },
    { alarmEmail },
    {},
  ]) {
    expect(warned(settings)).toEqual([]);
  }
});

it.each([{}, { alarmTopicArn, auditEvents: false }, { alarmEmail, auditEvents: false }, { auditEvents: true }])(
  'with %o, no rule exists',
  (settings) => {
    templateOf(settings).resourceCountIs('AWS::Events::Rule', 0);
  },
);

it('the message says who called what, when and from where, and contains no parameter of the request', () => {
  for (const { Targets } of rulesOf(templateOf({ alarmTopicArn }))) {
    const transformer = Targets[0]?.InputTransformer;
    expect(Object.values(transformer?.InputPathsMap ?? {}).sort()).toEqual([
      '$.detail.awsRegion',
      '$.detail.errorCode',
      '$.detail.eventID',
      '$.detail.eventName',
      '$.detail.eventSource',
      '$.detail.eventTime',
      '$.detail.sourceIPAddress',
      '$.detail.userIdentity.arn',
      '$.detail.userIdentity.type',
    ]);
    const text: unknown = JSON.parse(transformer?.InputTemplate ?? '');
    expect(text).toContain(AUDIT_HEADING);
    expect(text).toMatch(/called <detail-eventName> of <detail-eventSource> at <detail-eventTime>/);
  }
});

it('the patterns are within the limit of EventBridge, also for the longest name', () => {
  const template = templateOf({
    stackName: `L${'a'.repeat(47)}`,
    network: {
      ...EXISTING_VPC,
      subnetIds: Array.from({ length: 16 }, (_, i) => `subnet-0123456789abcde${String(i).padStart(2, '0')}`),
      securityGroupIds: Array.from({ length: 5 }, (_, i) => `sg-0123456789abcdef${i}`),
    },
    alarmTopicArn,
    nudge: { hmacKeySecret: 'acme/nudge-key' },
    agentTokenRotation,
  });
  for (const { EventPattern, Name } of rulesOf(template)) {
    expect(JSON.stringify(resolved(EventPattern)).length).toBeLessThan(2048);
    expect(Name).toMatch(/^[.\-_A-Za-z0-9]{1,64}$/);
  }
});

/** A session of a role, in the form of https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html */
function roleSession(arn: string) {
  const name = arn.split('/').at(-1);
  return {
    type: 'AssumedRole',
    principalId: 'AROAIDPPEZS35WEXAMPLE:session',
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/session`,
    accountId: ACCOUNT,
    accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
    sessionContext: {
      attributes: { mfaAuthenticated: 'false', creationDate: '2026-11-28T13:50:41Z' },
      sessionIssuer: {
        type: 'Role',
        principalId: 'AROAIDPPEZS35WEXAMPLE',
        arn,
        accountId: ACCOUNT,
        userName: name,
      },
    },
  };
}

const launcher = roleSession(LAUNCHER_ROLE);
const admin = roleSession(`arn:aws:iam::${ACCOUNT}:role/Admin`);
const user = {
  type: 'IAMUser',
  principalId: 'AIDAJ45Q7YFFAREXAMPLE',
  arn: `arn:aws:iam::${ACCOUNT}:user/Alice`,
  accountId: ACCOUNT,
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  userName: 'Alice',
};
const root = { type: 'Root', principalId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:root`, accountId: ACCOUNT };

interface Call {
  readonly service: 'ecs' | 'lambda';
  readonly eventName: string;
  readonly userIdentity: object;
  readonly requestParameters: object | null;
  readonly more?: object;
}

/** An event in the form of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html */
function eventOf({ service, eventName, userIdentity, requestParameters, more = {} }: Call): object {
  return {
    version: '0',
    id: '36eb8523-97d0-4518-b33d-ee3579ff19f0',
    'detail-type': 'AWS API Call via CloudTrail',
    source: `aws.${service}`,
    account: ACCOUNT,
    time: '2026-11-28T14:02:39Z',
    region: REGION,
    resources: [],
    detail: {
      eventVersion: '1.11',
      userIdentity,
      eventTime: '2026-11-28T14:02:39Z',
      eventSource: `${service}.amazonaws.com`,
      eventName,
      awsRegion: REGION,
      sourceIPAddress: '203.0.113.7',
      userAgent: 'aws-cli/2.31.0',
      requestParameters,
      responseElements: null,
      requestID: 'b8deb3f5-1b6a-4a0e-8a25-2b5b6b8f4a4c',
      eventID: 'd6a3c4d5-9d9a-4d55-8a66-a1b0d7d7a1c1',
      readOnly: false,
      eventType: 'AwsApiCall',
      managementEvent: true,
      recipientAccountId: ACCOUNT,
      eventCategory: 'Management',
      ...more,
    },
  };
}

const arnOf = (resource: string) => `arn:aws:ecs:${REGION}:${ACCOUNT}:${resource}`;
const runs = (userIdentity: object, requestParameters: object = {}, more: object = {}): Call => ({
  service: 'ecs',
  eventName: 'RunTask',
  userIdentity,
  requestParameters: { cluster: 'AgentLauncher', taskDefinition: FAMILY, count: 1, ...requestParameters },
  more,
});
const SUBNET = 'subnet-0123456789abcdef0';
const placed = (more: object) => ({
  networkConfiguration: {
    awsvpcConfiguration: {
      subnets: [SUBNET, 'subnet-0123456789abcdef1'],
      securityGroups: ['sg-0123456789abcdef0'],
      assignPublicIp: 'DISABLED',
      ...more,
    },
  },
});
const changes = (functionName: string, userIdentity: object = admin, more: object = {}): Call => ({
  service: 'lambda',
  eventName: 'UpdateFunctionCode20150331v2',
  userIdentity,
  requestParameters: { functionName, dryRun: false, publish: false },
  more,
});
const byCloudFormation = { sourceIPAddress: 'cloudformation.amazonaws.com', userAgent: 'cloudformation.amazonaws.com' };
const environment = { containerOverrides: [{ name: 'agent', environment: 'HIDDEN_DUE_TO_SECURITY_REASONS' }] };

const CALLS: readonly [what: string, call: Call, rule: 'callers' | 'role' | undefined][] = [
  ['the launcher starts a task', runs(launcher, { startedBy: 'run-abc/plan', enableExecuteCommand: false }), undefined],
  ['the launcher starts a warm agent', runs(launcher, { overrides: environment }), undefined],
  ['the launcher starts a task in its subnets', runs(launcher, placed({})), undefined],
  ['the launcher’s role uses a subnet of others', runs(launcher, placed({ subnets: [SUBNET, 'subnet-0f'] })), 'role'],
  ['the launcher’s role uses a group of others', runs(launcher, placed({ securityGroups: ['sg-0f'] })), 'role'],
  ['the launcher’s role asks for a public address', runs(launcher, placed({ assignPublicIp: 'ENABLED' })), 'role'],
  ['an administrator starts a task', runs(admin), 'callers'],
  ['a user starts a task', runs(user, { overrides: environment }), 'callers'],
  ['the root user starts a task', runs(root), 'callers'],
  ['a caller gives the ARN of the cluster', runs(admin, { cluster: arnOf('cluster/AgentLauncher') }), 'callers'],
  ['AWS refuses the task of a user', runs(user, {}, { errorCode: 'AccessDenied' }), 'callers'],
  ['a task starts elsewhere', runs(admin, { cluster: 'other', taskDefinition: 'web:7' }), undefined],
  [
    'a task of a longer family starts elsewhere',
    runs(admin, { cluster: 'x', taskDefinition: 'AgentLauncher2_all_a' }),
    undefined,
  ],
  ['a task of the pool starts elsewhere', runs(admin, { cluster: 'other' }), 'callers'],
  [
    'a revision of the pool starts in the default cluster, by its ARN',
    { ...runs(admin), requestParameters: { taskDefinition: arnOf(`task-definition/${FAMILY}:3`), count: 1 } },
    'callers',
  ],
  ['a container instance gets a task', { ...runs(admin), eventName: 'StartTask' }, 'callers'],
  ['a service starts tasks', { ...runs(admin), eventName: 'CreateService' }, 'callers'],
  ['the cluster runs someone’s shell', { ...runs(admin), eventName: 'ExecuteCommand' }, 'callers'],
  ['a user lists tasks', { ...runs(admin), eventName: 'ListTasks' }, undefined],
  ['the CLI stops a task', { ...runs(admin), eventName: 'StopTask' }, undefined],
  [
    'a user registers a task definition of the pool',
    { ...runs(user), eventName: 'RegisterTaskDefinition', requestParameters: { family: FAMILY } },
    'callers',
  ],
  [
    'CloudFormation registers a task definition',
    {
      ...runs(admin, {}, byCloudFormation),
      eventName: 'RegisterTaskDefinition',
      requestParameters: { family: FAMILY },
    },
    undefined,
  ],
  ['CloudFormation changes the function', changes('AgentLauncher-launcher', admin, byCloudFormation), undefined],
  ['an administrator changes the function', changes('AgentLauncher-launcher'), 'callers'],
  [
    'an administrator changes the variables of the function',
    { ...changes('AgentLauncher-launcher'), eventName: 'UpdateFunctionConfiguration20150331v2' },
    'callers',
  ],
  [
    'a user gives the ARN of the function',
    changes(`arn:aws:lambda:${REGION}:${ACCOUNT}:function:AgentLauncher-launcher`, user),
    'callers',
  ],
  ['a user gives a part of the ARN', changes(`${ACCOUNT}:AgentLauncher-nudge`, user), 'callers'],
  [
    'a user creates a function with the launcher’s role',
    {
      ...changes('other'),
      eventName: 'CreateFunction20150331',
      requestParameters: { functionName: 'other', role: LAUNCHER_ROLE },
    },
    'callers',
  ],
  [
    'a user gives another function the role of the rotation',
    {
      ...changes('other', user),
      eventName: 'UpdateFunctionConfiguration20150331v2',
      requestParameters: { functionName: 'other', role: ROTATION_ROLE },
    },
    'callers',
  ],
  [
    'a user creates a function with another role',
    {
      ...changes('other'),
      eventName: 'CreateFunction20150331',
      requestParameters: { functionName: 'other', role: `arn:aws:iam::${ACCOUNT}:role/Admin` },
    },
    undefined,
  ],
  [
    'CloudFormation creates the function',
    {
      ...changes('AgentLauncher-launcher', admin, byCloudFormation),
      eventName: 'CreateFunction20150331',
      requestParameters: { functionName: 'AgentLauncher-launcher', role: LAUNCHER_ROLE },
    },
    undefined,
  ],
  [
    'the launcher’s role creates a function',
    {
      ...changes('other', launcher),
      eventName: 'CreateFunction20150331',
      requestParameters: { functionName: 'other' },
    },
    'role',
  ],
  ['a user changes another function', changes('My-AgentLauncher-launcher', user), undefined],
  ['the launcher’s role replaces a role of the task', runs(launcher, { overrides: { taskRoleArn: 'arn:x' } }), 'role'],
  ['the launcher’s role replaces the execution role', runs(launcher, { overrides: { executionRoleArn: 'a' } }), 'role'],
  ['the launcher’s role opens a task for commands', runs(launcher, { enableExecuteCommand: true }), 'role'],
  [
    'the launcher’s role is refused a command',
    { ...runs(launcher, {}, { errorCode: 'AccessDenied' }), eventName: 'ExecuteCommand' },
    'role',
  ],
  ['the launcher’s role changes its own code', changes('AgentLauncher-launcher', launcher), 'role'],
  ['AWS shows no parameters of a refused call', { ...changes('f', launcher), requestParameters: null }, 'role'],
];

const python = process.env['MOTO_PYTHON'] ?? 'python3';
const missing =
  spawnSync(python, ['-c', 'import moto.events.models']).status === 0 ? undefined : 'needs Python with moto';

describeUnless(missing, 'the rules, matched by moto', () => {
  it('report exactly the calls that this table says', () => {
    const template = templateOf({
      alarmTopicArn,
      nudge: { hmacKeySecret: 'acme/nudge-key' },
      agentTokenRotation,
      network: { ...EXISTING_VPC, subnetIds: [SUBNET, 'subnet-0123456789abcdef1'] },
    });
    const rules = rulesOf(template).map(({ Name, EventPattern }) => ({ Name, pattern: resolved(EventPattern) }));
    const pairs = CALLS.flatMap(([, call]) => rules.map(({ pattern }) => [pattern, eventOf(call)]));
    const output = runSyncOk(python, [join(import.meta.dirname, 'event-pattern.py')], { input: JSON.stringify(pairs) });
    const matches = z.array(z.boolean()).length(pairs.length).parse(JSON.parse(output));
    const found = CALLS.map(([what], index) => [
      what,
      rules.flatMap(({ Name }, rule) => (matches[index * rules.length + rule] === true ? String(Name) : [])).join(),
    ]);
    expect(found).toEqual(
      CALLS.map(([what, , rule]) => [what, rule === undefined ? '' : `AgentLauncher-audit-${rule}`]),
    );
  });
});
