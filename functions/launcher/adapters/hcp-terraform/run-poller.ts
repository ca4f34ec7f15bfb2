/**
 * Polls the run lists of an organization.
 *
 * - A poll first reads one list of all open runs. If that list is too long or its pages are too large, it also lists the jobs, and then
 *   the applies. A poll that reads everything is necessary only once per minute.
 * - In between, a poll reads one page, and further pages only as far as the tick needs more queued jobs (`core/runs-need.ts`).
 * - A poll first reserves as many requests as the pool's last poll made. So pools that are read in parallel don't use up each other's
 *   budget.
 * - If an answer is too large, the launcher reads that list in smaller pages for some minutes.
 */
import { demandOf, JOB_STATUSES, OBSERVED_STATUSES } from '../../core/demand.ts';
import { type LaneNeed, needsMore, ofLane, type RunsNeed } from '../../core/runs-need.ts';
import type { Phase, Run, UnlistedJobs } from '../../core/types.ts';
import { UpstreamError } from '../../errors.ts';
import type { PollBudget as Budget, Pool, PoolVisibility } from '../../ports.ts';
import { runsOf } from './answers.ts';
import { LARGEST_PAGE, PageCursor, type PageSize } from './pages.ts';
import type { Share } from './poll-budget.ts';
import { RunRequests, type RunRequestsParts, runsPath } from './run-requests.ts';

/**
 * Maximum number of pages of 100 that one poll reads from one list, so that no pool uses up the budget of the others. Further runs are read
 * once newer runs have ended. Until then, 500 open runs are enough work for a pool's agents.
 */
const PAGES_A_POLL = 5;

/** Maximum number of smaller pages after an answer was too large: for the first list of a poll, and for all its other lists together. */
const SMALL_PAGES_A_POLL = 10;

/**
 * A list of more than one page is read completely once per minute, for the metrics, the sweeps and the names of busy agents. In a burst, it is
 * read completely only every two minutes.
 */
const READ_ALL_EVERY_MS = 60_000;

/**
 * For this long after the first page of all open runs had only queued jobs, the polls of a burst read only the queued jobs that they need. So the
 * last launches of a burst don't wait for the request budget.
 */
const ONLY_QUEUED_MS = 25_000;

/** Maximum number of pages of queued jobs that one poll reads for one lane. */
const PAGES_A_LANE = 3;

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
  running: JOB_STATUSES.filter((status) => !status.endsWith('_queued')),
};

/** The statuses of the queued jobs of these phases. */
function queuedStatuses(phases: readonly Phase[]): string[] {
  return phases.map((phase) => `${phase}_queued`);
}

type ListName = keyof typeof LISTS;
type SmallPages = Readonly<Record<ListName, Map<Pool, { readonly size: PageSize; readonly untilMs: number }>>>;

interface RunsList {
  readonly cursor: PageCursor;
  readonly name: ListName;
  /** Maximum number of requests for this list; absent: the limits of one poll. */
  readonly mostRequests?: number;
  /** Counts the requests for this list. */
  readonly own: { requests: number };
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

interface Reading {
  readonly share: Share;
  readonly need: RunsNeed | undefined;
  readonly signal: AbortSignal;
}

interface QueuedReading {
  readonly need: RunsNeed;
  readonly lane: LaneNeed;
  readonly list: RunsList;
  readonly signal: AbortSignal;
}

/** How to poll one pool. */
interface PollOfPool {
  readonly turn: Turn;
  /** What the tick needs to know about the queued jobs. The runs are read after this promise. */
  readonly need: Promise<RunsNeed | undefined>;
  readonly signal: AbortSignal;
}

/** Polls run lists. While the function is warm, it keeps the result of each pool's last poll. */
export class RunPoller {
  readonly #requests: RunRequests;
  readonly #now: () => number;
  /** Number of requests that a pool's last poll made. If the poll failed, the maximum number that it could have made. */
  readonly #requestsOf = new Map<Pool, number>();
  /** For each list, the pools that need smaller pages. It is kept per list, because huge runs with a post-plan status don't affect the list of jobs. */
  readonly #smallPagesOf: SmallPages = { open: new Map(), jobs: new Map(), applies: new Map(), running: new Map() };
  /** Pools for which the last complete poll couldn't read all runs, with the kind of runs that it left out. */
  readonly #unread = new Map<Pool, NonNullable<PoolVisibility['unread']>>();
  /** Queued jobs that the last poll of a pool didn't read, because the tick didn't need them. */
  readonly #unlisted = new Map<Pool, readonly UnlistedJobs[]>();
  /** When all runs of a pool were read; for its first long list, when that list was first seen. */
  readonly #readAllAtMs = new Map<Pool, number>();

