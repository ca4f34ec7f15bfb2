/** A pool with separate tasks for plans and applies, from its settings to the template. */
import { Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ENV } from '../../../functions/launcher/contract.ts';
import { acceptedJobs } from '../../../lib/agent/accepted-jobs.ts';
import { poolIn } from '../constructs.ts';
import { faultsOf, faultsOfPool } from '../settings-faults.ts';
import {
  configOf,
  emptyStack,
  onePool,
  propertiesOf,
  resourcesOf,
  stackOf,
  statementsOf,
  templateOf,
  text,
  variablesOf,
} from '../synthesis.ts';

const image = 'hashicorp/tfc-agent:1.31.0';
const withPhases = (phases: object, more: object = {}) => onePool({ image, ...more, phases });

const definitions = z.array(
  z.looseObject({
    Family: z.string(),
    Cpu: z.string(),
    Memory: z.string(),
    EphemeralStorage: z.unknown().optional(),
    ContainerDefinitions: z.array(
      z.looseObject({
        Name: z.string(),
        Environment: z.array(z.looseObject({ Name: z.string(), Value: z.unknown() })).optional(),
      }),
    ),
  }),
);

function tasksOf(template: Template) {
  const found = definitions.parse(propertiesOf(template, 'AWS::ECS::TaskDefinition'));
  return found.map(({ ContainerDefinitions, ...rest }) => {
    const agent = ContainerDefinitions.find(({ Name }) => Name === 'agent');
    const accept = agent?.Environment?.find(({ Name }) => Name === 'TFC_AGENT_ACCEPT')?.Value;
    const shared = [agent?.['Image'], agent?.['LogConfiguration'], rest['ExecutionRoleArn']];
    return { ...rest, role: text(rest['TaskRoleArn']), accept, shared };
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

  it('has a task definition for each phase, in which settings of the phase override those of the pool', () => {
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

  it('shares the image, the log group and the execution role, and has a separate role for Terraform in each phase', () => {
    expect(plan?.shared).toEqual(apply?.shared);
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

  it('has a launcher that can run both task definitions, can pass the three roles, and knows the phase of each task definition', () => {
    const [launch, pass] = ['LaunchAgents', 'HandAgentsTheirRoles'].map((sid) =>
      statementsOf(template).flatMap((statement) => (statement.Sid === sid ? resourcesOf(statement) : [])),
    );
    expect(launch).toEqual([expect.stringMatching(/_plan_default:\*$/), expect.stringMatching(/_apply_default:\*$/)]);
    expect(pass).toEqual([
      expect.stringMatching(/ExecutionRole/),
      expect.stringMatching(/PlanTaskRole/),
      expect.stringMatching(/ApplyTaskRole/),
    ]);
    expect(configOf(template).pools[0]?.lanes).toEqual([
      { taskDefinition: 'AgentLauncher_plan_default', phases: ['plan'], capacity: 'spot' },
      {
        taskDefinition: 'AgentLauncher_apply_default',
        phases: ['apply'],
        capacity: 'on-demand',
        acceptsPolicies: false,
      },
    ]);
    expect(text(variablesOf(template)[ENV.agentPools])).toContain('"capacity":"spot"');
  });

  it('shows on the dashboard how often Spot had no capacity, if its plans run on Spot', () => {
    const dashboards = (of: Template) => JSON.stringify(of.findResources('AWS::CloudWatch::Dashboard'));
    expect(dashboards(template)).toContain('LaunchesInsteadOfSpot');
    expect(dashboards(templateOf(withPhases({})))).not.toContain('LaunchesInsteadOfSpot');
  });

  it.each([
    ['with Spot', { plan: { capacity: 'spot' } }],
    ['without Spot', {}],
  ])('has a cluster with both capacity providers %s, so that turning Spot off removes none in use', (_, phases) => {
    templateOf(withPhases(phases)).hasResourceProperties('AWS::ECS::ClusterCapacityProviderAssociations', {
      CapacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      DefaultCapacityProviderStrategy: [],
    });
  });
});

describe('a stack of pools with phases', () => {
  it('passes cdk-nag’s rules', () => {
    const { app } = stackOf(withPhases({ plan: { capacity: 'spot' } }));
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
  });

  it('stays within the limits of a role’s policies and of a function’s environment with the maximum number of pools', () => {
    const many = Array.from({ length: 10 }, (_, i) => ({
      image,
      name: `team-${i}-production`,
      agentTokenSecret: `acme/token/${i}`,
      phases: { plan: { capacity: 'spot' } },
    }));
    const ofMany = templateOf({ pools: many });
    const own = statementsOf(ofMany).filter(({ role }) => /LauncherRole/.test(role));
    // A value that CloudFormation fills in is longer than its reference. A role's ARN takes about 110 characters.
    const filledIn =
      own.length * 60 + own.flatMap(resourcesOf).reduce((sum, one) => sum + Math.max(one.length, 110), 0);
    expect(filledIn).toBeLessThan(10_240);
    expect(JSON.stringify({ Variables: variablesOf(ofMany) }).length).toBeLessThan(4_096);
  });
});

it('a pool without phases has one task definition, one role, and agents that accept their default kinds of jobs', () => {
  const [only, ...others] = tasksOf(templateOf(onePool({ image })));
  expect(only).toMatchObject({ Family: 'AgentLauncher_all_default', accept: undefined });
  expect(only?.role).toMatch(/PooldefaultTaskRole/);
  expect(others).toEqual([]);
});

describe('the accepted jobs', () => {
  it.each(['plan', 'apply', 'none'] as const)(
    'of a task for plans never change infrastructure, with unlistedJobs %s',
    (unlisted) => {
      const accepted = acceptedJobs('plan', unlisted).split(',');
      for (const writing of ['apply', 'stack_apply', 'test']) expect(accepted).not.toContain(writing);
    },
  );

  it('include unlisted jobs for no task, or for the tasks of applies, as the setting says', () => {
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

describe('the settings', () => {
  const spot = { capacity: 'spot' };
  it.each([
    ['Spot for a whole pool', spot, 'capacity', /phases\.plan\.capacity.*an interrupted apply/],
    ['Spot for applies', { phases: { apply: spot } }, 'phases.apply.capacity', /"spot".*an interrupted apply/],
    [
      "a phase's size that Fargate doesn't offer together with the pool's",
      { phases: { plan: { cpu: 4096 } } },
      'phases.plan.memoryMiB',
      /2048 \(the default\), with cpu 4096.*8192/,
    ],
    ['an unknown phase', { phases: { aply: {} } }, 'phases.aply', /did you mean apply/],
  ])('refuse %s and say why', (_, pool, path, text) => {
    const faults = faultsOfPool({ image, ...pool });
    expect(faults.map((fault) => fault.path)).toEqual([`pools.0.${path}`]);
    expect(Object.values(faults[0] ?? {}).join(' | ')).toMatch(text);
  });

  it('accept a phase’s size that Fargate offers together with the pool’s', () => {
    expect(faultsOfPool({ image, memoryMiB: 8192, phases: { plan: { cpu: 4096 } } })).toEqual([]);
  });

  it('refuse more pools than the launcher’s policy can contain', () => {
    const many = (n: number) =>
      Array.from({ length: n }, (_, i) => ({ name: `p${i}`, agentTokenSecret: `t${i}`, phases: {} }));
    expect(faultsOf({ pools: many(10) })).toEqual([]);
    expect(faultsOf({ pools: many(11) })).toMatchObject([
      { path: 'pools', given: expect.stringContaining('count as 22') },
    ]);
  });
});

describe('the construct', () => {
  it('refuses to grant permissions to a pool with two roles, and grants them to one of the roles', () => {
    const { stack, pool } = poolIn({ phases: {} });
    const secret = new Secret(stack, 'Data');
    expect(() => secret.grantRead(pool)).toThrow(
      /one role for plans and one for applies\. Grant permissions to taskRoleOf/,
    );
    secret.grantRead(pool.taskRoleOf('apply'));
    const granted = statementsOf(Template.fromStack(stack)).filter(({ role }) => /TaskRole/.test(role));
    expect(granted.map(({ role }) => role)).toEqual([expect.stringMatching(/ApplyTaskRole/)]);
  });

  it('uses the pool’s role for phases without a role', () => {
    const stack = emptyStack();
    const taskRole = new Role(stack, 'Shared', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    const { pool } = poolIn({ phases: { plan: { cpu: 512, memoryLimitMiB: 1024 } }, taskRole }, stack);
    expect(pool.taskRole).toBe(taskRole);
    expect(pool.lanes.map((lane) => lane.taskRole)).toEqual([taskRole, taskRole]);
  });
});
