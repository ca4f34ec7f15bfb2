import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { ENV } from '../../../functions/launcher/contract.ts';
import { packageVersion } from '../../../lib/version.ts';
import { faultsOf } from '../settings-faults.ts';
import {
  configOf,
  LEAST,
  onePool,
  REGISTRY_IMAGE,
  resourcesOf,
  statementsOf,
  templateOf,
  text,
  variablesOf,
} from '../synthesis.ts';

const other = {
  name: 'other',
  id: 'apool-abc123',
  organization: 'acme-two',
  apiTokenSecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-two/api-token-a1B2c3',
  maxAgents: 3,
};
const settings = { ...REGISTRY_IMAGE, pools: [...LEAST.pools, { ...other, agentTokenSecret: 'acme-two/agent-token' }] };
const template = templateOf({ ...settings, agentsCeiling: 20, idlePollSeconds: 10 });
const variables = variablesOf(template);

describe('the architecture of the functions', () => {
  const architectures = (settings: object) =>
    Object.values(
      templateOf({ ...REGISTRY_IMAGE, nudge: { hmacKeySecret: 'acme/key' }, ...settings }).findResources(
        'AWS::Lambda::Function',
      ),
    ).map(({ Properties }) => text(Properties.Architectures[0]));

  it('is arm64 by default', () => {
    expect(architectures({})).toEqual(['arm64', 'arm64', 'arm64']);
  });

  it('is x86_64 for the launcher, the nudge and the copy of images', () => {
    expect(architectures({ launcher: { architecture: 'x86_64' } })).toEqual(['x86_64', 'x86_64', 'x86_64']);
  });

  it('determines the price of idle polls in the output', () => {
    const price = (architecture: string) =>
      templateOf({ idlePollSeconds: 5, launcher: { architecture } }).findOutputs('IdlePollCost')['IdlePollCost']?.[
        'Value'
      ];
    expect(price('arm64')).toBe('$2.98 per month');
    expect(price('x86_64')).toBe('$3.39 per month');
  });
});

describe('the code signing configuration', () => {
  const arn = 'arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdef0';
  const configurations = (settings: object) =>
    Object.values(
      templateOf({ ...REGISTRY_IMAGE, nudge: { hmacKeySecret: 'acme/key' }, ...settings }).findResources(
        'AWS::Lambda::Function',
      ),
    ).map(({ Properties }): unknown => Properties.CodeSigningConfigArn);

  it('belongs to no function by default', () => {
    expect(configurations({})).toEqual([undefined, undefined, undefined]);
  });

  it('belongs to the launcher, the nudge and the copy of images', () => {
    expect(configurations({ launcher: { codeSigningConfigArn: arn } })).toEqual([arn, arn, arn]);
  });

  it('must be the ARN of a configuration', () => {
    const faults = faultsOf({ launcher: { codeSigningConfigArn: 'csc-0123456789abcdef0' } });
    expect(faults.map(({ path }) => path)).toEqual(['launcher.codeSigningConfigArn']);
    expect(faults[0]?.remedy).toContain('aws lambda list-code-signing-configs');
  });
});
/** Variables of settings that this template doesn't have. */
const OPTIONAL: readonly string[] = [
  ENV.caCertificatesSecret,
  ENV.httpsProxy,
  ENV.noProxy,
  ENV.httpsProxyCredentialsSecret,
  ENV.httpsProxyCredentialsJsonKey,
  ENV.gateways,
  ENV.gatewayIdleMinutes,
  ENV.gatewayStart,
  ENV.gatewayMaxAgeDays,
];

