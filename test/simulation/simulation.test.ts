import { afterAll, describe, expect, it } from 'vitest';
import { environmentOf } from './lambda.ts';
import { LAUNCHER, type Launcher, loadLauncher } from './launcher.ts';
import { MUTANTS, MutantFolder, trialOf } from './mutants.ts';
import { scenarioOf } from './profiles.ts';
import { brokenText, statisticsText } from './report.ts';
import { withEvents } from './scenario.ts';
import { shrink } from './shrink.ts';
import { noStatistics, runBatch } from './statistics.ts';
import { simulate } from './world.ts';

const folder = new MutantFolder();
afterAll(() => folder.remove());

function mutant(name: string): Promise<Launcher> {
  const found = MUTANTS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`No mutant '${name}'`);
  return loadLauncher(folder.write(found));
}

describe('the promises', () => {
  it.each(['calm', 'mixed'] as const)('are kept in worlds of the profile %s', async (profile) => {
    const statistics = await runBatch({ seed: 'test', profile, from: 0, to: 4 }, LAUNCHER);
    expect(statistics[profile]?.broken).toEqual([]);
    expect(statistics[profile]?.served).toBeGreaterThan(0);
  });
});

describe('the simulation', () => {
  it('gives the same result for the same seed', async () => {
    const traceHash = async (seed: string) =>
      (await simulate(scenarioOf(seed, 'mixed'), LAUNCHER, { keepTrace: true })).traceHash;
    const first = await traceHash('same.1');
    expect(await traceHash('same.1')).toBe(first);
    expect(await traceHash('same.2')).not.toBe(first);
    expect(first).not.toBe(0);
  });

  it('shrinks a world that breaks a promise to the events that break it, and prints the command to replay it', async () => {
    const launcher = await mutant('idle agents are stopped');
    for (let world = 0; ; world += 1) {
      const scenario = scenarioOf(`shrink.${world}`, 'agents');
      const shrunk = await shrink(scenario, launcher);
      if (shrunk === undefined) continue;
      expect(shrunk.outcome.broken).toMatchObject({ promise: 4 });
      expect(shrunk.scenario.events.length).toBeLessThan(scenario.events.length);
      const again = await simulate(shrunk.scenario, launcher);
      expect(again.broken).toEqual(shrunk.outcome.broken);
      const ids = shrunk.scenario.events.map(({ id }) => id).join(',');
      const text = brokenText({ world: scenario.seed, promise: 4, what: 'w', profile: 'agents' }, shrunk);
      expect(text).toContain(`npm run simulate -- --world ${scenario.seed} --profile agents --events ${ids}`);
      break;
    }
  });

  it('counts a task that ConflictException returned as free only until the tick sees that the task has ended', async () => {
    expect((await simulate(scenarioOf('sim3b.192', 'all'), LAUNCHER)).broken).toBeUndefined();
  });

  it('doesn’t count the task of a busy agent as free, although RunTask returned it before ECS listed it', async () => {
    const events = [0, 1, 2, 3, 9, 15];
    const scenario = withEvents(scenarioOf('reliability.69129', 'all'), ({ id }) => events.includes(id));
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it('counts a task that ECS’s list lacks for agentsCeiling, although no job waits in its pool', async () => {
    const events = [0, 2, 1, 4, 9, 10];
    const scenario = withEvents(scenarioOf('reliability-1201.59948', 'all'), ({ id }) => events.includes(id));
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it('expects no report of a task whose family was removed and came back', async () => {
    const scenario = withEvents(scenarioOf('agent-launcher.54', 'rephased'), ({ id }) => [9, 11, 12].includes(id));
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it('expects no back-off if warm agents fail like failed jobs, and agents can’t be listed', async () => {
    const scenario = withEvents(scenarioOf('reliability-1201.63534', 'all'), ({ id }) => id === 1);
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it('waits long enough for the request budget to allow all pools, if the budget left one out', async () => {
    const events = [5, 13, 7, 10, 6, 4, 8, 0, 1, 14, 11];
    const scenario = withEvents(scenarioOf('reliability-1201.4874', 'all'), ({ id }) => events.includes(id));
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it('doesn’t count the agent of a task that the launcher knows to be stopped as foreign', async () => {
    const ids = [5, 6, 0, 1, 3, 12, 4, 11, 7, 13];
    const scenario = withEvents(scenarioOf('next.536', 'all'), ({ id }) => ids.includes(id));
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it.each([
    ['next.68', 'slow'],
    ['next.170', 'throttled'],
  ] as const)(
    'doesn’t count a tick in which an agent took a job between two answers, and none of them shows that: %s',
    async (seed, profile) => {
      expect((await simulate(scenarioOf(seed, profile), LAUNCHER)).broken).toBeUndefined();
    },
  );

  it('counts an agent as busy if it was busy on the first of two pages that contain it', async () => {
    expect((await simulate(scenarioOf('next.117', 'slow-burst'), LAUNCHER)).broken).toBeUndefined();
  });

  it('counts throttled RunTask calls as a fault of all pools, because the launcher slows down for all of them', async () => {
    expect((await simulate(scenarioOf('next.1', 'throttled'), LAUNCHER)).broken).toBeUndefined();
  });

  it('tries mutants in fewer worlds if a world of their profile takes seconds', () => {
    const [burst] = MUTANTS.filter(({ profile }) => profile === 'burst');
    const [other] = MUTANTS.filter(({ profile }) => profile === undefined);
    if (burst === undefined || other === undefined) throw new Error('a mutant is missing');
    expect(trialOf(burst, 200)).toEqual({ profile: 'burst', worlds: 20 });
    expect(trialOf(burst, 5)).toEqual({ profile: 'burst', worlds: 5 });
    expect(trialOf(other, 200)).toEqual({ profile: 'all', worlds: 200 });
  });

  it('expects no metric for a failed sweep if agents can’t be listed, because its exit code alone proves nothing', async () => {
    const scenario = withEvents(scenarioOf('session-19.11019', 'all'), ({ id }) => id === 2);
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it('serves an apply in a world in which a warm agent for plans once blocked the only slot', async () => {
    const scenario = withEvents(scenarioOf('918273.1098', 'all'), ({ id }) => id === 1 || id === 3);
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it('serves a job although SQS repeats every message, because idle polls leave the request budget to jobs', async () => {
    const scenario = withEvents(scenarioOf('idle.437', 'idle-polls'), ({ id }) => id === 1 || id === 6);
    expect((await simulate(scenario, LAUNCHER)).broken).toBeUndefined();
  });

  it.each([
    'all',
    'warm',
    'warm-lanes',
    'warm-licence',
    'warm-failing',
    'sweeps',
    'rephased',
    'idle-polls',
    'nudges',
    'stacks',
    'throttled',
    'slow',
    'burst',
    'slow-burst',
    'endless',
    'gateways',
    'gateway-faults',
  ] as const)(
    'draws only settings that the function accepts, even after each deployment, for the profile %s',
    (profile) => {
      for (let world = 0; world < 150; world += 1) {
        const { settings, events } = scenarioOf(`drawn.${world}`, profile);
        const accepts = (): unknown => LAUNCHER.parseConfig(environmentOf(settings));
        expect(accepts).not.toThrow();
        for (const event of events) {
          if (event.kind !== 'resize' && event.kind !== 'rephase') continue;
          const pool = settings.pools.find(({ name }) => name === event.pool);
          if (pool === undefined) throw new Error('a deployment changes an unknown pool');
          if (event.kind === 'rephase') pool.lanes = event.lanes;
          else {
            if (pool.standing === undefined) throw new Error('a resize changes a pool without warm agents');
            pool.maxAgents = event.maxAgents;
            pool.standing.warm = event.warm;
          }
          expect(accepts).not.toThrow();
        }
      }
    },
  );

  it('doesn’t shrink a world that keeps every promise', async () => {
    expect(await shrink(scenarioOf('whole.1', 'calm'), LAUNCHER)).toBeUndefined();
  });

  it('reports that it isn’t deterministic when a replayed world doesn’t break the promise again', () => {
    expect(brokenText({ world: 'w', promise: 1, what: 'x', profile: 'all' }, undefined)).toContain('not deterministic');
  });

  it('prints the statistics of a run', async () => {
    const sums = await runBatch({ seed: 'print', profile: 'calm', from: 0, to: 2 }, LAUNCHER);
    const text = statisticsText(sums, sums['calm'] ?? noStatistics(), 1000);
    expect(text).toMatch(/worlds\s+2\n/);
    expect(text).toMatch(/promises broken\s+0\n/);
    expect(text).toMatch(/calm\s+2 /);
  });

  it('can apply each edit of every mutant exactly once', () => {
    for (const one of MUTANTS) expect(() => folder.write(one)).not.toThrow();
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
