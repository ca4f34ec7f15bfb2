/** What every template must have, whatever the settings are. */
import { readFileSync } from 'node:fs';
import { Validations } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  EXISTING_VPC,
  LEAST,
  onePool,
  propertiesOf,
  REGISTRY_IMAGE,
  resourcesOf,
  stackOf,
  statementsOf,
  templateOf,
  text,
} from './synthesis.ts';
import { VALIDATED } from './validated-settings.ts';

const gpu = { name: 'gpu_2', agentTokenSecret: 'acme/other-agent-token', architecture: 'arm64', maxAgents: 2 };
const twoPools = { pools: [...LEAST.pools, gpu] };

/** Deployments that differ as much as the settings allow. */
const deployments: [string, Template][] = [
  ['the required settings', templateOf()],
  ['two pools and a registry image', templateOf({ ...twoPools, ...REGISTRY_IMAGE })],
  ['an existing VPC', templateOf({ network: EXISTING_VPC, ...REGISTRY_IMAGE })],
  [
    'every option',
    templateOf({
      ...twoPools,
      network: { cidr: '10.0.0.0/16', flowLogRetentionDays: 7 },
      agentImage: { registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7' },
      reservedConcurrency: 1,
      agentsCeiling: 20,
      alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms',
      tags: { team: 'platform' },
    }),
  ],
];

describe.each(deployments)('with %s', (_name, template) => {
  it('no permission includes all actions of a service', () => {
    for (const statement of statementsOf(template)) expect(statement.Action.join()).not.toContain('*');
  });

  it('only ListTasks in its cluster and the login to ECR are allowed on every resource', () => {
    const onEverything = statementsOf(template).filter((statement) => resourcesOf(statement).includes('*'));
    for (const statement of onEverything) {
      expect(['ecs:ListTasks', 'ecr:GetAuthorizationToken']).toContain(statement.Action.join());
      if (statement.Action.includes('ecs:ListTasks')) {
        expect(statement.Condition).toEqual({ ArnEquals: { 'ecs:cluster': expect.anything() } });
      }
    }
    expect(onEverything.map(({ Action }) => Action.join())).toContain('ecs:ListTasks');
  });

  it('security groups allow no inbound traffic, and only outbound TCP 443', () => {
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
    template.resourceCountIs('AWS::EC2::SecurityGroupEgress', 0);
    template.allResourcesProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: Match.absent(),
      SecurityGroupEgress: [Match.objectLike({ IpProtocol: 'tcp', FromPort: 443, ToPort: 443 })],
    });
  });

  it('no task gets a public address, neither from the launcher nor from its subnet', () => {
    const subnets = propertiesOf(template, 'AWS::EC2::Subnet');
    for (const subnet of subnets) expect(subnet).toMatchObject({ MapPublicIpOnLaunch: false });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ TASK_ASSIGN_PUBLIC_IP: 'DISABLED' }) },
    });
  });

  it('the template contains no secret and no token', () => {
    template.resourceCountIs('AWS::SecretsManager::Secret', 0);
    const text = JSON.stringify(template.toJSON());
    expect(text).not.toContain('atlasv1');
    expect(text).not.toContain('{{resolve:');
  });

  it('every task definition is smaller than half of the 64 KiB that ECS accepts', () => {
    for (const definition of Object.values(template.findResources('AWS::ECS::TaskDefinition'))) {
      expect(JSON.stringify(definition).length).toBeLessThan(32 * 1024);
    }
  });

  it('the only functions are the launcher and the copy of images, on Node 24 and arm64, outside any VPC', () => {
    const copies = Object.keys(template.findResources('Custom::ImageCopy')).length > 0;
    template.resourceCountIs('AWS::Lambda::Function', copies ? 2 : 1);
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      VpcConfig: Match.absent(),
    });
  });

  it('no agent runs while no job is queued, because there is no service and no instance', () => {
    for (const type of ['AWS::ECS::Service', 'AWS::EC2::Instance', 'AWS::AutoScaling::AutoScalingGroup']) {
      template.resourceCountIs(type, 0);
    }
  });

  it('every log group has a retention', () => {
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: Match.anyValue() });
  });
});

describe('permissions', () => {
  const template = templateOf({ ...twoPools, ...REGISTRY_IMAGE });
  const statements = statementsOf(template);
  const launcher = statements.filter(({ role }) => /LauncherRole/.test(role));
  const secretsOf = (role: RegExp) =>
    statements
      .filter((statement) => role.test(statement.role) && statement.Action.some((a) => a.startsWith('secretsmanager:')))
      .flatMap(resourcesOf)
      .map((arn) => arn.split(':secret:')[1]);

  it('let the launcher read only the API token, and each pool only its own agent token', () => {
    expect(secretsOf(/LauncherRole/)).toEqual(['acme/api-token-??????']);
    expect(secretsOf(/PooldefaultExecutionRole/)).toEqual(['acme/agent-token-??????']);
    expect(secretsOf(/Poolgpu2ExecutionRole/)).toEqual(['acme/other-agent-token-??????']);
    expect(secretsOf(/TaskRole/)).toEqual([]);
  });

  it('of the launcher allow exactly these actions', () => {
    expect(launcher.map(({ Sid, Action }) => [Sid, ...Action])).toEqual([
      ['LaunchAgents', 'ecs:RunTask'],
      ['TagAgentsAtLaunch', 'ecs:TagResource'],
      ['HandAgentsTheirRoles', 'iam:PassRole'],
      ['SeeAndStopAgents', 'ecs:DescribeTasks', 'ecs:StopTask'],
      ['ListAgents', 'ecs:ListTasks'],
      ['ReadApiTokens', 'secretsmanager:GetSecretValue'],
      ['WriteItsLog', 'logs:CreateLogStream', 'logs:PutLogEvents'],
    ]);
  });

  it('of Terraform inside a task come only from the settings', () => {
    expect(statements.filter(({ role }) => /TaskRole/.test(role))).toEqual([]);
    const granted = templateOf(
      onePool({
        taskRolePolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
        taskRoleStatements: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: ['arn:aws:s3:::acme/*'] }],
      }),
    );
    granted.hasResourceProperties('AWS::IAM::Role', {
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
      AssumeRolePolicyDocument: {
        Statement: [Match.objectLike({ Principal: { Service: 'ecs-tasks.amazonaws.com' } })],
        Version: '2012-10-17',
      },
    });
    expect(statementsOf(granted).filter(({ role }) => /TaskRole/.test(role))).toMatchObject([
      { Effect: 'Allow', Action: ['s3:GetObject'], Resource: 'arn:aws:s3:::acme/*' },
    ]);
  });
});