  /** When the first page of a pool's open runs had only queued jobs, and the list was longer. */
  readonly #onlyQueuedAtMs = new Map<Pool, number>();

  constructor(parts: RunRequestsParts) {
    this.#requests = new RunRequests(parts);
    this.#now = parts.now;
  }

  pollBudget(): Budget {
    return this.#requests.pollBudget();
  }

  /** The kind of runs that the pool's last complete poll couldn't read, if any. */
  unreadOf(pool: Pool): PoolVisibility['unread'] {
    return this.#unread.get(pool);
  }

  /** The queued jobs that the pool's last poll didn't read, because the tick didn't need them. */
  unlistedOf(pool: Pool): readonly UnlistedJobs[] | undefined {
    return this.#unlisted.get(pool);
  }

  /** Records that a different request has shown that the pool has no open run. */
  noteNoRuns(pool: Pool): void {
    this.#unlisted.delete(pool);
    this.#unread.delete(pool);
    this.#requestsOf.delete(pool);
  }

  /** Whether any of these pools has an open run. The pools share an organization and an API token. */
  anyRun(first: Pool, pools: readonly Pool[], signal: AbortSignal): Promise<boolean> {
    return this.#requests.anyRun(first, pools, signal);
  }

  async runsOf(pool: Pool, { turn, need, signal }: PollOfPool): Promise<readonly Run[]> {
    // Reserve the requests first, so that the order of the pools' turns doesn't depend on which pool is ready first.
    const share = this.#shareOf(pool, turn);
    try {
      return await this.#runs(pool, { share, need: await need, signal });
    } finally {
      share.release();
    }
  }

  /** Reads the first page of all open runs, and then as much as is necessary. In a burst, reads only the queued jobs that are necessary. */
  async #runs(pool: Pool, { share, need, signal }: Reading): Promise<readonly Run[]> {
    const poll = { requests: 0 };
    const newList = (): RunsList => {
      const cursor = new PageCursor(runsPath(pool), this.#pageSizeOf(pool, 'open'));
      return { cursor, name: 'open', smallPages: SMALL_PAGES_A_POLL, own: { requests: 0 }, poll, share, runs: [] };
    };
    this.#unlisted.delete(pool);
    if (need === undefined) return this.#allRuns(pool, newList(), signal);
    if (this.#isInBurst(pool, need)) {
      const list = newList();
      const { ended } = await this.#readAllQueued(pool, { need, list, signal });
      // At the end of the burst, the other runs matter again. Without any run, the request budget is used up, and the next request says so.
      if (!ended && list.runs.length > 0) return list.runs;
      this.#unlisted.delete(pool);
    }
    const list = newList();
    const { cursor, runs } = list;
    const isWhole = await this.#readRuns(pool, { ...list, mostRequests: 1 }, signal);
    // The positions of jobs in a list of queued jobs are known only if the server's pages have the size that was requested.
    const isLong =
      !isWhole && cursor.size === LARGEST_PAGE && cursor.read === LARGEST_PAGE && runs.length === LARGEST_PAGE;
    if (isLong && demandOf(runs).queued.length === runs.length) this.#onlyQueuedAtMs.set(pool, this.#now());
    else this.#onlyQueuedAtMs.delete(pool);
    if (!isLong) return this.#allRuns(pool, list, signal);
    if (this.#mustReadAll(pool, need, runs)) {
      await this.#allRuns(pool, list, signal);
      // The next poll usually reads only what it needs, so it reserves only one request.
      this.#requestsOf.delete(pool);
      if (this.#unread.get(pool) !== 'queued-jobs') return runs;
    }
    const { ended, requests } = await this.#readAllQueued(pool, { need, list, signal });
    if (ended) await this.#readNewestRunning(pool, list, signal);
    this.#requestsOf.set(pool, 1 + requests + (ended ? 1 : 0));
    return runs;
  }

  /**
   * Whether the poll needs only queued jobs: the first page would only show jobs for which agents are free. In a pool with several lanes, that page
   * usually shows other runs too.
   */
  #isInBurst(pool: Pool, { launches, lanes }: RunsNeed): boolean {
    const sinceMs = this.#now() - (this.#onlyQueuedAtMs.get(pool) ?? Number.NEGATIVE_INFINITY);
    const [lane, ...others] = lanes;
    const skipsPages = lane !== undefined && lane.unclaimed >= LARGEST_PAGE && others.length === 0;
    return sinceMs < ONLY_QUEUED_MS && launches > 0 && skipsPages;
  }

