import type { Agent, Run, Task } from '../../../functions/launcher/core/types.ts';
import type { Result, UpstreamError } from '../../../functions/launcher/errors.ts';
import type {
  Clock,
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
    return { usedInLastMinute: this.used, taken: [this.used], perMinute: 24 };
  }
}

/** A fake of ECS that keeps the tasks that were launched. */
export class FakeTasks implements Tasks {
  tasks: readonly Task[] | Error = [];
  stopped: readonly Task[] = [];
  stoppedAsked = 0;
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
