import type * as z from 'zod';
import { JOB_STATUSES, OBSERVED_STATUSES } from '../../core/demand.ts';
import type { Agent, Run } from '../../core/types.ts';
import { type Result, resultOf, UpstreamError } from '../../errors.ts';
import type { PollBudget as Budget, Clock, HcpTerraform, Pool, PoolVisibility } from '../../ports.ts';
import { agentsOf, agentsPage, currentRunsOf, runsOf, runsPage, workspacesPage } from './answers.ts';
import { type HcpTerraformHttp, resetMs } from './http.ts';
import { LARGEST_PAGE, nextPage, PageCursor, type PageSize, readPages, withQuery } from './pages.ts';
import { POLLS_PER_MINUTE, PollBudget, type Share, secretNameOf } from './poll-budget.ts';
import { PoolIds } from './pool-ids.ts';
import { listsRunsByOrganization } from './version.ts';

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

/** Timeout of the combined "does any pool have work?" request. An answer takes some tenths of a second. */
const PROBE_PATIENCE_MS = 2_000;

/**
 * Every operation, explicitly. Whether the list leaves some out by default isn't documented for this endpoint.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization
 */
const OPERATIONS = 'plan_and_apply,plan_only,save_plan,refresh_only,destroy,empty_apply,action_only';

/** Hosts of HCP Terraform. Any other host is a Terraform Enterprise, which has a version. */
const HCP_TERRAFORM_HOSTS = new Set(['app.terraform.io', 'app.eu.terraform.io']);

/** Parts of {@link HcpTerraformClient}. */
export interface ClientParts {
  readonly http: Pick<HcpTerraformHttp, 'get'>;
  readonly hostname: string;
  readonly now: () => number;
  /** Aborts after the given time. */
  readonly timeout: Clock['timeout'];
}

/** One list of runs to be read. */
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
interface Turn {
  over?: unknown;
}

/** The port `HcpTerraform` over API v2. Keeps for the warm function's life: pool ids, the poll budgets, the host's age. */
export class HcpTerraformClient implements HcpTerraform {
  readonly #http: ClientParts['http'];
  readonly #hostname: string;
  readonly #now: () => number;
  readonly #timeout: Clock['timeout'];
  readonly #poolIds: PoolIds;
  readonly #budgets = new Map<string, PollBudget>();
  /** When each pool had its last turn, as a count: the pools of one poll have theirs at the same time. */
  readonly #turnOf = new Map<Pool, number>();
  #turns = 0;
  /** Requests that a pool's last poll took, or the most that it could have taken when it broke off. */
  readonly #requestsOf = new Map<Pool, number>();
  /** Pools whose answers were too large in pages of 100, by list: huge runs that are stuck after their plan leave the jobs' pages as they are. */
  readonly #smallPagesOf = { open: newSmallPages(), jobs: newSmallPages(), applies: newSmallPages() };
  /** Pools of whose runs the last poll didn't read all, and which it left out at least. */
  readonly #unreadOf = new Map<Pool, NonNullable<PoolVisibility['unread']>>();
  /** Pools whose name or id the platform doesn't know. */
  readonly #unfound = new Set<Pool>();
  #byOrganization: boolean | undefined;
  /** Older Terraform Enterprise may not know every operation; once refused, the filter is left out. */
  #operationsRefused = false;

  constructor({ http, hostname, now, timeout }: ClientParts) {
    this.#http = http;
    this.#poolIds = new PoolIds(http, now);
    this.#hostname = hostname;
    this.#now = now;
    this.#timeout = timeout;
  }

