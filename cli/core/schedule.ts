/** What the launcher's schedule means. */

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

/** After this time without a tick, the launcher counts as silent, as for its alarm: five minutes, or three intervals of the schedule. */
export function silentAfterMs(expression: string | undefined): number {
  return Math.max(5, 3 * (rateMinutes(expression ?? '') ?? 1)) * MINUTE_MS;
}