  /**
   * Reads the queued jobs that the tick needs, lane by lane.
   * @returns whether the end of a lane's list was reached, and the number of requests.
   */
  async #readAllQueued(
    pool: Pool,
    { need, list, signal }: Omit<QueuedReading, 'lane'>,
  ): Promise<{ readonly ended: boolean; readonly requests: number }> {
    const unlisted: UnlistedJobs[] = [];
    const before = list.poll.requests;
    let anyEnded = false;
    for (const lane of applyLanesFirst(need.lanes)) {
      const { count, ended } = await this.#readQueued(pool, { need, lane, list, signal });
      if (count > 0) unlisted.push({ phases: lane.phases, count });
      anyEnded ||= ended;
    }
    this.#unlisted.set(pool, unlisted);
    return { ended: anyEnded, requests: list.poll.requests - before };
  }

  /** Whether it is time to read all runs. In a burst, it may be later: the first page then has only queued jobs, and the tick can launch. */
  #mustReadAll(pool: Pool, need: RunsNeed, runs: readonly Run[]): boolean {
    const now = this.#now();
    const lastMs = this.#readAllAtMs.get(pool);
    if (lastMs === undefined) this.#readAllAtMs.set(pool, now);
    const sinceMs = now - (lastMs ?? now);
    const isBurst = need.launches > 0 && demandOf(runs).queued.length === runs.length;
    return need.mayReadAll !== false && sinceMs >= READ_ALL_EVERY_MS * (isBurst ? 2 : 1);
  }

  /**
   * Reads queued jobs of a lane until the tick knows enough of them. Skips the pages whose jobs get the agents that are free already.
   * @returns the number of the lane's queued jobs in skipped pages, and whether the end of the list was reached.
   */
  async #readQueued(
    pool: Pool,
    { need, lane, list, signal }: QueuedReading,
  ): Promise<{ readonly count: number; readonly ended: boolean }> {
    const { poll, share, runs } = list;
    const listed = () => ofLane(demandOf(runs).queued, lane).length;
    let known = listed();
    if (!needsMore(lane, need, known)) return { count: 0, ended: false };
    // If the pages of all open runs have only queued jobs of the lane, they are also the first pages of its queued jobs.
    const shown = known === list.cursor.read ? known : 0;
    const skipped = Math.max(shown, Math.floor(lane.unclaimed / LARGEST_PAGE) * LARGEST_PAGE);
    const cursor = new PageCursor(runsPath(pool), LARGEST_PAGE, skipped);
    for (let pages = 0; pages < PAGES_A_LANE && !cursor.ended && needsMore(lane, need, known); pages += 1) {
      const before = cursor.read;
      const statuses = queuedStatuses(lane.phases);
      const page = await this.#withinBudget(() => this.#requests.page(pool, { statuses, cursor, share, signal }));
      if (page === undefined) break;
      poll.requests += 1;
      cursor.advance(page);
      const found = runsOf(page);
      for (const run of found) runs.push(run);
      // An empty page after the end of the list proves nothing about the pages before it.
      if (found.length > 0) known = Math.max(known, before + found.length);
    }
    return { count: Math.max(0, known - listed()), ended: cursor.ended };
  }

  /**
   * Reads the newest running jobs. Jobs are usually taken in the order of their age, so these are the ones that were taken since the agents were
   * listed. Their runs name the agents that are no longer free. At the end of a burst, that decides whether the last jobs get an agent.
   */
  async #readNewestRunning(pool: Pool, { poll, share, runs }: RunsList, signal: AbortSignal): Promise<void> {
    const cursor = new PageCursor(runsPath(pool), this.#pageSizeOf(pool, 'running'));
    const list = {
      cursor,
      name: 'running',
      smallPages: 1,
      mostRequests: 1,
      own: { requests: 0 },
      poll,
      share,
      runs,
    } as const;
    await this.#withinBudget(() => this.#readRuns(pool, list, signal));
  }

  /** Sends a request that the tick can do without; `undefined` if the request budget doesn't allow it. */
  async #withinBudget<T>(send: () => Promise<T>): Promise<T | undefined> {
    try {
      return await send();
    } catch (error) {
      if (error instanceof UpstreamError && error.fault === 'throttled' && error.status === undefined) return undefined;
      throw error;
    }
  }

  /**
   * Reads all lists that are necessary. For a pool with few runs, one request for one list is enough. Only if that list is too long, newer runs
   * may hide older ones. Then the most important runs are listed separately: first the jobs, then the applies.
   *
   * @param list - the list of open runs, of which the first page may have been read.
   */
  async #allRuns(pool: Pool, list: RunsList, signal: AbortSignal): Promise<readonly Run[]> {
    const { poll, share, runs } = list;
    const read = (name: ListName, smallPages: number) => {
      const cursor = new PageCursor(runsPath(pool), this.#pageSizeOf(pool, name));
      return this.#readRuns(pool, { cursor, name, smallPages, own: { requests: 0 }, poll, share, runs }, signal);
    };
    let tooLarge = false;
    const allRead = await this.#readRuns(pool, list, signal).catch((error: unknown) => {
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
    this.#readAllAtMs.set(pool, this.#now());
    if (allRead) this.#unread.delete(pool);
    else this.#unread.set(pool, jobsRead ? 'post-plan-runs' : 'queued-jobs');
    // A run can be in several lists. Its last occurrence counts.
    return runs;
  }

  /** Reads one list up to the limits of one poll. @returns whether the list was read completely. */
  async #readRuns(pool: Pool, list: RunsList, signal: AbortSignal): Promise<boolean> {
    const { cursor, name, smallPages, own, poll, share, runs } = list;
    const mostRequests = () => list.mostRequests ?? (cursor.size === LARGEST_PAGE ? PAGES_A_POLL : smallPages);
    const before = poll.requests - own.requests;
    while (!cursor.ended && own.requests < mostRequests()) {
      poll.requests += 1;
      own.requests += 1;
      try {
        const page = await this.#requests.page(pool, { statuses: LISTS[name], cursor, share, signal });
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
    const budget = this.#requests.budgetOf(pool);
    const count = this.#requestsOf.get(pool) ?? 1;
    try {
      if (turn.over !== undefined) throw turn.over;
      return budget.setAside(count);
    } catch (error) {
      // The invocation waits until the next tick can poll this pool, too.
      budget.refuse(count);
      turn.over = error;
      throw error;
    }
  }
}

/** Applies come before plans, because a run that waits for its apply locks its workspace. */
function applyLanesFirst(lanes: readonly LaneNeed[]): LaneNeed[] {
  return lanes.toSorted((a, b) => Number(b.phases.includes('apply')) - Number(a.phases.includes('apply')));
}

/** Whether the next poll may succeed although this poll failed. */
function isTransient(error: unknown): boolean {
  return error instanceof UpstreamError && (error.fault === 'throttled' || error.fault === 'unavailable');
}

function isTooLarge(error: unknown): boolean {
  return error instanceof UpstreamError && error.fault === 'too-large';
}
