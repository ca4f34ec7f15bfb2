import { OBSERVED_STATUSES } from '../../core/demand.ts';
import type { Agent, Run } from '../../core/types.ts';
import { type Result, resultOf, UpstreamError } from '../../errors.ts';
import type { PollBudget as Budget, Clock, HcpTerraform, Polling, Pool, PoolVisibility } from '../../ports.ts';
import { agentsOf, agentsPage, currentRunsOf, workspacesPage } from './answers.ts';
import type { HcpTerraformHttp } from './http.ts';
import { readPages } from './pages.ts';
import { PoolIds } from './pool-ids.ts';
import { RunPoller, type Turn } from './run-poller.ts';
import { HCP_TERRAFORM_HOSTS, listsRunsByOrganization } from './version.ts';

/** Timeout of the combined "does any pool have work?" request. An answer takes some tenths of a second. */
const PROBE_PATIENCE_MS = 2_000;

export interface ClientParts {
  readonly http: Pick<HcpTerraformHttp, 'get'>;
  readonly hostname: string;
  readonly now: () => number;
  readonly timeout: Clock['timeout'];
}

/** Implements the port `HcpTerraform` with API v2. While the function is warm, it keeps pool ids, the pools' turns and the host's version. */
export class HcpTerraformClient implements HcpTerraform {
  readonly #http: ClientParts['http'];
  readonly #hostname: string;
  readonly #timeout: Clock['timeout'];
  readonly #runPoller: RunPoller;
  readonly #poolIds: PoolIds;
  /** The number of the poll in which each pool was polled last. */
  readonly #turnOf = new Map<Pool, number>();
  #turns = 0;
  /** Pools whose name or id HCP Terraform doesn't know. */
  readonly #unfound = new Set<Pool>();
  #byOrganization: boolean | undefined;

  constructor({ http, hostname, now, timeout }: ClientParts) {
    this.#http = http;
    this.#poolIds = new PoolIds(http, now);
    this.#runPoller = new RunPoller({ http, hostname, now });
    this.#hostname = hostname;
    this.#timeout = timeout;
  }

  openRuns(pools: readonly Pool[], polling: Polling): ReadonlyMap<Pool, Promise<Result<readonly Run[]>>> {
    // Poll the least recently polled pools first. So if the budget isn't enough for all pools, they take turns.
    const inTurn = pools.toSorted((a, b) => (this.#turnOf.get(a) ?? 0) - (this.#turnOf.get(b) ?? 0));
    // One request shows whether any of several pools has work, but not which one, because a run doesn't contain its pool.
    // Leave out pools that HCP Terraform doesn't know: its answer for an unknown pool name isn't documented.
    const asked = inTurn.filter((pool) => !this.#unfound.has(pool));
    const [first] = asked;
    const probed =
      first !== undefined && asked.length > 1 ? resultOf(this.#probe(first, asked, polling.signal)) : undefined;
    const turn: Turn = {};
    return new Map(
      inTurn.map((pool) => [pool, this.#inTurn(pool, asked.includes(pool) ? probed : undefined, turn, polling)]),
    );
  }

  /** Reads one pool's runs. The result doesn't depend on the other pools. */
  async #inTurn(
    pool: Pool,
    probe: Promise<Result<boolean>> | undefined,
    turn: Turn,
    polling: Polling,
  ): Promise<Result<readonly Run[]>> {
    const [id, probed] = await Promise.all([resultOf(this.#poolIds.idOf(pool, polling.signal)), probe]);
    if (id.ok && this.visibilityOf(pool).missingError === undefined) this.#unfound.delete(pool);
    else if (id.ok) this.#unfound.add(pool);
    else if (id.error.fault === 'rejected') this.#unfound.add(pool);
    if (!id.ok) return id;
    const answer = await this.#runsUnless(probed, pool, turn, polling);
    // If the budget wasn't enough for this pool, it keeps its turn.
    const leftOut = !answer.ok && answer.error.fault === 'throttled' && answer.error.status === undefined;
    if (!leftOut) this.#turnOf.set(pool, ++this.#turns);
    return answer;
  }

  async #runsUnless(
    probed: Result<boolean> | undefined,
    pool: Pool,
    turn: Turn,
    polling: Polling,
  ): Promise<Result<readonly Run[]>> {
    if (probed?.ok === false) return probed;
    if (probed?.value === false) {
      this.#runPoller.noteNoRuns(pool);
      return { ok: true, value: [] };
    }
    return resultOf(this.#runs(pool, turn, polling));
  }

  async agents(pool: Pool, sinceMs: number, signal: AbortSignal): Promise<readonly Agent[] | undefined> {
    const poolId = await this.#poolIds.idOf(pool, signal);
    const query = { 'filter[last-ping-since]': new Date(sinceMs).toISOString() };
    const path = `/api/v2/agent-pools/${encodeURIComponent(poolId)}/agents`;
    const list = { path, query, tokenSecret: pool.apiTokenSecret, schema: agentsPage, signal, expected: [404] };
    return readPages(this.#http, list, agentsOf);
  }

  visibilityOf(pool: Pool): PoolVisibility {
    const unread = this.#runPoller.unreadOf(pool);
    const unlisted = this.#runPoller.unlistedOf(pool);
    return {
      ...this.#poolIds.visibilityOf(pool),
      ...(unread !== undefined && { unread }),
      ...(unlisted !== undefined && { unlisted }),
    };
  }

  pollBudget(): Budget {
    return this.#runPoller.pollBudget();
  }

  /**
   * Sends the combined request. @returns whether to ask for each pool's runs separately.
   *
   * The combined request only saves requests. If it fails or is slow, the launcher asks for each pool separately, so that no pool waits
   * for another. The exception is an answer that asks to wait.
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

  async #anyRun(first: Pool, pools: readonly Pool[], signal: AbortSignal): Promise<boolean> {
    return !(await this.#listsByOrganization(first, signal)) || this.#runPoller.anyRun(first, pools, signal);
  }

  async #runs(pool: Pool, turn: Turn, { signal, needOf }: Polling): Promise<readonly Run[]> {
    const need = needOf(pool);
    if (await this.#listsByOrganization(pool, signal)) return this.#runPoller.runsOf(pool, { turn, need, signal });
    await need;
    return this.#currentRuns(pool, signal);
  }

  /** Reads the runs on Terraform Enterprise before v202409-1. It misses speculative runs, because they are never a workspace's current run. */
  async #currentRuns(pool: Pool, signal: AbortSignal): Promise<readonly Run[]> {
    const poolId = await this.#poolIds.idOf(pool, signal);
    const path = `/api/v2/organizations/${encodeURIComponent(pool.organization)}/workspaces`;
    const query = { 'filter[current-run][status]': OBSERVED_STATUSES.join(','), include: 'current_run' };
    const list = { path, query, tokenSecret: pool.apiTokenSecret, schema: workspacesPage, signal };
    return (await readPages(this.#http, list, (page) => currentRunsOf(page, poolId))) ?? [];
  }

  async #listsByOrganization(pool: Pool, signal: AbortSignal): Promise<boolean> {
    if (HCP_TERRAFORM_HOSTS.has(this.#hostname)) return true;
    this.#byOrganization ??= await listsRunsByOrganization(this.#http, pool.apiTokenSecret, signal);
    return this.#byOrganization;
  }
}
