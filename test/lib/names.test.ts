/** Names that contain what users choose. Two stacks, pools or phases must never get the same one. */
import type { Template } from 'aws-cdk-lib/assertions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Phase } from '../../functions/launcher/contract.ts';
import {
  agentLogGroup,
  alarmName,
  LAUNCHER_NAME,
  launcherFunction,
  launcherLogGroup,
  POOL_NAME,
  taskFamily,
} from '../../lib/names.ts';
import { faultsOf, pathsOf } from './settings-faults.ts';
import { configOf, propertiesOf, REGISTRY_IMAGE, resourcesById, templateOf, text } from './synthesis.ts';

/** Words of the generated names. Joined by separators, they collide if a separator is ambiguous. */
const words = fc.constantFrom('x', 'prod', 'default', 'plan', 'apply', 'all', 'agents', 'launcher', 'A', 'a1');
const joined = (separators: string[], pattern: RegExp) =>
  fc
    .array(fc.tuple(words, fc.constantFrom(...separators)), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.map(([word, separator], n) => (n === 0 ? word : `${separator}${word}`)).join(''))
    .filter((name) => pattern.test(name));
const launchers = joined(['-', '', '--'], LAUNCHER_NAME);
const pools = joined(['-', '_', '', '__', '-_'], POOL_NAME);
const phases = fc.constantFrom<readonly Phase[]>(['plan', 'apply'], ['plan'], ['apply']);
const headings = fc.constantFrom('Ticks fail', 'A job waits too long');

const LONGEST = { launcher: `L${'-'.repeat(47)}`, pool: '_'.repeat(90) };

