import { STOPPED_TASKS_SHOWN_MS } from './vendor-timing.ts';

/** A count that holds for as long as ECS shows a stopped task. */
interface HeldCount {
  readonly count: number;
  readonly atMs: number;
}

/** What a pool's earlier ticks hold over for the alarm *Agents fail to start*. */
export interface HeldStarts {
  readonly failures?: HeldCount | undefined;
  readonly refusals?: HeldCount | undefined;
}

/** What one tick saw of a pool's starts. */
export interface StartsSeen {
  /** When each start failure happened; absent: the pool is idle, and its stopped tasks weren't read. */
  readonly failedAtMs?: readonly number[] | undefined;
  /** Whether the tick launched something, or a task of the pool lives: either shows whether ECS still refuses. */
  readonly isActive: boolean;
  /** Refused launches for runs. Each tick repeats them until the run has an agent or needs none. */
  readonly refusedForRuns: number;
  /** Refused launches of warm agents and of sweeps by interval. */
  readonly refusedOthers: number;
}

/**
 * How many starts of a pool fail: failures that no good start has followed, and launches that ECS refuses. While nothing can refute the last
 * counts, they hold for up to an hour. Otherwise a sweep that fails would be counted in two ticks, and no alarm would see it.
 */
export function failingStarts(
  held: HeldStarts,
  { failedAtMs, isActive, refusedForRuns, refusedOthers }: StartsSeen,
  nowMs: number,
): { readonly count: number; readonly held: HeldStarts } {
  const newestMs = (failedAtMs ?? []).reduce((newest, atMs) => Math.max(newest, atMs), 0);
  const failures = failedAtMs === undefined ? held.failures : { count: failedAtMs.length, atMs: newestMs };
  const refusals = isActive ? { count: refusedOthers, atMs: nowMs } : held.refusals;
  const failed = failedAtMs?.length ?? stillHeld(failures, nowMs);
  return { count: failed + refusedForRuns + stillHeld(refusals, nowMs), held: { failures, refusals } };
}

function stillHeld(last: HeldCount | undefined, nowMs: number): number {
  return last !== undefined && nowMs - last.atMs < STOPPED_TASKS_SHOWN_MS ? last.count : 0;
}
