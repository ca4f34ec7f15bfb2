import type * as z from 'zod';
import type { Answer, GetRequest, HcpTerraformHttp } from '../../functions/launcher/adapters/hcp-terraform/http.ts';
import { type RawAnswer, REQUEST_TIMEOUT_MS } from '../../functions/launcher/adapters/hcp-terraform/send.ts';
import type { Faults } from './faults.ts';
import { type Agent, counts, type HcpWorld, isPostPlan, type Run, shownSinceMs } from './hcp-world.ts';
import type { Launcher } from './launcher.ts';
import type { Random } from './random.ts';
import type { FaultKind, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import { call, type Environment, latency, noteFault, type Reply, type TickRecord } from './wire.ts';

/** List Runs endpoints: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run */
const RUN_LISTS_PER_MINUTE = 30;

/** In every place where a token could be, so that none goes unnoticed. */
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

/** What all connections to HCP Terraform share. */
export interface Platform {
  readonly time: VirtualTime;
  readonly settings: WorldSettings;
  readonly random: Random;
  readonly faults: Faults;
  readonly hcp: HcpWorld;
  /** Times of run-list requests of the last minute, by token. */
  readonly runLists: Map<string, number[]>;
  readonly onRunList: (environment: Environment, secret: string) => void;
  readonly onPause: (secret: string, untilMs: number) => void;
}

/** The value of every secret, rotated or not. A fault decides whether a token is valid. */
const SECRETS = { value: async () => API_TOKEN, renew: async () => API_TOKEN };

/** The part of HCP Terraform's API v2 that the launcher uses: the launcher's own handling of answers, over a simulated network. */
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
      // A refusal has no pages.
      if (pagesWrong && request.kind !== 'pool' && answer.body !== undefined) this.#unseen(request, fault);
      return answer;
    } catch (error) {
      this.#unseen(request, faults.at(-1));
      throw error;
    }
  }

  /** Notes what the tick was not shown. */
  #unseen(request: Asked, fault: FaultKind | undefined): void {
    // A pool that is looked up by name is visible by its name until the lookup is repeated.
    if (request.kind === 'pools') return;
    const { tick } = request;
    // A pool without an answer to the combined request can be listed separately.
    const question = request.kind === 'runs' && !request.withOperations;
    for (const pool of this.#poolsOf(request)) {
      if (question && tick.queued.has(pool)) continue;
      tick.blind.set(pool, `${question ? QUESTION : request.kind}: ${fault ?? 'refused'}`);
    }
  }

  /** One request over the network. @param hits receives the fault that hits it. */
  #send(request: Asked, secret: string, signal: AbortSignal, hits: FaultKind[]): Promise<RawAnswer> {
    const { time, random, faults } = this.#platform;
    const { tick } = request;
    if (request.kind === 'runs') {
      tick.calls.runLists += 1;
      this.#platform.onRunList(this.#environment, secret);
    } else tick.calls.otherHttp += 1;
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
      latencyMs: fault === 'hcp-slow' ? random.between(1500, 7000) : latency(random, 40, 300),
      timeoutMs: REQUEST_TIMEOUT_MS,
      arrive: () => this.#answer(request, secret, fault),
      givenUp: (why) => {
        noteFault(tick, 'hcp-gave-no-answer', concerns);
        // The message of a careless client.
        const error = new Error(`authorization: Bearer ${API_TOKEN}`);
        error.name = why === 'aborted' ? 'AbortError' : 'TimeoutError';
        return error;
      },
    });
  }

  #answer(request: Asked, secret: string, fault: FaultKind | undefined): Reply<RawAnswer> {
    const { random } = this.#platform;
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
    if (request.kind === 'runs') {
      const used = this.#useRunList(secret);
      if (used > RUN_LISTS_PER_MINUTE) {
        noteFault(request.tick, 'hcp-limit', this.#poolsWith(secret));
        return refused(429, { 'x-ratelimit-reset': this.#pause(secret, 5) });
      }
    }
    const document = this.#document(request, fault === 'hcp-page-repeated' ? -1 : fault === 'hcp-page-missing' ? 1 : 0);
    if (document === undefined) return refused(404);
    if (fault === 'hcp-truncated') return text(JSON.stringify(document).slice(0, -2));
    return good(fault === 'hcp-changed-shape' ? changedShape(document, random) : document);
  }

  #useRunList(secret: string): number {
    const { runLists, time } = this.#platform;
    const now = time.now();
    const recent = (runLists.get(secret) ?? []).filter((at) => at > now - 60_000);
    recent.push(now);
    runLists.set(secret, recent);
    return recent.length;
  }

  #document(request: Asked, pageShift: number): object | undefined {
    const { settings, hcp, time } = this.#platform;
    const { tick } = request;
    if (request.kind === 'runs') {
      const matching = [...hcp.runs]
        .filter((run) => request.pools.includes(run.pool) && request.statuses.includes(run.status))
        .sort((a, b) => b.createdAtMs - a.createdAtMs);
      const size = Math.min(request.size, settings.runsPageCap);
      const page = request.page + pageShift;
      const listed = matching.slice((Math.max(1, page) - 1) * size, Math.max(1, page) * size);
      if (request.withOperations) for (const run of listed) this.#shown(run, tick);
      if (request.withOperations) for (const pool of request.pools) toldOf(pool, tick);
      const pagination = {
        'current-page': Math.max(1, page),
        'next-page': page * size < matching.length ? page + 1 : pageShift < 0 ? 1 : null,
      };
      if (pageShift > 0) pagination['next-page'] = page + 1;
      return {
        data: listed.map((run) => this.#runDocument(run)),
        included: listed.flatMap((run) => this.#operations(run)),
        meta: { pagination },
      };
    }
    const whole = { pagination: { 'current-page': 1 + Math.abs(pageShift), 'next-page': null } };
    if (request.kind === 'pool') {
      const pool = settings.pools.find(({ id }) => id === request.id);
      return pool === undefined || !settings.agentsVisible ? undefined : { data: { attributes: { name: pool.name } } };
    }
    if (request.kind === 'pools') {
      const pools = settings.pools.filter(({ organization }) => organization === request.organization);
      return { data: pools.map(({ id, name }) => ({ id, attributes: { name } })), meta: whole };
    }
    const pool = settings.pools.find(({ id }) => id === request.id);
    if (pool === undefined || !settings.agentsVisible) {
      this.#hidden(request.id, tick);
      return undefined;
    }
    const agents = hcp
      .agents(pool.name)
      .filter((agent) => this.#lastPingMs(agent) + settings.hcpSkewMs >= request.sinceMs);
    // A well-formed but wrong list comes once, and not twice in a row.
    const wrong = !this.#wrongLately.has(pool.name) && this.#platform.faults.hit(['hcp-agents-empty'], pool.name);
    if (wrong) {
      noteFault(tick, 'hcp-agents-empty', [pool.name]);
      this.#wrongLately.add(pool.name);
      time.after(20_000, () => this.#wrongLately.delete(pool.name));
    }
    const size = Math.min(request.size, settings.runsPageCap);
    const listed = wrong ? [] : agents.slice((request.page - 1) * size, request.page * size);
    const before = request.page > 1 ? tick.agents.get(pool.name)?.statuses : undefined;
    tick.agentsListedAtMs.set(pool.name, time.now());
    if (!tick.decided.has(pool.name)) {
      tick.agents.set(pool.name, {
        atMs: time.now(),
        statuses: new Map([
          ...(before === undefined || before === 'hidden' ? [] : before),
          ...listed.map((agent) => [agent.name, agent.status] as const),
        ]),
      });
    }
    const next = !wrong && request.page * size < agents.length ? request.page + 1 : null;
    return {
      data: listed.map((agent) => {
        const { id, name, status } = agent;
        const lastPing = new Date(this.#lastPingMs(agent) + settings.hcpSkewMs).toISOString();
        return { id, attributes: { name, status, 'last-ping-at': lastPing } };
      }),
      meta: { pagination: { 'current-page': request.page + pageShift, 'next-page': next } },
    };
  }

  #hidden(id: string, tick: TickRecord): void {
    const pool = this.#platform.settings.pools.find((known) => known.id === id);
    if (pool !== undefined) {
      tick.agents.set(pool.name, { atMs: this.#platform.time.now(), statuses: 'hidden' });
    }
  }

  /** An agent that lives pings every 30 s. */
  #lastPingMs(agent: Agent): number {
    const pings = counts(agent.status) && agent.silentSinceMs === undefined;
    return pings ? this.#platform.time.now() - 15_000 : agent.lastPingMs;
  }

  #shown(run: Run, tick: TickRecord): void {
    toldOf(run.pool, tick);
    if (run.status.endsWith('_queued')) tick.queued.get(run.pool)?.set(run.job?.key ?? '', run.job?.queuedAtMs ?? 0);
    else if (run.status === 'planning' || run.status === 'applying') {
      const name = run.status === 'planning' ? run.planAgent : run.applyAgent;
      const named = name !== undefined && this.#platform.settings.agentNamesInRuns;
      if (named) tick.runningNames.get(run.pool)?.add(name);
      else tick.nameless.get(run.pool)?.add(run.job?.key ?? '');
    } else if (isPostPlan(run.status)) {
      tick.postPlan.get(run.pool)?.set(run.id, shownSinceMs(run, this.#platform.settings));
    }
  }

  #runDocument({ id, status, statusSinceMs, createdAtMs, workspaceId, at }: Run): object {
    const time = (ms: number | undefined): string | undefined =>
      ms === undefined ? undefined : new Date(ms + this.#platform.settings.hcpSkewMs).toISOString();
    return {
      id,
      type: 'runs',
      attributes: {
        status,
        'created-at': time(createdAtMs),
        'status-timestamps': {
          'plan-queued-at': time(at.planQueued),
          'planning-at': time(at.planning),
          'apply-queued-at': time(at.applyQueued),
          'applying-at': time(at.applying),
          ...(isPostPlan(status) &&
            this.#platform.settings.postPlanTimes && {
              [`${status.replaceAll('_', '-')}-at`]: time(statusSinceMs),
            }),
        },
      },
      relationships: {
        workspace: { data: { id: workspaceId } },
        plan: { data: { id: `plan-${id}` } },
        apply: { data: { id: `apply-${id}` } },
      },
    };
  }

  #operations({ id, planAgent, applyAgent }: Run): object[] {
    const details = (name: string | undefined): object | null =>
      name === undefined || !this.#platform.settings.agentNamesInRuns ? null : { 'agent-name': name };
    return [
      { type: 'plans', id: `plan-${id}`, attributes: { 'execution-details': details(planAgent) } },
      { type: 'applies', id: `apply-${id}`, attributes: { 'execution-details': details(applyAgent) } },
    ];
  }

  /** The pools that are observed incompletely if this request has no good answer. */
  #poolsOf(request: Request): string[] {
    const { pools } = this.#platform.settings;
    if (request.kind === 'runs') return request.pools;
    if (request.kind === 'pools') {
      return pools.filter(({ organization }) => organization === request.organization).map(({ name }) => name);
    }
    return pools.filter(({ id }) => id === request.id).map(({ name }) => name);
  }

  /** Asks the user of a token to wait. */
  #pause(secret: string, seconds: number): string {
    this.#platform.onPause(secret, this.#platform.time.now() + seconds * 1000);
    return seconds.toFixed(3);
  }

  #poolsWith(secret: string): string[] {
    const { pools } = this.#platform.settings;
    return pools.filter(({ apiTokenSecret }) => apiTokenSecret === secret).map(({ name }) => name);
  }
}