  openRuns(pools: readonly Pool[], signal: AbortSignal): ReadonlyMap<Pool, Promise<Result<readonly Run[]>>> {
    // The least recently polled first, so that a budget too small for all pools serves each in turn.
    const inTurn = pools.toSorted((a, b) => (this.#turnOf.get(a) ?? 0) - (this.#turnOf.get(b) ?? 0));
    // One request shows whether any of several pools has work. A run doesn't say which pool it belongs to. How the platform
    // answers for an unknown name isn't documented, so such pools are left out.
    const asked = inTurn.filter((pool) => !this.#unfound.has(pool));
    const [first] = asked;
    const probed = first !== undefined && asked.length > 1 ? resultOf(this.#probe(first, asked, signal)) : undefined;
    const turn: Turn = {};
    return new Map(
      inTurn.map((pool) => [pool, this.#inTurn(pool, asked.includes(pool) ? probed : undefined, turn, signal)]),
    );
  }

  /** One pool's answer, whatever happens to the others. */
  async #inTurn(
    pool: Pool,
    probe: Promise<Result<boolean>> | undefined,
    turn: Turn,
    signal: AbortSignal,
  ): Promise<Result<readonly Run[]>> {
    const [id, probed] = await Promise.all([resultOf(this.#poolIds.idOf(pool, signal)), probe]);
    if (id.ok && this.visibilityOf(pool).missingError === undefined) this.#unfound.delete(pool);
    else if (id.ok) this.#unfound.add(pool);
    else if (id.error.fault === 'rejected') this.#unfound.add(pool);
    if (!id.ok) return id;
    const answer = await this.#runsUnless(probed, pool, turn, signal);
    // A pool that the budget left out has not had its turn.
    const leftOut = !answer.ok && answer.error.fault === 'throttled' && answer.error.status === undefined;
    if (!leftOut) this.#turnOf.set(pool, ++this.#turns);
    return answer;
  }

  async #runsUnless(
    probed: Result<boolean> | undefined,
    pool: Pool,
    turn: Turn,
    signal: AbortSignal,
  ): Promise<Result<readonly Run[]>> {
    if (probed?.ok === false) return probed;
    if (probed?.value === false) {
      this.#unreadOf.delete(pool);
      this.#requestsOf.delete(pool);
      return { ok: true, value: [] };
    }
    return resultOf(this.#runs(pool, turn, signal));
  }

  async agents(pool: Pool, sinceMs: number, signal: AbortSignal): Promise<readonly Agent[] | undefined> {
    const poolId = await this.#poolIds.idOf(pool, signal);
    const pages: (readonly Agent[])[] = [];
    const query = { 'filter[last-ping-since]': new Date(sinceMs).toISOString() };
    const path = `/api/v2/agent-pools/${encodeURIComponent(poolId)}/agents`;
    const list = { path, query, tokenSecret: pool.apiTokenSecret, schema: agentsPage, signal, expected: [404] };
    const visible = await readPages(this.#http, list, (page) => {
      pages.push(agentsOf(page));
    });
    return visible ? pages.flat() : undefined;
  }

  visibilityOf(pool: Pool): PoolVisibility {
    const unread = this.#unreadOf.get(pool);
    return { ...this.#poolIds.visibilityOf(pool), ...(unread !== undefined && { unread }) };
  }

  pollBudget(): Budget {
    const budgets = [...this.#budgets.values()];
    return {
      usedInLastMinute: budgets.reduce((most, { used }) => Math.max(most, used), 0),
      taken: budgets.map(({ taken }) => taken),
      perMinute: POLLS_PER_MINUTE,
    };
  }

  /**
   * Whether to ask for each pool's runs. The combined request only saves requests: when it fails or is slow, each pool is
   * asked for separately, so that no pool waits for another. The exception is a platform that asks to wait.
   */
  #probe(first: Pool, pools: readonly Pool[], signal: AbortSignal): Promise<boolean> {
    const asked = this.#anyRun(first, pools, signal).catch((error: unknown) => {
      if (error instanceof UpstreamError && error.fault !== 'throttled') return true;
      throw error;
    });
    const patience = this.#timeout(PROBE_PATIENCE_MS);
    const slow = new Promise<boolean>((resolve) => {
      patience.addEventListener('abort', () => resolve(true), { once: true });
    });
    return Promise.race([asked, slow]);
  }

  /** Whether any of these pools, which share an organization and a token, has an open run. */
  async #anyRun(first: Pool, pools: readonly Pool[], signal: AbortSignal): Promise<boolean> {
    if (!(await this.#listsByOrganization(first, signal))) return true;
    const query = { ...this.#runsQuery(pools), 'page[size]': '1', 'page[number]': '1' };
    const page = await this.#pollRuns(runsPath(first), query, first, runsPage, signal, this.#budget(first));
    // Only an empty first page means that there are no runs.
    nextPage(page.meta, 1, runsPath(first));
    return page.data.length > 0;
  }

  async #runs(pool: Pool, turn: Turn, signal: AbortSignal): Promise<readonly Run[]> {
    if (!(await this.#listsByOrganization(pool, signal))) return this.#currentRuns(pool, signal);
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
    if (allRead) this.#unreadOf.delete(pool);
    else this.#unreadOf.set(pool, jobsRead ? 'post-plan-runs' : 'queued-jobs');
    // A run in several lists counts as it was seen last.
    return runs;
  }

  /** Reads one list as far as one poll may. @returns whether to its end. */
  async #readRuns(pool: Pool, list: RunsList, signal: AbortSignal): Promise<boolean> {
    const { name, smallPages, poll, share, runs } = list;
    const path = runsPath(pool);
    const cursor = new PageCursor(path, this.#pageSizeOf(pool, name));
    const mostRequests = () => (cursor.size === LARGEST_PAGE ? PAGES_A_POLL : smallPages);
    const before = poll.requests;
    while (!cursor.ended && poll.requests - before < mostRequests()) {
      const query = { ...this.#runsQuery([pool], LISTS[name]), include: 'plan,apply', ...cursor.query };
      poll.requests += 1;
      try {
        const page: z.infer<typeof runsPage> = await this.#pollRuns(path, query, pool, runsPage, signal, share);
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
   * Sets aside as many requests as the pool took last time. Otherwise, pools that are read side by side would each begin
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

  /** Terraform Enterprise before v202409-1: speculative runs stay unseen, since none is a workspace's current run. */
  async #currentRuns(pool: Pool, signal: AbortSignal): Promise<readonly Run[]> {
    const poolId = await this.#poolIds.idOf(pool, signal);
    const pages: (readonly Run[])[] = [];
    const path = `/api/v2/organizations/${encodeURIComponent(pool.organization)}/workspaces`;
    const query = { 'filter[current-run][status]': OBSERVED_STATUSES.join(','), include: 'current_run' };
    const list = { path, query, tokenSecret: pool.apiTokenSecret, schema: workspacesPage, signal };
    await readPages(this.#http, list, (page) => {
      pages.push(currentRunsOf(page, poolId));
    });
    return pages.flat();
  }

  #runsQuery(pools: readonly Pool[], statuses: readonly string[] = LISTS.open): Record<string, string> {
    return {
      'filter[agent_pool_names]': pools.map((pool) => pool.name).join(','),
      'filter[status]': statuses.join(','),
      ...(!this.#operationsRefused && { 'filter[operation]': OPERATIONS }),
    };
  }

  /** One request of a run list, out of the token's budget. */
  async #pollRuns<S extends z.ZodType>(
    path: string,
    query: Record<string, string>,
    pool: Pool,
    schema: S,
    signal: AbortSignal,
    share: Pick<Share, 'take'>,
  ): Promise<z.infer<S>> {
    const budget = this.#budget(pool);
    try {
      const mayRefuse = 'filter[operation]' in query && !HCP_TERRAFORM_HOSTS.has(this.#hostname);
      const refusable = mayRefuse ? [400, 422] : [];
      const take = () => share.take();
      const answer = await this.#http.get(withQuery(path, query), pool.apiTokenSecret, schema, signal, refusable, take);
      if (answer.headers['x-ratelimit-remaining'] === '0') budget.blockFor(resetMs(answer.headers));
      if (answer.body !== undefined) return answer.body;
    } catch (error) {
      if (error instanceof UpstreamError && error.fault === 'throttled') budget.blockFor(error.retryAfterMs ?? 1000);
      throw error;
    }
    const { 'filter[operation]': _, ...rest } = query;
    const page = await this.#pollRuns(path, rest, pool, schema, signal, share);
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

  async #listsByOrganization(pool: Pool, signal: AbortSignal): Promise<boolean> {
    if (HCP_TERRAFORM_HOSTS.has(this.#hostname)) return true;
    this.#byOrganization ??= await listsRunsByOrganization(this.#http, pool.apiTokenSecret, signal);
    return this.#byOrganization;
  }
}

function newSmallPages(): Map<Pool, { readonly size: PageSize; readonly untilMs: number }> {
  return new Map();
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
