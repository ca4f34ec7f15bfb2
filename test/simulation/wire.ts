import type { AgentStatusName } from '../../local/hcp-terraform/agents.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What one tick observed and did. The promises are judged by this record. */
export interface TickRecord {
  readonly number: number;
  readonly environment: number;
  readonly startedAtMs: number;
  /** Faults that hit one of the tick's calls. */
  readonly faults: string[];
  /** Pools whose observation or launches those faults affected. */
  readonly hit: Set<string>;
  /** Whether a response from ECS was out of date. */
  stale: boolean;
  /** What could not be observed, by pool. `*` stands for all pools. */
  readonly blind: Map<string, string>;
  /** Whether the launcher had no reason to touch a gateway when the tick began. */
  gatewaysRest: boolean;
  /** In worlds with gateways: the launcher's first reading of the live tasks, and why it failed. */
  tasksRead?: true;
  tasksUnread?: string;
  /** Why the tick could not read the gateways; absent: it could, or there are none. */
  gatewaysUnread?: string;
  /** Queued jobs that were listed, by pool: each job's key, and since when it is queued. */
  readonly queued: Map<string, Map<string, number>>;
  /** How many queued jobs the position of a page proves, by pool and by the kinds of jobs in the list (`plan,apply`). */
  readonly positions: Map<string, Map<string, number>>;
  /** Names of the agents of listed runs, by pool. */
  readonly runningNames: Map<string, Set<string>>;
  /** Keys of running jobs that were listed without the name of their agent, by pool. */
  readonly nameless: Map<string, Set<string>>;
  /** Runs that were listed in a post-plan status, by pool: each run's id, and since when it has the status (if HCP Terraform shows that). */
  readonly postPlan: Map<string, Map<string, number>>;
  /** Ids of tasks that ECS listed as live. */
  readonly live: Set<string>;
  /** Ids of live tasks that appeared only in a response to RunTask. */
  readonly answered: Set<string>;
  /** Ids of tasks that ECS listed as stopping or stopped. */
  readonly stopped: Set<string>;
  /** When the runs of each pool were last listed. */
  readonly runsListedAtMs: Map<string, number>;
  /** When agents were last listed, by pool. The second list before a stop counts, too. */
  readonly agentsListedAtMs: Map<string, number>;
  /** The agents' statuses in the newest list of each pool. */
  readonly newestAgents: Map<string, Map<string, AgentStatusName>>;
  /** The agents' statuses that the decision used, by pool, and when they were listed. `hidden`: the token can't list agents. */
  readonly agents: Map<
    string,
    { readonly atMs: number; readonly statuses: ReadonlyMap<string, AgentStatusName> | 'hidden' }
  >;
  /** Pools whose runs were listed more than once. */
  readonly runsAgain: Set<string>;
  /** Pools whose agents were listed more than once. */
  readonly agentsAgain: Set<string>;
  /** Pools in which the tick has begun to launch. Data that it reads later doesn't change its decision. */
  readonly decided: Set<string>;
  /** Ids of the tasks that the tick started. A repeated RunTask call can return one of them. */
  readonly createdIds: Set<string>;
  /** Number of tasks that the tick started, by family. */
  readonly created: Map<string, number>;
  readonly calls: {
    runLists: number;
    otherHttp: number;
    readonly ecs: string[];
    readonly ec2: string[];
    /** Families whose stopped tasks were listed. */
    readonly listedFamilies: string[];
    /** Ids of the tasks in each DescribeTasks call. */
    readonly described: (readonly string[])[];
  };
  /** Ids of tasks that the function knew as STOPPED before the tick. */
  readonly stoppedBefore: ReadonlySet<string>;
  /** Whether no fault and no late read affected the tick. */
  isClean: boolean;
}

