import { expect, it } from 'vitest';
import { sinceMs } from '../../../cli/core/since.ts';
import { UsageError } from '../../../cli/io.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');

it.each([
  ['30m', '2026-11-29T11:30:00Z'],
  ['6h', '2026-11-29T06:00:00Z'],
  ['7d', '2026-11-22T12:00:00Z'],
  ['2w', '2026-11-15T12:00:00Z'],
  ['2026-11-28T10:00:00Z', '2026-11-28T10:00:00Z'],
  ['2026-11-28', '2026-11-28T00:00:00Z'],
])('--since %s begins at %s', (text, begins) => {
  expect(new Date(sinceMs(text, NOW)).toISOString()).toBe(new Date(begins).toISOString());
});

it.each(['', '7', '0d', '-1d', '7 d', 'yesterday', '2026-11-30', '2026-13-45', 'd7'])(
  '--since %j is refused with what is allowed',
  (text) => {
    expect(() => sinceMs(text, NOW)).toThrow(UsageError);
    expect(() => sinceMs(text, NOW)).toThrow(/such as 6h or 7d/);
  },
);