describe('the stack', () => {
  it('has these outputs', () => {
    expect(Object.keys(templateOf().findOutputs('*')).sort()).toEqual([
      'AgentLogGroups',
      'ClusterName',
      'DashboardUrl',
      'DnsQueryLogGroup',
      'EgressAddresses',
      'EgressClaim',
      'EgressIdleCost',
      'LauncherFunctionName',
      'LauncherLogGroup',
      'RoleArns',
      'Version',
    ]);
  });

  it('has the package’s version as an output', () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
    expect(templateOf().findOutputs('Version')).toMatchObject({ Version: { Value: version } });
  });

  it('has an output with the price of idle polling if idlePollSeconds is below 60', () => {
    expect(templateOf({ idlePollSeconds: 10 }).findOutputs('IdlePollCost')).toMatchObject({
      IdlePollCost: { Value: '$1.61 per month' },
    });
    expect(templateOf({ idlePollSeconds: 60 }).findOutputs('IdlePollCost')).toEqual({});
  });

  it('derives its names from stackName, so that an account can have two stacks', () => {
    const text = JSON.stringify(templateOf({ stackName: 'Staging' }).toJSON());
    expect(text).toContain('"ClusterName":"Staging"');
    expect(text).not.toMatch(/"[A-Za-z]*Name":"AgentLauncher/);
  });

  it('adds its tags to its resources', () => {
    templateOf({ tags: { team: 'platform' } }).hasResourceProperties('AWS::ECS::Cluster', {
      Tags: [{ Key: 'team', Value: 'platform' }],
    });
  });

  it('creates no security group in an existing VPC if the settings have a security group', () => {
    const own = templateOf({ network: { ...EXISTING_VPC, securityGroupIds: ['sg-0123456789abcdef0'] } });
    own.resourceCountIs('AWS::EC2::SecurityGroup', 0);
    own.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          TASK_SUBNETS: 'subnet-0123456789abcdef0',
          TASK_SECURITY_GROUPS: 'sg-0123456789abcdef0',
        }),
      },
    });
  });

  it('opens the port of a Terraform Enterprise for agents', () => {
    templateOf({ hostname: 'tfe.acme.example:8443' }).hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupEgress: [Match.objectLike({ FromPort: 443 }), Match.objectLike({ FromPort: 8443, ToPort: 8443 })],
    });
  });

  it.each(VALIDATED)("has no unexplained finding of cdk-nag's AwsSolutions, with %o", (settings) => {
    const { app } = stackOf({ ...twoPools, ...settings });
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
  });

  it('fails if cdk-nag has an unexplained finding', () => {
    const { app, stack } = stackOf(REGISTRY_IMAGE);
    stack.launcher.pools
      .get('default')
      ?.executionRole.addToPrincipalPolicy(
        new PolicyStatement({ actions: ['s3:*'], resources: ['arn:aws:s3:::acme'] }),
      );
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).toThrow(/IAM5\[Action::s3:\*\]/);
  });
});

const pools = Array.from({ length: 20 }, (_, i) => ({
  name: `team-${i}-production`,
  agentTokenSecret: `acme/token/${i}`,
}));

it('a stack with the maximum number of pools stays within AWS’s limits of policies, environment and template', () => {
  const template = templateOf({ pools, ...REGISTRY_IMAGE, idlePollSeconds: 10 }).toJSON();
  expect(JSON.stringify(template).length).toBeLessThan(1_000_000);
  const resources = Object.values<{ Type: string; Properties: Record<string, unknown> }>(template['Resources']);
  for (const { Type, Properties } of resources) {
    const size = JSON.stringify(Properties['PolicyDocument'] ?? '').length;
    if (Type === 'AWS::IAM::ManagedPolicy') expect(size).toBeLessThan(6_144);
    if (Type === 'AWS::IAM::Policy') expect(size).toBeLessThan(10_240);
    if (Type === 'AWS::Lambda::Function') expect(JSON.stringify(Properties['Environment']).length).toBeLessThan(4_096);
  }
  // A dashboard widget shows up to 100 alarms.
  const [dashboard] = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Dashboard');
  const body = z.object({
    widgets: z.array(z.object({ properties: z.looseObject({ alarms: z.array(z.string()).default([]) }) })),
  });
  const widgets = body.parse(JSON.parse(text(dashboard?.Properties['DashboardBody']))).widgets;
  const shown = widgets.map(({ properties }) => properties.alarms.length);
  expect(Math.max(...shown)).toBeLessThanOrEqual(100);
  expect(shown.reduce((sum, alarms) => sum + alarms, 0)).toBe(
    resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm').length,
  );
});
