import { STOPPED_TASKS_SHOWN_MS } from './vendor-timing.ts';

/** A count that stays valid for an hour, which is how long ECS shows a stopped task. */
interface HeldCount {
  readonly count: number;
  readonly atMs: number;
}

/** Counts of a pool's earlier ticks that the alarm *Agents fail to start* still needs. */
export interface HeldStarts {
  readonly failures?: HeldCount | undefined;
  readonly refusals?: HeldCount | undefined;
}

/** What one tick observed about the starts of a pool's tasks. */
export interface StartsSeen {
  /** When each start failure happened; absent: the pool is idle, and its stopped tasks weren't read. */
  readonly failedAtMs?: readonly number[] | undefined;
  /** Whether the tick tried a launch or the pool has a live task. Both show whether ECS still refuses launches. */
  readonly isActive: boolean;
  /** Refused launches for runs. Each tick tries them again until the run has an agent or no longer needs one. */
  readonly refusedForRuns: number;
  /** Refused launches of warm agents and of sweeps by interval. */
  readonly refusedOthers: number;
}

/**
 * The number of failing starts of a pool: start failures since the last successful start, plus launches that ECS refused.
 *
 * While the pool is idle, the last counts stay valid for up to an hour. Otherwise a failing sweep would be counted in only two ticks, and
 * the alarm would not notice it.
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
