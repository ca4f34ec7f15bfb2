import { UpstreamError } from '../../errors.ts';

/** List Runs endpoints allow 30 requests per minute: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization */
const VENDOR_PER_MINUTE = 30;

/** How many of them the launcher uses at most. The rest is for other clients of the token's user. */
export const POLLS_PER_MINUTE = 24;

const WINDOW_MS = 60_000;

/**
 * Requests of run lists with one API token: never more than {@link POLLS_PER_MINUTE} in any 60 s, and none while HCP Terraform asks to
 * wait. Lives as long as the warm function does, so overlapping ticks share it.
 */
export class PollBudget {
  readonly #now: () => number;
  #requestsAtMs: number[] = [];
  #taken = 0;
  #setAside = 0;
  #blockedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Requests of the last 60 s. */
  get used(): number {
    const since = this.#now() - WINDOW_MS;
    this.#requestsAtMs = this.#requestsAtMs.filter((at) => at > since);
    return this.#requestsAtMs.length;
  }

  /** All requests so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes one request out of the budget. Throws `UpstreamError` *throttled* when there is none left. */
  take(): void {
    this.#mustHave(1);
    this.#requestsAtMs.push(this.#now());
    this.#taken += 1;
  }

  /** Reserves requests for one caller. Throws `UpstreamError` *throttled* if fewer are left. */
  setAside(count: number): Share {
    this.#mustHave(count);
    this.#setAside += count;
    let left = count;
    return {
      take: () => {
        // It counts as reserved or as taken at any time, so no other caller gets it in between.
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
          `not asked for runs: ${this.used} requests of run lists in the last 60 s, of ${POLLS_PER_MINUTE} that the ` +
          `launcher allows itself (the platform allows ${VENDOR_PER_MINUTE}); it asks again in ${Math.ceil(waitMs / 1000)} s`,
        retryAfterMs: waitMs,
      });
    }
  }

  /** HCP Terraform asked to wait. */
  blockFor(ms: number): void {
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, this.#now() + ms);
  }

  /** Time until this many unreserved requests are left. */
  #waitMs(count: number): number {
    const now = this.#now();
    const missing = this.used + this.#setAside + count - POLLS_PER_MINUTE;
    const freedAtMs = missing <= 0 ? now : (this.#requestsAtMs[missing - 1] ?? now) + WINDOW_MS;
    return Math.max(0, this.#blockedUntilMs - now, freedAtMs - now);
  }
}

/** Requests that are reserved for one caller. */
export interface Share {
  /** Takes one of them or, if none is left, an unreserved one. Throws as {@link PollBudget.take} does. */
  take(): void;
  /** Returns what was not taken. */
  release(): void;
}

/**
 * What distinguishes API tokens: the name of the secret, also of an ARN, which has six more characters. Two accounts' secrets with one name share a
 * budget, which costs speed and never exceeds the limit.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
export function secretNameOf(secretId: string): string {
  return /^arn:[^:]+:secretsmanager:[^:]*:\d*:secret:(.+)-[A-Za-z0-9]{6}$/.exec(secretId)?.[1] ?? secretId;
}
