import { UpstreamError } from '../../errors.ts';

/** List Runs endpoints allow 30 requests per minute: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization */
const VENDOR_PER_MINUTE = 30;

/** Maximum number of requests per minute that the launcher sends. The rest is for other clients with the same user. */
export const POLLS_PER_MINUTE = 24;

const WINDOW_MS = 60_000;

/**
 * The budget of requests for run lists with one API token. It allows {@link POLLS_PER_MINUTE} requests in any 60 s, and none while HCP Terraform
 * asks to wait. The function keeps it while it is warm, so overlapping ticks share it.
 */
export class PollBudget {
  readonly #now: () => number;
  #requestsAtMs: number[] = [];
  #taken = 0;
  #refused = 0;
  #setAside = 0;
  #blockedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Number of requests in the last 60 s. */
  get used(): number {
    const since = this.#now() - WINDOW_MS;
    this.#requestsAtMs = this.#requestsAtMs.filter((at) => at > since);
    return this.#requestsAtMs.length;
  }

  /** Number of all requests so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Number of all requests so far, including those of polls that got no request. */
  get wanted(): number {
    return this.#taken + this.#refused;
  }

  /** Notes that a poll needs this many requests, but gets none. */
  refuse(count: number): void {
    this.#refused += count;
  }

  /** Takes one request from the budget. Throws `UpstreamError` with fault `throttled` if none is left. */
  take(): void {
    this.#mustHave(1);
    this.#requestsAtMs.push(this.#now());
    this.#taken += 1;
  }

  /** Reserves requests for one caller. Throws `UpstreamError` with fault `throttled` if fewer are left. */
  setAside(count: number): Share {
    this.#mustHave(count);
    this.#setAside += count;
    let left = count;
    return {
      take: () => {
        // The request counts as either reserved or taken at any time, so no other caller can take it in between.
        if (left > 0) this.#setAside -= 1;
        left = Math.max(0, left - 1);
        this.take();
      },
      release: () => {
        this.#setAside -= left;
        left = 0;
      },
    };
  }

  #mustHave(count: number): void {
    const waitMs = this.#waitMs(count);
    if (waitMs > 0) {
      throw new UpstreamError({
        system: 'HCP Terraform',
        fault: 'throttled',
        what:
          `runs not listed: the launcher made ${this.used} requests for run lists in the last 60 s and allows itself ` +
          `${POLLS_PER_MINUTE} (HCP Terraform allows ${VENDOR_PER_MINUTE}); it tries again in ${Math.ceil(waitMs / 1000)} s`,
        retryAfterMs: waitMs,
      });
    }
  }

  /** Allows no request for the given time, because HCP Terraform asked to wait. */
  blockFor(ms: number): void {
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, this.#now() + ms);
  }

  /** The time until this many unreserved requests are left. */
  #waitMs(count: number): number {
    const now = this.#now();
    const missing = this.used + this.#setAside + count - POLLS_PER_MINUTE;
    const freedAtMs = missing <= 0 ? now : (this.#requestsAtMs[missing - 1] ?? now) + WINDOW_MS;
    return Math.max(0, this.#blockedUntilMs - now, freedAtMs - now);
  }
}

/** Requests that are reserved for one caller. */
export interface Share {
  /** Takes a reserved request or, if none is left, an unreserved one. Throws like {@link PollBudget.take}. */
  take(): void;
  /** Gives the remaining reserved requests back to the budget. */
  release(): void;
}
