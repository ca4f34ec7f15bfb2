/**
 * HCP Terraform's limits: 30 requests per second per user (or per address for requests without a token), and 30 lists of runs per
 * minute per user. https://developer.hashicorp.com/terraform/cloud-docs/api-docs#rate-limiting and …/run#list-runs-in-an-organization
 */

type RateLimit = { readonly limit: number; readonly windowMs: number };
export type RateLimits = { readonly requests: RateLimit; readonly runLists: RateLimit };

export const VENDOR_RATE_LIMITS: RateLimits = {
  requests: { limit: 30, windowMs: 1_000 },
  runLists: { limit: 30, windowMs: 60_000 },
};

/** A sliding window per user and limit. If `limits` is `undefined`, everything is allowed, and the headers contain HCP Terraform's numbers. */
export function createRateLimiter(limits: RateLimits | undefined) {
  /** Times of the counted requests, by limit and user. */
  const taken = new Map<string, number[]>();

  function look(name: keyof RateLimits, { limit, windowMs }: RateLimit, user: string, now: number) {
    const key = `${name} ${user}`;
    const recent = (taken.get(key) ?? []).filter((at) => at > now - windowMs);
    taken.set(key, recent);
    return { limit, recent, left: limit - recent.length, resetMs: (recent[0] ?? now) + windowMs - now };
  }

  return {
    /** Counts a request of the user, unless it is rejected. @returns the numbers for the response's headers */
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
      // Report the endpoint's limit, unless the general limit rejects the request.
      const shown = list !== undefined && (general.left > 0 || list.left <= 0) ? list : general;
      return {
        allowed,
        limit: shown.limit,
        remaining: Math.max(0, shown.left - (allowed ? 1 : 0)),
        // The time until the next request is allowed, or until the window has moved.
        resetSeconds: shown.resetMs / 1_000,
      };
    },
    reset: () => taken.clear(),
  };
}
