import type { Gateway, GatewayInstance } from '../../../functions/launcher/core/gateway-types.ts';
import type { Agent, Run, Task } from '../../../functions/launcher/core/types.ts';
import type { Result, UpstreamError } from '../../../functions/launcher/errors.ts';
import type {
  Clock,
  GatewayAnswer,
  GatewayEndAnswer,
  Gateways,
  HcpTerraform,
  LaunchAnswer,
  LaunchRequest,
  Polling,
  Pool,
  PoolVisibility,
  Tasks,
} from '../../../functions/launcher/ports.ts';
import type { TickTime } from '../../../functions/launcher/tick.ts';

/** Polling that waits for nothing. */
export const polling = (signal = new AbortController().signal): Polling => ({
  signal,
  needOf: async () => undefined,
});

/** No end of a tick, unless the signal ends it. */
export const endless = (signal = new AbortController().signal): TickTime => ({
  signal,
  launchUntilMs: Number.POSITIVE_INFINITY,
});

export function pool(name: string, overrides: Partial<Pool> = {}): Pool {
  return {
    name,
    organization: 'acme',
    apiTokenSecret: 'acme/api-token',
    lanes: [{ phases: ['plan', 'apply'], taskDefinition: `launcher-${name}`, capacity: 'on-demand' }],
    maxAgents: 10,
    ...overrides,
  };
}

/** A pool with one lane that has the given number of warm agents. */
export function warmPool(name: string, agents: number, overrides: Partial<Pool> = {}): Pool {
  const [lane] = pool(name).lanes;
  return pool(name, {
    lanes: [{ ...lane, standing: { id: name, warm: { agents, idleSeconds: 3600 } } }],
    ...overrides,
  });
}

/** A fake of HCP Terraform whose answers the test sets. */
export class FakePlatform implements HcpTerraform {
  readonly runs = new Map<string, Result<readonly Run[]> | Promise<Result<readonly Run[]>>>();
  readonly agentsOf = new Map<string, readonly Agent[] | undefined | Error>();
  readonly sights = new Map<string, PoolVisibility>();
  readonly agentsAsked: { pool: string; sinceMs: number }[] = [];
  used = 0;

  /** The open runs of a pool. */
  lists(poolName: string, ...runs: Run[]): void {
    this.runs.set(poolName, { ok: true, value: runs });
  }

  fails(poolName: string, error: UpstreamError): void {
    this.runs.set(poolName, { ok: false, error });
  }

  /** The answers to requests for agents, for all pools. The last answer repeats. */
  listsAgents(...lists: (readonly Agent[] | undefined | Error)[]): void {
    this.agents = async () => {
      const next = lists.length > 1 ? lists.shift() : lists[0];
      if (next instanceof Error) throw next;
      return next;
    };
  }

  openRuns(pools: readonly Pool[], _: Polling): ReadonlyMap<Pool, Promise<Result<readonly Run[]>>> {
    this.used += 1;
    return new Map(pools.map((one) => [one, Promise.resolve(this.runs.get(one.name) ?? { ok: true, value: [] })]));
  }

  async agents(one: Pool, sinceMs: number): Promise<readonly Agent[] | undefined> {
    this.agentsAsked.push({ pool: one.name, sinceMs });
    const agents = this.agentsOf.has(one.name) ? this.agentsOf.get(one.name) : [];
    if (agents instanceof Error) throw agents;
    return agents;
  }

  visibilityOf(one: Pool): PoolVisibility {
    return this.sights.get(one.name) ?? { agentsVisible: true };
  }

  pollBudget() {
    return { usedInLastMinute: this.used, taken: [this.used], wanted: [this.used], perMinute: 24 };
  }
}

/** A fake of ECS that keeps the tasks that were launched. */
export class FakeTasks implements Tasks {
  tasks: readonly Task[] | Error = [];
  stopped: readonly Task[] = [];
  stoppedAsked = 0;
  /** The answers about idle pools. */
  ended: readonly Task[] | Error = [];
  endedAsked = 0;
  readonly launches: LaunchRequest[] = [];
  readonly stops: { taskId: string; reason: string }[] = [];
  answer: (request: LaunchRequest) => LaunchAnswer | Error = ({ job, attempt }) => ({
    kind: 'task',
    taskId: `${job.key.split('/', 1)[0]}-${attempt}`,
    lastStatus: 'PROVISIONING',
  });

  async liveTasks(): Promise<readonly Task[]> {
    if (this.tasks instanceof Error) throw this.tasks;
    return this.tasks;
  }

  async recentlyStoppedTasks(): Promise<readonly Task[]> {
    this.stoppedAsked += 1;
    return this.stopped;
  }

  async endedTasks(): Promise<readonly Task[]> {
    if (this.ended instanceof Error) throw this.ended;
    this.endedAsked += 1;
    return this.ended;
  }

  async launch(request: LaunchRequest, _untilMs: number, _: AbortSignal): Promise<LaunchAnswer> {
    this.launches.push(request);
    const answer = this.answer(request);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  async stop(taskId: string, reason: string): Promise<void> {
    this.stops.push({ taskId, reason });
  }
}

/** A fake of EC2. It changes no instance, and keeps the calls as text, such as `start i-1`. */
export class FakeGateways implements Gateways {
  /** The answers about instances. The last one repeats. */
  lists: (readonly GatewayInstance[] | Error)[] = [[]];
  impaired: ReadonlyMap<string, number> | Error = new Map();
  /** What calls answer or throw instead of `done`, by the first word of the call. */
  readonly answers = new Map<string, GatewayEndAnswer | Error>();
  readonly calls: string[] = [];

  async instances(): Promise<readonly GatewayInstance[]> {
    this.calls.push('read');
    const next = this.lists.length > 1 ? this.lists.shift() : this.lists[0];
    if (next instanceof Error) throw next;
    return next ?? [];
  }

  async impairedSinceMs(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    this.calls.push(`check ${ids.join()}`);
    if (this.impaired instanceof Error) throw this.impaired;
    return this.impaired;
  }

  create = async ({ name }: Gateway, failures: number): Promise<GatewayAnswer> =>
    this.#changed(`create ${name} after ${failures} failures`);
  start = async (id: string): Promise<GatewayAnswer> => this.#changed(`start ${id}`);
  mark = async (id: string): Promise<void> => void this.#answer(`mark ${id}`);
  requestAddress = async (id: string): Promise<void> => void this.#answer(`address ${id}`);
  stop = async (id: string, untilMs: number): Promise<GatewayEndAnswer> => this.#answer(`stop ${id} until ${untilMs}`);
  terminate = async (id: string, untilMs: number): Promise<GatewayEndAnswer> =>
    this.#answer(`terminate ${id} until ${untilMs}`);

  #changed(call: string): GatewayAnswer {
    const answer = this.#answer(call);
    if (answer.kind === 'late') throw new Error(`${call} can’t be late`);
    return answer;
  }

  #answer(call: string): GatewayEndAnswer {
    this.calls.push(call);
    const answer = this.answers.get(call.split(' ', 1)[0] ?? '') ?? { kind: 'done' };
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

/** A clock that advances only when the code sleeps. */
export class FakeClock implements Clock {
  nowMs: number;
  readonly sleeps: number[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  now = (): number => this.nowMs;

  sleep = async (ms: number): Promise<void> => {
    this.sleeps.push(ms);
    this.nowMs += ms;
  };

  timeout = (): AbortSignal => new AbortController().signal;
}
