/** Names made of what users choose: two stacks, pools or phases must never get the same one. */
import { Template } from 'aws-cdk-lib/assertions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseConfig } from '../../functions/launcher/config.ts';
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
import { SettingsError } from '../../lib/settings/errors.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, stackOf, text } from './synthesis.ts';

/** Words that names are made of; joined by separators they collide where a separator is ambiguous. */
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

describe('a name of two parts', () => {
  it.each<[string, fc.Arbitrary<readonly unknown[]>, (...parts: never[]) => string]>([
    ['task definition family', fc.tuple(launchers, phases, pools), taskFamily],
    ["log group of a pool's agents", fc.tuple(launchers, pools), agentLogGroup],
    ['log group of the launcher', fc.tuple(launchers), launcherLogGroup],
    ['function', fc.tuple(launchers), launcherFunction],
    ['alarm', fc.tuple(launchers, headings, fc.option(pools, { nil: undefined })), alarmName],
  ])('is a %s that only its own parts spell', (_, parts, name) => {
    const spell = (given: readonly unknown[]) => name(...(given as never[]));
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(spell(one) === spell(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is none of the log groups of another launcher', () => {
    fc.assert(
      fc.property(launchers, launchers, pools, (one, other, pool) => {
        expect(agentLogGroup(one, pool)).not.toBe(launcherLogGroup(other));
      }),
    );
  });

  it('fits what AWS allows, also with the longest parts', () => {
    const { launcher, pool } = LONGEST;
    expect(taskFamily(launcher, ['apply'], pool)).toMatch(/^[A-Za-z0-9_-]{1,255}$/);
    expect(agentLogGroup(launcher, pool)).toMatch(/^[A-Za-z0-9_/.#-]{1,512}$/);
    expect(launcherFunction(launcher)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(alarmName(launcher, 'A job ran out of memory', pool).length).toBeLessThanOrEqual(255);
  });

  it('was ambiguous with a hyphen between stack, pool and phase', () => {
    const hyphens = (stack: string, pool: string, ...phase: string[]) => [stack, pool, ...phase].join('-');
    expect(hyphens('AgentLauncher', 'x', 'apply')).toBe(hyphens('AgentLauncher', 'x-apply'));
    expect(hyphens('AgentLauncher', 'prod-default')).toBe(hyphens('AgentLauncher-prod', 'default'));
  });
});

const image = { agentImage: { registry: 'hashicorp/tfc-agent:1.31.0' } };
const pool = (name: string, more: object = {}) => ({ name, agentTokenSecret: `token/${name}`, ...more });

/** Pools whose names contain what a stack, a phase or another pool is called. */
const COLLIDING = [
  pool('x', { phases: {} }),
  pool('x-apply'),
  pool('x-plan', { phases: {} }),
  pool('x_apply'),
  pool('x-plan-apply'),
  pool('apply_x'),
  pool('all_x', { phases: {} }),
];

const resources = z.record(z.string(), z.looseObject({ Type: z.string(), Properties: z.looseObject({}).optional() }));

/** Properties that AWS holds to be unique in an account and region, by type of resource. */
const PHYSICAL: Readonly<Record<string, string>> = {
  'AWS::ECS::TaskDefinition': 'Family',
  'AWS::ECS::Cluster': 'ClusterName',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::Scheduler::Schedule': 'Name',
  'AWS::CloudWatch::Alarm': 'AlarmName',
  'AWS::CloudWatch::Dashboard': 'DashboardName',
  'AWS::NetworkFirewall::Firewall': 'FirewallName',
  'AWS::NetworkFirewall::FirewallPolicy': 'FirewallPolicyName',
  'AWS::NetworkFirewall::RuleGroup': 'RuleGroupName',
};

/** Every name that a template gives to a resource, with its type. */
function namesIn(template: Template): string[] {
  return Object.values(resources.parse(template.toJSON()['Resources'])).flatMap(({ Type, Properties }) => {
    const name = Properties?.[PHYSICAL[Type] ?? ''];
    return name === undefined ? [] : [`${Type} ${text(name).toLowerCase()}`];
  });
}

describe('stacks and pools with names that contain each other', () => {
  const stacks = [
    { stackName: 'AgentLauncher', pools: [...COLLIDING, pool('prod-default'), pool('prod_default')] },
    { stackName: 'AgentLauncher-prod', pools: [pool('default'), pool('x-apply'), pool('x', { phases: {} })] },
    { stackName: 'AgentLauncher-launcher', pools: [pool('default')] },
  ].map((settings) => {
    const { stack } = stackOf({ ...image, network: { egress: 'network-firewall' }, ...settings });
    return { pools: settings.pools, template: Template.fromStack(stack) };
  });

  it('share no name of any resource', () => {
    const all = stacks.flatMap(({ template }) => namesIn(template));
    expect(new Set(all.map((name) => name.split(' ')[0])).size).toBe(Object.keys(PHYSICAL).length);
    expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
  });

  it('give no resource a fixed name that this test does not compare', () => {
    const unknown = stacks.flatMap(({ template }) =>
      Object.values(resources.parse(template.toJSON()['Resources'])).flatMap(({ Type, Properties }) =>
        Object.keys(Properties ?? {})
          .filter((key) => /^(?:Name|.*Name)$/.test(key) && PHYSICAL[Type] !== key)
          .map((key) => `${Type} ${key}`),
      ),
    );
    // Names of what something works on, and of policies inside a role.
    expect([...new Set(unknown)].toSorted()).toEqual([
      'AWS::CloudWatch::Alarm MetricName',
      'AWS::EC2::VPCEndpoint ServiceName',
      'AWS::IAM::Policy PolicyName',
      'AWS::Lambda::EventInvokeConfig FunctionName',
    ]);
  });

  it('give each lane of the function its own family, with a role and an agent token of its pool', () => {
    for (const { pools: given, template } of stacks) {
      const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
      const variables: Record<string, unknown> = fn?.['Properties'].Environment.Variables;
      const config = parseConfig(Object.fromEntries(Object.entries(variables).map(([k, v]) => [k, text(v)])));
      const families = config.pools.flatMap(({ lanes }) => lanes.map(({ taskDefinition }) => taskDefinition));
      expect(new Set(families).size).toBe(families.length);
      for (const { name, lanes } of config.pools) {
        for (const { taskDefinition } of lanes) {
          const found = Object.values(
            template.findResources('AWS::ECS::TaskDefinition', { Properties: { Family: taskDefinition } }),
          );
          expect(found.length).toBe(1);
          const secret = given.find((one) => one.name === name)?.agentTokenSecret;
          expect(text(found[0]?.['Properties'].ContainerDefinitions[0].Secrets[0].ValueFrom)).toMatch(
            new RegExp(`:secret:${secret}$`),
          );
        }
      }
    }
  });
});

function pathsOf(settings: object): string[] {
  try {
    parseSettings({ agentLauncher: { ...LEAST, ...settings } });
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map(({ path }) => path);
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('accept pools whose names contain a phase or each other', () => {
    expect(pathsOf({ pools: COLLIDING })).toEqual([]);
  });

  it('refuse two pools whose names differ in case alone, and say so for each', () => {
    const twice = [
      pool('x'),
      pool('y'),
      { ...pool('X'), agentTokenSecret: 'b' },
      { ...pool('Y'), agentTokenSecret: 'c' },
    ];
    expect(pathsOf({ pools: twice })).toEqual(['pools.2.name', 'pools.3.name']);
  });

  it('refuse one id for two pools', () => {
    const ids = [pool('x', { id: 'apool-1' }), pool('y', { id: 'apool-1' }), pool('z', { id: 'apool-2' })];
    expect(pathsOf({ pools: ids })).toEqual(['pools.1.id']);
  });

  it('accept secrets and policies whose paths differ in slashes and hyphens alone', () => {
    const arns = ['arn:aws:iam::123456789012:policy/team/x', 'arn:aws:iam::123456789012:policy/team--x'];
    const settings = {
      ...image,
      apiTokenSecret: 'acme/api--token',
      pools: [
        { name: 'a', agentTokenSecret: 'acme--token', taskRolePolicyArns: arns },
        { name: 'b', agentTokenSecret: 'acme/token' },
        { name: 'c', agentTokenSecret: 'd', apiTokenSecret: 'acme--api--token' },
      ],
    };
    const secrets = Object.values(
      Template.fromStack(stackOf(settings).stack).findResources('AWS::ECS::TaskDefinition'),
    ).map((found) => text(found['Properties'].ContainerDefinitions[0].Secrets[0].ValueFrom));
    expect(secrets.map((arn) => arn.replace(/^.*:secret:/, ''))).toEqual(['acme--token', 'acme/token', 'd']);
  });
});
