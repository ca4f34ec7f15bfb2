/** A pool with separate tasks for plans and applies, from the settings to the template. */
import { Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseConfig } from '../../../functions/launcher/config.ts';
import { ENV } from '../../../functions/launcher/contract.ts';
import { acceptedJobs } from '../../../lib/agent/accepted-jobs.ts';
import { AgentImage } from '../../../lib/agent/image.ts';
import { AgentPool } from '../../../lib/agent/pool.ts';
import { SettingsError } from '../../../lib/settings/errors.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { emptyStack, LEAST, resourcesOf, stackOf, statementsOf, templateOf, text } from '../synthesis.ts';

const pool = { name: 'default', agentTokenSecret: 'acme/agent-token', image: 'hashicorp/tfc-agent:1.31.0' };
const withPhases = (phases: object, more: object = {}) => ({ pools: [{ ...pool, ...more, phases }] });

const definitions = z.record(
  z.string(),
  z.looseObject({
    Properties: z.looseObject({
      Family: z.string(),
      Cpu: z.string(),
      Memory: z.string(),
      TaskRoleArn: z.unknown(),
      ExecutionRoleArn: z.unknown(),
      EphemeralStorage: z.unknown().optional(),
      ContainerDefinitions: z.array(
        z.looseObject({
          Name: z.string(),
          Image: z.unknown().optional(),
          Environment: z.array(z.looseObject({ Name: z.string(), Value: z.unknown() })).optional(),
          LogConfiguration: z.unknown().optional(),
        }),
      ),
    }),
  }),
);

function tasksOf(template: Template) {
  const found = Object.values(definitions.parse(template.findResources('AWS::ECS::TaskDefinition')));
  return found.map(({ Properties: { ContainerDefinitions, ...rest } }) => {
    const agent = ContainerDefinitions.find(({ Name }) => Name === 'agent');
    const accept = agent?.Environment?.find(({ Name }) => Name === 'TFC_AGENT_ACCEPT')?.Value;
    return { ...rest, role: text(rest.TaskRoleArn), accept, image: agent?.Image, log: agent?.LogConfiguration };
  });
}

const PLAN_ACCEPTS = 'plan,policy,assessment,query,source_bundle,stack_prepare,stack_plan,stack_aggregate_outputs';

