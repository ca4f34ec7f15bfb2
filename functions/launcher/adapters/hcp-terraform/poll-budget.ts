import { UpstreamError } from '../../errors.ts';

/** List Runs endpoints allow 30 requests a minute: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization */
const VENDOR_PER_MINUTE = 30;

/** What the launcher allows itself of them; the rest is for whoever shares the token's user. */
export const POLLS_PER_MINUTE = 24;

const WINDOW_MS = 60_000;

/**
 * Requests of run lists with one API token: never more than {@link POLLS_PER_MINUTE} in any 60 s, and none while the
 * platform says to wait. Lives as long as the warm function does, so overlapping ticks share it.
 */
export class PollBudget {
  readonly #now: () => number;
  #requestsAtMs: number[] = [];
  #taken = 0;
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
    const now = this.#now();
    const waitMs = this.#waitMs(now);
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
    this.#requestsAtMs.push(now);
    this.#taken += 1;
  }

  /** The platform asked to wait. */
  blockFor(ms: number): void {
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, this.#now() + ms);
  }

  #waitMs(now: number): number {
    const blockedMs = this.#blockedUntilMs - now;
    const oldest = this.#requestsAtMs[0];
    const fullMs =
      this.used < POLLS_PER_MINUTE || oldest === undefined ? 0 : (this.#requestsAtMs[0] ?? oldest) + WINDOW_MS - now;
    return Math.max(0, blockedMs, fullMs);
  }
}