describe("the function's environment", () => {
  it('has exactly the variables of the contract and of its libraries', () => {
    expect(Object.keys(variables).sort()).toEqual(
      [
        ...Object.values(ENV).filter((name) => !OPTIONAL.includes(name)),
        'NODE_OPTIONS',
        'POWERTOOLS_SERVICE_NAME',
      ].sort(),
    );
    expect(variables['NODE_OPTIONS']).toBe('--enable-source-maps');
  });

  it('has no agentsCeiling if the setting is absent', () => {
    expect(variablesOf(templateOf(settings))).not.toHaveProperty(ENV.agentsCeiling);
  });

  it('contains the settings in plain text, and turns public addresses off for agents in private subnets', () => {
    expect(variables).toMatchObject({
      [ENV.hostname]: 'app.terraform.io',
      [ENV.organization]: 'acme',
      [ENV.apiTokenSecret]: 'acme/api-token',
      [ENV.cluster]: 'AgentLauncher',
      [ENV.activePollSeconds]: '5',
      [ENV.idlePollSeconds]: '10',
      [ENV.startDeadlineSeconds]: '300',
      [ENV.scheduleSeconds]: '60',
      [ENV.version]: packageVersion(),
      [ENV.agentsCeiling]: '20',
      [ENV.assignPublicIp]: 'DISABLED',
      // The name of the launcher is a dimension of its metrics.
      POWERTOOLS_SERVICE_NAME: 'AgentLauncher',
    });
    expect(JSON.parse(String(variables[ENV.agentPools]))).toEqual([
      { name: 'default', maxAgents: 10, lanes: [{ taskDefinition: 'AgentLauncher_all_default' }] },
      { ...other, lanes: [{ taskDefinition: 'AgentLauncher_all_other' }] },
    ]);
  });

  it('is accepted by the launcher', () => {
    expect(configOf(templateOf(settings)).pools.map(({ name, organization }) => [name, organization])).toEqual([
      ['default', 'acme'],
      ['other', 'acme-two'],
    ]);
  });

  it('makes the launcher a standby of a pool', () => {
    expect(configOf(templateOf(onePool({ standbySeconds: 120 }))).pools).toMatchObject([{ standbyMs: 120_000 }]);
  });

  it('has both private subnets and the security group', () => {
    expect(text(variables[ENV.subnets]).split(',')).toEqual([
      expect.stringMatching(/Tasks.*1/),
      expect.stringMatching(/Tasks.*2/),
    ]);
    expect(text(variables[ENV.securityGroups])).toMatch(/TaskSecurityGroup.*GroupId/);
  });

  it('has the phases and the capacity of each lane if a pool has two lanes', () => {
    const split = templateOf({ ...settings, ...onePool({ phases: { plan: { capacity: 'spot' }, apply: {} } }) });
    expect(JSON.parse(String(variablesOf(split)[ENV.agentPools]))[0].lanes).toEqual([
      { taskDefinition: 'AgentLauncher_plan_default', phases: ['plan'], capacity: 'spot' },
      { taskDefinition: 'AgentLauncher_apply_default', phases: ['apply'], policies: false },
    ]);
  });
});

describe('the function', () => {
  it('runs on Node 24 and ARM, ends within its minute, and logs JSON lines at level INFO into its own group', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'AgentLauncher-launcher',
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Timeout: 58,
      MemorySize: 256,
      LoggingConfig: {
        LogFormat: 'JSON',
        ApplicationLogLevel: 'INFO',
        SystemLogLevel: 'INFO',
        LogGroup: { Ref: Match.stringLikeRegexp('^LauncherLogs') },
      },
      ReservedConcurrentExecutions: Match.absent(),
    });
  });

  it('is never retried', () => {
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumEventAgeInSeconds: 60,
      MaximumRetryAttempts: 0,
    });
  });

  it('reserves concurrency only if the setting is set', () => {
    templateOf({ ...settings, reservedConcurrency: 1 }).hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: 1,
    });
  });

  it.each([
    [1, 'rate(1 minute)'],
    [5, 'rate(5 minutes)'],
  ])('is invoked every %i minutes, and a late invocation is dropped', (scheduleMinutes, expression) => {
    templateOf({ ...settings, scheduleMinutes }).hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: expression,
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: Match.objectLike({ RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 } }),
    });
  });
});

