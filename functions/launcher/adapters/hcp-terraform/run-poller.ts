/**
 * Polls the run lists of an organization. Each request counts against the budget of the API token.
 *
 * - A poll first reads one list of all open runs. If that list is too long or its pages are too large, it also lists the jobs, and then
 *   the applies.
 * - A poll first reserves as many requests as the pool's last poll made. So pools that are read in parallel don't use up each other's
 *   budget.
 * - If an answer is too large, the launcher reads that list in smaller pages for some minutes.
 */
import type * as z from 'zod';
import { JOB_STATUSES, OBSERVED_STATUSES } from '../../core/demand.ts';
import type { Run } from '../../core/types.ts';
import { UpstreamError } from '../../errors.ts';
import type { PollBudget as Budget, Pool, PoolVisibility } from '../../ports.ts';
import { runsOf, runsPage } from './answers.ts';
import { type HcpTerraformHttp, resetMs } from './http.ts';
import { LARGEST_PAGE, nextPage, PageCursor, type PageSize, withQuery } from './pages.ts';
import { POLLS_PER_MINUTE, PollBudget, type Share, secretNameOf } from './poll-budget.ts';
import { HCP_TERRAFORM_HOSTS } from './version.ts';

type RunsPage = z.infer<typeof runsPage>;

/**
 * Maximum number of pages of 100 that one poll reads from one list, so that no pool uses up the budget of the others. Further runs are read
 * once newer runs have ended. Until then, 500 open runs are enough work for a pool's agents.
 */
const PAGES_A_POLL = 5;

/** Maximum number of smaller pages after an answer was too large: for the first list of a poll, and for all its other lists together. */
const SMALL_PAGES_A_POLL = 10;

/** How long a list is read in smaller pages before the launcher tries pages of 100 again. */
const SMALL_PAGES_MS = 10 * 60_000;

/**
 * The lists of one pool's runs with the statuses that each list contains. The newest run comes first. `applies` is for pools whose applies have
 * their own lane, because a backlog of plans could hide the applies.
 */
const LISTS = {
  open: OBSERVED_STATUSES,
  jobs: JOB_STATUSES,
  applies: JOB_STATUSES.filter((status) => status === 'apply_queued' || status === 'applying'),
};

type ListName = keyof typeof LISTS;
type SmallPages = Readonly<Record<ListName, Map<Pool, { readonly size: PageSize; readonly untilMs: number }>>>;

/**
 * All operations. The filter lists them explicitly, because the default of this endpoint isn't documented.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization
 */
const OPERATIONS = 'plan_and_apply,plan_only,save_plan,refresh_only,destroy,empty_apply,action_only';

interface RunsList {
  readonly name: ListName;
  /** Maximum number of requests for pages smaller than 100. */
  readonly smallPages: number;
  /** Counts the requests of the poll, across all its lists. */
  readonly poll: { requests: number };
  readonly share: Share;
  /** The list's runs are added here. */
  readonly runs: Run[];
}

/** One poll of pools that share a budget. `over` is the error of the first pool for which the budget wasn't enough. */
export interface Turn {
  over?: unknown;
}

/** How to poll one pool. */
interface PollOfPool {
  readonly turn: Turn;
  /** The runs are read after this promise. */
  readonly isReady: Promise<unknown> | undefined;
  readonly signal: AbortSignal;
}

interface PollerParts {
  readonly http: Pick<HcpTerraformHttp, 'get'>;
  readonly hostname: string;
  readonly now: () => number;
}

/** Polls run lists. While the function is warm, it keeps the request budgets and the result of each pool's last poll. */
export class RunPoller {
  readonly #http: PollerParts['http'];
  readonly #hostname: string;
  readonly #now: () => number;
  readonly #budgets = new Map<string, PollBudget>();
  /** Number of requests that a pool's last poll made. If the poll failed, the maximum number that it could have made. */
  readonly #requestsOf = new Map<Pool, number>();
  /** For each list, the pools that need smaller pages. It is kept per list, because huge runs with a post-plan status don't affect the list of jobs. */
  readonly #smallPagesOf: SmallPages = { open: new Map(), jobs: new Map(), applies: new Map() };
  /** Pools for which the last poll didn't read all runs, with the kind of runs that it left out. */
  readonly #unread = new Map<Pool, NonNullable<PoolVisibility['unread']>>();
  /** Whether the host refused the filter of operations, as an older Terraform Enterprise may do. The filter is then left out. */
  #operationsRefused = false;

