import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseConfig } from '../../../functions/launcher/config.ts';
import { ENV } from '../../../functions/launcher/contract.ts';
import { resourcesOf, statementsOf, templateOf, text } from '../synthesis.ts';

const settings = {
  agentImage: { registry: 'hashicorp/tfc-agent:1.31.0' },
  pools: [
    { name: 'default', agentTokenSecret: 'acme/agent-token' },
    {
      name: 'other',
      id: 'apool-abc123',
      organization: 'acme-two',
      apiTokenSecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-two/api-token-a1B2c3',
      agentTokenSecret: 'acme-two/agent-token',
      maxAgents: 3,
    },
  ],
};
const template = templateOf({ ...settings, agentsCeiling: 20 });

const functionSchema = z.looseObject({
  Properties: z.looseObject({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) }),
});

function variables(of = template): Record<string, unknown> {
  const [launcher] = Object.values(of.findResources('AWS::Lambda::Function'));
  return functionSchema.parse(launcher).Properties.Environment.Variables;
}

describe("the function's environment", () => {
  it('has the variables of the contract, all of them, and what its libraries need', () => {
    expect(Object.keys(variables()).sort()).toEqual(
      [...Object.values(ENV), 'NODE_OPTIONS', 'POWERTOOLS_SERVICE_NAME'].sort(),
    );
    expect(variables()['NODE_OPTIONS']).toBe('--enable-source-maps');
  });

  it('leaves out the ceiling when there is none', () => {
    expect(variables(templateOf(settings))).not.toHaveProperty(ENV.agentsCeiling);
  });

  it('names host, organization, cluster, pools and secrets in plain text', () => {
    expect(variables()).toMatchObject({
      [ENV.hostname]: 'app.terraform.io',
      [ENV.organization]: 'acme',
      [ENV.apiTokenSecret]: 'acme/api-token',
      [ENV.cluster]: 'AgentLauncher',
      [ENV.activePollSeconds]: '10',
      [ENV.startDeadlineSeconds]: '300',
      [ENV.agentsCeiling]: '20',
    });
    expect(JSON.parse(String(variables()[ENV.agentPools]))).toEqual([
      { name: 'default', maxAgents: 10, lanes: [{ taskDefinition: 'AgentLauncher_all_default' }] },
      {
        name: 'other',
        id: 'apool-abc123',
        organization: 'acme-two',
        apiTokenSecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-two/api-token-a1B2c3',
        maxAgents: 3,
        lanes: [{ taskDefinition: 'AgentLauncher_all_other' }],
      },
    ]);
  });

  it('is what the launcher understands', () => {
    const environment = Object.fromEntries(Object.entries(variables()).map(([name, value]) => [name, text(value)]));
    const config = parseConfig(environment);
    expect(config.pools.map(({ name, organization }) => [name, organization])).toEqual([
      ['default', 'acme'],
      ['other', 'acme-two'],
    ]);
  });

  it('lists both private subnets and the security group', () => {
    expect(text(variables()[ENV.subnets]).split(',')).toEqual([
      expect.stringMatching(/Tasks.*1/),
      expect.stringMatching(/Tasks.*2/),
    ]);
    expect(text(variables()[ENV.securityGroups])).toMatch(/TaskSecurityGroup.*GroupId/);
  });
});

describe('the function', () => {
  it('ends before its minute does, logs JSON into a separate group, and is never retried', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.handler',
      Timeout: 55,
      MemorySize: 256,
      LoggingConfig: Match.objectLike({ LogFormat: 'JSON', LogGroup: Match.anyValue() }),
      ReservedConcurrentExecutions: Match.absent(),
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumEventAgeInSeconds: 60,
      MaximumRetryAttempts: 0,
    });
  });

  it('reserves concurrency only if it is set', () => {
    templateOf({ ...settings, reservedConcurrency: 1 }).hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: 1,
    });
  });

  it('has no managed policy', () => {
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
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

  it('is the only thing that its schedule may invoke', () => {
    const [statement] = statementsOf(template).filter(({ role }) => /ScheduleRole/.test(role));
    expect(statement?.Action).toEqual(['lambda:InvokeFunction']);
    expect(statement && resourcesOf(statement)).toEqual([expect.stringMatching(/^<LauncherFunction.*\.Arn>$/)]);
  });
});

