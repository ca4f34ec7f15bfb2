import { expect, it } from 'vitest';
import { Follower } from '../../../cli/core/follow.ts';

const at = (atMs: number, message: string) => ({ atMs, message });

it('a follower returns each event of overlapping reads once', () => {
  const follower = new Follower();
  expect(follower.fromMs).toBeUndefined();
  expect(follower.fresh([at(100_000, 'a'), at(100_001, 'b')])).toHaveLength(2);
  expect(follower.fromMs).toBe(90_001);
  expect(follower.fresh([at(100_000, 'a'), at(100_001, 'b'), at(100_002, 'c')])).toEqual([at(100_002, 'c')]);
});

it('a follower returns the same message twice if it occurs twice', () => {
  const follower = new Follower();
  follower.fresh([at(1, 'a')]);
  expect(follower.fresh([at(1, 'a'), at(1, 'a')])).toEqual([at(1, 'a')]);
  expect(follower.fresh([at(1, 'a'), at(1, 'a')])).toEqual([]);
});

it('a follower returns an event that appears late', () => {
  const follower = new Follower();
  follower.fresh([at(100_000, 'late neighbour')]);
  expect(follower.fresh([at(95_000, 'late'), at(100_000, 'late neighbour')])).toEqual([at(95_000, 'late')]);
});
