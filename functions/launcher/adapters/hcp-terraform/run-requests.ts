/** Sends the requests for lists of runs. Each request counts against the budget of its API token. */
import type * as z from 'zod';
import { OBSERVED_STATUSES } from '../../core/demand.ts';
import { secretNameOf } from '../../core/secret-reference.ts';
import { UpstreamError } from '../../errors.ts';
import type { PollBudget as Budget, Pool } from '../../ports.ts';
import { runsPage } from './answers.ts';
import { type HcpTerraformHttp, resetMs } from './http.ts';
import { nextPage, type PageCursor, withQuery } from './pages.ts';
import { POLLS_PER_MINUTE, PollBudget, type Share } from './poll-budget.ts';
import { HCP_TERRAFORM_HOSTS } from './version.ts';

type RunsPage = z.infer<typeof runsPage>;

/**
 * All operations. The filter lists them explicitly, because the default of this endpoint isn't documented.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization
 */
const OPERATIONS = 'plan_and_apply,plan_only,save_plan,refresh_only,destroy,empty_apply,action_only';

export interface RunRequestsParts {
  readonly http: Pick<HcpTerraformHttp, 'get'>;
  readonly hostname: string;
  readonly now: () => number;
}

/** One page of a pool's runs. */
interface PageOfPool {
  readonly statuses: readonly string[];
  readonly cursor: PageCursor;
  readonly share: Pick<Share, 'take'>;
  readonly signal: AbortSignal;
}

/** Requests for lists of runs. While the function is warm, it keeps the request budget of each API token. */
export class RunRequests {
  readonly #http: RunRequestsParts['http'];
  readonly #hostname: string;
  readonly #now: () => number;
  readonly #budgets = new Map<string, PollBudget>();
  /** Whether the host refused the filter of operations, as an older Terraform Enterprise may do. The filter is then left out. */
  #operationsRefused = false;

  constructor({ http, hostname, now }: RunRequestsParts) {
    this.#http = http;
    this.#hostname = hostname;
    this.#now = now;
  }

  pollBudget(): Budget {
    const budgets = [...this.#budgets.values()];
    return {
      usedInLastMinute: budgets.reduce((most, { used }) => Math.max(most, used), 0),
      taken: budgets.map(({ taken }) => taken),
      wanted: budgets.map(({ wanted }) => wanted),
      perMinute: POLLS_PER_MINUTE,
    };
  }

  /** The request budget of the pool's API token. */
  budgetOf(pool: Pool): PollBudget {
    const token = secretNameOf(pool.apiTokenSecret);
    const existing = this.#budgets.get(token);
    if (existing !== undefined) return existing;
    const budget = new PollBudget(this.#now);
    this.#budgets.set(token, budget);
    return budget;
  }

  /** Whether any of these pools has an open run. The pools share an organization and an API token. */
  async anyRun(first: Pool, pools: readonly Pool[], signal: AbortSignal): Promise<boolean> {
    const query = { ...this.#runsQuery(pools, OBSERVED_STATUSES), 'page[size]': '1', 'page[number]': '1' };
    const page = await this.#send(first, query, this.budgetOf(first), signal);
    // An empty page shows that there are no runs only if it is the first page.
    nextPage(page.meta, 1, runsPath(first));
    return page.data.length > 0;
  }

  /** Reads the page at which the cursor is. It doesn't move the cursor. */
  page(pool: Pool, { statuses, cursor, share, signal }: PageOfPool): Promise<RunsPage> {
    const query = { ...this.#runsQuery([pool], statuses), include: 'plan,apply', ...cursor.query };
    return this.#send(pool, query, share, signal);
  }

  #runsQuery(pools: readonly Pool[], statuses: readonly string[]): Record<string, string> {
    return {
      'filter[agent_pool_names]': pools.map((pool) => pool.name).join(','),
      'filter[status]': statuses.join(','),
      ...(!this.#operationsRefused && { 'filter[operation]': OPERATIONS }),
    };
  }

  async #send(
    pool: Pool,
    query: Record<string, string>,
    share: Pick<Share, 'take'>,
    signal: AbortSignal,
  ): Promise<RunsPage> {
    const budget = this.budgetOf(pool);
    try {
      const mayRefuse = 'filter[operation]' in query && !HCP_TERRAFORM_HOSTS.has(this.#hostname);
      const answer = await this.#http.get({
        path: withQuery(runsPath(pool), query),
        tokenSecret: pool.apiTokenSecret,
        schema: runsPage,
        signal,
        expected: mayRefuse ? [400, 422] : [],
        beforeSend: () => share.take(),
      });
      if (answer.headers['x-ratelimit-remaining'] === '0') budget.blockFor(resetMs(answer.headers));
      if (answer.body !== undefined) return answer.body;
    } catch (error) {
      // The launcher's own budget blocks nobody: other pools may have reserved requests.
      const isAsked = error instanceof UpstreamError && error.fault === 'throttled' && error.status !== undefined;
      if (isAsked) budget.blockFor(error.retryAfterMs ?? 1000);
      throw error;
    }
    const { 'filter[operation]': _, ...rest } = query;
    const page = await this.#send(pool, rest, share, signal);
    // The request succeeded without the filter, so the host refused only the filter.
    this.#operationsRefused = true;
    return page;
  }
}

/** The path of the runs in the pool's organization. */
export function runsPath(pool: Pool): string {
  return `/api/v2/organizations/${encodeURIComponent(pool.organization)}/runs`;
}