type Request =
  | {
      readonly kind: 'runs';
      readonly pools: string[];
      readonly statuses: string[];
      readonly page: number;
      readonly size: number;
      readonly withOperations: boolean;
    }
  | { readonly kind: 'pools'; readonly organization: string }
  | { readonly kind: 'pool'; readonly id: string }
  | {
      readonly kind: 'agents';
      readonly id: string;
      readonly sinceMs: number;
      readonly page: number;
      readonly size: number;
    };

type Asked = Request & { readonly tick: TickRecord };

/** The request that asks whether any of several pools has work. */
const QUESTION = 'runs: of several pools';

/** Notes that the tick was shown the pool's runs, even if there are none. */
function toldOf(pool: string, tick: TickRecord): void {
  if (tick.blind.get(pool)?.startsWith(QUESTION)) tick.blind.delete(pool);
  if (!tick.queued.has(pool)) tick.queued.set(pool, new Map());
  if (!tick.runningNames.has(pool)) tick.runningNames.set(pool, new Set());
  if (!tick.nameless.has(pool)) tick.nameless.set(pool, new Set());
  if (!tick.postPlan.has(pool)) tick.postPlan.set(pool, new Map());
}

/** Reads a request. If the launcher isn't known to make it, this world has a defect. */
function requestOf(pathAndQuery: string): Request {
  const [path = '', queryText = ''] = pathAndQuery.split('?');
  const query = new URLSearchParams(queryText);
  const [, kind = '', name = '', rest = ''] =
    /^\/api\/v2\/(organizations|agent-pools)\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
  if (kind === 'organizations' && rest === 'runs') {
    return {
      kind: 'runs',
      pools: (query.get('filter[agent_pool_names]') ?? '').split(','),
      statuses: (query.get('filter[status]') ?? '').split(','),
      page: Number(query.get('page[number]') ?? '1'),
      size: Number(query.get('page[size]') ?? '20'),
      withOperations: query.has('include'),
    };
  }
  if (kind === 'organizations' && rest === 'agent-pools')
    return { kind: 'pools', organization: decodeURIComponent(name) };
  if (kind === 'agent-pools' && rest === 'agents') {
    return {
      kind: 'agents',
      id: name,
      sinceMs: Date.parse(query.get('filter[last-ping-since]') ?? ''),
      page: Number(query.get('page[number]')),
      size: Number(query.get('page[size]')),
    };
  }
  if (kind === 'agent-pools' && rest === '') return { kind: 'pool', id: name };
  throw new Error(`The simulated HCP Terraform does not know ${path}`);
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

/** The same answer with a wrong schema, and with a token where a careless error would quote it. */
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
