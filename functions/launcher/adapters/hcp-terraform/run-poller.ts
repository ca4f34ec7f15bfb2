/**
 * Polls the run lists of an organization, each request out of the token's budget.
 *
 * A poll first reads one list of all open runs. When that list is too long or its pages are too large, it lists the jobs
 * separately, and then the applies. Before it begins, a poll sets aside the requests that the pool's last one took, so
 * that pools read in parallel don't use up each other's budget. An answer that is too large makes that list's pages
 * smaller for some minutes.
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
 * Pages of 100 that one poll reads of one list. 500 open runs are more than a pool's agents take in the meantime. The
 * runs beyond are read when these are gone, and no pool uses up the budget of the others.
 */
const PAGES_A_POLL = 5;

/** The same in smaller pages, after an answer was too large: for the first list of a poll, and for all others together. */
const SMALL_PAGES_A_POLL = 10;

/** How long a list is read in smaller pages before 100 are tried again. */
const SMALL_PAGES_MS = 10 * 60_000;

/**
 * The lists of one pool's runs, by their statuses, newest run first. `applies` is for pools whose applies have their own lane: a backlog of
 * plans would hide them.
 */
const LISTS = {
  open: OBSERVED_STATUSES,
  jobs: JOB_STATUSES,
  applies: JOB_STATUSES.filter((status) => status === 'apply_queued' || status === 'applying'),
};

type ListName = keyof typeof LISTS;
type SmallPages = Readonly<Record<ListName, Map<Pool, { readonly size: PageSize; readonly untilMs: number }>>>;

/**
 * Every operation, explicitly. Whether the list leaves some out by default isn't documented for this endpoint.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization
 */
const OPERATIONS = 'plan_and_apply,plan_only,save_plan,refresh_only,destroy,empty_apply,action_only';

interface RunsList {
  readonly name: ListName;
  /** Requests that it may take in pages smaller than 100. */
  readonly smallPages: number;
  /** Requests that the same poll has made; counted on. */
  readonly poll: { requests: number };
  readonly share: Share;
  /** Where its runs go. */
  readonly runs: Run[];
}

/** One poll of pools that share a budget. `over`: the error of the first pool for which the budget wasn't enough. */
export interface Turn {
  over?: unknown;
}

interface PollerParts {
  readonly http: Pick<HcpTerraformHttp, 'get'>;
  readonly hostname: string;
  readonly now: () => number;
}

/** Keeps for the warm function's life: the poll budgets, and of each pool what its last poll took and left unread. */
export class RunPoller {
  readonly #http: PollerParts['http'];
  readonly #hostname: string;
  readonly #now: () => number;
  readonly #budgets = new Map<string, PollBudget>();
  /** Requests that a pool's last poll took, or the most that it could have taken when it broke off. */
  readonly #requestsOf = new Map<Pool, number>();
  /** Pools whose answers were too large in pages of 100, by list: huge runs that are stuck after their plan leave the jobs' pages as they are. */
  readonly #smallPagesOf: SmallPages = { open: new Map(), jobs: new Map(), applies: new Map() };
  /** Pools of whose runs the last poll didn't read all, and which it left out at least. */
  readonly #unread = new Map<Pool, NonNullable<PoolVisibility['unread']>>();
  /** Older Terraform Enterprise may not know every operation; once refused, the filter is left out. */
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

  /** What the pool's last poll left unread, if anything. */
  unreadOf(pool: Pool): PoolVisibility['unread'] {
    return this.#unread.get(pool);
  }

  /** Another request has shown that the pool has no open run. */
  noteNoRuns(pool: Pool): void {
    this.#unread.delete(pool);
    this.#requestsOf.delete(pool);
  }

  /** Whether any of these pools, which share an organization and a token, has an open run. */
  async anyRun(first: Pool, pools: readonly Pool[], signal: AbortSignal): Promise<boolean> {
    const query = { ...this.#runsQuery(pools), 'page[size]': '1', 'page[number]': '1' };
    const page = await this.#poll(first, query, this.#budget(first), signal);
    // Only an empty first page means that there are no runs.
    nextPage(page.meta, 1, runsPath(first));
    return page.data.length > 0;
  }

  async runsOf(pool: Pool, turn: Turn, signal: AbortSignal): Promise<readonly Run[]> {
    const share = this.#shareOf(pool, turn);
    try {
      return await this.#allRuns(pool, share, signal);
    } finally {
      share.release();
    }
  }

  /**
   * One list shows everything, so that a poll of a pool with few runs is one request. Only when that list doesn't end, runs may be hidden
   * behind newer ones, and those that matter most are listed separately: first the jobs, then the applies.
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
      // Nothing hides the jobs but other jobs, unless a run that isn't one takes their slots or makes their pages small.
      const isSmaller = this.#pageSizeOf(pool, 'open') < this.#pageSizeOf(pool, 'jobs');
      const isCrowded = tooLarge || isSmaller || runs.some(({ status }) => !JOB_STATUSES.includes(status));
      const hasApplies = pool.lanes.length > 1;
      const smallPages = SMALL_PAGES_A_POLL / (isCrowded && hasApplies ? 2 : 1);
      try {
        if (isCrowded) jobsRead = await read('jobs', smallPages);
        if (!jobsRead && hasApplies) await read('applies', smallPages);
      } catch (error) {
        // Serve the runs that were read. Without any, the pool would look empty.
        if (runs.length === 0 || !isTransient(error)) throw error;
        isComplete = false;
      }
    }
    // After a poll that broke off, the next one sets aside what a complete one may take.
    if (isComplete) this.#requestsOf.set(pool, poll.requests);
    if (allRead) this.#unread.delete(pool);
    else this.#unread.set(pool, jobsRead ? 'post-plan-runs' : 'queued-jobs');
    // A run in several lists counts as it was seen last.
    return runs;
  }

  /** Reads one list as far as one poll may. @returns whether to its end. */
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
        // A poll that breaks off after its first page may have lacked budget, so the next one sets aside what the list may take.
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
   * Sets aside as many requests as the pool took last time. Otherwise, pools that are read in parallel would each begin
   * what none of them could end. Once one pool is left out, so are those whose turn comes later: a small pool would
   * always come before a large one.
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

  /** One request of a run list, out of the token's budget. */
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
    // Only now is it clear that the platform refused the filter and not the whole request.
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

/** Whether the next poll may succeed where this one failed. */
function isTransient(error: unknown): boolean {
  return error instanceof UpstreamError && (error.fault === 'throttled' || error.fault === 'unavailable');
}

function isTooLarge(error: unknown): boolean {
  return error instanceof UpstreamError && error.fault === 'too-large';
}

function runsPath(pool: Pool): string {
  return `/api/v2/organizations/${encodeURIComponent(pool.organization)}/runs`;
}