  constructor({ http, hostname, now }: PollerParts) {
    this.#http = http;
    this.#hostname = hostname;
    this.#now = now;
  }

  pollBudget(): Budget {
    const budgets = [...this.#budgets.values()];
    return {
      usedInLastMinute: budgets.reduce((most, { used }) => Math.max(most, used), 0),
      taken: budgets.map(({ taken }) => taken),
      perMinute: POLLS_PER_MINUTE,
    };
  }

  /** The kind of runs that the pool's last poll left out, if any. */
  unreadOf(pool: Pool): PoolVisibility['unread'] {
    return this.#unread.get(pool);
  }

  /** Records that a different request has shown that the pool has no open run. */
  noteNoRuns(pool: Pool): void {
    this.#unread.delete(pool);
    this.#requestsOf.delete(pool);
  }

  /** Whether any of these pools has an open run. The pools share an organization and an API token. */
  async anyRun(first: Pool, pools: readonly Pool[], signal: AbortSignal): Promise<boolean> {
    const query = { ...this.#runsQuery(pools), 'page[size]': '1', 'page[number]': '1' };
    const page = await this.#poll(first, query, this.#budget(first), signal);
    // An empty page shows that there are no runs only if it is the first page.
    nextPage(page.meta, 1, runsPath(first));
    return page.data.length > 0;
  }

  async runsOf(pool: Pool, { turn, isReady, signal }: PollOfPool): Promise<readonly Run[]> {
    // Reserve the requests first, so that the order of the pools' turns doesn't depend on which pool is ready first.
    const share = this.#shareOf(pool, turn);
    try {
      await isReady;
      return await this.#allRuns(pool, share, signal);
    } finally {
      share.release();
    }
  }

  /**
   * Reads all lists that are necessary. For a pool with few runs, one request for one list is enough. Only if that list is too long, newer runs
   * may hide older ones. Then the most important runs are listed separately: first the jobs, then the applies.
   */
  async #allRuns(pool: Pool, share: Share, signal: AbortSignal): Promise<readonly Run[]> {
    const poll = { requests: 0 };
    const runs: Run[] = [];
    const read = (name: ListName, smallPages: number) =>
      this.#readRuns(pool, { name, smallPages, poll, share, runs }, signal);
    let tooLarge = false;
    const allRead = await read('open', SMALL_PAGES_A_POLL).catch((error: unknown) => {
      tooLarge = isTooLarge(error);
      if (!tooLarge) throw error;
      return false;
    });
    let jobsRead = allRead;
    let isComplete = true;
    if (!allRead) {
      // Listing the jobs helps only if other runs took their slots in the list or made its pages smaller.
      const isSmaller = this.#pageSizeOf(pool, 'open') < this.#pageSizeOf(pool, 'jobs');
      const isCrowded = tooLarge || isSmaller || runs.some(({ status }) => !JOB_STATUSES.includes(status));
      const hasApplies = pool.lanes.length > 1;
      const smallPages = SMALL_PAGES_A_POLL / (isCrowded && hasApplies ? 2 : 1);
      try {
        if (isCrowded) jobsRead = await read('jobs', smallPages);
        if (!jobsRead && hasApplies) await read('applies', smallPages);
      } catch (error) {
        // Use the runs that were read. If there are none, throw the error, because the pool would look idle.
        if (runs.length === 0 || !isTransient(error)) throw error;
        isComplete = false;
      }
    }
    // After an incomplete poll, the next poll reserves as many requests as a complete poll can need.
    if (isComplete) this.#requestsOf.set(pool, poll.requests);
    if (allRead) this.#unread.delete(pool);
    else this.#unread.set(pool, jobsRead ? 'post-plan-runs' : 'queued-jobs');
    // A run can be in several lists. Its last occurrence counts.
    return runs;
  }

  /** Reads one list up to the limits of one poll. @returns whether the list was read completely. */
  async #readRuns(pool: Pool, list: RunsList, signal: AbortSignal): Promise<boolean> {
    const { name, smallPages, poll, share, runs } = list;
    const cursor = new PageCursor(runsPath(pool), this.#pageSizeOf(pool, name));
    const mostRequests = () => (cursor.size === LARGEST_PAGE ? PAGES_A_POLL : smallPages);
    const before = poll.requests;
    while (!cursor.ended && poll.requests - before < mostRequests()) {
      const query = { ...this.#runsQuery([pool], LISTS[name]), include: 'plan,apply', ...cursor.query };
      poll.requests += 1;
      try {
        const page = await this.#poll(pool, query, share, signal);
        cursor.advance(page);
        for (const run of runsOf(page)) runs.push(run);
      } catch (error) {
        if (isTooLarge(error)) this.#requestsOf.set(pool, poll.requests);
        // A poll that fails after its first page may have run out of budget, so the next poll reserves what the whole list can need.
        else if (poll.requests > 1) {
          this.#requestsOf.set(pool, Math.max(before + mostRequests(), this.#requestsOf.get(pool) ?? 1));
        }
        cursor.shrinkAfter(error);
        this.#smallPagesOf[name].set(pool, { size: cursor.size, untilMs: this.#now() + SMALL_PAGES_MS });
      }
    }
    return cursor.ended;
  }

  #pageSizeOf(pool: Pool, name: ListName): PageSize {
    const small = this.#smallPagesOf[name].get(pool);
    return small !== undefined && this.#now() < small.untilMs ? small.size : LARGEST_PAGE;
  }

  /**
   * Reserves as many requests as the pool's last poll made. Otherwise, several pools could start at the same time and none of them could
   * finish. If the budget isn't enough for one pool, the pools after it are left out as well. Otherwise, small pools would
   * always be served before a large pool.
   */
  #shareOf(pool: Pool, turn: Turn): Share {
    if (turn.over !== undefined) throw turn.over;
    try {
      return this.#budget(pool).setAside(this.#requestsOf.get(pool) ?? 1);
    } catch (error) {
      turn.over = error;
      throw error;
    }
  }

