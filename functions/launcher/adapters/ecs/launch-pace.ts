/**
 * Decides when the next RunTask call may be sent, so that the launcher is as fast as ECS allows and is rarely throttled.
 *
 * The pools take turns: a pool with many launches never delays the first launches of another pool. While the function is warm, it keeps what
 * it learned about the limits.
 */
import { FARGATE_STARTS, RUN_TASK_CALLS, TokenBucket } from '../../core/token-bucket.ts';
import type { Capacity } from '../../core/types.ts';
import type { Clock } from '../../ports.ts';

interface Waiting {
  readonly capacity: Capacity;
  /** The turn must begin by this time. */
  readonly untilMs: number;
  readonly settle: (isTurn: boolean) => void;
  readonly fail: (bug: unknown) => void;
}

export class LaunchPace {
  readonly #clock: Pick<Clock, 'now' | 'sleep'>;
  readonly #calls: TokenBucket;
  readonly #starts: Readonly<Record<Capacity, TokenBucket>>;
  /** The waiting launches of each pool. The pool whose turn comes next is first. */
  readonly #waiting = new Map<string, Waiting[]>();
  #running = false;

  constructor(clock: Pick<Clock, 'now' | 'sleep'>) {
    const nowMs = clock.now();
    this.#clock = clock;
    this.#calls = new TokenBucket(RUN_TASK_CALLS, nowMs);
    this.#starts = {
      'on-demand': new TokenBucket(FARGATE_STARTS, nowMs),
      spot: new TokenBucket(FARGATE_STARTS, nowMs),
    };
  }

  /**
   * Waits until a launch may be sent.
   * @param untilMs - latest time for the launch, in epoch milliseconds.
   * @returns false if the launch can't be sent by then.
   */
  turn(pool: string, capacity: Capacity, untilMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(pool) ?? [];
      queue.push({ capacity, untilMs, settle: resolve, fail: reject });
      this.#waiting.set(pool, queue);
      // Other launches may be waiting for a bucket that this one doesn't need.
      if (this.#running) this.#serveOne();
      else void this.#serve(signal);
    });
  }

  /** ECS throttled a launch that was sent at the given time. */
  throttled(capacity: Capacity, sentAtMs: number): void {
    this.#starts[capacity].throttled(sentAtMs, this.#clock.now());
  }

  /** Serves the waiting launches until none is left, or until the signal ends the invocation. Never rejects. */
  async #serve(signal: AbortSignal): Promise<void> {
    this.#running = true;
    try {
      while (this.#waiting.size > 0) {
        const waitMs = this.#serveOne();
        // Without a wait, this lets the served launch go first.
        await (waitMs > 0 ? this.#clock.sleep(waitMs, signal) : undefined);
      }
    } catch (error) {
      const left = [...this.#waiting.values()].flat();
      this.#waiting.clear();
      for (const { settle, fail } of left) signal.aborted ? settle(false) : fail(error);
    } finally {
      this.#running = false;
    }
  }

  /** Serves the next launch that is possible now. @returns the time to wait if there is none */
  #serveOne(): number {
    const nowMs = this.#clock.now();
    let leastMs = Number.POSITIVE_INFINITY;
    for (const [pool, queue] of this.#waiting) {
      const [next] = queue;
      if (next === undefined) continue;
      const waitMs = Math.max(this.#calls.waitMs(nowMs), this.#starts[next.capacity].waitMs(nowMs));
      const isTooLate = nowMs + waitMs > next.untilMs;
      if (waitMs > 0 && !isTooLate) {
        leastMs = Math.min(leastMs, waitMs);
        continue;
      }
      queue.shift();
      // The pool's next turn comes after those of all other pools.
      this.#waiting.delete(pool);
      if (queue.length > 0) this.#waiting.set(pool, queue);
      if (!isTooLate) {
        this.#calls.take(nowMs);
        this.#starts[next.capacity].take(nowMs);
      }
      next.settle(!isTooLate);
      return 0;
    }
    return leastMs;
  }
}