describe('a pool with phases', () => {
  const template = templateOf(
    withPhases(
      {
        plan: {
          cpu: 512,
          memoryMiB: 1024,
          capacity: 'spot',
          taskRolePolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
        },
        apply: { ephemeralStorageGiB: 40 },
      },
      { cpu: 2048, memoryMiB: 4096, taskRoleStatements: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] },
    ),
  );
  const [plan, apply] = tasksOf(template);

  it('has a task definition for each, with what the phase says and else what the pool says', () => {
    expect(plan).toMatchObject({
      Family: 'AgentLauncher_plan_default',
      Cpu: '512',
      Memory: '1024',
      accept: PLAN_ACCEPTS,
    });
    expect(apply).toMatchObject({ Family: 'AgentLauncher_apply_default', Cpu: '2048', Memory: '4096' });
    expect(apply).toMatchObject({ accept: 'apply,stack_apply,test', EphemeralStorage: { SizeInGiB: 40 } });
    expect(plan?.EphemeralStorage).toBeUndefined();
  });

  it('shares the image, the log group and the execution role, and has a role of Terraform’s for each', () => {
    expect([plan?.image, plan?.log, plan?.ExecutionRoleArn]).toEqual([
      apply?.image,
      apply?.log,
      apply?.ExecutionRoleArn,
    ]);
    expect(plan?.role).toMatch(/PlanTaskRole/);
    expect(apply?.role).toMatch(/ApplyTaskRole/);
    template.hasResourceProperties('AWS::IAM::Role', {
      Description: Match.stringLikeRegexp('of kind plan'),
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
    });
    template.hasResourceProperties('AWS::IAM::Role', {
      Description: Match.stringLikeRegexp('of kind apply'),
      ManagedPolicyArns: Match.absent(),
    });
  });

  it('is launched by a launcher that may run both and hand on the three roles, and knows which is for what', () => {
    const [launch, pass] = ['LaunchAgents', 'HandAgentsTheirRoles'].map((sid) =>
      statementsOf(template).flatMap((statement) => (statement.Sid === sid ? resourcesOf(statement) : [])),
    );
    expect(launch).toEqual([expect.stringMatching(/_plan_default:\*$/), expect.stringMatching(/_apply_default:\*$/)]);
    expect(pass).toEqual([
      expect.stringMatching(/ExecutionRole/),
      expect.stringMatching(/PlanTaskRole/),
      expect.stringMatching(/ApplyTaskRole/),
    ]);
    const [launcher] = Object.values(template.findResources('AWS::Lambda::Function'));
    const environment: Record<string, unknown> = launcher?.['Properties'].Environment.Variables;
    const variables = Object.entries(environment).map(([name, value]) => [name, text(value)]);
    expect(parseConfig(Object.fromEntries(variables)).pools[0]?.lanes).toEqual([
      { taskDefinition: 'AgentLauncher_plan_default', phases: ['plan'], capacity: 'spot' },
      {
        taskDefinition: 'AgentLauncher_apply_default',
        phases: ['apply'],
        capacity: 'on-demand',
        acceptsPolicies: false,
      },
    ]);
    expect(text(environment[ENV.agentPools])).toContain('"capacity":"spot"');
  });

  it('shows on the dashboard how often Spot had no capacity', () => {
    const dashboards = (of: Template) => JSON.stringify(of.findResources('AWS::CloudWatch::Dashboard'));
    expect(dashboards(template)).toContain('LaunchesInsteadOfSpot');
    expect(dashboards(templateOf(withPhases({})))).not.toContain('LaunchesInsteadOfSpot');
  });

  it.each([
    ['with Spot', { plan: { capacity: 'spot' } }],
    ['without Spot', {}],
  ])('%s: the cluster has both capacity providers, so that turning Spot off removes none in use', (_, phases) => {
    templateOf(withPhases(phases)).hasResourceProperties('AWS::ECS::ClusterCapacityProviderAssociations', {
      CapacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      DefaultCapacityProviderStrategy: [],
    });
  });
});

describe('a stack of pools with phases', () => {
  it('passes cdk-nag’s rules, as any', () => {
    const { app } = stackOf(withPhases({ plan: { capacity: 'spot' } }));
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
  });

  it('stays within IAM’s limit of a role’s policies and Lambda’s of the environment, with as many as there may be', () => {
    const many = Array.from({ length: 10 }, (_, i) => ({
      ...pool,
      name: `team-${i}-production`,
      agentTokenSecret: `acme/token/${i}`,
      phases: { plan: { capacity: 'spot' } },
    }));
    const ofMany = templateOf({ pools: many });
    const own = statementsOf(ofMany).filter(({ role }) => /LauncherRole/.test(role));
    // What CloudFormation fills in is longer than its name: a role's ARN takes about 110 characters.
    const filledIn =
      own.length * 60 + own.flatMap(resourcesOf).reduce((sum, one) => sum + Math.max(one.length, 110), 0);
    expect(filledIn).toBeLessThan(10_240);
    const [launcher] = Object.values(ofMany.findResources('AWS::Lambda::Function'));
    expect(JSON.stringify(launcher?.['Properties'].Environment).length).toBeLessThan(4_096);
  });
});

describe('a pool without phases', () => {
  it('has one task definition, one role, and agents that take what they take by default', () => {
    const [only, ...others] = tasksOf(templateOf({ pools: [pool] }));
    expect(only).toMatchObject({ Family: 'AgentLauncher_all_default', accept: undefined });
    expect(only?.role).toMatch(/PooldefaultTaskRole/);
    expect(others).toEqual([]);
  });
});

