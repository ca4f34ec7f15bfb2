import type { WakeUp } from './contract.ts';
import type { LaunchedTask } from './core/client-token.ts';
import type { Gateway, GatewayInstance, GatewayRefusal } from './core/gateway-types.ts';
import type { RunsNeed } from './core/runs-need.ts';
import type { TokenExpiry } from './core/token-expiry.ts';
import type { Agent, Lane, QueuedJob, Run, StandingJob, Task, UnlistedJobs } from './core/types.ts';
import type { Result, UpstreamError } from './errors.ts';

/** The launcher's configuration of a pool. */
export interface Pool {
  /** The pool's name in HCP Terraform. */
  readonly name: string;
  /** The pool's id (`apool-…`), if it is configured. */
  readonly id?: string;
  readonly organization: string;
  /** Secret that contains the API token for this pool. */
  readonly apiTokenSecret: string;
  /** One lane for all jobs, or one lane per phase. */
  readonly lanes: readonly [Lane, ...Lane[]];
  readonly maxAgents: number;
  /** How long a job must have waited before this launcher starts an agent for it, because another launcher serves the pool first; absent: no wait. */
  readonly standbyMs?: number;
}

/** How to poll runs. */
export interface Polling {
  readonly signal: AbortSignal;
  /**
   * What the tick needs to know about the pool's queued jobs; `undefined`: everything. The pool's runs are read after this promise. A combined
   * request that only asks whether any pool has work doesn't wait for it.
   */
  readonly needOf: (pool: Pool) => Promise<RunsNeed | undefined>;
}

/** What the launcher needs from HCP Terraform. */
export interface HcpTerraform {
  /**
   * Lists the newest 500 open runs of each pool: runs with queued or running jobs, and runs in a post-plan status. If a pool has more, also lists
   * the newest 500 jobs and, for a pool with several lanes, the newest 500 applies. Lists fewer runs if the answers are so large that
   * pages must be smaller. {@link visibilityOf} reports what was left out.
   * Between two such polls, it may list only as many queued jobs as the tick needs.
   *
   * The pools must share an organization and an API token. Each pool has its own promise, which doesn't wait for the other pools and never rejects.
   * If a pool doesn't exist or the API token can't see it, the result is an error, not an empty list.
   */
  openRuns(pools: readonly Pool[], polling: Polling): ReadonlyMap<Pool, Promise<Result<readonly Run[]>>>;

  /**
   * Lists all agents of the pool that pinged since the given time; `undefined` if the API token can't list agents.
   * Rejects with `UpstreamError`; its fault is `too-long` if there are more than 5,000 agents.
   */
  agents(pool: Pool, sinceMs: number, signal: AbortSignal): Promise<readonly Agent[] | undefined>;

  /** What earlier requests showed about the pool. Sends no request. */
  visibilityOf(pool: Pool): PoolVisibility;

  /** The requests for run lists in the last 60 s, and the maximum that the launcher allows itself (HCP Terraform allows 30). */
  pollBudget(): PollBudget;
}

/** Whether a pool is visible to the API token. */
export interface PoolVisibility {
  /** Whether the API token can look the pool up, as far as is known. If not, the launcher serves the pool's jobs without knowing its agents. */
  readonly agentsVisible: boolean;
  /** Present while a pool that was visible before is no longer visible. */
  readonly missingError?: UpstreamError;
  /** HCP Terraform answered that the pool doesn't exist or that the API token can't see it. It has no agents to count. */
  readonly notFound?: true;
  /**
   * Present if the last complete poll couldn't read all of the pool's runs. Polls in between don't change it. `post-plan-runs`: all jobs were read, but not all runs in a post-plan status.
   * `queued-jobs`: older jobs may be missing as well. Later polls read them, once the newer jobs have left the list.
   */
  readonly unread?: 'post-plan-runs' | 'queued-jobs';
  /** Queued jobs that the last poll didn't read because the tick didn't need them; absent: it skipped none. */
  readonly unlisted?: readonly UnlistedJobs[];
}

export interface PollBudget {
  readonly usedInLastMinute: number;
  /** For each API token, the number of all requests for run lists so far. */
  readonly taken: readonly number[];
  /** The same, and in addition the requests that pools needed and the budget didn't allow. */
  readonly wanted: readonly number[];
  readonly perMinute: number;
}

/** A clock that tests can replace. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after the given time; rejects if the signal aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Aborts after the given time. */
  timeout(ms: number): AbortSignal;
}

/** Where tasks run: the same for every launch. */
export interface TaskPlacement {
  readonly cluster: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
}

/** Why ECS refused a launch, and what a person can do about it. */
export interface Refusal {
  readonly cause:
    | 'throttled'
    | 'addresses'
    | 'capacity'
    | 'quota'
    | 'access'
    | 'account'
    | 'service-linked-role'
    | 'task-role'
    | 'misconfiguration'
    | 'unknown';
  /** ECS's message. */
  readonly detail: string;
  readonly remedy: string;
}

/** One launch. The same request always results in the same RunTask call, byte for byte. */
export interface LaunchRequest {
  readonly pool: Pool;
  readonly lane: Lane;
  readonly job: QueuedJob | StandingJob;
  readonly attempt: number;
}

