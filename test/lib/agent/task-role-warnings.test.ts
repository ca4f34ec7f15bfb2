import { describe, expect, it } from 'vitest';
import { taskRoleWarnings } from '../../../lib/agent/task-role-warnings.ts';
import { EXISTING_VPC, onePool, stackOf, warningsIn } from '../synthesis.ts';

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
    ['sts:AssumeRole on the roles of every account', allow('sts:AssumeRole', 'arn:aws:iam::*:role/*')],
  ])('with %s causes a warning that says who gets these permissions', (_, permissions) => {
    const [text, ...others] = texts('aws', 'plan', permissions);
    expect(text).toContain('Agent pool aws: the role of plans has ');
    expect(text).toContain('Anyone who can queue a plan in a workspace of this pool has this access');
    expect(text).toContain('pull request');
    expect(others).toEqual([]);
  });

  it.each([
    ['no permissions', none],
    ['a narrow policy', managed('job-function/ViewOnlyAccess', 'AmazonS3FullAccess')],
    [
      'your own policy with the name of a managed one',
      { ...none, taskRolePolicyArns: ['arn:aws:iam::123456789012:policy/AdministratorAccess'] },
    ],
    ['actions that only read metadata', allow(['ec2:Describe*', 's3:GetBucket*'])],
    ['sts:AssumeRole on one role', allow('sts:AssumeRole', 'arn:aws:iam::123456789012:role/deploy')],
    ['iam:* on roles with a prefix', allow('iam:*', 'arn:aws:iam::123456789012:role/app-*')],
    ['a Deny', { ...none, taskRoleStatements: [{ Effect: 'Deny' as const, Action: '*', Resource: '*' }] }],
  ])('with %s causes no warning', (_, permissions) => {
    expect(texts('aws', 'plan', permissions)).toEqual([]);
  });

  it('with every action on one resource causes a warning about that resource', () => {
    const [text] = texts('aws', 'apply', allow('*', 'arn:aws:s3:::state/*'));
    expect(text).toContain('Action "*" on "arn:aws:s3:::state/*": every action on it');
    expect(text).not.toContain('full control of the account');
  });

  it('of applies causes a warning about everyone who can apply', () => {
    expect(texts('aws', 'apply', managed('AdministratorAccess'))[0]).toContain('Anyone who can apply in a workspace');
  });

  it.each([
    ['plan', 1],
    ['all', 1],
    ['apply', 0],
  ] as const)(
    'of %s jobs with ReadOnlyAccess causes %i warnings that the policy also allows reading data',
    (jobs, count) => {
      const warning = expect.stringContaining('also reads data, such as objects in S3');
      expect(texts('aws', jobs, managed('ReadOnlyAccess'))).toEqual(Array(count).fill(warning));
    },
  );
});

describe('the stack', () => {
  const stackWith = (pool: object, network: object = {}) =>
    stackOf({ ...onePool({ name: 'aws', ...pool }), network }).stack;

  it('warns about a pool with AdministratorAccess', () => {
    const taskRolePolicyArns = ['arn:aws:iam::aws:policy/AdministratorAccess'];
    expect(warningsIn(stackWith({ taskRolePolicyArns }), 'the role of')).toEqual([
      expect.stringMatching(
        /the role of plans and applies has AdministratorAccess.*Set phases.*\[ack: agent-launcher:broadTaskRole\]/,
      ),
    ]);
  });

  it('warns about plans that inherit the permissions of the pool', () => {
    const taskRoleStatements = [{ Effect: 'Allow', Action: '*', Resource: '*' }];
    const phases = { apply: { taskRoleStatements: [] } };
    const warnings = warningsIn(stackWith({ taskRoleStatements, phases }), 'the role of');
    expect(warnings).toEqual([expect.stringContaining('the role of plans has')]);
  });

  const policies = { taskRolePolicyArns: ['arn:aws:iam::aws:policy/job-function/ViewOnlyAccess'] };
  const apis = {
    allowedPresets: ['hcp-terraform', 'aws-apis'],
    awsApiServices: ['ec2'],
    awsApiRegions: ['eu-central-1'],
  };

  it.each([
    ['policies', policies, {}, 1],
    ['a statement that allows', { taskRoleStatements: [{ Effect: 'Allow', Action: 's3:Get*', Resource: '*' }] }, {}, 1],
    ['a statement that denies', { taskRoleStatements: [{ Effect: 'Deny', Action: 's3:Get*', Resource: '*' }] }, {}, 0],
    ['nothing', {}, {}, 0],
    ['policies of applies only', { phases: { apply: policies } }, {}, 1],
    ['policies, and the preset', policies, apis, 0],
    ['policies, and a domain of AWS', policies, { allowedDomains: ['sts.eu-central-1.amazonaws.com'] }, 0],
    ['policies, and a domain in aws-eusc', policies, { allowedDomains: ['sts.eusc-de-east-1.amazonaws.eu'] }, 0],
    ['policies, and a domain that resembles AWS’s', policies, { allowedDomains: ['amazonaws.com.example.com'] }, 1],
    ['policies, without DNS Firewall', policies, { dnsFirewall: false }, 0],
    ['policies, with the network firewall', policies, { egress: 'network-firewall' }, 1],
    ['policies, in an existing VPC', policies, EXISTING_VPC, 0],
    ['policies, in an existing VPC with DNS Firewall', policies, { ...EXISTING_VPC, dnsFirewall: true }, 1],
  ])('warns if AWS’s APIs don’t resolve for jobs that have permissions for them: %s', (_, pool, network, count) => {
    const warnings = warningsIn(stackWith(pool, network), 'the role of|resolve');
    // These permissions are narrow, so there is no warning about the role itself.
    expect(warnings).toEqual(Array(count).fill(expect.stringContaining('resolve')));
  });
});