  #runsQuery(pools: readonly Pool[], statuses: readonly string[] = LISTS.open): Record<string, string> {
    return {
      'filter[agent_pool_names]': pools.map((pool) => pool.name).join(','),
      'filter[status]': statuses.join(','),
      ...(!this.#operationsRefused && { 'filter[operation]': OPERATIONS }),
    };
  }

  /** Sends one request for a run list. It counts against the budget of the API token. */
  async #poll(
    pool: Pool,
    query: Record<string, string>,
    share: Pick<Share, 'take'>,
    signal: AbortSignal,
  ): Promise<RunsPage> {
    const budget = this.#budget(pool);
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
      if (error instanceof UpstreamError && error.fault === 'throttled') budget.blockFor(error.retryAfterMs ?? 1000);
      throw error;
    }
    const { 'filter[operation]': _, ...rest } = query;
    const page = await this.#poll(pool, rest, share, signal);
    // The request succeeded without the filter, so the host refused only the filter.
    this.#operationsRefused = true;
    return page;
  }

  #budget(pool: Pool): PollBudget {
    const token = secretNameOf(pool.apiTokenSecret);
    const existing = this.#budgets.get(token);
    if (existing !== undefined) return existing;
    const budget = new PollBudget(this.#now);
    this.#budgets.set(token, budget);
    return budget;
  }
}

/** Whether the next poll may succeed although this poll failed. */
function isTransient(error: unknown): boolean {
  return error instanceof UpstreamError && (error.fault === 'throttled' || error.fault === 'unavailable');
}

function isTooLarge(error: unknown): boolean {
  return error instanceof UpstreamError && error.fault === 'too-large';
}

function runsPath(pool: Pool): string {
  return `/api/v2/organizations/${encodeURIComponent(pool.organization)}/runs`;
}
