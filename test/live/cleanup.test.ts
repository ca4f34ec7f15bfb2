import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Cleanup, type CreatedThing } from '../../labs/live/cleanup.ts';
import { newFolder } from '../temporary-folder.ts';

const thing = (kind: CreatedThing['kind'], id: string): CreatedThing => ({ kind, id, byHand: `delete ${id}` });

function cleanupWith(fails: Readonly<Record<string, number>> = {}) {
  const file = join(newFolder('live'), 'run', 'created.json');
  const removals: string[] = [];
  const slept: number[] = [];
  const failures = { ...fails };
  const cleanup = new Cleanup({
    file,
    remove: async ({ id }) => {
      removals.push(id);
      if ((failures[id] ?? 0) <= 0) return;
      failures[id] = (failures[id] ?? 0) - 1;
      throw new Error(`${id} is in use\nmore text`);
    },
    sleep: async (ms) => void slept.push(ms),
    note: () => undefined,
  });
  return { cleanup, file, removals, slept };
}

describe('cleaning up', () => {
  it('removes what was created last first, and keeps a file of the rest in between', async () => {
    const { cleanup, file, removals } = cleanupWith();
    cleanup.add(thing('pool', 'p'));
    cleanup.add(thing('workspace', 'w'));
    expect(Cleanup.read(file)).toEqual([thing('pool', 'p'), thing('workspace', 'w')]);
    expect(await cleanup.run()).toEqual({ removed: ['workspace w', 'pool p'], left: [] });
    expect(removals).toEqual(['w', 'p']);
    expect(existsSync(file)).toBe(false);
  });

  it('tries again, because a pool is in use while an agent leaves', async () => {
    const { cleanup, removals, slept } = cleanupWith({ p: 2 });
    cleanup.add(thing('pool', 'p'));
    expect(await cleanup.run()).toEqual({ removed: ['pool p'], left: [] });
    expect([removals, slept]).toEqual([
      ['p', 'p', 'p'],
      [5_000, 10_000],
    ]);
  });

  it('removes the rest if one thing can’t be removed, and says how to remove that by hand', async () => {
    const { cleanup, file, removals } = cleanupWith({ s: 99 });
    cleanup.add(thing('pool', 'p'));
    cleanup.add(thing('stack', 's'));
    expect(await cleanup.run()).toEqual({
      removed: ['pool p'],
      left: ['stack s (s is in use). Remove it with: delete s'],
    });
    expect(removals).toEqual(['s', 's', 's', 's', 's', 'p']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([thing('stack', 's')]);
  });
});
