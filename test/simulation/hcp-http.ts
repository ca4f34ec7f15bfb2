import type * as z from 'zod';
import type { Answer, GetRequest, HcpTerraformHttp } from '../../functions/launcher/adapters/hcp-terraform/http.ts';
import { type RawAnswer, REQUEST_TIMEOUT_MS } from '../../functions/launcher/adapters/hcp-terraform/send.ts';
import { recentAgentsMs } from '../../functions/launcher/core/vendor-timing.ts';
import type { AgentStatusName } from '../../local/hcp-terraform/agents.ts';
import type { createRateLimiter } from '../../local/hcp-terraform/rate-limits.ts';
import type { Faults } from './faults.ts';
import type { ApiDocument } from './hcp-api.ts';
import type { Run } from './hcp-records.ts';
import { type HcpWorld, isPostPlan, shownSinceMs, timestampOf } from './hcp-world.ts';
import type { Launcher } from './launcher.ts';
import type { Random } from './random.ts';
import type { FaultKind, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import { call, type Environment, latency, noteFault, type Reply, type TickRecord } from './wire.ts';

/** The token. It also appears in error messages and bodies, so that promise 8 notices if the launcher repeats one of them. */
export const API_TOKEN = 'aaaaaaaaaaaaaa.atlasv1.thisistheapitokenthatnobodymaysee';

const FAULTS = [
  'hcp-token-rotated',
  'hcp-429',
  'hcp-5xx',
  'hcp-connection-reset',
  'hcp-hang',
  'hcp-slow',
  'hcp-truncated',
  'hcp-html',
  'hcp-empty-200',
  'hcp-changed-shape',
  'hcp-page-repeated',
  'hcp-page-missing',
  'hcp-404',
] as const satisfies readonly FaultKind[];

/** The state that all connections to HCP Terraform share. */
export interface Platform {
  readonly time: VirtualTime;
  readonly settings: WorldSettings;
  readonly random: Random;
  readonly faults: Faults;
  readonly hcp: HcpWorld;
  readonly limiter: ReturnType<typeof createRateLimiter>;
  readonly onRunList: (environment: Environment, secret: string) => void;
  readonly onRunRead: (secret: string) => void;
  readonly onPause: (secret: string, untilMs: number) => void;
}

/** The value of every secret, even after a rotation. Only a fault can make a token invalid. */
const SECRETS = { value: async () => API_TOKEN, renew: async () => API_TOKEN };

/** The launcher's HTTP client for HCP Terraform, over a simulated network: real handling of responses, simulated API. */
export class SimulatedHttp implements Pick<HcpTerraformHttp, 'get'> {
  readonly #platform: Platform;
  readonly #environment: Environment;
  readonly #launcher: Launcher;
  readonly #wrongLately = new Set<string>();

  constructor(platform: Platform, environment: Environment, launcher: Launcher) {
    this.#platform = platform;
    this.#environment = environment;
    this.#launcher = launcher;
  }

  async get<S extends z.ZodType>(wanted: GetRequest<S>): Promise<Answer<z.infer<S>>> {
    const request = { ...requestOf(wanted.path), tick: this.#environment.tick };
    const faults: FaultKind[] = [];
    const http = new this.#launcher.HcpTerraformHttp({
      hostname: 'app.terraform.io',
      secrets: SECRETS,
      send: (_path, _token, until) => this.#send(request, wanted.tokenSecret, until, faults),
    });
    try {
      const answer = await http.get(wanted);
      const fault = faults.at(-1);
      const pagesWrong = fault === 'hcp-page-repeated' || fault === 'hcp-page-missing';
      // An error has no pages.
      if (pagesWrong && request.kind !== 'pool' && answer.body !== undefined) this.#unseen(request, fault);
      return answer;
    } catch (error) {
      this.#unseen(request, faults.at(-1));
      throw error;
    }
  }

  /** Records what the tick could not observe. */
  #unseen(request: Asked, fault: FaultKind | undefined): void {
    // A pool that was looked up by name stays visible until the lookup is repeated. No decision depends on a run's status.
    if (request.kind === 'pools' || request.kind === 'run') return;
    const { tick } = request;
    // If the combined request fails for a pool, the launcher can still list the pool separately.
    const question = request.kind === 'runs' && !request.withOperations;
    for (const pool of this.#poolsOf(request)) {
      if (question && tick.queued.has(pool)) continue;
      // The runs of the first reading are still true, but the tick must not decide on them.
      const again = request.kind === 'runs' && tick.runsAgain.has(pool);
      const what = question ? QUESTION : again ? 'second reading of runs' : request.kind;
      tick.blind.set(pool, `${what}: ${fault ?? 'refused'}`);
    }
  }

  /** Sends one request over the network. @param hits is called with the fault that hits the request */
  #send(request: Asked, secret: string, signal: AbortSignal, hits: FaultKind[]): Promise<RawAnswer> {
    const { time, random, faults } = this.#platform;
    const { tick } = request;
    if (request.kind === 'runs' && request.withOperations && request.page === 1) {
      for (const pool of request.pools) if (tick.queued.has(pool)) tick.runsAgain.add(pool);
    }
    if (request.kind === 'runs') {
      tick.calls.runLists += 1;
      this.#platform.onRunList(this.#environment, secret);
    } else if (request.kind === 'run') this.#platform.onRunRead(secret);
    else tick.calls.otherHttp += 1;
    const concerns = this.#poolsOf(request);
    const fault = faults.hit(FAULTS, concerns.length === 1 ? concerns[0] : undefined);
    if (fault !== undefined) {
      hits.push(fault);
      const all = fault === 'hcp-429' || fault === 'hcp-token-rotated';
      noteFault(tick, fault, all ? this.#poolsWith(secret) : concerns);
    }
    return call(time, {
      environment: this.#environment,
      signal,
      latencyMs: fault === 'hcp-slow' ? random.between(1500, 7000) : this.#latencyMs(),
      timeoutMs: REQUEST_TIMEOUT_MS,
      arrive: () => this.#answer(request, secret, fault),
      givenUp: (why) => {
        noteFault(tick, 'hcp-gave-no-answer', concerns);
        // A careless HTTP client would put the token into its message.
        const error = new Error(`authorization: Bearer ${API_TOKEN}`);
        error.name = why === 'aborted' ? 'AbortError' : 'TimeoutError';
        return error;
      },
    });
  }

  #latencyMs(): number {
    const { random, settings } = this.#platform;
    return settings.slowAnswers === true ? random.between(2000, 4000) : latency(random, 40, 300);
  }

  #answer(request: Asked, secret: string, fault: FaultKind | undefined): Reply<RawAnswer> {
    const { random } = this.#platform;
    if (request.kind === 'run') return this.#statusOf(request.id, fault);
    switch (fault) {
      case 'hcp-hang':
        return 'silence';
      case 'hcp-token-rotated':
        return refused(401);
      case 'hcp-404':
        if (request.kind === 'agents') this.#hidden(request.id, request.tick);
        if (request.kind === 'pool') this.#environment.refusedAtMs.push(this.#platform.time.now());
        return refused(404);
      case 'hcp-5xx':
        return refused(random.pick([500, 502, 503, 504]));
      case 'hcp-429':
        return refused(429, { 'x-ratelimit-reset': this.#pause(secret, random.between(0.5, 15)) });
      case 'hcp-connection-reset':
        return { error: Object.assign(new Error(API_TOKEN), { code: 'ECONNRESET' }) };
      case 'hcp-html':
        return text(`<html>${API_TOKEN}`, 'text/html');
      case 'hcp-empty-200':
        return good(random.pick<unknown>([{}, [], null, '', { data: [] }, { data: null, meta: {} }, { errors: [] }]));
    }
    const { hcp, settings, time } = this.#platform;
    const limit = this.#platform.limiter.take(secret, request.kind === 'runs', time.now());
    if (!limit.allowed) {
      noteFault(request.tick, 'hcp-limit', this.#poolsWith(secret));
      return refused(429, { 'x-ratelimit-reset': this.#pause(secret, limit.resetSeconds) });
    }
    if (!settings.agentsVisible && (request.kind === 'pool' || request.kind === 'agents')) {
      if (request.kind === 'agents') this.#hidden(request.id, request.tick);
      return refused(404);
    }
    const shift = fault === 'hcp-page-repeated' ? -1 : fault === 'hcp-page-missing' ? 1 : 0;
    const page = request.kind === 'runs' ? Math.max(1, request.page + shift) : request.page;
    const document = hcp.get(request.path, pageOf(request, page, settings.runsPageCap), secret);
    if (document.meta !== undefined && shift !== 0) {
      const { pagination } = document.meta;
      if (request.kind !== 'runs') pagination['current-page'] += shift;
      else if (shift > 0 || request.page === 1) pagination['next-page'] = page + Math.max(0, shift);
    }
    if (request.kind === 'runs') this.#runsShown(request, document);
    if (request.kind === 'agents') this.#agentsShown(request, document);
    if (fault === 'hcp-truncated') return text(JSON.stringify(document).slice(0, -2));
    return good(fault === 'hcp-changed-shape' ? changedShape(document, random) : document);
  }

  /** The answer about a single run. It has its own rate limit, so it never asks the client to wait with other requests. */
  #statusOf(id: string, fault: FaultKind | undefined): Reply<RawAnswer> {
    const run = this.#platform.hcp.run(id);
    if (fault === 'hcp-hang') return 'silence';
    if (fault === 'hcp-connection-reset') return { error: Object.assign(new Error(API_TOKEN), { code: 'ECONNRESET' }) };
    if (fault === 'hcp-429') return refused(429, { 'x-ratelimit-reset': '0.5' });
    if (fault === 'hcp-token-rotated') return refused(401);
    if (fault !== undefined && fault !== 'hcp-slow') return refused(500);
    return run === undefined ? refused(404) : good({ data: { id, type: 'runs', attributes: { status: run.status } } });
  }

  /** Hides what this world's HCP Terraform doesn't show, and records what it shows. */
  #runsShown(request: Asked & { readonly kind: 'runs' }, document: ApiDocument): void {
    const { hcp, settings } = this.#platform;
    const { tick, pools, withOperations } = request;
    for (const { id, attributes } of document.data) {
      const run = hcp.run(id);
      if (run === undefined) continue;
      if (withOperations) this.#shown(run, tick);
      const times = attributes['status-timestamps'];
      if (times !== undefined && isPostPlan(run.status) && !settings.postPlanTimes)
        delete times[timestampOf(run.status)];
    }
    if (withOperations) {
      for (const pool of pools) {
        toldOf(pool, tick);
        tick.runsListedAtMs.set(pool, this.#platform.time.now());
      }
    }
    this.#positionsShown(request, document.data.length);
    if (settings.agentNamesInRuns) return;
    for (const { attributes } of document.included ?? []) attributes['execution-details'] = null;
  }

  /** A page of a list of queued jobs also shows how many jobs are on the pages before it. */
  #positionsShown({ query, page, pools, tick }: Asked & { readonly kind: 'runs' }, length: number): void {
    const statuses = query['filter[status]']?.split(',') ?? [];
    const [pool = ''] = pools;
    if (length === 0 || !statuses.every((status) => status.endsWith('_queued'))) return;
    const size = Math.min(Number(query['page[size]']), this.#platform.settings.runsPageCap);
    const known = tick.positions.get(pool) ?? new Map<string, number>();
    const kinds = statuses.map((status) => status.replace('_queued', '')).join();
    tick.positions.set(pool, known.set(kinds, Math.max(known.get(kinds) ?? 0, (page - 1) * size + length)));
  }

  #agentsShown({ id, tick, page }: Asked & { readonly kind: 'agents' }, document: ApiDocument): void {
    const { settings, time, faults } = this.#platform;
    const pool = settings.pools.find((known) => known.id === id)?.name ?? '';
    // A list that is well formed but wrong never comes twice in a row.
    if (!this.#wrongLately.has(pool) && faults.hit(['hcp-agents-empty'], pool) !== undefined) {
      noteFault(tick, 'hcp-agents-empty', [pool]);
      this.#wrongLately.add(pool);
      time.after(20_000, () => this.#wrongLately.delete(pool));
      document.data = [];
      if (document.meta !== undefined) document.meta.pagination['next-page'] = null;
    }
    const before = tick.agents.get(pool)?.statuses;
    tick.agentsListedAtMs.set(pool, time.now());
    const newest = (page === 1 ? undefined : tick.newestAgents.get(pool)) ?? new Map<string, AgentStatusName>();
    for (const { attributes } of document.data) newest.set(attributes.name ?? '', attributes.status);
    tick.newestAgents.set(pool, newest);
    if (tick.decided.has(pool)) return;
    // If the agents are listed again, each keeps the status that the tick observed before it observed the runs.
    if (page === 1 && before !== undefined) tick.agentsAgain.add(pool);
    const known = before === undefined || before === 'hidden' ? new Map<string, AgentStatusName>() : before;
    const rows = document.data.map(({ attributes }) => ({ ...attributes, name: attributes.name ?? '' }));
    // The second list is for older agents. An agent that has registered since the first list counts as unregistered in this tick.
    const recentMs = recentAgentsMs(tick.startedAtMs);
    const older = new Set(rows.flatMap((row) => (Date.parse(row['last-ping-at']) < recentMs ? row.name : [])));
    // The pages can shift while they are read. If an agent is on two pages and was busy on the first one, it counts as busy.
    const counts = (name: string): boolean =>
      tick.agentsAgain.has(pool) ? !known.has(name) && older.has(name) : known.get(name) !== 'busy';
    const listed = rows.flatMap(({ name, status }) => (counts(name) ? [[name, status] as const] : []));
    tick.agents.set(pool, { atMs: time.now(), statuses: new Map([...known, ...listed]) });
  }

  #hidden(id: string, tick: TickRecord): void {
    const pool = this.#platform.settings.pools.find((known) => known.id === id);
    if (pool !== undefined) {
      tick.agents.set(pool.name, { atMs: this.#platform.time.now(), statuses: 'hidden' });
    }
  }

  #shown(run: Run, tick: TickRecord): void {
    toldOf(run.pool, tick);
    const key = run.job?.key ?? '';
    if (run.status.endsWith('_queued')) tick.queued.get(run.pool)?.set(key, run.job?.queuedAtMs ?? 0);
    else if (run.status === 'planning' || run.status === 'applying') {
      const { executedBy } = run.status === 'planning' ? run.of.plan : run.of.apply;
      const named = executedBy !== undefined && this.#platform.settings.agentNamesInRuns;
      if (named) tick.runningNames.get(run.pool)?.add(executedBy.agentName);
      else tick.nameless.get(run.pool)?.add(key);
    } else if (isPostPlan(run.status)) {
      tick.postPlan.get(run.pool)?.set(run.id, shownSinceMs(run, this.#platform.settings));
    }
  }

  /** The pools that can't be observed completely if this request fails. */
  #poolsOf(request: Request): string[] {
    const { pools } = this.#platform.settings;
    if (request.kind === 'runs') return request.pools;
    if (request.kind === 'pools') {
      return pools.filter(({ organization }) => organization === request.organization).map(({ name }) => name);
    }
    return request.kind === 'run' ? [] : pools.filter(({ id }) => id === request.id).map(({ name }) => name);
  }

  /** Asks the client that uses this token to wait. */
  #pause(secret: string, seconds: number): string {
    this.#platform.onPause(secret, this.#platform.time.now() + seconds * 1000);
    return seconds.toFixed(3);
  }

  #poolsWith(secret: string): string[] {
    const { pools } = this.#platform.settings;
    return pools.filter(({ apiTokenSecret }) => apiTokenSecret === secret).map(({ name }) => name);
  }
}

interface Paged {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly page: number;
}

type Request =
  | (Paged & { readonly kind: 'runs'; readonly pools: string[]; readonly withOperations: boolean })
  | (Paged & { readonly kind: 'pools'; readonly organization: string })
  | (Paged & { readonly kind: 'pool'; readonly id: string })
  | (Paged & { readonly kind: 'agents'; readonly id: string })
  | (Paged & { readonly kind: 'run'; readonly id: string });

type Asked = Request & { readonly tick: TickRecord };

/** The request that asks whether any of several pools has work. */
const QUESTION = 'runs: of several pools';

/** Records that the tick observed the pool's runs, even if there are none. */
function toldOf(pool: string, tick: TickRecord): void {
  if (tick.blind.get(pool)?.startsWith(QUESTION)) tick.blind.delete(pool);
  if (!tick.queued.has(pool)) tick.queued.set(pool, new Map());
  if (!tick.runningNames.has(pool)) tick.runningNames.set(pool, new Set());
  if (!tick.nameless.has(pool)) tick.nameless.set(pool, new Set());
  if (!tick.postPlan.has(pool)) tick.postPlan.set(pool, new Map());
}

/** Parses a request. It throws for requests that the launcher doesn't normally send. */
function requestOf(pathAndQuery: string): Request {
  const [path = '', queryText = ''] = pathAndQuery.split('?');
  const query = Object.fromEntries(new URLSearchParams(queryText));
  const [, kind = '', name = '', rest = ''] =
    /^\/api\/v2\/(organizations|agent-pools|runs)\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
  const paged = { path: path.slice('/api/v2'.length), query, page: Number(query['page[number]'] ?? '1') };
  if (kind === 'organizations' && rest === 'runs') {
    const pools = (query['filter[agent_pool_names]'] ?? '').split(',');
    return { ...paged, kind: 'runs', pools, withOperations: query['include'] !== undefined };
  }
  if (kind === 'organizations' && rest === 'agent-pools') {
    return { ...paged, kind: 'pools', organization: decodeURIComponent(name) };
  }
  if (kind === 'agent-pools' && rest === 'agents') return { ...paged, kind: 'agents', id: name };
  if (kind === 'agent-pools' && rest === '') return { ...paged, kind: 'pool', id: name };
  if (kind === 'runs' && rest === '') return { ...paged, kind: 'run', id: name };
  throw new Error(`The simulated HCP Terraform does not know ${path}`);
}

/** The query for this page. The server can reduce the page size. */
function pageOf({ query }: Request, page: number, sizeCap: number): Record<string, string> {
  const size = Number(query['page[size]'] ?? sizeCap);
  return { ...query, 'page[number]': String(page), 'page[size]': String(Math.min(size, sizeCap)) };
}

function refused(status: number, headers: RawAnswer['headers'] = {}): Reply<RawAnswer> {
  return { value: { status, headers, text: `{"errors":[{"title":"${API_TOKEN}"}]}` } };
}

function good(document: unknown): Reply<RawAnswer> {
  return text(JSON.stringify(document));
}

function text(body: string, type = 'application/vnd.api+json'): Reply<RawAnswer> {
  return { value: { status: 200, headers: { 'content-type': type }, text: body } };
}

/** The same response with a wrong schema. It contains a token where a careless error message would quote it. */
function changedShape(document: object, random: Random): unknown {
  const data: unknown[] = 'data' in document && Array.isArray(document.data) ? document.data : [];
  const broken: unknown = random.pick<unknown>([
    { type: 'runs', id: API_TOKEN },
    { id: 'run-1', attributes: { status: 7, 'created-at': API_TOKEN } },
    API_TOKEN,
  ]);
  return random.pick<unknown>([
    { ...document, data: [...data, broken] },
    { ...document, data: { 0: broken } },
    { ...document, meta: { pagination: { 'current-page': '1', 'next-page': 0 } } },
    { ...document, meta: undefined },
    { result: document },
  ]);
}
