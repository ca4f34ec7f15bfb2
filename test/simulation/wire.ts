import type { AgentStatusName } from '../../local/hcp-terraform/agents.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What one tick was shown and did, in the terms of the world. The promises are judged by it. */
export interface TickRecord {
  readonly number: number;
  readonly environment: number;
  readonly startedAtMs: number;
  /** Faults that hit one of its calls. */
  readonly faults: string[];
  /** Pools whose observation or launches they affected. */
  readonly hit: Set<string>;
  /** Whether an answer of ECS was out of date. */
  stale: boolean;
  /** Pools of which something could not be observed, and what. `*`: all pools. */
  readonly blind: Map<string, string>;
  /** Queued jobs that were listed, by pool: key, and since when. */
  readonly queued: Map<string, Map<string, number>>;
  /** Names of the agents of listed runs, by pool. */
  readonly runningNames: Map<string, Set<string>>;
  /** Keys of running jobs that were listed without their agent's name, by pool. */
  readonly nameless: Map<string, Set<string>>;
  /** Runs that were listed in a post-plan status, by pool: id, and since when, if HCP Terraform shows it. */
  readonly postPlan: Map<string, Map<string, number>>;
  /** Ids of tasks that were shown and neither stopped nor stopping. */
  readonly live: Set<string>;
  /** Ids of live tasks that only an answer to RunTask showed. */
  readonly answered: Set<string>;
  /** Ids of tasks that were shown stopped or stopping. */
  readonly stopped: Set<string>;
  /** When agents were listed last, by pool, including the second list before a stop. */
  readonly agentsListedAtMs: Map<string, number>;
  /** Statuses of the agents that were listed for the decision, by pool, and when; `hidden`: the token can't list them. */
  readonly agents: Map<
    string,
    { readonly atMs: number; readonly statuses: ReadonlyMap<string, AgentStatusName> | 'hidden' }
  >;
  /** Pools in which it has begun to launch. What it reads of them later doesn't change its decision. */
  readonly decided: Set<string>;
  /** Tasks that it started, by family. */
  readonly created: Map<string, number>;
  readonly calls: { runLists: number; otherHttp: number; ecs: string[] };
}

export function tickRecord(number: number, environment: number, startedAtMs: number): TickRecord {
  return {
    number,
    environment,
    startedAtMs,
    faults: [],
    hit: new Set(),
    stale: false,
    blind: new Map(),
    queued: new Map(),
    runningNames: new Map(),
    nameless: new Map(),
    postPlan: new Map(),
    live: new Set(),
    answered: new Set(),
    stopped: new Set(),
    agentsListedAtMs: new Map(),
    agents: new Map(),
    decided: new Set(),
    created: new Map(),
    calls: { runLists: 0, otherHttp: 0, ecs: [] },
  };
}

/** Notes that a fault hit a tick, and which pools of it. */
export function noteFault(tick: TickRecord, fault: string, pools: Iterable<string>): void {
  tick.faults.push(fault);
  for (const pool of pools) tick.hit.add(pool);
}

/** One execution environment of the Lambda function: its process and its state. */
export interface Environment {
  readonly number: number;
  alive: boolean;
  busy: boolean;
  /** Whether one of its ticks had no fault, so it has made the lookups that happen once. */
  settled: boolean;
  /** When idle ticks looked pools up. */
  readonly lookupsAtMs: number[];
  /** When a fault refused the lookup of a pool, which is then repeated once. */
  readonly refusedAtMs: number[];
  tick: TickRecord;
}

/** How a call ends: with an answer, with an error, or never. */
export type Reply<T> = { readonly value: T } | { readonly error: unknown } | 'silence';

export interface Call<T> {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly latencyMs: number;
  /** When the client gives up. */
  readonly timeoutMs: number;
  /** The request arrives, and takes effect whether or not its answer comes. */
  readonly arrive: () => Reply<T>;
  readonly givenUp: (why: 'timeout' | 'aborted') => unknown;
}

/** One request over the network, in virtual time. A process that has ended gets no answer. */
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

/** A usual round trip. */
export function latency(random: Random, leastMs: number, mostMs: number): number {
  return random.between(leastMs, random.chance(0.05) ? mostMs * 4 : mostMs);
}
