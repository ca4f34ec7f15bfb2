import type { Limits, StartFailure } from './types.ts';

/** Whether a pool may launch after its recent start failures. */
export interface BackOff {
  /** Consecutive start failures, counted in rounds: tasks that were launched together count once. */
  readonly rounds: number;
  /** Nothing is launched before this time; `undefined` if the last start was good. */
  readonly untilMs: number | undefined;
  /** ECS's message about the newest failure. */
  readonly detail: string | undefined;
}

/**
 * Exponential back-off. The first failure waits `backOffBaseMs`, and each further round twice as long, up to `backOffMaxMs`. Each tick derives
 * it from what ECS still shows (about an hour), so the launcher stores nothing.
 *
 * @param failures consecutive ones, oldest first.
 */
export function backOffOf(
  failures: readonly StartFailure[],
  limits: Pick<Limits, 'backOffBaseMs' | 'backOffMaxMs'>,
): BackOff {
  const newest = failures.at(-1);
  if (newest === undefined) return { rounds: 0, untilMs: undefined, detail: undefined };

  const rounds = backOffRounds(failures);
  const waitMs = Math.min(limits.backOffBaseMs * 2 ** (rounds - 1), limits.backOffMaxMs);
  const lastStoppedMs = failures.reduce((last, { stoppedAtMs }) => Math.max(last, stoppedAtMs), newest.stoppedAtMs);
  return { rounds, untilMs: lastStoppedMs + waitMs, detail: newest.detail };
}

/**
 * Rounds of failures. A launch that was made before the end of a round was known belongs to that round.
 *
 * @param failures oldest first.
 */
export function backOffRounds(failures: readonly Pick<StartFailure, 'createdAtMs' | 'stoppedAtMs'>[]): number {
  let rounds = 0;
  let roundEndsMs = Number.NEGATIVE_INFINITY;
  for (const failure of failures) {
    if (failure.createdAtMs <= roundEndsMs) continue;
    rounds += 1;
    roundEndsMs = failure.stoppedAtMs;
  }
  return rounds;
}
