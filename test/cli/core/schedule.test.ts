import { expect, it } from 'vitest';
import { intervalMs, rateMinutes, silentAfterMs } from '../../../cli/core/schedule.ts';

it.each([
  ['rate(1 minute)', 1],
  ['rate(5 minutes)', 5],
  ['rate(1 hour)', 60],
  ['rate(2 hours)', 120],
  ['rate(1 day)', 1440],
  ['cron(0 12 * * ? *)', undefined],
])('%s is an interval of %s minutes', (expression, minutes) => {
  expect(rateMinutes(expression)).toBe(minutes);
});

it('without a known rate, the interval is that of the default schedule', () => {
  expect([intervalMs('rate(5 minutes)'), intervalMs('cron(0 * * * ? *)'), intervalMs(undefined)]).toEqual([
    300_000, 60_000, 60_000,
  ]);
});

it('the launcher is silent after three intervals, and after five minutes at the earliest', () => {
  expect(silentAfterMs('rate(1 minute)')).toBe(300_000);
  expect(silentAfterMs('rate(5 minutes)')).toBe(900_000);
  expect(silentAfterMs('cron(0 * * * ? *)')).toBe(300_000);
  expect(silentAfterMs(undefined)).toBe(300_000);
});
