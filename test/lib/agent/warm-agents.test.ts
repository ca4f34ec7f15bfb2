import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../functions/launcher/config.ts';
import { ENV, METRICS } from '../../../functions/launcher/contract.ts';
import { standingJobs } from '../../../functions/launcher/core/standing.ts';
import { acceptsPolicies } from '../../../lib/agent/accepted-jobs.ts';
import { poolEnvironment } from '../../../lib/agent/pool-environment.ts';
import { standingCost } from '../../../lib/agent/warm-agents.ts';
import { SettingsError } from '../../../lib/settings/errors.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { LEAST, templateOf } from '../synthesis.ts';

const pools = (pool: object) => ({ pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token', ...pool }] });
const HOURS = { days: ['Mon', 'Fri'], from: '08:30', to: '18:00', timeZone: 'Europe/Berlin' };

function faultsOf(pool: object): string[] {
  try {
    parseSettings({ agentLauncher: { ...LEAST, ...pools(pool) } });
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map(({ path }) => path);
    throw error;
  }
  return [];
}

/** The lanes of the pool in the environment of such a stack's function. */
function lanesOf(pool: object): readonly object[] {
  const functions = Object.values(templateOf(pools(pool)).findResources('AWS::Lambda::Function'));
  const texts = functions.flatMap(
    ({ Properties }) => Properties?.['Environment']?.['Variables']?.[ENV.agentPools] ?? [],
  );
  return JSON.parse(String(texts[0]))[0].lanes;
}

describe('agents without a job', () => {
  it('are none unless they are asked for, in the function’s environment and in the outputs', () => {
    expect(lanesOf({})).toEqual([{ taskDefinition: 'AgentLauncher_all_default' }]);
    expect(templateOf({}).findOutputs('StandingAgents')).toEqual({});
  });

  it('are on the dashboard when they are deferred, if the pool has any', () => {
    const dashboard = (pool: object) =>
      JSON.stringify(templateOf(pools(pool)).findResources('AWS::CloudWatch::Dashboard'));
    expect(dashboard({ sweepMinutes: 30 })).toContain(METRICS.standingDeferred);
    expect(dashboard({ warmAgents: { agents: 1 } })).toContain(METRICS.standingDeferred);
    expect(dashboard({})).not.toContain(METRICS.standingDeferred);
  });

  it('are in the function’s environment as the function reads them', () => {
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
    const config = parseConfig({
      [ENV.hostname]: 'app.terraform.io',
      [ENV.organization]: 'acme',
      [ENV.apiTokenSecret]: 'acme/api-token',
      [ENV.agentPools]: JSON.stringify([{ name: 'default', maxAgents: 5, lanes }]),
      [ENV.cluster]: 'agents',
      [ENV.subnets]: 'subnet-1',
      [ENV.securityGroups]: 'sg-1',
    });
    const [lane] = config.pools[0]?.lanes ?? [];
    // A Monday at half past eight, by the clocks of Berlin.
    expect(
      lane && standingJobs(lane, Date.parse('2026-03-02T07:30:00Z')).map(({ idleSeconds }) => idleSeconds),
    ).toEqual([3600, 3600, 90]);
  });

  it('wait in the lane that they are for, and sweeps go to the one that takes what no list shows', () => {
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

  it.each([
    ['of the one lane', {}, [undefined]],
    ['of no lane, where the setting is off', { policySweeps: false }, [false]],
    ['of the tasks of plans', { phases: {} }, [undefined, false]],
    ['of the tasks of applies', { phases: { unlistedJobs: 'apply' } }, [false, undefined]],
    ['of no lane, where none accepts policies', { phases: { unlistedJobs: 'none' } }, [false, false]],
    ['of no lane with phases, where the setting is off', { phases: {}, policySweeps: false }, [false, false]],
  ] as [string, object, (false | undefined)[]][])('for a run that waits after its plan are %s', (_, pool, expected) => {
    expect(lanesOf(pool).map((lane) => ('policies' in lane ? lane.policies : undefined))).toEqual(expected);
    const alarms = Object.values(templateOf(pools(pool)).findResources('AWS::CloudWatch::Alarm'));
    const names = alarms.map(({ Properties }) => Properties?.['AlarmName']);
    const alarm = 'AgentLauncher: A run stays in a post-plan status (default)';
    expect(names.includes(alarm)).toBe(expected.includes(undefined));
  });

  it.each([
    [{}, true],
    [{ TFC_AGENT_ACCEPT: 'plan,apply,policy' }, true],
    [{ TFC_AGENT_ACCEPT: 'plan, policy' }, true],
    [{ TFC_AGENT_ACCEPT: 'plan,apply' }, false],
    [{ TFC_AGENT_ACCEPT: '' }, false],
  ])('evaluate policies with %o: %s', (environment, expected) => {
    expect(acceptsPolicies(environment)).toBe(expected);
  });

  it('cost what the output says', () => {
    const output = templateOf(pools({ warmAgents: { agents: 2, schedule: HOURS }, sweepMinutes: 60 }));
    const [only] = Object.values(output.findOutputs('StandingAgents'));
    // 19 h per week of two tasks of 1 vCPU and 2 GB, at $0.04937 an hour; 730 sweeps of two and a half minutes.
    expect(only?.['Value']).toBe(
      'default: 2 warm agents, 19 h per week: $8.15; a sweep every 60 minutes: $1.50 per month without a job, On-Demand in us-east-1',
    );
  });

  it('cost as much as the tasks of their phase, disk included', () => {
    const priceOf = (pool: object) =>
      Object.values(templateOf(pools(pool)).findOutputs('StandingAgents'))[0]?.['Value'] as string;
    const large = { cpu: 4096, memoryMiB: 8192 };
    expect(priceOf({ warmAgents: { agents: 1 }, ephemeralStorageGiB: 200 })).toContain('168 h per week: $50.');
    expect(priceOf({ sweepMinutes: 60, phases: { apply: large } })).toContain('60 minutes: $1.50');
    expect(priceOf({ sweepMinutes: 60, phases: { apply: large, unlistedJobs: 'apply' } })).toContain('60 minutes: $6.');
  });

  it('cost nothing when there are none, and all hours when there is no schedule', () => {
    const one = { cpu: 1024, memoryMiB: 2048, architecture: 'x86_64' } as const;
    const size = { warm: one, sweep: one };
    expect(standingCost({}, size)).toBeUndefined();
    expect(standingCost({ warmAgents: { agents: 1 } }, size)).toMatch(
      /^1 warm agent, 168 h per week: \$36\.0\d per month/,
    );
  });

  it('are a day long and every day where neither is said', () => {
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

describe('settings about them', () => {
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
  ])('are refused at %s: %o', (path, pool) => {
    expect(faultsOf(pool)).toEqual([`pools.0.${path}`]);
  });
});

it('that take the whole licence of several pools are refused', () => {
  const warm = (name: string, agents: number) => ({
    name,
    agentTokenSecret: `acme/agent-token-${name}`,
    ...(agents > 0 && { warmAgents: { agents } }),
  });
  const given = (agentsCeiling: number, ...of: object[]) => {
    try {
      parseSettings({ agentLauncher: { ...LEAST, agentsCeiling, pools: of } });
    } catch (error) {
      if (error instanceof SettingsError) return error.faults.map(({ path }) => path);
    }
    return [];
  };
  expect(given(3, warm('one', 3), warm('two', 0))).toEqual(['agentsCeiling']);
  expect(given(3, warm('one', 2), warm('two', 0))).toEqual([]);
  expect(given(3, warm('one', 3))).toEqual([]);
});

it('that take the whole licence of a pool with phases are refused', () => {
  const given = (agentsCeiling: number) => () => {
    const pool = { ...pools({ phases: {}, warmAgents: { agents: 2 } }) };
    parseSettings({ agentLauncher: { ...LEAST, agentsCeiling, ...pool } });
  };
  expect(given(2)).toThrow(/agentsCeiling/);
  expect(given(3)).not.toThrow();
});

it('are allowed by the settings and by the function’s parser alike', () => {
  const environment = {
    [ENV.hostname]: 'app.terraform.io',
    [ENV.organization]: 'acme',
    [ENV.apiTokenSecret]: 'acme/api-token',
    [ENV.cluster]: 'agents',
    [ENV.subnets]: 'subnet-1',
    [ENV.securityGroups]: 'sg-1',
  };
  const accepts = (parse: () => unknown): boolean => {
    try {
      parse();
      return true;
    } catch {
      return false;
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
            ...environment,
            [ENV.agentPools]: JSON.stringify([{ name: 'default', maxAgents, lanes }]),
            ...(agentsCeiling !== undefined && { [ENV.agentsCeiling]: String(agentsCeiling) }),
          };
          const bySettings = accepts(() => parseSettings({ agentLauncher: { ...LEAST, ...ceiling, ...pools(given) } }));
          expect([given, ceiling, accepts(() => parseConfig(variables))]).toEqual([given, ceiling, bySettings]);
        }
});

it('fit into the 4 KB of the function’s environment, or are refused', () => {
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
  const refused = (count: number): boolean => {
    try {
      parseSettings({ agentLauncher: { ...LEAST, pools: many(count) } });
      return false;
    } catch (error) {
      return error instanceof SettingsError && error.faults.some(({ path }) => path === 'pools');
    }
  };
  const fits = Array.from({ length: 20 }, (_, n) => n + 1).findLast((count) => !refused(count)) ?? 0;
  expect(fits).toBeGreaterThan(5);
  expect(refused(20)).toBe(true);
  const [fn] = Object.values(templateOf({ pools: many(fits) }).findResources('AWS::Lambda::Function')).filter(
    ({ Properties }) => Properties?.['Environment']?.['Variables']?.[ENV.agentPools] !== undefined,
  );
  expect(JSON.stringify(fn?.['Properties'].Environment.Variables).length).toBeLessThan(4096);
});
