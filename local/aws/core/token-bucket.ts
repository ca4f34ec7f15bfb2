/** A rate limit as AWS documents it: `burst` requests are possible immediately, and the bucket refills at a constant rate. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #level: number;
  #at: number | undefined;

  constructor(limit: { readonly burst: number; readonly perSecond: number }) {
    this.#burst = limit.burst;
    this.#perSecond = limit.perSecond;
    this.#level = limit.burst;
  }

  /** Takes `amount` from the bucket if enough is left at `nowMs`. @returns whether it was taken */
  take(amount: number, nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - (this.#at ?? nowMs));
    this.#level = Math.min(this.#burst, this.#level + (elapsedMs / 1000) * this.#perSecond);
    this.#at = nowMs;
    if (amount > this.#level) return false;
    this.#level -= amount;
    return true;
  }
}
