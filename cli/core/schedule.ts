/** What the launcher's schedule means. */
import { DEFAULT_SCHEDULE_MINUTES, silentMinutes } from '../../lib/defaults.ts';

const MINUTE_MS = 60_000;

/**
 * Minutes between two scheduled invocations; `undefined` if the expression isn't a rate.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
 */
export function rateMinutes(expression: string): number | undefined {
  const [, count = '', unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const minutes = { minute: 1, hour: 60, day: 1440 }[unit];
  return minutes === undefined ? undefined : Number(count) * minutes;
}

/** Time between two scheduled invocations. If it is unknown, that of the default schedule. */
export function intervalMs(expression: string | undefined): number {
  return (rateMinutes(expression ?? '') ?? DEFAULT_SCHEDULE_MINUTES) * MINUTE_MS;
}

/** After this time without a tick, the launcher counts as silent. */
export function silentAfterMs(expression: string | undefined): number {
  return silentMinutes(intervalMs(expression) / MINUTE_MS) * MINUTE_MS;
}
