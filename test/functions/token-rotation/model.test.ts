/** A rotation ends no job: the real function in virtual time, killed at each of its requests. `world.ts` describes the world. */
import { afterAll, describe, expect, it } from 'vitest';
import { EcsPoolTasks } from '../../../functions/token-rotation/adapters/ecs.ts';
import { HcpTerraformTokens } from '../../../functions/token-rotation/adapters/hcp-terraform.ts';
import { SecretsManagerTokens } from '../../../functions/token-rotation/adapters/secrets-manager.ts';
import { rotate } from '../../../functions/token-rotation/rotate.ts';
import { MutantFolder } from '../../simulation/mutants.ts';
import { loadRotation, MUTANTS } from './mutants.ts';
import type { Fault, Rotation, RotationWorld } from './world.ts';
import { crowded, eagerWorld, oneRotation, overruled, randomWorld, rolledBack, stubborn, week } from './worlds.ts';

const REAL: Rotation = { rotate, HcpTerraformTokens, SecretsManagerTokens, EcsPoolTasks };
const FAULTS = ['killed before', 'killed after', 'lost', 'refused'] as const satisfies readonly Fault[];

/** The current token, the old one, and one that a broken run left. */
const MOST_TOKENS = 3;
/** With invocations that overlap, each may create one. */
const MOST_TOKENS_OVERLAPPING = 4;

/** Requests of an invocation that creates and stores a token: the API token, the secret, the lists, and both changes. */
const REQUESTS_OF_A_RENEWAL = 16;

describe('a rotation', () => {
  it.each([false, true])(
    'without faults replaces the token and ends no job (ignoreOtherAgents %s)',
    async (ignoreOtherAgents) => {
      const world = await oneRotation({ rotation: REAL, ignoreOtherAgents });
      expect(world.broken).toEqual([]);
      expect(world.mostOwnTokens).toBe(2);
      const lines = world.lines.map((line) => JSON.parse(line));
      expect(lines.slice(0, 4).map(({ outcome }) => outcome)).toEqual(['waiting', 'waiting', 'waiting', 'rested']);
      expect(lines.filter(({ stored }) => stored !== undefined)).toHaveLength(1);
      expect(lines.filter(({ revoked }) => revoked !== undefined)).toHaveLength(1);
      expect(world.ages[0]).toBeCloseTo(2.04, 2);
      expect(world.ages.at(-1)).toBeLessThan(0.4);
    },
  );

  it.each(FAULTS)('ends no job and leaves no token if one request of it is %s, whichever it is', async (fault) => {
    const { requests } = await oneRotation({ rotation: REAL });
    expect(requests).toBeGreaterThan(50);
    for (let at = 0; at < requests; at += 1) {
      const world = await oneRotation({ rotation: REAL, faultOf: (number) => (number === at ? fault : undefined) });
      expect({ at, broken: world.broken }).toEqual({ at, broken: [] });
      expect(world.mostOwnTokens).toBeLessThanOrEqual(MOST_TOKENS);
    }
  });

  it.each(FAULTS)('piles up no tokens if the same request of every invocation is %s', async (fault) => {
    for (let at = 0; at < REQUESTS_OF_A_RENEWAL; at += 1) {
      const world = await stubborn(REAL, at, fault);
      expect({ at, broken: world.broken }).toEqual({ at, broken: [] });
      expect(world.mostOwnTokens).toBeLessThanOrEqual(MOST_TOKENS);
    }
  });

  it('ends no job after somebody moved the label back to the old version', async () => {
    expect((await rolledBack(REAL)).broken).toEqual([]);
  });

  it('waits for an agent with a copy of the token, and finds the old token on the second page', async () => {
    expect((await crowded(REAL)).broken).toEqual([]);
  });

  it('revokes its token in time, although somebody stored a value by hand after it', async () => {
    expect((await overruled(REAL)).broken).toEqual([]);
  });

  it('leaves one token after a week of rotations', async () => {
    const world = await week(REAL);
    expect({ broken: world.broken, most: world.mostOwnTokens }).toEqual({ broken: [], most: 2 });
  });

  it('keeps its promises while people invoke it again and again', async () => {
    for (let n = 0; n < 30; n += 1) {
      const world = await eagerWorld(REAL, `eager.${n}`);
      expect({ n, broken: world.broken }).toEqual({ n, broken: [] });
      expect(world.mostOwnTokens).toBeLessThanOrEqual(MOST_TOKENS_OVERLAPPING);
    }
  });

  it('keeps its promises in random worlds', async () => {
    for (let n = 0; n < 20; n += 1) {
      const world = await randomWorld(REAL, `random.${n}`);
      expect({ n, broken: world.broken }).toEqual({ n, broken: [] });
    }
  });
});

describe('the worlds notice', () => {
  const folder = new MutantFolder('token-rotation');
  afterAll(() => folder.remove());

  function* worldsOf(rotation: Rotation): Iterable<() => Promise<RotationWorld>> {
    for (const ignoreOtherAgents of [false, true]) yield () => oneRotation({ rotation, ignoreOtherAgents });
    yield () => rolledBack(rotation);
    yield () => crowded(rotation);
    yield () => overruled(rotation);
    yield () => week(rotation);
    for (let at = 0; at < REQUESTS_OF_A_RENEWAL; at += 1) yield () => stubborn(rotation, at, 'killed after');
    for (let n = 0; n < 30; n += 1) yield () => eagerWorld(rotation, `eager.${n}`);
  }

  it.each(MUTANTS)('if $name', async (mutant) => {
    const rotation = await loadRotation(folder.write(mutant));
    for (const make of worldsOf(rotation)) {
      const world = await make();
      if (world.broken.length > 0 || world.mostOwnTokens > MOST_TOKENS_OVERLAPPING) return;
    }
    expect.unreachable('No world noticed the mistake.');
  });
});
