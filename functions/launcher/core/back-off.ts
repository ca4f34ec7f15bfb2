import type { Limits, StartFailure } from './types.ts';

/** Whether a pool may launch after its recent start failures. */
export interface BackOff {
  /** Consecutive start failures, counted in rounds: tasks that were launched together count once. */
  readonly rounds: number;
  /** Nothing is launched before this time; `undefined` if the last start succeeded. */
  readonly untilMs: number | undefined;
  /** ECS's message about the newest failure. */
  readonly detail: string | undefined;
}

/**
 * Computes the exponential back-off. The wait is `backOffBaseMs` after the first round of failures and doubles with each further round, up
 * to `backOffMaxMs`. Each tick derives it from the tasks that ECS shows, which go back about an hour, so the launcher stores nothing.
 *
 * @param failures - consecutive start failures, oldest first.
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
 * The number of rounds of failures. If a task was launched before the first task of a round ended, it belongs to that round.
 *
 * @param failures - start failures, oldest first.
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
