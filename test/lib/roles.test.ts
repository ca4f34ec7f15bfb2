/** Existing task roles, and the names, path and permissions boundary of the roles that the stack creates. */
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { roleName } from '../../lib/roles.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { launcherIn } from './constructs.ts';
import { faultsIn, faultsOf, faultsOfPool, pathsOf } from './settings-faults.ts';
import {
  EXISTING_VPC,
  emptyStack,
  LEAST,
  onePool,
  propertiesOf,
  REGISTRY_IMAGE,
  resourcesOf,
  stackOf,
  statementsOf,
  templateOf,
  text,
  warningsIn,
} from './synthesis.ts';

const PLAN = 'arn:aws:iam::123456789012:role/terraform/plan';
const APPLY = 'arn:aws:iam::123456789012:role/terraform/apply';
const settings = (more: object) => ({ ...REGISTRY_IMAGE, network: EXISTING_VPC, ...more });
const passedRoles = (template: Template) => {
  const statement = statementsOf(template).find(({ Sid }) => Sid === 'HandAgentsTheirRoles');
  return statement === undefined ? [] : resourcesOf(statement);
};
const taskRolesOf = (template: Template) =>
  propertiesOf(template, 'AWS::ECS::TaskDefinition').map(({ TaskRoleArn }) => text(TaskRoleArn));