/** ECS's answer to a launch: a new or existing task for this job and attempt, or a refusal. */
export type LaunchAnswer =
  | (LaunchedTask & {
      readonly kind: 'task';
      /** The task runs on demand because Spot had no capacity. */
      readonly insteadOfSpot?: boolean;
    })
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The client token is in use, but ECS reports no task for it. A task may or may not have started. */
  | { readonly kind: 'nameless-conflict'; readonly error: UpstreamError }
  /** ECS's launch rate left no time for the launch, or for its repetition on demand. */
  | { readonly kind: 'late' };

/** What the launcher needs from ECS, in its own cluster. */
export interface Tasks {
  /** Lists the tasks of all pools that aren't stopped. The list may lack recent launches. Rejects with `UpstreamError`. */
  liveTasks(signal: AbortSignal): Promise<readonly Task[]>;

  /**
   * Lists the tasks of the given families that stopped within about the last hour, and known tasks that the last list of live tasks lacks. Call
   * {@link liveTasks} first. Rejects with `UpstreamError`.
   */
  recentlyStoppedTasks(families: readonly string[], signal: AbortSignal): Promise<readonly Task[]>;

  /**
   * Lists the tasks of idle families that have ended, as far as this function doesn't need a call for that: the known stopped tasks. Describes only
   * known tasks that the last list of live tasks lacks. Lists the stopped tasks only in the first tick and after a pause of two minutes.
   * Call {@link liveTasks} first. Rejects with `UpstreamError`.
   */
  endedTasks(families: readonly string[], signal: AbortSignal): Promise<readonly Task[]>;

  /**
   * Starts one task with its lane's capacity, or on demand if Spot has no capacity. Repeating a request never starts a second task.
   * Waits until ECS's launch rate allows the call, and repeats a throttled call, but sends no call after `untilMs` (epoch milliseconds).
   * Resolves with a refusal if ECS refuses. Rejects with `UpstreamError` only if a task may have started.
   */
  launch(request: LaunchRequest, untilMs: number, signal: AbortSignal): Promise<LaunchAnswer>;

  /** Stops a task. Does nothing if the task has already ended. Rejects with `UpstreamError`. */
  stop(taskId: string, reason: string, signal: AbortSignal): Promise<void>;
}

export interface Secrets {
  /**
   * Returns the secret's string, from the cache of the warm function if possible. Rejects with an `UpstreamError` that contains the secret's name,
   * never its value.
   */
  value(secretId: string, signal: AbortSignal): Promise<string>;

  /** Reads the secret without the cache, after HCP Terraform rejected its value. */
  renew(secretId: string, signal: AbortSignal): Promise<string>;
}

/** The status of single runs. */
export interface RunStatuses {
  /**
   * Reads a run's status; `undefined` if the run doesn't exist or the API token can't see it. Uses no request of the {@link PollBudget}.
   * Rejects with `UpstreamError`.
   */
  statusOf(runId: string, signal: AbortSignal): Promise<string | undefined>;
}

/** When API tokens expire. */
export interface TokenExpiries {
  /**
   * Reads when the API token in the secret expires. Uses no request of the {@link PollBudget}. Rejects with `UpstreamError`.
   */
  expiryOf(tokenSecret: string, signal: AbortSignal): Promise<TokenExpiry>;
}

/** The queue of wake-ups. */
export interface WakeUps {
  /** Sends a message that invokes the launcher after the delay. Rejects with `UpstreamError`. */
  send(wakeUp: WakeUp, delaySeconds: number, signal: AbortSignal): Promise<void>;
}

/**
 * EC2's answer to a change of an instance. `done`: EC2 accepted it. `overtaken`: the instance or its network interface is no longer in the state that
 * the change needs, because another tick was faster. The next tick sees the new state.
 */
export type GatewayAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'overtaken'; readonly detail: string }
  | { readonly kind: 'refused'; readonly refusal: GatewayRefusal };

/** Like {@link GatewayAnswer}. `late`: the time was over, so nothing was sent. */
export type GatewayEndAnswer = GatewayAnswer | { readonly kind: 'late' };

/** What the launcher needs from EC2. Every method rejects with `UpstreamError` if EC2 gave no usable answer. */
export interface Gateways {
  /** Lists the instances of the gateways in any state. Instances that ended a while ago may be missing. The list may be some seconds old. */
  instances(signal: AbortSignal): Promise<readonly GatewayInstance[]>;

  /** For each of these running instances whose status checks fail: since when. */
  impairedSinceMs(instanceIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>>;

  /** Creates an instance of the gateway with its network interface, so that EC2 allows only one. @param nowMs - value of the tags with times */
  create(gateway: Gateway, failures: number, nowMs: number, signal: AbortSignal): Promise<GatewayAnswer>;

  /** Starts a stopped instance. Does nothing if it is starting or running. */
  start(instanceId: string, signal: AbortSignal): Promise<GatewayAnswer>;

  /** Notes on the instance that it is used. */
  mark(instanceId: string, usedSinceMs: number, nowMs: number, signal: AbortSignal): Promise<void>;

  /** Asks EC2 for a public address of the running instance that has this network interface. */
  requestAddress(networkInterfaceId: string, signal: AbortSignal): Promise<void>;

  /** Stops an instance. Sends one request, not after `untilMs` (epoch milliseconds), and never repeats it. */
  stop(instanceId: string, untilMs: number, signal: AbortSignal): Promise<GatewayEndAnswer>;

  /** Ends an instance forever, although it is protected against that. Sends the request once, and not after `untilMs` (epoch milliseconds). */
  terminate(instanceId: string, untilMs: number, signal: AbortSignal): Promise<GatewayEndAnswer>;
}
