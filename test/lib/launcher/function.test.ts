import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { ENV } from '../../../functions/launcher/contract.ts';
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
const template = templateOf({ ...settings, agentsCeiling: 20 });
const variables = variablesOf(template);

describe("the function's environment", () => {
  it('has exactly the variables of the contract and of its libraries', () => {
    expect(Object.keys(variables).sort()).toEqual(
      [...Object.values(ENV), 'NODE_OPTIONS', 'POWERTOOLS_SERVICE_NAME'].sort(),
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
      [ENV.activePollSeconds]: '10',
      [ENV.startDeadlineSeconds]: '300',
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
    expect(configOf(template).pools.map(({ name, organization }) => [name, organization])).toEqual([
      ['default', 'acme'],
      ['other', 'acme-two'],
    ]);
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
      Timeout: 55,
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
    expect(trustOf(/^LauncherRole/)).toEqual([
      { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
    ]);
    expect(Object.keys(template.findResources('AWS::IAM::Role')).filter((id) => /ServiceRole/.test(id))).toEqual([]);
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  it('has a schedule with a role that only schedules of this account can assume, and that can invoke only this function', () => {
    expect(trustOf(/^LauncherScheduleRole/)).toEqual([
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
