/**
 * The vendor's limits: 30 requests a second per user (per address without a token), and 30 a minute per user for lists
 * of runs. https://developer.hashicorp.com/terraform/cloud-docs/api-docs#rate-limiting and …/run#list-runs-in-an-organization
 */

type RateLimit = { readonly limit: number; readonly windowMs: number };
export type RateLimits = { readonly requests: RateLimit; readonly runLists: RateLimit };

export const VENDOR_RATE_LIMITS: RateLimits = {
  requests: { limit: 30, windowMs: 1_000 },
  runLists: { limit: 30, windowMs: 60_000 },
};

/** A sliding window per user and limit. With `undefined` limits, everything is allowed, and the headers contain the vendor's numbers. */
export function createRateLimiter(limits: RateLimits | undefined) {
  /** Times of the requests that count, by limit and user. */
  const taken = new Map<string, number[]>();

  function look(name: keyof RateLimits, { limit, windowMs }: RateLimit, user: string, now: number) {
    const key = `${name} ${user}`;
    const recent = (taken.get(key) ?? []).filter((at) => at > now - windowMs);
    taken.set(key, recent);
    return { limit, recent, left: limit - recent.length, resetMs: (recent[0] ?? now) + windowMs - now };
  }

  return {
    /** Counts one request of the user. A rejected request doesn't count. The numbers are for the response's headers. */
    take(user: string, isRunList: boolean, now: number) {
      if (limits === undefined) {
        const { limit } = isRunList ? VENDOR_RATE_LIMITS.runLists : VENDOR_RATE_LIMITS.requests;
        return { allowed: true, limit, remaining: limit - 1, resetSeconds: 0 };
      }
      const general = look('requests', limits.requests, user, now);
      const list = isRunList ? look('runLists', limits.runLists, user, now) : undefined;
      const allowed = general.left > 0 && (list === undefined || list.left > 0);
      if (allowed) {
        general.recent.push(now);
        list?.recent.push(now);
      }
      // The endpoint's own limit has priority over the general one, unless the general one rejects the request.
      const shown = list !== undefined && (general.left > 0 || list.left <= 0) ? list : general;
      return {
        allowed,
        limit: shown.limit,
        remaining: Math.max(0, shown.left - (allowed ? 1 : 0)),
        // Until another request is allowed, or until the window has moved.
        resetSeconds: shown.resetMs / 1_000,
      };
    },
    reset: () => taken.clear(),
  };
}
