/** Times and durations as people read them. */

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

/** A duration in its two largest units: `under 1 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const rounded = Math.max(0, Math.round(ms));
  if (rounded < 1_000) return 'under 1 s';
  const units: readonly (readonly [number, string])[] = [
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'min'],
    [SECOND, 's'],
  ];
  const first = units.findIndex(([size]) => rounded >= size);
  const parts: string[] = [];
  let left = rounded;
  for (const [size, unit] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.join(' ');
}

/** Time of day in UTC: `14:03:09Z`; with the date if it is another day than `nowMs`: `2026-11-28 14:03:09Z`. */
export function clock(atMs: number, nowMs: number): string {
  const [date = '', time = ''] = new Date(atMs).toISOString().split('T');
  const [today] = new Date(nowMs).toISOString().split('T');
  const seconds = `${time.slice(0, 8)}Z`;
  return date === today ? seconds : `${date} ${seconds}`;
}

/** `14:03:09Z (3 min ago)`. */
export function ago(atMs: number, nowMs: number): string {
  return `${clock(atMs, nowMs)} (${duration(nowMs - atMs)} ago)`;
}

/** Date and time in UTC, to the minute: `2026-11-28 14:03 UTC`. */
export function dateTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