describe('a name', () => {
  it.each<[string, fc.Arbitrary<readonly unknown[]>, (...parts: never[]) => string]>([
    ['task definition family', fc.tuple(launchers, phases, pools), taskFamily],
    ["log group of a pool's agents", fc.tuple(launchers, pools), agentLogGroup],
    ['log group of the launcher', fc.tuple(launchers), launcherLogGroup],
    ['function', fc.tuple(launchers), launcherFunction],
    ['alarm', fc.tuple(launchers, headings, fc.option(pools, { nil: undefined })), alarmName],
  ])('of a %s is the same only if its parts are the same', (_, parts, name) => {
    const spell = (given: readonly unknown[]) => name(...(given as never[]));
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(spell(one) === spell(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 2_000 },
    );
  });

  it("of an agents' log group never equals the name of a different launcher's log group", () => {
    fc.assert(
      fc.property(launchers, launchers, pools, (one, other, pool) => {
        expect(agentLogGroup(one, pool)).not.toBe(launcherLogGroup(other));
      }),
    );
  });

  it('has a length that AWS allows, even if its parts have their maximum lengths', () => {
    const { launcher, pool } = LONGEST;
    expect(taskFamily(launcher, ['apply'], pool)).toMatch(/^[A-Za-z0-9_-]{1,255}$/);
    expect(agentLogGroup(launcher, pool)).toMatch(/^[A-Za-z0-9_/.#-]{1,512}$/);
    expect(launcherFunction(launcher)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(alarmName(launcher, 'A job ran out of memory', pool).length).toBeLessThanOrEqual(255);
  });

  it('would be ambiguous with a hyphen between stack, pool and phase', () => {
    const hyphens = (stack: string, pool: string, ...phase: string[]) => [stack, pool, ...phase].join('-');
    expect(hyphens('AgentLauncher', 'x', 'apply')).toBe(hyphens('AgentLauncher', 'x-apply'));
    expect(hyphens('AgentLauncher', 'prod-default')).toBe(hyphens('AgentLauncher-prod', 'default'));
  });
});

const pool = (name: string, more: object = {}) => ({ name, agentTokenSecret: `token/${name}`, ...more });

/** Pools whose names contain the name of a stack, a phase or another pool. */
const COLLIDING = [
  pool('x', { phases: {} }),
  pool('x-apply'),
  pool('x-plan', { phases: {} }),
  pool('x_apply'),
  pool('x-plan-apply'),
  pool('apply_x'),
  pool('all_x', { phases: {} }),
];

/** Properties that must be unique in an account and region, by resource type. */
const PHYSICAL: Readonly<Record<string, string>> = {
  'AWS::ECS::TaskDefinition': 'Family',
  'AWS::ECS::Cluster': 'ClusterName',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::Scheduler::Schedule': 'Name',
  'AWS::CloudWatch::Alarm': 'AlarmName',
  'AWS::CloudWatch::Dashboard': 'DashboardName',
  'AWS::Logs::QueryDefinition': 'Name',
  'AWS::NetworkFirewall::Firewall': 'FirewallName',
  'AWS::NetworkFirewall::FirewallPolicy': 'FirewallPolicyName',
  'AWS::NetworkFirewall::RuleGroup': 'RuleGroupName',
};

/** Returns the names of a template's resources, with their types. */
function namesIn(template: Template): string[] {
  return Object.values(resourcesById(template)).flatMap(({ Type, Properties }) => {
    const name = Properties[PHYSICAL[Type] ?? ''];
    return name === undefined ? [] : [`${Type} ${text(name).toLowerCase()}`];
  });
}

/** Returns the secret of a task definition's agent token. */
const agentTokenOf = ({ ContainerDefinitions: [agent] }: ReturnType<typeof propertiesOf>[number]) =>
  text(agent.Secrets[0].ValueFrom).replace(/^.*:secret:/, '');

describe('stacks and pools with names that contain each other', () => {
  const stacks = [
    { stackName: 'AgentLauncher', pools: [...COLLIDING, pool('prod-default'), pool('prod_default')] },
    { stackName: 'AgentLauncher-prod', pools: [pool('default'), pool('x-apply'), pool('x', { phases: {} })] },
    { stackName: 'AgentLauncher-launcher', pools: [pool('default')] },
  ].map((settings) => ({
    pools: settings.pools,
    template: templateOf({ ...REGISTRY_IMAGE, network: { egress: 'network-firewall' }, ...settings }),
  }));

  it('have no resources with the same name', () => {
    const all = stacks.flatMap(({ template }) => namesIn(template));
    expect(new Set(all.map((name) => name.split(' ')[0])).size).toBe(Object.keys(PHYSICAL).length);
    expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
  });

  it('have no resource with a fixed name that this test does not compare', () => {
    const unknown = stacks.flatMap(({ template }) =>
      Object.values(resourcesById(template)).flatMap(({ Type, Properties }) =>
        Object.keys(Properties)
          .filter((key) => /^(?:Name|.*Name)$/.test(key) && PHYSICAL[Type] !== key)
          .map((key) => `${Type} ${key}`),
      ),
    );
    // These name another resource, or a policy inside a role.
    expect([...new Set(unknown)].toSorted()).toEqual([
      'AWS::CloudWatch::Alarm MetricName',
      'AWS::EC2::FlowLog LogGroupName',
      'AWS::EC2::VPCEndpoint ServiceName',
      'AWS::IAM::Policy PolicyName',
      'AWS::Lambda::EventInvokeConfig FunctionName',
    ]);
  });

  it('have a separate task definition family for each lane, with the agent token of its pool', () => {
    for (const { pools: given, template } of stacks) {
      const { pools: ofLauncher } = configOf(template);
      const families = ofLauncher.flatMap(({ lanes }) => lanes.map(({ taskDefinition }) => taskDefinition));
      expect(new Set(families).size).toBe(families.length);
      for (const { name, lanes } of ofLauncher) {
        const secret = given.find((one) => one.name === name)?.agentTokenSecret;
        for (const { taskDefinition } of lanes) {
          const found = propertiesOf(template, 'AWS::ECS::TaskDefinition').filter(
            ({ Family }) => Family === taskDefinition,
          );
          expect(found.map(agentTokenOf)).toEqual([secret]);
        }
      }
    }
  });
});

describe('the settings', () => {
  const x1 = pool('x', { id: 'apool-1' });
  it.each([
    ['accept pools whose names contain a phase or each other', COLLIDING, []],
    [
      'refuse each pool whose name differs from another one only in case',
      [pool('x'), pool('y'), pool('X', { agentTokenSecret: 'b' }), pool('Y', { agentTokenSecret: 'c' })],
      ['pools.2.name', 'pools.3.name'],
    ],
    ['refuse one ID for two pools', [x1, pool('y', { id: 'apool-1' }), pool('z', { id: 'apool-2' })], ['pools.1.id']],
  ])('%s', (_, pools, expected) => {
    expect(pathsOf(faultsOf({ pools }))).toEqual(expected);
  });

  it('accept secrets and policies whose paths differ only in slashes and hyphens', () => {
    const arns = ['arn:aws:iam::123456789012:policy/team/x', 'arn:aws:iam::123456789012:policy/team--x'];
    const settings = {
      ...REGISTRY_IMAGE,
      apiTokenSecret: 'acme/api--token',
      pools: [
        { name: 'a', agentTokenSecret: 'acme--token', taskRolePolicyArns: arns },
        { name: 'b', agentTokenSecret: 'acme/token' },
        { name: 'c', agentTokenSecret: 'd', apiTokenSecret: 'acme--api--token' },
      ],
    };
    const secrets = propertiesOf(templateOf(settings), 'AWS::ECS::TaskDefinition').map(agentTokenOf);
    expect(secrets).toEqual(['acme--token', 'acme/token', 'd']);
  });
});
