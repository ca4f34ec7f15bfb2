import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../functions/launcher/config.ts';
import { ENV, METRICS } from '../../../functions/launcher/contract.ts';
import { standingJobs } from '../../../functions/launcher/core/standing.ts';
import { acceptsPolicies } from '../../../lib/agent/accepted-jobs.ts';
import { poolEnvironment } from '../../../lib/agent/pool-environment.ts';
import { standingCost } from '../../../lib/agent/warm-agents.ts';
import { faultsOf, faultsOfPool, pathsOf } from '../settings-faults.ts';
import { onePool, propertiesOf, templateOf, variablesOf } from '../synthesis.ts';

const HOURS = { days: ['Mon', 'Fri'], from: '08:30', to: '18:00', timeZone: 'Europe/Berlin' };

/** Returns the lanes of a pool in the environment of the launcher's function. */
function lanesOf(pool: object): readonly object[] {
  return JSON.parse(String(variablesOf(templateOf(onePool(pool)))[ENV.agentPools]))[0].lanes;
}

/** Returns the variables that the function requires, with these pools. */
const variablesWith = (pools: object[]) => ({
  [ENV.hostname]: 'app.terraform.io',
  [ENV.organization]: 'acme',
  [ENV.apiTokenSecret]: 'acme/api-token',
  [ENV.agentPools]: JSON.stringify(pools),
  [ENV.cluster]: 'agents',
  [ENV.subnets]: 'subnet-1',
  [ENV.securityGroups]: 'sg-1',
});

/** Returns the output with the price of agents without a job. */
const outputOf = (pool: object) => Object.values(templateOf(onePool(pool)).findOutputs('StandingAgents'))[0]?.['Value'];