export function tickRecord(
  number: number,
  environment: number,
  startedAtMs: number,
  knownStopped: ReadonlySet<string> = new Set(),
): TickRecord {
  return {
    number,
    environment,
    startedAtMs,
    faults: [],
    hit: new Set(),
    stale: false,
    gatewaysRest: true,
    blind: new Map(),
    queued: new Map(),
    positions: new Map(),
    runningNames: new Map(),
    nameless: new Map(),
    postPlan: new Map(),
    live: new Set(),
    answered: new Set(),
    // A warm function doesn't describe these tasks again.
    stopped: new Set(knownStopped),
    runsListedAtMs: new Map(),
    agentsListedAtMs: new Map(),
    newestAgents: new Map(),
    agents: new Map(),
    runsAgain: new Set(),
    agentsAgain: new Set(),
    decided: new Set(),
    createdIds: new Set(),
    created: new Map(),
    calls: { runLists: 0, otherHttp: 0, ecs: [], ec2: [], listedFamilies: [], described: [] },
    stoppedBefore: new Set(knownStopped),
    isClean: false,
  };
}

/** Records that a fault hit a tick, and which pools it affected. */
export function noteFault(tick: TickRecord, fault: string, pools: Iterable<string>): void {
  tick.faults.push(fault);
  for (const pool of pools) tick.hit.add(pool);
}

/** One execution environment of the Lambda function. */
export interface Environment {
  readonly number: number;
  alive: boolean;
  busy: boolean;
  /** Ids of tasks that were described here as STOPPED. */
  readonly knownStopped: Set<string>;
  /** Whether a tick without faults has run here, so all one-time lookups are done. */
  settled: boolean;
  /** Families whose stopped tasks were listed since the last pause, and when the last tick without a fault began. */
  readonly listedFamilies: Set<string>;
  listedAtMs: number;
  /** When a RunTask call last ended without a task and without a refusal. */
  unansweredLaunchAtMs: number;
  /** When idle ticks looked up pools. */
  readonly lookupsAtMs: number[];
  /** When a fault made the lookup of a pool fail. Such a lookup is repeated once. */
  readonly refusedAtMs: number[];
  tick: TickRecord;
}

/** How a call ends: with a response, with an error, or never. */
export type Reply<T> = { readonly value: T } | { readonly error: unknown } | 'silence';

export interface Call<T> {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly latencyMs: number;
  /** After this time, the client gives up. */
  readonly timeoutMs: number;
  /** Called when the request arrives. It takes effect even if the response gets lost. */
  readonly arrive: () => Reply<T>;
  readonly givenUp: (why: 'timeout' | 'aborted') => unknown;
}

/** Sends one request over the network in virtual time. If the calling process has ended, the promise never settles. */
export function call<T>(time: VirtualTime, what: Call<T>): Promise<T> {
  const { environment, signal, latencyMs, timeoutMs, arrive, givenUp } = what;
  if (signal.aborted) return Promise.reject(givenUp('aborted'));
  const now = time.now();
  const deadlineMs = time.deadlineOf(signal);
  const until = Math.min(now + timeoutMs, deadlineMs);
  return new Promise((resolve, reject) => {
    const settle = (atMs: number, how: () => void): void =>
      time.at(atMs, () => {
        if (!environment.alive) return;
        time.woke();
        how();
      });
    const answeredAtMs = now + Math.round(latencyMs);
    const tooLate = answeredAtMs >= until;
    const giveUp = (): void => settle(until, () => reject(givenUp(until === deadlineMs ? 'aborted' : 'timeout')));
    if (tooLate) giveUp();
    time.after(latencyMs / 2, () => {
      const reply = arrive();
      if (tooLate) return;
      if (reply === 'silence') giveUp();
      else settle(answeredAtMs, () => ('value' in reply ? resolve(reply.value) : reject(reply.error)));
    });
  });
}

/** Draws the duration of a normal round trip. */
export function latency(random: Random, leastMs: number, mostMs: number): number {
  return random.between(leastMs, random.chance(0.05) ? mostMs * 4 : mostMs);
}