describe("the launcher's permissions", () => {
  const rightTo = (sid: string) => statementsOf(template).find(({ Sid }) => Sid === sid);

  it("start tasks of the pools' families, in any revision, in its cluster, without a way in", () => {
    const statement = rightTo('LaunchAgents');
    expect(statement && resourcesOf(statement)).toEqual([
      'arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task-definition/AgentLauncher_all_default:*',
      'arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task-definition/AgentLauncher_all_other:*',
    ]);
    expect(statement?.Condition).toEqual({
      ArnEquals: { 'ecs:cluster': { 'Fn::GetAtt': [expect.stringMatching(/Cluster/), 'Arn'] } },
      StringNotEqualsIgnoreCase: { 'ecs:enable-execute-command': 'true' },
    });
  });

  it('tag tasks only while launching them', () => {
    expect(rightTo('TagAgentsAtLaunch')?.Condition).toEqual({ StringEquals: { 'ecs:CreateAction': 'RunTask' } });
  });

  it('hand on the roles of the pools, to tasks', () => {
    const statement = rightTo('HandAgentsTheirRoles');
    expect(statement && resourcesOf(statement)).toEqual([
      expect.stringMatching(/Pooldefault.*ExecutionRole/),
      expect.stringMatching(/Pooldefault.*TaskRole/),
      expect.stringMatching(/Poolother.*ExecutionRole/),
      expect.stringMatching(/Poolother.*TaskRole/),
    ]);
    expect(statement?.Condition).toEqual({ StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } });
  });

  it('see and stop tasks of its cluster', () => {
    const statement = rightTo('SeeAndStopAgents');
    expect(statement && resourcesOf(statement)).toEqual([
      'arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/AgentLauncher/*',
    ]);
  });

  it('read every API token that it polls with', () => {
    const statement = rightTo('ReadApiTokens');
    expect(statement && resourcesOf(statement)).toEqual([
      'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:acme/api-token-??????',
      'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-two/api-token-a1B2c3',
    ]);
  });
});

describe('what the launcher is made of', () => {
  const trustOf = (id: RegExp) => {
    const roles = Object.entries(template.findResources('AWS::IAM::Role')).filter(([name]) => id.test(name));
    expect(roles).toHaveLength(1);
    return z
      .looseObject({ AssumeRolePolicyDocument: z.looseObject({ Statement: z.unknown() }) })
      .parse(roles[0]?.[1]['Properties']).AssumeRolePolicyDocument.Statement;
  };

  it('is a function with Node 24 on ARM, whose log lines at level INFO are JSON', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'AgentLauncher-launcher',
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      LoggingConfig: Match.objectLike({ LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'INFO' }),
    });
  });

  it('is a role that only Lambda may use, and only for this function', () => {
    expect(trustOf(/^LauncherRole/)).toEqual([
      { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
    ]);
    expect(Object.keys(template.findResources('AWS::IAM::Role')).filter((id) => /ServiceRole/.test(id))).toEqual([]);
  });

  it('is a schedule whose role only schedules of this account may use', () => {
    expect(trustOf(/^LauncherScheduleRole/)).toEqual([
      {
        Action: 'sts:AssumeRole',
        Effect: 'Allow',
        Principal: { Service: 'scheduler.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
    ]);
  });

  it('is a schedule that waits for its role’s policy, since its first invocation would be denied', () => {
    const [schedule] = Object.values(template.findResources('AWS::Scheduler::Schedule'));
    expect(schedule?.['DependsOn']).toEqual(
      expect.arrayContaining([expect.stringMatching(/ScheduleRoleDefaultPolicy/)]),
    );
    expect(schedule?.['Properties'].Name).toBe('AgentLauncher');
  });

  it('is a log group that is deleted with the stack, and metrics under the name of the launcher', () => {
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { LogGroupName: '/AgentLauncher/launcher' },
      DeletionPolicy: 'Delete',
    });
    expect(variables()['POWERTOOLS_SERVICE_NAME']).toBe('AgentLauncher');
  });
});

describe("the launcher's statements", () => {
  it('see, stop and list tasks of its cluster only, and write to its log group only', () => {
    const of = (sid: string) => statementsOf(template).find(({ Sid }) => Sid === sid);
    const inThisCluster = { ArnEquals: { 'ecs:cluster': { 'Fn::GetAtt': [expect.stringMatching(/Cluster/), 'Arn'] } } };
    expect(of('SeeAndStopAgents')?.Condition).toEqual(inThisCluster);
    expect(of('ListAgents')?.Condition).toEqual(inThisCluster);
    const log = of('WriteItsLog');
    expect(log && resourcesOf(log)).toEqual([expect.stringMatching(/^<LauncherLogs\w+\.Arn>$/)]);
  });

  it('tell agents not to take a public address, because their subnets are private', () => {
    expect(variables()[ENV.assignPublicIp]).toBe('DISABLED');
  });
});

describe('the lanes in the function’s environment', () => {
  it('say which phases they serve and that plans run on Spot, only where a pool has two lanes', () => {
    const [one] = settings.pools;
    const split = templateOf({ ...settings, pools: [{ ...one, phases: { plan: { capacity: 'spot' }, apply: {} } }] });
    const [pool] = z
      .array(z.looseObject({ lanes: z.array(z.record(z.string(), z.unknown())) }))
      .parse(JSON.parse(String(variables(split)[ENV.agentPools])));
    expect(pool?.lanes).toEqual([
      { taskDefinition: 'AgentLauncher_plan_default', phases: ['plan'], capacity: 'spot' },
      { taskDefinition: 'AgentLauncher_apply_default', phases: ['apply'], policies: false },
    ]);
  });
});

it('everything of the launcher that the console lists says what it is for', () => {
  const described = ['AWS::Lambda::Function', 'AWS::Scheduler::Schedule', 'AWS::IAM::Role'].flatMap((type) =>
    Object.entries(template.findResources(type)).filter(([id]) => id.startsWith('Launcher')),
  );
  expect(described.length).toBeGreaterThanOrEqual(4);
  for (const [id, { Properties }] of described) expect(Properties.Description, id).toMatch(/\w+ \w+/);
});