describe('warm agents and sweeps', () => {
  it('are by default neither in the function’s environment nor in the outputs', () => {
    expect(lanesOf({})).toEqual([{ taskDefinition: 'AgentLauncher_all_default' }]);
    expect(outputOf({})).toBeUndefined();
  });

  it.each([
    [{ sweepMinutes: 30 }, true],
    [{ warmAgents: { agents: 1 } }, true],
    [{}, false],
  ])('have a metric of their deferrals on the dashboard only if the pool has any, with %o: %s', (pool, shown) => {
    const dashboard = JSON.stringify(propertiesOf(templateOf(onePool(pool)), 'AWS::CloudWatch::Dashboard'));
    expect(dashboard.includes(METRICS.standingDeferred)).toBe(shown);
  });

  it('are in the function’s environment in the form that the function reads', () => {
    const pool = { warmAgents: { agents: 2, schedule: HOURS }, sweepMinutes: 30 };
    const lanes = lanesOf(pool);
    const schedule = { days: ['Mon', 'Fri'], fromMinute: 510, toMinute: 1080, timeZone: 'Europe/Berlin' };
    expect(lanes).toEqual([
      {
        taskDefinition: 'AgentLauncher_all_default',
        warm: { agents: 2, idleSeconds: 3600, schedule },
        sweepMinutes: 30,
      },
    ]);
    const config = parseConfig(variablesWith([{ name: 'default', maxAgents: 5, lanes }]));
    const [lane] = config.pools[0]?.lanes ?? [];
    // Monday, 08:30 in Berlin.
    expect(
      lane && standingJobs(lane, Date.parse('2026-03-02T07:30:00Z')).map(({ idleSeconds }) => idleSeconds),
    ).toEqual([3600, 3600, 90]);
  });

  it('belong to a lane: warm agents to the lane of their phase, and sweeps to the lane that accepts unlisted jobs', () => {
    const taskDefinition = (phase: string) => `AgentLauncher_${phase}_default`;
    const asked = { warmAgents: { agents: 1, phase: 'apply', idleMinutes: 10 }, sweepMinutes: 60 };
    const warm = { agents: 1, idleSeconds: 600 };
    expect(lanesOf({ ...asked, phases: {} })).toEqual([
      { taskDefinition: taskDefinition('plan'), phases: ['plan'], sweepMinutes: 60 },
      { taskDefinition: taskDefinition('apply'), phases: ['apply'], policies: false, warm },
    ]);
    expect(lanesOf({ ...asked, phases: { unlistedJobs: 'apply' } })).toEqual([
      { taskDefinition: taskDefinition('plan'), phases: ['plan'], policies: false },
      { taskDefinition: taskDefinition('apply'), phases: ['apply'], warm, sweepMinutes: 60 },
    ]);
  });

  it.each<[string, object, (false | undefined)[]]>([
    ['the only lane', {}, [undefined]],
    ['no lane if policySweeps is off', { policySweeps: false }, [false]],
    ['the lane of plans', { phases: {} }, [undefined, false]],
    ['the lane of applies', { phases: { unlistedJobs: 'apply' } }, [false, undefined]],
    ['no lane if none accepts policies', { phases: { unlistedJobs: 'none' } }, [false, false]],
    ['no lane with phases if policySweeps is off', { phases: {}, policySweeps: false }, [false, false]],
  ])('for a run in a post-plan status belong to %s', (_, pool, expected) => {
    expect(lanesOf(pool).map((lane) => ('policies' in lane ? lane.policies : undefined))).toEqual(expected);
    const alarms = propertiesOf(templateOf(onePool(pool)), 'AWS::CloudWatch::Alarm');
    const names = alarms.map(({ AlarmName }) => AlarmName);
    const alarm = 'AgentLauncher: A run stays in a post-plan status (default)';
    expect(names.includes(alarm)).toBe(expected.includes(undefined));
  });

  it.each([
    [{}, true],
    [{ TFC_AGENT_ACCEPT: 'plan,apply,policy' }, true],
    [{ TFC_AGENT_ACCEPT: 'plan, policy' }, true],
    [{ TFC_AGENT_ACCEPT: 'plan,apply' }, false],
    [{ TFC_AGENT_ACCEPT: '' }, false],
  ])('evaluate policies with the environment %o: %s', (environment, expected) => {
    expect(acceptsPolicies(environment)).toBe(expected);
  });

  it('cause an output with their price', () => {
    // 19 h per week of two tasks with 1 vCPU and 2 GB, at $0.04937 per hour, and 730 sweeps of two and a half minutes.
    expect(outputOf({ warmAgents: { agents: 2, schedule: HOURS }, sweepMinutes: 60 })).toBe(
      'default: 2 warm agents, 19 h per week: $8.15; a sweep every 60 minutes: $1.50 per month if no job runs, at On-Demand prices of us-east-1',
    );
  });

  const large = { cpu: 4096, memoryMiB: 8192 };
  it.each([
    [{ warmAgents: { agents: 1 }, ephemeralStorageGiB: 200 }, '168 h per week: $50.'],
    [{ sweepMinutes: 60, phases: { apply: large } }, '60 minutes: $1.50'],
    [{ sweepMinutes: 60, phases: { apply: large, unlistedJobs: 'apply' } }, '60 minutes: $6.'],
  ])('cost as much as the tasks of their phase, including disk, with %o: %s', (pool, price) => {
    expect(outputOf(pool)).toContain(price);
  });

  it('have no price if there are none, and cost the price of all hours without a schedule', () => {
    const one = { cpu: 1024, memoryMiB: 2048, architecture: 'x86_64' } as const;
    const size = { warm: one, sweep: one };
    expect(standingCost({}, size)).toBeUndefined();
    expect(standingCost({ warmAgents: { agents: 1 } }, size)).toMatch(
      /^1 warm agent, 168 h per week: \$36\.0\d per month/,
    );
  });

  it('run every day if the schedule has no days, and can run until 24:00', () => {
    const schedule = { from: '00:00', to: '24:00', timeZone: 'UTC' };
    const warmAgents = { agents: 1, idleMinutes: 5, schedule };
    expect(poolEnvironment('Launcher', { name: 'a', warmAgents }).lanes).toMatchObject([
      {
        warm: {
          agents: 1,
          idleSeconds: 300,
          schedule: {
            days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
            fromMinute: 0,
            toMinute: 1440,
            timeZone: 'UTC',
          },
        },
      },
    ]);
  });
});

