/** Two stacks that serve one pool, in worlds without faults: who starts an agent, and when. */
import { describe, expect, it } from 'vitest';
import { LAUNCHER } from './launcher.ts';
import { type ScenarioEvent, type ScenarioPool, type StacksSettings, settingsOfStack, wholeLane } from './scenario.ts';
import { undisturbed } from './undisturbed.ts';
import { type Outcome, simulate } from './world.ts';

const POOL: ScenarioPool = {
  name: 'pool-0',
  id: 'apool-0',
  idGiven: true,
  organization: 'org-main',
  apiTokenSecret: 'secret-main',
  lanes: [wholeLane('launcher_all_pool-0')],
  maxAgents: 5,
};
const STANDBY = { count: 2, user: 'own', standbyMs: 120_000 } as const satisfies StacksSettings;
const EQUAL = { count: 2, user: 'own' } as const satisfies StacksSettings;
/** Plans of different workspaces, so far apart that no agent waits for two of them. */
const RUNS = 6;
const runs = Array.from({ length: RUNS }, (_, id): ScenarioEvent => {
  const what = {
    kind: 'run',
    pool: 'pool-0',
    workspace: `ws-${id}`,
    operation: 'plan_only',
    approval: 'auto',
  } as const;
  return { ...what, approvalMs: 0, planMs: 20_000, applyMs: 0, before: [], between: [], id, atMs: id * 600_000 };
});

async function worldWith(stacks: StacksSettings | undefined, more: readonly ScenarioEvent[] = []): Promise<Outcome> {
  const settings = { ...undisturbed([POOL]), ...(stacks !== undefined && { stacks }) };
  const lastsMs = RUNS * 600_000;
  const outcome = await simulate(
    { seed: 'stacks', profile: 'calm', settings, events: [...runs, ...more], lastsMs },
    LAUNCHER,
  );
  expect(outcome.broken).toBeUndefined();
  expect(outcome.served).toBe(RUNS);
  return outcome;
}

const longest = ({ waitsMs }: Outcome): number => Math.max(...waitsMs);

describe('two stacks on one pool', () => {
  it('both start an agent for a job that comes alone, and one of the agents gets no job', async () => {
    const { launches, unused } = await worldWith(EQUAL);
    expect(launches).toBeGreaterThan(RUNS * 1.5);
    expect(unused).toBe(launches - RUNS);
  });

  it('start one agent per job if one of them is a standby, and no job waits longer than with one stack', async () => {
    const standby = await worldWith(STANDBY);
    expect([standby.launches, standby.unused]).toEqual([RUNS, 0]);
    expect(standby.waitsMs).toEqual((await worldWith(undefined)).waitsMs);
  });

  it('serve each job at once, or two minutes later, if one of them isn’t invoked', async () => {
    const outage = (stack: number): ScenarioEvent => {
      return { kind: 'fault', fault: 'schedule-missed', id: RUNS, atMs: 0, ms: 3_600_000, rate: 1, stack };
    };
    expect(longest(await worldWith(STANDBY, [outage(1)]))).toBeLessThan(120_000);
    const byStandby = await worldWith(STANDBY, [outage(0)]);
    expect(Math.min(...byStandby.waitsMs)).toBeGreaterThan(120_000);
    expect(longest(byStandby)).toBeLessThan(300_000);
    expect(byStandby.launches).toBe(RUNS);
  });

  it('share the limit of a pool if the first one has reached it', async () => {
    const crowd = runs.map((run) => ({ ...run, atMs: 1_000 }));
    const settings = { ...undisturbed([{ ...POOL, maxAgents: 3 }]), stacks: STANDBY };
    const long = crowd.map((run) => ({ ...run, planMs: 1_200_000 }));
    const outcome = await simulate(
      { seed: 'stacks', profile: 'calm', settings, events: long, lastsMs: 60_000 },
      LAUNCHER,
    );
    expect(outcome).toMatchObject({ broken: undefined, served: RUNS, launches: RUNS });
    expect(outcome.waitsMs.filter((ms) => ms > 120_000)).toHaveLength(3);
    expect(longest(outcome)).toBeLessThan(300_000);
  });
});

describe('the settings of a stack', () => {
  it('are the world’s for the first one, and have other families and, with another user, other tokens for the next', () => {
    const settings = { ...undisturbed([POOL]), stacks: STANDBY };
    expect(settingsOfStack(settings, 0)).toBe(settings);
    expect(settingsOfStack(settings, 1).pools).toMatchObject([
      { apiTokenSecret: 'secret-main-1', standbyMs: 120_000, lanes: [{ family: 'stack1-launcher_all_pool-0' }] },
    ]);
    const shared = { ...settings, stacks: { ...EQUAL, user: 'shared' } } as const;
    expect(settingsOfStack(shared, 1).pools).toMatchObject([{ apiTokenSecret: 'secret-main', standbyMs: undefined }]);
  });
});