describe('an existing task role', () => {
  it('replaces the new role, and the launcher may pass exactly it and the execution role', () => {
    const template = templateOf(settings(onePool({ taskRoleArn: PLAN })));
    expect(taskRolesOf(template)).toEqual([PLAN]);
    expect(passedRoles(template)).toEqual([expect.stringMatching(/^<.*ExecutionRole.*\.Arn>$/), PLAN]);
    expect(Object.keys(template.findResources('AWS::IAM::Role')).join()).not.toContain('TaskRole');
  });

  it('serves both phases of a pool, or only the phase that sets it', () => {
    const both = templateOf(settings(onePool({ taskRoleArn: PLAN, phases: { apply: { taskRoleArn: APPLY } } })));
    expect(taskRolesOf(both).toSorted()).toEqual([APPLY, PLAN]);
    expect(passedRoles(both).slice(1)).toEqual([PLAN, APPLY]);
    const statement = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme/*' };
    const one = templateOf(
      settings(onePool({ taskRoleStatements: [statement], phases: { plan: { taskRoleArn: PLAN } } })),
    );
    expect(taskRolesOf(one).toSorted()).toEqual([expect.stringMatching(/^<.*ApplyTaskRole/), PLAN]);
    const roles = statementsOf(one).filter(({ Action }) => Action.includes('s3:GetObject'));
    expect(roles.map(({ role }) => role)).toEqual([expect.stringContaining('ApplyTaskRole')]);
  });

  it('gets no policy from the stack', () => {
    const template = templateOf(settings(onePool({ taskRoleArn: PLAN })));
    for (const { Roles } of propertiesOf(template, 'AWS::IAM::Policy')) {
      expect(JSON.stringify(Roles)).not.toContain('terraform');
    }
  });

  it('can have permissions in AWS, so the stack warns if no AWS API resolves', () => {
    const network = { ...EXISTING_VPC, dnsFirewall: true };
    const { stack } = stackOf({ ...REGISTRY_IMAGE, network, ...onePool({ taskRoleArn: PLAN }) });
    expect(warningsIn(stack, 'resolve the hostnames of AWS APIs')).toHaveLength(1);
  });

  it.each<[string, object, string[]]>([
    [
      'policies of the pool',
      { taskRoleArn: PLAN, taskRolePolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] },
      ['pools.0.taskRolePolicyArns'],
    ],
    [
      'statements of the pool if each phase has a role',
      {
        taskRoleStatements: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
        phases: { plan: { taskRoleArn: PLAN }, apply: { taskRoleArn: APPLY } },
      },
      ['pools.0.taskRoleStatements'],
    ],
    [
      'statements of the phase',
      {
        phases: {
          plan: { taskRoleArn: PLAN, taskRoleStatements: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] },
        },
      },
      ['pools.0.phases.plan.taskRoleStatements'],
    ],
    [
      'statements of a phase that has the pool’s role',
      {
        taskRoleArn: PLAN,
        phases: { apply: { taskRoleStatements: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] } },
      },
      ['pools.0.phases.apply.taskRoleStatements'],
    ],
  ])('excludes %s', (_, pool, paths) => {
    const faults = faultsOfPool(pool);
    expect(pathsOf(faults)).toEqual(paths);
    expect(faults[0]?.given).toContain('the task role is the existing role "arn:aws:iam::123456789012:role/terraform/');
  });

  it('must be a role of the account that the stack is deployed to', () => {
    const [fault, ...others] = faultsIn(
      { agentLauncher: { ...LEAST, ...onePool({ phases: { apply: { taskRoleArn: APPLY } } }) } },
      { account: '210987654321' },
    );
    expect(others).toEqual([]);
    expect(fault?.path).toBe('pools.0.phases.apply.taskRoleArn');
    expect(fault?.allowed).toContain('account 210987654321');
  });

  it.each([
    ['terraform', 'aws iam get-role --role-name terraform'],
    ['arn:aws:iam::123456789012:policy/terraform', undefined],
    ['arn:aws:sts::123456789012:assumed-role/terraform/session', undefined],
  ])('is an ARN of a role, not %s', (taskRoleArn, remedy) => {
    const [fault, ...others] = faultsOfPool({ taskRoleArn });
    expect(others).toEqual([]);
    expect(fault?.path).toBe('pools.0.taskRoleArn');
    if (remedy !== undefined) expect(fault?.remedy).toContain(remedy);
  });
});

const ROLES = { namePrefix: 'acme-', path: '/terraform/agents/', permissionsBoundary: 'boundaries/acme' };

/** Every option that creates a role. */
const EVERY_ROLE = {
  ...REGISTRY_IMAGE,
  network: { flowLogRetentionDays: 7 },
  nudge: { hmacKeySecret: 'acme/nudge-key' },
  idlePollSeconds: 10,
  pools: [{ ...LEAST.pools[0], phases: {} }],
};
const namesOf = (template: Template) => propertiesOf(template, 'AWS::IAM::Role').map(({ RoleName }) => text(RoleName));

describe('the settings `roles`', () => {
  const template = templateOf({ ...EVERY_ROLE, roles: ROLES });
  const roles = propertiesOf(template, 'AWS::IAM::Role');

  it('apply to every role, also to those that the CDK creates', () => {
    // Plan and apply, execution, launcher, schedule, nudge, image copies, flow logs.
    expect(roles).toHaveLength(8);
    for (const role of roles) {
      expect(role.Path).toBe(ROLES.path);
      expect(text(role.PermissionsBoundary)).toBe('arn:<AWS::Partition>:iam::<AWS::AccountId>:policy/boundaries/acme');
      expect(text(role.RoleName)).toMatch(/^acme-[\w+=,.@-]+-[0-9a-f]{8}-<AWS::Region>$/);
    }
  });

  it('give every role its own name, which says what the role is for', () => {
    const names = namesOf(template);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining([expect.stringMatching(/^acme-PlanTaskRole-Pool-default-/)]));
  });

  it('give the roles of two stacks different names', () => {
    const other = namesOf(templateOf({ ...EVERY_ROLE, stackName: 'Other', roles: ROLES }));
    expect(other.filter((name) => namesOf(template).includes(name))).toEqual([]);
  });

  it('change nothing if they are absent', () => {
    for (const role of propertiesOf(templateOf(EVERY_ROLE), 'AWS::IAM::Role')) {
      expect(role).not.toHaveProperty('RoleName');
      expect(role).not.toHaveProperty('Path');
      expect(role).not.toHaveProperty('PermissionsBoundary');
    }
  });

  it('apply to the roles of the construct and of its image copies, but not to the rest of the app', () => {
    const stack = emptyStack();
    launcherIn(stack, { roles: { permissionsBoundary: 'acme' } });
    for (const role of propertiesOf(Template.fromStack(stack), 'AWS::IAM::Role')) {
      expect(text(role.PermissionsBoundary)).toContain(':policy/acme');
    }
  });

  it.each([
    ['namePrefix', 'a'.repeat(25)],
    ['namePrefix', 'acme/'],
    ['path', 'terraform'],
    ['path', '/'],
    ['permissionsBoundary', 'arn:aws:iam::123456789012:role/acme'],
    ['permissionsBoundary', '/acme'],
  ])('refuse %s %s', (name, value) => {
    expect(pathsOf(faultsOf({ roles: { [name]: value } }))).toEqual([`roles.${name}`]);
  });

  it('refuse a boundary of another account', () => {
    const permissionsBoundary = 'arn:aws:iam::210987654321:policy/x/acme';
    const context = { agentLauncher: { ...LEAST, roles: { permissionsBoundary } } };
    const [fault] = faultsIn(context, { account: '123456789012' });
    expect(fault?.path).toBe('roles.permissionsBoundary');
    expect(fault?.remedy).toMatch(/: x\/acme$/);
    expect(faultsIn(context, { account: '210987654321' })).toEqual([]);
  });
});

describe('the name of a role', () => {
  const long = roleName('p'.repeat(24), 'L'.repeat(48), '/x/', ['Launcher', `Pool-${'n'.repeat(90)}`, 'PlanTaskRole']);

  it('has at most 64 characters in the region with the longest name', () => {
    expect(`${long}-ap-northeast-1`.length).toBeLessThanOrEqual(64);
    expect(`${long}-us-isob-east-1`).toMatch(/^p{24}PlanTaskRole-P-[0-9a-f]{8}-us-isob-east-1$/);
  });

  it('differs after each change that replaces the role, because CloudFormation creates the new one first', () => {
    const name = (path: string | undefined, ...purpose: string[]) => roleName('a-', 'Launcher', path, purpose);
    const names = [name(undefined, 'A', 'Role'), name('/x/', 'A', 'Role'), name(undefined, 'B', 'Role')];
    expect(new Set(names).size).toBe(3);
    expect(name('/x/', 'A', 'Role')).toBe(name('/x/', 'A', 'Role'));
  });

  it.each(['A,B', 'A-B', 'A B', 'A:B'])('is valid for a construct with the id %s', (id) => {
    expect(roleName('a', 'L', undefined, [id, 'Role'])).toMatch(/^[\w+=,.@-]+$/);
  });
});

const KEY = '@aws-cdk/core:permissionsBoundary';
const withParameters = ['arn:aws:iam::', '{AWS::AccountId}:policy/acme'].join('$');

/** The boundaries of the stack's roles, with the CDK's own context. */
function boundariesWith(context: Record<string, unknown>, roles: object = {}): unknown[] {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [], ...context } });
  const parsed = parseSettings({ agentLauncher: { ...LEAST, ...settings({}), roles }, ...context });
  const template = Template.fromStack(new AgentLauncherStack(app, 'AgentLauncher', { settings: parsed }));
  return propertiesOf(template, 'AWS::IAM::Role').map(({ PermissionsBoundary }) => PermissionsBoundary);
}

