import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { taskRoleWarnings } from '../../../lib/agent/task-role-warnings.ts';
import { stackOf } from '../synthesis.ts';

const none = { taskRolePolicyArns: [], taskRoleStatements: [] };
const allow = (Action: string | string[], Resource: string | string[] = '*') => ({
  ...none,
  taskRoleStatements: [{ Effect: 'Allow' as const, Action, Resource }],
});
const managed = (...names: string[]) => ({
  ...none,
  taskRolePolicyArns: names.map((name) => `arn:aws:iam::aws:policy/${name}`),
});
const texts = (...given: Parameters<typeof taskRoleWarnings>) =>
  [...taskRoleWarnings(...given)].map(({ text }) => text);

describe('a task role', () => {
  it.each([
    ['AdministratorAccess', managed('AdministratorAccess')],
    ['PowerUserAccess', managed('PowerUserAccess')],
    ['IAMFullAccess', managed('IAMFullAccess')],
    ['every action', allow('*')],
    ['every action among others', allow(['s3:GetObject', '*'])],
    ['iam:*', allow('iam:*')],
    ['iam:Put*', allow('iam:Put*')],
    ['iam:PassRole', allow('IAM:passrole')],
    ['iam:Pass?ole', allow('iam:Pass?ole')],
    ['sts:*', allow('sts:*', 'arn:aws:iam::123456789012:role/*')],
    ['sts:AssumeRole of every account', allow('sts:AssumeRole', 'arn:aws:iam::*:role/*')],
  ])('with %s gets a warning that says who has it', (_what, permissions) => {
    const [text, ...others] = texts('aws', 'plan', permissions);
    expect(text).toContain('Agent pool aws: the role of plans has ');
    expect(text).toContain('Anyone who can queue a plan in a workspace of this pool has it');
    expect(text).toContain('pull request');
    expect(others).toEqual([]);
  });

  it.each([
    ['no permissions', none],
    ['a narrow policy', managed('job-function/ViewOnlyAccess', 'AmazonS3FullAccess')],
    [
      'a policy of yours with the name',
      { ...none, taskRolePolicyArns: ['arn:aws:iam::123456789012:policy/AdministratorAccess'] },
    ],
    ['descriptions', allow(['ec2:Describe*', 's3:GetBucket*'])],
    ['one role to assume', allow('sts:AssumeRole', 'arn:aws:iam::123456789012:role/deploy')],
    ['roles with a prefix', allow('iam:*', 'arn:aws:iam::123456789012:role/app-*')],
    ['a Deny', { ...none, taskRoleStatements: [{ Effect: 'Deny' as const, Action: '*', Resource: '*' }] }],
  ])('with %s gets none', (_what, permissions) => {
    expect(texts('aws', 'plan', permissions)).toEqual([]);
  });

  it('with every action on one resource gets a warning about that resource', () => {
    const [text] = texts('aws', 'apply', allow('*', 'arn:aws:s3:::state/*'));
    expect(text).toContain('Action "*" on "arn:aws:s3:::state/*": every action on it');
    expect(text).not.toContain('full control of the account');
  });

  it('of applies is worth the trust of those who apply', () => {
    expect(texts('aws', 'apply', managed('AdministratorAccess'))[0]).toContain('Anyone who can apply in a workspace');
  });

  it('of plans with ReadOnlyAccess reads data, and says so', () => {
    expect(texts('aws', 'plan', managed('ReadOnlyAccess'))[0]).toContain('also reads data, such as objects in S3');
    expect(texts('aws', 'all', managed('ReadOnlyAccess'))).toHaveLength(1);
    expect(texts('aws', 'apply', managed('ReadOnlyAccess'))).toEqual([]);
  });
});

describe('the stack', () => {
  const warnings = (pool: object) => {
    const { stack } = stackOf({ pools: [{ name: 'aws', agentTokenSecret: 'acme/agent-token', ...pool }] });
    return Annotations.fromStack(stack)
      .findWarning('*', Match.stringLikeRegexp('the role of'))
      .map(({ entry }) => String(entry.data));
  };

  it('warns about a pool with AdministratorAccess', () => {
    const taskRolePolicyArns = ['arn:aws:iam::aws:policy/AdministratorAccess'];
    expect(warnings({ taskRolePolicyArns })).toEqual([
      expect.stringMatching(
        /the role of plans and applies has AdministratorAccess.*Set phases.*\[ack: agent-launcher:broadTaskRole\]/,
      ),
    ]);
  });

  it('warns about plans that inherit the permissions of the pool', () => {
    const taskRoleStatements = [{ Effect: 'Allow', Action: '*', Resource: '*' }];
    const phases = { apply: { taskRoleStatements: [] } };
    expect(warnings({ taskRoleStatements, phases })).toEqual([expect.stringContaining('the role of plans has')]);
  });

  const apiWarnings = (pool: object, network: object = {}) => {
    const pools = [{ name: 'aws', agentTokenSecret: 'acme/agent-token', ...pool }];
    return Annotations.fromStack(stackOf({ pools, network }).stack).findWarning('*', Match.stringLikeRegexp('resolve'))
      .length;
  };
  const policies = { taskRolePolicyArns: ['arn:aws:iam::aws:policy/job-function/ViewOnlyAccess'] };
  const apis = {
    allowedPresets: ['hcp-terraform', 'aws-apis'],
    awsApiServices: ['ec2'],
    awsApiRegions: ['eu-central-1'],
  };
  const existing = { egress: 'existing-vpc', vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0'] };

  it.each([
    ['policies', policies, {}, 1],
    ['a statement that allows', { taskRoleStatements: [{ Effect: 'Allow', Action: 's3:Get*', Resource: '*' }] }, {}, 1],
    ['a statement that denies', { taskRoleStatements: [{ Effect: 'Deny', Action: 's3:Get*', Resource: '*' }] }, {}, 0],
    ['nothing', {}, {}, 0],
    ['policies of applies only', { phases: { apply: policies } }, {}, 1],
    ['policies, and the preset', policies, apis, 0],
    ['policies, and a domain of AWS', policies, { allowedDomains: ['sts.eu-central-1.amazonaws.com'] }, 0],
    [
      'policies, and a domain of AWS in another partition',
      policies,
      { allowedDomains: ['sts.eusc-de-east-1.amazonaws.eu'] },
      0,
    ],
    [
      'policies, and a domain that only looks like AWS’s',
      policies,
      { allowedDomains: ['amazonaws.com.example.com'] },
      1,
    ],
    ['policies, without DNS Firewall', policies, { dnsFirewall: false }, 0],
    ['policies, with the network firewall', policies, { egress: 'network-firewall' }, 1],
    ['policies, in an existing VPC', policies, existing, 0],
    ['policies, in an existing VPC with DNS Firewall', policies, { ...existing, dnsFirewall: true }, 1],
  ])('warns if AWS’s APIs don’t resolve for jobs that have permissions there: %s', (_, pool, network, count) => {
    expect(apiWarnings(pool, network)).toBe(count);
  });

  it('does not warn about narrow permissions', () => {
    expect(warnings({ taskRolePolicyArns: ['arn:aws:iam::aws:policy/job-function/ViewOnlyAccess'] })).toEqual([]);
  });
});
