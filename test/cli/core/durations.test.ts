import { expect, it } from 'vitest';
import { ago, clock, duration } from '../../../cli/core/durations.ts';

it.each([
  [-5, 'under 1 s'],
  [850, 'under 1 s'],
  [999.6, '1 s'],
  [42_900, '42 s'],
  [60_000, '1 min'],
  [185_000, '3 min 5 s'],
  [7_800_000, '2 h 10 min'],
  [3_600_000 + 59_000, '1 h'],
  [90 * 86_400_000 + 4 * 3_600_000, '90 d 4 h'],
])('duration(%d) is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it('a time of another day has its date', () => {
  const now = Date.parse('2026-11-29T00:00:10Z');
  expect(clock(now - 5_000, now)).toBe('00:00:05Z');
  expect(ago(now - 15_000, now)).toBe('2026-11-28 23:59:55Z (15 s ago)');
});