describe('jobs that no list shows', () => {
  it.each(['plan', 'apply', 'none'] as const)('never let a task for plans change anything (%s)', (unlisted) => {
    const accepted = acceptedJobs('plan', unlisted).split(',');
    for (const writing of ['apply', 'stack_apply', 'test']) expect(accepted).not.toContain(writing);
  });

  it('are for nobody when the settings say so, and for the tasks of applies when they say that', () => {
    expect([acceptedJobs('plan', 'none'), acceptedJobs('apply', 'none')]).toEqual(['plan', 'apply']);
    expect(acceptedJobs('plan', 'apply')).toBe('plan');
    expect(acceptedJobs('apply', 'apply').split(',')).toEqual([
      'apply',
      ...PLAN_ACCEPTS.split(',').slice(1),
      'stack_apply',
      'test',
    ]);
  });
});

describe('the settings refuse', () => {
  function faultsOf(pools: readonly object[]): { path: string; text: string }[] {
    try {
      parseSettings({ agentLauncher: { ...LEAST, pools } });
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      return error.faults.map(({ path, ...rest }) => ({ path, text: Object.values(rest).join(' | ') }));
    }
    return [];
  }

  it('Spot for a whole pool or for applies, with the reason', () => {
    expect(faultsOf([{ ...pool, capacity: 'spot' }])).toEqual([
      { path: 'pools.0.capacity', text: expect.stringMatching(/phases\.plan\.capacity.*an interrupted apply/) },
    ]);
    expect(faultsOf([{ ...pool, phases: { apply: { capacity: 'spot' } } }])).toEqual([
      { path: 'pools.0.phases.apply.capacity', text: expect.stringMatching(/"spot".*an interrupted apply/) },
    ]);
  });

  it('a size that Fargate has not, of a phase together with its pool', () => {
    expect(faultsOf([{ ...pool, phases: { plan: { cpu: 4096 } } }])).toEqual([
      {
        path: 'pools.0.phases.plan.memoryMiB',
        text: expect.stringMatching(/2048 \(the default\), with cpu 4096.*8192/),
      },
    ]);
    expect(faultsOf([{ ...pool, memoryMiB: 8192, phases: { plan: { cpu: 4096 } } }])).toEqual([]);
  });

  it('a name that no phase has', () => {
    expect(faultsOf([{ ...pool, phases: { aply: {} } }])).toMatchObject([
      { path: 'pools.0.phases.aply', text: expect.stringContaining('did you mean apply') },
    ]);
  });

  it('more pools than the launcher’s policy can contain', () => {
    const many = (n: number) =>
      Array.from({ length: n }, (_, i) => ({ name: `p${i}`, agentTokenSecret: `t${i}`, phases: {} }));
    expect(faultsOf(many(10))).toEqual([]);
    expect(faultsOf(many(11))).toMatchObject([{ path: 'pools', text: expect.stringContaining('count as 22') }]);
  });
});

describe('the construct', () => {
  const poolIn = (phases: ConstructorParameters<typeof AgentPool>[2]['phases'], shared = false) => {
    const stack = emptyStack();
    const role = new Role(stack, 'Shared', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    const secret = new Secret(stack, 'Data');
    const built = new AgentPool(stack, 'Pool', {
      name: 'default',
      launcherName: 'Test',
      agentTokenSecret: Secret.fromSecretNameV2(stack, 'Secret', 'acme/agent-token'),
      image: AgentImage.fromReference('hashicorp/tfc-agent:1.31.0'),
      ...(phases !== undefined && { phases }),
      ...(shared && { taskRole: role }),
    });
    return { stack, built, secret, role };
  };

  it('refuses to grant to a pool with two roles, and grants to one of them', () => {
    const { stack, built, secret } = poolIn({});
    expect(() => secret.grantRead(built)).toThrow(/a role for plans and one for applies: grant to taskRoleOf/);
    secret.grantRead(built.taskRoleOf('apply'));
    const granted = statementsOf(Template.fromStack(stack)).filter(({ role }) => /TaskRole/.test(role));
    expect(granted.map(({ role }) => role)).toEqual([expect.stringMatching(/ApplyTaskRole/)]);
  });

  it('takes the pool’s role for phases that name none', () => {
    const { built, role } = poolIn({ plan: { cpu: 512, memoryLimitMiB: 1024 } }, true);
    expect(built.taskRole).toBe(role);
    expect(built.lanes.map(({ taskRole }) => taskRole)).toEqual([role, role]);
  });
});
