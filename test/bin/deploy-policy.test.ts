/** The least-privilege policies for a deployment, from the settings to the statements. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  charactersOf,
  executionPolicies,
  MOST_CHARACTERS,
  type Statement,
  type Template,
} from '../../bin/deploy-policy/policies.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { EXISTING_VPC, LEAST, onePool, REGISTRY_IMAGE, resourcesById, templateOf } from '../lib/synthesis.ts';
import { newFolder } from '../temporary-folder.ts';

const TARGET = { account: '123456789012', region: 'eu-central-1' };

function statementsFor(settings: object, target = TARGET): Statement[] {
  const given = { ...LEAST, ...REGISTRY_IMAGE, ...settings };
  const template = { Resources: resourcesById(templateOf(given)) };
  const policies = executionPolicies([template], parseSettings({ agentLauncher: given }), target);
  return policies.flatMap(({ Statement }) => Statement);
}

const ofSid = (statements: readonly Statement[], sid: string) => statements.filter(({ Sid }) => Sid === sid);
const actionsOf = (statements: readonly Statement[]) => statements.flatMap(({ Action }) => Action);

describe('the execution policies', () => {
  it('allow only the names of the stack', () => {
    const statements = statementsFor({ stackName: 'Agents', network: EXISTING_VPC });
    expect(ofSid(statements, 'Functions').map(({ Resource }) => Resource)).toEqual([
      ['arn:aws:lambda:eu-central-1:123456789012:function:Agents-*'],
    ]);
    expect(ofSid(statements, 'Roles').map(({ Resource }) => Resource)).toEqual([
      ['arn:aws:iam::123456789012:role/Agents-*'],
    ]);
    expect(ofSid(statements, 'Repositories').map(({ Resource }) => Resource)).toEqual([
      ['arn:aws:ecr:eu-central-1:123456789012:repository/agents-*'],
    ]);
  });

  it('cover the names that the template sets', () => {
    const given = { ...LEAST, ...REGISTRY_IMAGE, network: { egress: 'network-firewall', flowLogRetentionDays: 7 } };
    const all = statementsFor(given).flatMap(({ Resource }) => Resource);
    const covered = (name: string) =>
      all.some((arn) => new RegExp(`[:/]${name.replaceAll('*', '')}$`).test(arn)) ||
      all.some((arn) => arn.endsWith('*') && arn.length > 1 && matchesStart(arn, name));
    for (const { Type, Properties } of Object.values(resourcesById(templateOf(given)))) {
      for (const [key, value] of Object.entries(Properties)) {
        const isName =
          /^(?:ClusterName|FunctionName|LogGroupName|Family|FirewallName|FirewallPolicyName|RuleGroupName|DashboardName|AlarmName)$/;
        if (!isName.test(key) || typeof value !== 'string' || Type === 'AWS::Lambda::EventInvokeConfig') continue;
        expect([Type, key, value, covered(value)]).toEqual([Type, key, value, true]);
      }
    }
  });

  it('need nothing of EC2 and DNS Firewall in an existing VPC, except for the security group', () => {
    const actions = actionsOf(statementsFor({ network: EXISTING_VPC }));
    expect(actions).toContain('ec2:CreateSecurityGroup');
    expect(
      actions.filter((action) => /Vpc$|Subnet$|NatGateway|^route53resolver|^network-firewall/.test(action)),
    ).toEqual([]);
  });

  it('pass roles only to the services that use them, including existing task roles', () => {
    const taskRoleArn = 'arn:aws:iam::123456789012:role/terraform';
    const [pass, ...others] = ofSid(statementsFor({ network: EXISTING_VPC, ...onePool({ taskRoleArn }) }), 'PassRoles');
    expect(others).toEqual([]);
    expect(pass?.Resource).toEqual(['arn:aws:iam::123456789012:role/AgentLauncher-*', taskRoleArn]);
    expect(pass?.Condition).toEqual({
      StringEquals: {
        'iam:PassedToService': ['ecs-tasks.amazonaws.com', 'lambda.amazonaws.com', 'scheduler.amazonaws.com'],
      },
    });
  });

  it('attach only the managed policies of the settings, and none without them', () => {
    const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
    const with1 = statementsFor({ network: EXISTING_VPC, ...onePool({ taskRolePolicyArns: [arn] }) });
    expect(ofSid(with1, 'Attachments').map(({ Condition }) => Condition)).toEqual([
      { ArnEquals: { 'iam:PolicyARN': [arn] } },
    ]);
    expect(actionsOf(statementsFor({ network: EXISTING_VPC }))).not.toContain('iam:AttachRolePolicy');
  });

  it('create no role without the boundary, if the settings have one, and never remove it', () => {
    const roles = { namePrefix: 'acme-', path: '/agents/', permissionsBoundary: 'boundaries/acme' };
    const statements = statementsFor({ network: EXISTING_VPC, roles });
    const [bounded] = ofSid(statements, 'BoundedRoles');
    expect(bounded?.Action).toEqual(['iam:CreateRole', 'iam:PutRolePermissionsBoundary', 'iam:PutRolePolicy']);
    expect(bounded?.Resource).toEqual(['arn:aws:iam::123456789012:role/agents/acme-*']);
    expect(bounded?.Condition).toEqual({
      StringEquals: { 'iam:PermissionsBoundary': 'arn:aws:iam::123456789012:policy/boundaries/acme' },
    });
    const elsewhere = statements.filter(({ Sid }) => Sid !== 'BoundedRoles');
    expect(actionsOf(elsewhere).filter((action) => /CreateRole$|PutRole/.test(action))).toEqual([]);
    expect(actionsOf(statements)).not.toContain('iam:DeleteRolePermissionsBoundary');
  });

  it('have the ARNs and the hosts of the partition', () => {
    const logsKeyArn = 'arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const settings = { network: EXISTING_VPC, encryption: { logsKeyArn } };
    const all = statementsFor(settings, { ...TARGET, region: 'cn-north-1' });
    for (const arn of all.flatMap(({ Resource }) => Resource)) expect(arn).toMatch(/^(?:\*|arn:aws-cn:)/);
    expect(ofSid(all, 'Keys').map(({ Condition }) => Condition)).toEqual([
      { StringLike: { 'kms:ViaService': '*.cn-north-1.amazonaws.com.cn' } },
    ]);
  });

  it('are refused for a type or a property without an entry', () => {
    const settings = parseSettings({ agentLauncher: LEAST });
    const of = (Type: string, Properties: object): Template => ({
      Resources: { Thing: { Type, Properties: { ...Properties } } },
    });
    const make = (template: Template) => () => executionPolicies([template], settings, TARGET);
    expect(make(of('AWS::S3::Bucket', {}))).toThrow('Thing has the type AWS::S3::Bucket');
    expect(make(of('AWS::SQS::Queue', { RedrivePolicy: {} }))).toThrow('Thing has the property RedrivePolicy');
    expect(make(of('AWS::SQS::Queue', { QueueName: 'a' }))).not.toThrow();
  });
});

function matchesStart(arn: string, name: string): boolean {
  const pattern = arn.split(
    /:(?:log-group|function|task-definition|firewall|firewall-policy|stateful-rulegroup|alarm)[:/]/,
  )[1];
  return pattern !== undefined && name.startsWith(pattern.slice(0, -1));
}

describe('npm run deploy-policy', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../bin/deploy-policy.ts'), ...args], {
      encoding: 'utf8',
    });
  const target = ['--account', TARGET.account, '--region', TARGET.region];

  it('writes the policies of the settings', () => {
    const folder = newFolder('deploy-policy');
    const { stdout, stderr, status } = run(folder, ...target, '-c', 'organization=acme', '-c', 'stackName=Agents');
    expect([status, stderr]).toEqual([0, '']);
    const names = readdirSync(folder);
    expect(stdout.trim().split('\n').sort()).toEqual(names.map((name) => join(folder, name)).sort());
    expect(names).toEqual(expect.arrayContaining(['caller-cdk.json', 'execution-1.json', 'execution-2.json']));
    for (const name of names) {
      const policy = JSON.parse(readFileSync(join(folder, name), 'utf8'));
      expect(charactersOf(policy)).toBeLessThanOrEqual(MOST_CHARACTERS);
    }
    expect(readFileSync(join(folder, 'execution-1.json'), 'utf8')).toContain('function:Agents-*');
  });

  it.each([
    [['out'], '--account is ""'],
    [['out', '--account', '123', '--region', 'eu-central-1'], '--account is "123"'],
    [['out', '--account', TARGET.account, '--region', 'europe'], '--region is "europe"'],
    [target, 'The folder to write to is missing.'],
    [['a', 'b', ...target], 'There is more than one folder: a, b.'],
    [['out', ...target, '-c', 'stackName'], '-c stackName has no value'],
  ])('refuses %o', (args, message) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });

  it('reports wrong settings', () => {
    const { status, stderr } = run('out', ...target, '-c', 'organization=a b');
    expect(status).toBe(1);
    expect(stderr).toContain('organization');
  });
});