describe('the queue of wake-ups', () => {
  it('exists only if idlePollSeconds is below 60, with everything that belongs to it', () => {
    const without = templateOf({ ...settings, idlePollSeconds: 60 });
    for (const type of ['AWS::SQS::Queue', 'AWS::SQS::QueuePolicy', 'AWS::Lambda::EventSourceMapping']) {
      without.resourceCountIs(type, 0);
      templateOf({ ...settings, idlePollSeconds: 59 }).resourceCountIs(type, 1);
    }
    expect(variablesOf(without)).not.toHaveProperty(ENV.wakeUpsQueueUrl);
    expect(variablesOf(without)).toMatchObject({ [ENV.idlePollSeconds]: '60' });
    expect(statementsOf(without).filter(({ Action }) => Action.some((action) => action.startsWith('sqs:')))).toEqual(
      [],
    );
  });

  it('forgets a message after two minutes, and shows a failed batch again once at most', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: Match.absent(),
      SqsManagedSseEnabled: true,
      MessageRetentionPeriod: 120,
      VisibilityTimeout: 60,
      RedrivePolicy: Match.absent(),
      DelaySeconds: Match.absent(),
    });
    const [queue] = Object.values(template.findResources('AWS::SQS::Queue'));
    const [launcher] = Object.values(template.findResources('AWS::Lambda::Function'));
    // Lambda refuses a queue whose visibility timeout is shorter than the function's timeout.
    expect(queue?.['Properties'].VisibilityTimeout).toBeGreaterThanOrEqual(launcher?.['Properties'].Timeout);
    // A message with the longest delay is still delivered, and isn't received a third time.
    const { MessageRetentionPeriod: retention, VisibilityTimeout: visibility } = queue?.['Properties'] ?? {};
    expect(retention).toBeGreaterThan(59 + 30);
    expect(2 * visibility).toBeGreaterThanOrEqual(retention);
  });

  it('refuses requests without TLS', () => {
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Action: 'sqs:*',
            Effect: 'Deny',
            Principal: { AWS: '*' },
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ],
      },
    });
  });

  it('invokes the launcher without a batching window and at most twice at the same time', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 10,
      MaximumBatchingWindowInSeconds: Match.absent(),
      ScalingConfig: { MaximumConcurrency: 2 },
      FunctionName: { Ref: Match.stringLikeRegexp('^LauncherFunction') },
      EventSourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^LauncherWakeUpsQueue'), 'Arn'] },
    });
  });

  it('has a mapping that is created after the policy of the role, because Lambda would refuse an earlier one', () => {
    const [mapping] = Object.values(template.findResources('AWS::Lambda::EventSourceMapping'));
    expect(mapping?.['DependsOn']).toEqual(
      expect.arrayContaining([expect.stringMatching(/^LauncherRoleDefaultPolicy/)]),
    );
  });

  it('can be read and written only with these actions', () => {
    const ofQueue = statementsOf(template).filter(({ Action }) => Action.some((action) => action.startsWith('sqs:')));
    expect(ofQueue.map(({ Sid, Action }) => [Sid, Action])).toEqual([
      ['SendWakeUps', ['sqs:SendMessage']],
      ['ReceiveWakeUps', ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']],
    ]);
  });
});

const ofStack = (path: string) => `arn:<AWS::Partition>:${path.replace(/:/, ':<AWS::Region>:<AWS::AccountId>:')}`;
const inItsCluster = { 'ecs:cluster': { 'Fn::GetAtt': [expect.stringMatching(/Cluster/), 'Arn'] } };
const itsTasks = [ofStack('ecs:task/AgentLauncher/*')];

