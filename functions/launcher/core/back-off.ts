import type { Limits, StartFailure } from './types.ts';

/** Whether a pool may launch after its recent start failures. */
export interface BackOff {
  /** TaskOutcome failures in a row, counted in rounds: tasks launched side by side fail once, not ten times. */
  readonly rounds: number;
  /** Before this time nothing is launched; `undefined` when nothing failed last. */
  readonly untilMs: number | undefined;
  /** ECS's words about the newest failure. */
  readonly detail: string | undefined;
}

/**
 * Exponential back-off, derived anew each tick from what ECS still shows (about an hour), so that nothing is to be
 * remembered: the first failure waits `backOffBaseMs`, each further round twice as long, up to `backOffMaxMs`.
 *
 * @param failures those in a row, oldest first.
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
 * Rounds of failures: a launch made before the earlier round's end was known belongs to that round.
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