describe('the settings', () => {
  const warm = (schedule: object) => ({ warmAgents: { agents: 1, schedule: { ...HOURS, ...schedule } } });

  it.each([
    ['warmAgents.agents', { warmAgents: { agents: 11 } }],
    ['warmAgents.agents', { warmAgents: { agents: 3 }, maxAgents: 2 }],
    ['warmAgents.agents', { warmAgents: { agents: 2, phase: 'apply' }, maxAgents: 2, phases: {} }],
    ['warmAgents.schedule.timeZone', warm({ timeZone: '+01:00' })],
    ['warmAgents.phase', { warmAgents: { agents: 1, phase: 'apply' } }],
    ['warmAgents.schedule.to', warm({ from: '18:00', to: '08:00' })],
    ['warmAgents.schedule.to', warm({ from: '08:00', to: '08:00' })],
    ['warmAgents.schedule.to', warm({ to: '25:00' })],
    ['warmAgents.schedule.days', warm({ days: ['Mon', 'Mon'] })],
    ['warmAgents.schedule.timeZone', warm({ timeZone: 'Europe/Atlantis' })],
    ['warmAgents.idleMinutes', { warmAgents: { agents: 1, idleMinutes: 1 } }],
    ['sweepMinutes', { sweepMinutes: 1 }],
    ['policySweeps', { policySweeps: 'no' }],
    ['sweepMinutes', { sweepMinutes: 30, phases: { unlistedJobs: 'none' } }],
  ])('have a fault at %s: %o', (path, pool) => {
    expect(pathsOf(faultsOfPool(pool))).toEqual([`pools.0.${path}`]);
  });

  const pool = (name: string, agents: number, more: object = {}) => ({
    name,
    agentTokenSecret: `acme/agent-token-${name}`,
    ...(agents > 0 && { warmAgents: { agents } }),
    ...more,
  });

  it.each([
    ['as many as agentsCeiling, with two pools', 3, [pool('one', 3), pool('two', 0)], ['agentsCeiling']],
    ['one agent is left for the other pool', 3, [pool('one', 2), pool('two', 0)], []],
    ['as many as agentsCeiling, with one pool', 3, [pool('one', 3)], []],
    ['as many as agentsCeiling, with phases', 2, [pool('one', 2, { phases: {} })], ['agentsCeiling']],
    ['one agent is left for the other phase', 3, [pool('one', 2, { phases: {} })], []],
  ])('check the number of warm agents: %s', (_, agentsCeiling, pools, expected) => {
    expect(pathsOf(faultsOf({ agentsCeiling, pools }))).toEqual(expected);
  });
});

it('the settings and the function’s parser accept the same numbers of warm agents', () => {
  const isRefused = (parse: () => unknown): boolean => {
    try {
      parse();
      return false;
    } catch {
      return true;
    }
  };
  for (const maxAgents of [1, 2, 3])
    for (const agents of [1, 2, 3])
      for (const phases of [undefined, {}])
        for (const agentsCeiling of [undefined, 1, 2, 3]) {
          const given = { maxAgents, warmAgents: { agents }, ...(phases && { phases }) };
          const ceiling = agentsCeiling !== undefined && { agentsCeiling };
          const warm = { agents, idleSeconds: 3600 };
          const lanes = phases
            ? [
                { taskDefinition: 'p', phases: ['plan'], warm },
                { taskDefinition: 'a', phases: ['apply'], policies: false },
              ]
            : [{ taskDefinition: 't', warm }];
          const variables = {
            ...variablesWith([{ name: 'default', maxAgents, lanes }]),
            ...(agentsCeiling !== undefined && { [ENV.agentsCeiling]: String(agentsCeiling) }),
          };
          const bySettings = faultsOf({ ...ceiling, ...onePool(given) }).length > 0;
          expect([given, ceiling, isRefused(() => parseConfig(variables))]).toEqual([given, ceiling, bySettings]);
        }
});

it('pools that the settings accept fit into the 4 KB of the function’s environment', () => {
  const { days: _, ...everyDay } = HOURS;
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      name: `pool-with-a-name-${n}`,
      id: `apool-${'x'.repeat(16)}${n}`,
      agentTokenSecret: `acme/agent-token-${n}`,
      warmAgents: { agents: 2, schedule: everyDay },
      sweepMinutes: 60,
      policySweeps: false,
    }));
  const isRefused = (count: number) => pathsOf(faultsOf({ pools: many(count) })).includes('pools');
  const fits = Array.from({ length: 20 }, (_, n) => n + 1).findLast((count) => !isRefused(count)) ?? 0;
  expect(fits).toBeGreaterThan(5);
  expect(isRefused(20)).toBe(true);
  expect(JSON.stringify(variablesOf(templateOf({ pools: many(fits) }))).length).toBeLessThan(4096);
});
