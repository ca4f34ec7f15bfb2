/** Runs a few worlds of every profile, and checks that worlds catch some mutants. `npm run simulate` runs thousands of worlds. */
import { afterAll, describe, expect, it } from 'vitest';
import { LAUNCHER, loadLauncher } from '../../test/simulation/launcher.ts';
import { MUTANTS, MutantFolder } from '../../test/simulation/mutants.ts';
import { PROFILES, type ProfileName, scenarioOf } from '../../test/simulation/profiles.ts';
import { runBatch } from '../../test/simulation/statistics.ts';
import { simulate } from '../../test/simulation/world.ts';

/** Number of worlds for the slowest profiles. */
const SLOW_PROFILES: Partial<Record<ProfileName, number>> = {
  storm: 3,
  long: 2,
  forgotten: 2,
  warm: 2,
  'warm-lanes': 2,
  'warm-licence': 2,
  'warm-failing': 2,
  probes: 2,
  burst: 2,
  gateways: 4,
  'gateway-faults': 4,
};

const folder = new MutantFolder();
afterAll(() => folder.remove());

describe('the promises', () => {
  it.each(Object.keys(PROFILES) as ProfileName[])('are kept in worlds of the profile %s', async (profile) => {
    const worlds = SLOW_PROFILES[profile] ?? 8;
    const statistics = await runBatch({ seed: 'test', profile, from: 0, to: worlds }, LAUNCHER);
    expect(statistics[profile]?.broken).toEqual([]);
    expect(statistics[profile]?.served).toBeGreaterThan(0);
  });
});

describe('agents without a job, if HCP Terraform answers in 2–4 s and AWS in 1–2 s,', () => {
  const WORLDS = 60;

  /** The share of agents that were started for a queued job and got none. */
  async function unusedShare(launcher = LAUNCHER): Promise<number> {
    const { slow } = await runBatch({ seed: 'test', profile: 'slow', from: 0, to: WORLDS }, launcher);
    if (slow === undefined) throw new Error('no world was run');
    expect(slow.broken).toEqual([]);
    expect(slow.launches).toBeGreaterThan(1000);
    return slow.unused / slow.launches;
  }

  it('are at most 0.5 % of all agents', async () => {
    expect(await unusedShare()).toBeLessThanOrEqual(0.005);
  });

  it('are more than 1 % if the runs are read before the agents', async () => {
    const edits = [
      {
        file: 'tick.ts',
        find: 'polling = { signal, needOf };',
        replace: 'polling = { signal, needOf: async () => undefined };',
      },
    ];
    const name = 'the runs are read before the agents';
    expect(await unusedShare(await loadLauncher(folder.write({ name, breaks: [], edits })))).toBeGreaterThan(0.01);
  });
});

describe('the simulation catches the mutant', () => {
  // `npm run simulate:mutations` tries all mutants. These are the most harmful ones: they would cost money or break applies.
  it.each([
    ['free tasks don’t count as supply', 'calm', 2],
    ['idle agents are stopped', 'agents', 4],
    ['unreadable runs count as no runs', 'hcp', 9],
    ['there is no request budget', 'polls', 7],
    ['an error is logged with its cause', 'hcp', 8],
    ['a run in a post-plan status gets no agent', 'policies', 1],
    ['a run in a post-plan status gets an agent immediately', 'policies', 2],
    ['gateways: a gateway is stopped while tasks are alive', 'gateways', 10],
    ['gateways: a gateway is never stopped', 'gateways', 11],
  ] as const)('%s', async (name, profile, promise) => {
    const mutant = MUTANTS.find((one) => one.name === name);
    if (mutant === undefined) throw new Error(`No mutant '${name}'`);
    const launcher = await loadLauncher(folder.write(mutant));
    let broken: number | undefined;
    for (let world = 0; world < 40 && broken !== promise; world += 1) {
      broken = (await simulate(scenarioOf(`bite.${world}`, profile), launcher)).broken?.promise;
    }
    expect(broken).toBe(promise);
  });
});