it.each([
  {
    name: "start tasks of any revision of the pools' families in its cluster, without ECS Exec",
    sid: 'LaunchAgents',
    resources: ['default', 'other'].map((pool) => ofStack(`ecs:task-definition/AgentLauncher_all_${pool}:*`)),
    condition: { ArnEquals: inItsCluster, StringNotEqualsIgnoreCase: { 'ecs:enable-execute-command': 'true' } },
  },
  {
    name: 'tag tasks only while it launches them',
    sid: 'TagAgentsAtLaunch',
    resources: itsTasks,
    condition: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
  },
  {
    name: 'pass the roles of the pools to tasks only',
    sid: 'HandAgentsTheirRoles',
    resources: [
      'Pooldefault.*ExecutionRole',
      'Pooldefault.*TaskRole',
      'Poolother.*ExecutionRole',
      'Poolother.*TaskRole',
    ].map((role) => expect.stringMatching(role)),
    condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
  },
  {
    name: 'describe and stop tasks of its cluster',
    sid: 'SeeAndStopAgents',
    resources: itsTasks,
    condition: { ArnEquals: inItsCluster },
  },
  { name: 'list tasks of its cluster', sid: 'ListAgents', resources: ['*'], condition: { ArnEquals: inItsCluster } },
  {
    name: 'read every API token that it polls with',
    sid: 'ReadApiTokens',
    resources: [ofStack('secretsmanager:secret:acme/api-token-??????'), other.apiTokenSecret],
  },
  {
    name: 'send to its own queue',
    sid: 'SendWakeUps',
    resources: [expect.stringMatching(/^<LauncherWakeUpsQueue\w+\.Arn>$/)],
  },
  {
    name: 'let Lambda receive from its own queue',
    sid: 'ReceiveWakeUps',
    resources: [expect.stringMatching(/^<LauncherWakeUpsQueue\w+\.Arn>$/)],
  },
  {
    name: 'write to its log group only',
    sid: 'WriteItsLog',
    resources: [expect.stringMatching(/^<LauncherLogs\w+\.Arn>$/)],
  },
])('the launcher may $name', ({ sid, resources, condition }) => {
  const statements = statementsOf(template).filter(({ Sid }) => Sid === sid);
  expect(statements.flatMap(resourcesOf)).toEqual(resources);
  expect(statements.map(({ Condition }) => Condition)).toEqual([condition]);
});

describe('the launcher', () => {
  const trustOf = (id: RegExp) => {
    const roles = Object.entries(template.findResources('AWS::IAM::Role')).filter(([name]) => id.test(name));
    expect(roles).toHaveLength(1);
    return roles[0]?.[1]['Properties'].AssumeRolePolicyDocument.Statement;
  };

  it('has a role that only Lambda may assume, and no managed policy', () => {
    expect(trustOf(/^LauncherRole/)).toMatchObject([
      { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
    ]);
    expect(Object.keys(template.findResources('AWS::IAM::Role')).filter((id) => /ServiceRole/.test(id))).toEqual([]);
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  it('has a schedule with a role that only schedules of this account can assume, and that can invoke only this function', () => {
    expect(trustOf(/^LauncherScheduleRole/)).toMatchObject([
      {
        Action: 'sts:AssumeRole',
        Effect: 'Allow',
        Principal: { Service: 'scheduler.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
    ]);
    const [statement] = statementsOf(template).filter(({ role }) => /ScheduleRole/.test(role));
    expect(statement?.Action).toEqual(['lambda:InvokeFunction']);
    expect(statement && resourcesOf(statement)).toEqual([expect.stringMatching(/^<LauncherFunction.*\.Arn>$/)]);
  });

  it('has a schedule that is created after the policy of its role, because AWS would deny an earlier invocation', () => {
    const [schedule] = Object.values(template.findResources('AWS::Scheduler::Schedule'));
    expect(schedule?.['DependsOn']).toEqual(
      expect.arrayContaining([expect.stringMatching(/ScheduleRoleDefaultPolicy/)]),
    );
    expect(schedule?.['Properties'].Name).toBe('AgentLauncher');
  });

  it('has a description on each of its resources that the console lists', () => {
    const described = ['AWS::Lambda::Function', 'AWS::Scheduler::Schedule', 'AWS::IAM::Role'].flatMap((type) =>
      Object.entries(template.findResources(type)).filter(([id]) => id.startsWith('Launcher')),
    );
    expect(described.length).toBeGreaterThanOrEqual(4);
    for (const [id, { Properties }] of described) expect(Properties.Description, id).toMatch(/\w+ \w+/);
  });
});
