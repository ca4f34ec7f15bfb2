/** A few worlds of every profile, and mutants that the worlds must catch. The command `npm run simulate` does thousands. */
import { afterAll, describe, expect, it } from 'vitest';
import { LAUNCHER, loadLauncher } from '../../test/simulation/launcher.ts';
import { MUTANTS, MutantFolder } from '../../test/simulation/mutants.ts';
import { PROFILES, type ProfileName, scenarioOf } from '../../test/simulation/profiles.ts';
import { runBatch } from '../../test/simulation/statistics.ts';
import { simulate } from '../../test/simulation/world.ts';

const folder = new MutantFolder();
afterAll(() => folder.remove());

describe('the nine promises', () => {
  it.each(Object.keys(PROFILES) as ProfileName[])('hold in worlds of the profile %s', async (profile) => {
    const worlds = ['long', 'forgotten', 'warm', 'warm-lanes', 'warm-licence', 'warm-failing', 'probes'].includes(
      profile,
    )
      ? 2
      : profile === 'storm'
        ? 3
        : 8;
    const statistics = await runBatch({ seed: 'test', profile, from: 0, to: worlds }, LAUNCHER);
    expect(statistics[profile]?.broken).toEqual([]);
    expect(statistics[profile]?.served).toBeGreaterThan(0);
  });
});

describe('the simulation bites', () => {
  // `npm run simulate:mutations` tries every mutant. These guard money and applies.
  it.each([
    ['free tasks are not counted (no count guard)', 'calm', 2],
    ['idle agents are stopped', 'agents', 4],
    ['unreadable runs count as no runs', 'hcp', 9],
    ['there is no poll budget', 'polls', 7],
    ['an error is logged with its cause', 'hcp', 8],
    ['a run that waits after its plan gets no agent', 'policies', 1],
    ['a run after its plan gets an agent at once', 'policies', 2],
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