describe("the CDK's context key for a permissions boundary", () => {
  it('is refused where the CDK would ignore it or throw, with the setting to use', () => {
    const ofString = faultsIn({ agentLauncher: LEAST, [KEY]: 'acme' });
    expect(ofString.map(({ given }) => given)).toEqual(['"acme", which the CDK ignores']);
    expect(ofString[0]?.remedy).toBe(`remove ${KEY}, and set roles.permissionsBoundary to "acme"`);
    const ofParameters = faultsIn({ agentLauncher: LEAST, [KEY]: { arn: withParameters } });
    expect(ofParameters.map(({ given }) => given)).toEqual([expect.stringContaining('the CDK throws an error')]);
    expect(ofParameters[0]?.remedy).toContain(`roles.permissionsBoundary to "${withParameters}"`);
  });

  it('really is ignored and does throw in the CDK', () => {
    const boundary = (value: unknown) => new Stack(new App({ context: { [KEY]: value } }), 'Stack');
    expect(() => boundary({ arn: withParameters })).toThrow('AWS::AccountId');
    expect(() => boundary('acme')).not.toThrow();
  });

  it('works with a plain name, and with the setting as the CDK’s parameters', () => {
    expect(new Set(boundariesWith({ [KEY]: { name: 'acme' } }).map(text))).toEqual(
      new Set(['arn:<AWS::Partition>:iam::<AWS::AccountId>:policy/acme']),
    );
    expect(boundariesWith({}, { permissionsBoundary: withParameters })[0]).toEqual({ 'Fn::Sub': withParameters });
  });

  it('is refused together with the setting', () => {
    const faults = faultsIn({ agentLauncher: { ...LEAST, roles: ROLES }, [KEY]: { name: 'acme' } });
    expect(faults.map(({ path, allowed }) => [path, allowed])).toEqual([[KEY, 'one of the two']]);
  });
});

