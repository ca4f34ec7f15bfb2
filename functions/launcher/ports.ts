import type { LaunchedTask } from './core/client-token.ts';
import type { Agent, Lane, QueuedJob, Run, StandingJob, Task } from './core/types.ts';
import type { Result, UpstreamError } from './errors.ts';

/** A pool as the launcher knows it. */
export interface Pool {
  /** Its name in HCP Terraform. */
  readonly name: string;
  /** `apool-…`, if the settings set it. */
  readonly id?: string;
  readonly organization: string;
  /** Secret whose string is the API token that this pool is polled with. */
  readonly apiTokenSecret: string;
  /** One lane for all jobs, or one per phase. */
  readonly lanes: readonly [Lane, ...Lane[]];
  readonly maxAgents: number;
}

/** What the launcher needs from HCP Terraform. */
export interface HcpTerraform {
  /**
   * The newest 500 open runs of each pool: queued and running jobs, and runs in a post-plan status. If there are more, also the newest 500 jobs
   * and, for a pool with several lanes, the newest 500 applies. Fewer, if answers are so large that pages must be smaller.
   * {@link visibilityOf} reports what was left out.
   *
   * The pools share an organization and an API token. Every pool has an entry, which doesn't wait for the others. If a pool doesn't exist, or the
   * token can't see it, its entry is an error and not an empty list. Never rejects.
   */
  openRuns(pools: readonly Pool[], signal: AbortSignal): ReadonlyMap<Pool, Promise<Result<readonly Run[]>>>;

  /**
   * The pool's agents that pinged since the given time, all pages; `undefined` if the API token can't list them.
   * Rejects with `UpstreamError`, *too-long* if there are more than 5,000.
   */
  agents(pool: Pool, sinceMs: number, signal: AbortSignal): Promise<readonly Agent[] | undefined>;

  /** What the last lookup of the pool showed, without a request. */
  visibilityOf(pool: Pool): PoolVisibility;

  /** Requests of run lists in the last 60 s, and how many of the vendor's 30 the launcher uses at most. */
  pollBudget(): PollBudget;
}

/** Whether a pool is visible to the API token. */
export interface PoolVisibility {
  /** Whether the API token can look the pool up, as far as is known. Otherwise its jobs are served without knowing its agents. */
  readonly agentsVisible: boolean;
  /** Present while a pool that was visible before isn't visible any more. */
  readonly missingError?: UpstreamError;
  /** HCP Terraform answered that there is no such pool, or none that the token can see. It has no agents to count. */
  readonly notFound?: true;
  /**
   * Present if the last poll didn't read all of its runs. `post-plan-runs`: all jobs were read, but not all runs in a post-plan status.
   * `queued-jobs`: older jobs may be missing too, or HCP Terraform refused their separate list for now. They are read after the newer ones.
   */
  readonly unread?: 'post-plan-runs' | 'queued-jobs';
}

export interface PollBudget {
  readonly usedInLastMinute: number;
  /** All requests of run lists so far, for each API token. */
  readonly taken: readonly number[];
  readonly perMinute: number;
}

/** Time, so that tests control it. */
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

/** One launch. The same request gives the same RunTask call, byte for byte. */
export interface LaunchRequest {
  readonly pool: Pool;
  readonly lane: Lane;
  readonly job: QueuedJob | StandingJob;
  readonly attempt: number;
}

/** ECS's answer: a task that now stands for this job and attempt (new or not), or a refusal. */
export type LaunchAnswer =
  | (LaunchedTask & {
      readonly kind: 'task';
      /** Spot had no capacity, so the task runs on demand. */
      readonly insteadOfSpot?: boolean;
    })
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The token is in use, but ECS names no task. It isn't known whether a task was started. */
  | { readonly kind: 'nameless-conflict'; readonly error: UpstreamError };

/** What the launcher needs from ECS, in its own cluster. */
export interface Tasks {
  /** The tasks of all pools that aren't stopped. It may lack recent launches. Rejects with `UpstreamError`. */
  liveTasks(signal: AbortSignal): Promise<readonly Task[]>;

  /** Tasks that stopped within about the last hour, of the given families. Rejects with `UpstreamError`. */
  recentlyStoppedTasks(families: readonly string[], signal: AbortSignal): Promise<readonly Task[]>;

  /**
   * Starts one task with its lane's capacity, or on demand if Spot has no capacity. Repeating a request never starts a second one.
   * A refusal is a value. Rejects with `UpstreamError` only if it isn't known whether a task was started.
   */
  launch(request: LaunchRequest, signal: AbortSignal): Promise<LaunchAnswer>;

  /** Stops a task. If the task has ended already, that isn't an error. Rejects with `UpstreamError`. */
  stop(taskId: string, reason: string, signal: AbortSignal): Promise<void>;
}

export interface Secrets {
  /**
   * The secret's string, from the warm function's cache if it was read before. Rejects with an `UpstreamError` that contains the secret's name, never
   * its value.
   */
  value(secretId: string, signal: AbortSignal): Promise<string>;

  /** Reads the secret again, without the cache, after its value was rejected. */
  renew(secretId: string, signal: AbortSignal): Promise<string>;
}
