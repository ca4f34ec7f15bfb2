/**
 * A rate limit as AWS documents it, and what the launcher learns about it.
 *
 * AWS limits calls with token buckets per account and region. Other clients of the account use the same buckets, so the launcher can't know
 * how full they are. It starts with the documented rate. After a throttled call, it halves its rate. Without further throttled calls, the
 * rate slowly returns to the documented one.
 */
export interface RateLimit {
  /** Number of calls that are possible at once. */
  readonly burst: number;
  /** Number of calls per second after that. */
  readonly perSecond: number;
}

/**
 * RunTask calls on Fargate. Each call starts one task here. AWS allows 20 at once and 20 per second. The launcher sends only 10 at once: at full
 * rate, calls arrive unevenly, and the other ten are a margin.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html
 */
export const RUN_TASK_CALLS: RateLimit = { burst: 10, perSecond: 20 };

/** Starts of Fargate tasks. On-demand tasks and Spot tasks have separate buckets of this size. Source: see {@link RUN_TASK_CALLS}. */
export const FARGATE_STARTS: RateLimit = { burst: 100, perSecond: 20 };

/** The lowest rate, so that the launcher always finds out whether ECS accepts calls again. */
const LEAST_PER_SECOND = 1;

/** How fast the rate returns to the documented one: by this many calls per second in each second. */
const RECOVERY_PER_SECOND = 1;

export class TokenBucket {
  readonly #limit: RateLimit;
  #level: number;
  #perSecond: number;
  #atMs: number;
  #slowedAtMs = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#level = limit.burst;
    this.#perSecond = limit.perSecond;
    this.#atMs = nowMs;
  }

  /** The time until a call is possible, in milliseconds; 0: now. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#level >= 1 ? 0 : Math.ceil(((1 - this.#level) * 1000) / this.#perSecond);
  }

  /** Takes one call from the bucket. */
  take(nowMs: number): void {
    this.#refill(nowMs);
    this.#level -= 1;
  }

  /**
   * ECS throttled a call. Halves the rate, and empties the bucket. Calls that were sent before the last reduction prove nothing new.
   * @param sentAtMs - when the call was sent.
   */
  throttled(sentAtMs: number, nowMs: number): void {
    if (sentAtMs <= this.#slowedAtMs) return;
    this.#refill(nowMs);
    this.#slowedAtMs = nowMs;
    this.#perSecond = Math.max(LEAST_PER_SECOND, this.#perSecond / 2);
    this.#level = 0;
  }

  #refill(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#atMs) / 1000;
    this.#atMs = Math.max(nowMs, this.#atMs);
    this.#level = Math.min(this.#limit.burst, this.#level + seconds * this.#perSecond);
    this.#perSecond = Math.min(this.#limit.perSecond, this.#perSecond + seconds * RECOVERY_PER_SECOND);
  }
}
