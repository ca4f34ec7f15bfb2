/** Parses the option `--since`. */
import { UsageError } from '../io.ts';

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `30m`, `6h`, `7d`, `2w`, or a time in ISO 8601. @returns milliseconds since the epoch */
export function sinceMs(text: string, nowMs: number): number {
  const [, count, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? [];
  const size = UNITS[unit];
  if (count !== undefined && size !== undefined && Number(count) > 0) return nowMs - Number(count) * size;
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at) && at < nowMs) return at;
  throw new UsageError(
    `--since is ${JSON.stringify(text)}. It must be a number with m, h, d or w (such as 6h or 7d), or a time in the past in ISO 8601 (such as 2026-11-29T12:00:00Z).`,
  );
}