describe('the output with the roles', () => {
  const outputsOf = (settings: object) => {
    const found = templateOf(settings).findOutputs('*');
    return (name: string) => text(found[name]?.['Value'] ?? '');
  };

  it('lists each role with its purpose', () => {
    const roles = outputsOf({ ...EVERY_ROLE, roles: ROLES })('RoleArns').split(', ');
    expect(roles.map((role) => role.replace(/ = <.*\.Arn>$/, ''))).toEqual([
      'launcher',
      'schedule',
      'nudge',
      'execution role of pool default',
      'task role of pool default (plan)',
      'task role of pool default (apply)',
    ]);
  });

  it('lists both roles of the token rotation', () => {
    const agentTokenRotation = { days: 30, apiTokenSecret: 'acme/rotation-token' };
    expect(outputsOf({ agentTokenRotation })('RoleArns').split(', ').slice(2, 4)).toEqual([
      expect.stringMatching(/^token rotation = <LauncherTokenRotationRole.*\.Arn>$/),
      expect.stringMatching(/^schedule of the token rotation = <LauncherTokenRotationScheduleRole.*\.Arn>$/),
    ]);
  });

  it('lists an existing role once for all its tasks', () => {
    const settings = { ...EVERY_ROLE, pools: [{ ...LEAST.pools[0], taskRoleArn: PLAN, phases: {} }] };
    expect(outputsOf(settings)('RoleArns')).toMatch(
      /, task role of pool default = arn:aws:iam::\d+:role\/terraform\/plan$/,
    );
  });

  it('has the role of image copies if the deployment copies an image', () => {
    expect(outputsOf(EVERY_ROLE)('ImageCopyRoleArn')).toMatch(/^<ImageCopiesRole.*\.Arn>$/);
    expect(outputsOf({})('ImageCopyRoleArn')).toBe('');
  });
});

describe('the ARN of a role', () => {
  const pathsFor = (name: string) =>
    faultsIn({
      agentLauncher: { ...LEAST, ...onePool({ taskRoleArn: `arn:aws:iam::123456789012:role/${name}` }) },
    }).map(({ path }) => path);

  it.each(['plan', 'team/plan', 'team:a/b(c)/plan', `${'p'.repeat(510)}/${'r'.repeat(64)}`])(
    'can end in %s',
    (name) => {
      expect(pathsFor(name)).toEqual([]);
    },
  );

  it.each(['', '/plan', 'team//plan', 'team/', 'te am/plan', 'r'.repeat(65), `${'p'.repeat(511)}/${'r'.repeat(64)}`])(
    'cannot end in %s',
    (name) => {
      expect(pathsFor(name)).toEqual(['pools.0.taskRoleArn']);
    },
  );
});
