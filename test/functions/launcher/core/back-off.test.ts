import { describe, expect, it } from 'vitest';
import { backOffOf, backOffRounds } from '../../../../functions/launcher/core/back-off.ts';
import type { StartFailure } from '../../../../functions/launcher/core/types.ts';
import { minutes, NOW, seconds, stoppedTask } from './builders.ts';

const failure = (createdAtMs: number, stoppedAtMs: number, detail = 'failed'): StartFailure => ({
  task: stoppedTask(`task-${createdAtMs}`),
  createdAtMs,
  stoppedAtMs,
  detail,
});
/** Failures with one round each, because each task is launched after the previous task ended. */
const inARow = (count: number) =>
  Array.from({ length: count }, (_, i) => failure(NOW + minutes(2 * i), NOW + minutes(2 * i + 1), `failure ${i + 1}`));
const limits = { backOffBaseMs: seconds(30), backOffMaxMs: minutes(3) };

describe('the back-off', () => {
  it('doesn’t exist without a failure', () => {
    expect(backOffOf([], limits)).toEqual({ rounds: 0, untilMs: undefined, detail: undefined });
  });

  it.each([
    [1, 30],
    [2, 60],
    [3, 120],
    [4, 180],
    [9, 180],
  ])('after %i rounds lasts for %i s from the last stop, and reports the newest failure', (rounds, wait) => {
    const failures = inARow(rounds);
    expect(backOffOf(failures, limits)).toEqual({
      rounds,
      untilMs: Number(failures.at(-1)?.stoppedAtMs) + seconds(wait),
      detail: `failure ${rounds}`,
    });
  });

  it('starts at the latest stop, even if the newest task stopped earlier than older tasks', () => {
    const failures = [failure(NOW, NOW + minutes(4)), failure(NOW + seconds(1), NOW + minutes(1))];
    expect(backOffOf(failures, limits).untilMs).toBe(NOW + minutes(4) + seconds(30));
  });
});

describe('a round', () => {
  it('includes every task that was launched before the round’s first failure', () => {
    expect(backOffRounds([failure(NOW, NOW + 100), failure(NOW + 99, NOW + 300)])).toBe(1);
    expect(backOffRounds([failure(NOW, NOW + 100), failure(NOW + 100, NOW + 300)])).toBe(1);
    expect(backOffRounds([failure(NOW, NOW + 100), failure(NOW + 101, NOW + 300)])).toBe(2);
  });

  it('ends with its first failure, and not with later failures in it', () => {
    const failures = [failure(NOW, NOW + 100), failure(NOW + 50, NOW + 900), failure(NOW + 200, NOW + 300)];
    expect(backOffRounds(failures)).toBe(2);
  });
});
