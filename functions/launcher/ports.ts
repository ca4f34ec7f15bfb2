import type { Agent, Lane, QueuedJob, Run, StandingJob, Task } from './core/types.ts';
import type { Result, UpstreamError } from './errors.ts';

/** A pool as the launcher knows it. */
export interface Pool {
  /** Its name in HCP Terraform. */
  readonly name: string;
  /** `apool-…`, when the settings give it. */
  readonly id?: string;
  readonly organization: string;
  /** Secret whose string is the API token that this pool is polled with. */
  readonly apiTokenSecret: string;
  /** What serves its jobs: one lane for all of them, or one for each phase. */
  readonly lanes: readonly [Lane, ...Lane[]];
  readonly maxAgents: number;
}

/** What the launcher asks of HCP Terraform. */
export interface HcpTerraform {
  /**
   * The newest 500 open runs of each pool: queued and running jobs, and runs in a post-plan status. When there are more, also the newest 500
   * jobs, and of a pool with more than one lane the newest 500 applies. Fewer where answers are so large that they come in
   * smaller pages. {@link visibilityOf} reports what was left out. The pools share an organization and
   * an API token. Every pool has an entry, which comes when it is there, whatever becomes of the others'. A pool that does
   * not exist, or that the token cannot see, is an error and not an empty list. Never rejects.
   */
  openRuns(pools: readonly Pool[], signal: AbortSignal): ReadonlyMap<Pool, Promise<Result<readonly Run[]>>>;

  /**
   * The pool's agents that pinged since the given time, all pages; `undefined` when the API token may not list them.
   * Rejects with `UpstreamError`, *too-long* when there are more than 5,000.
   */
  agents(pool: Pool, sinceMs: number, signal: AbortSignal): Promise<readonly Agent[] | undefined>;

  /** What the last look at the pool itself said, without asking anew. */
  visibilityOf(pool: Pool): PoolVisibility;

  /** Requests of run lists in the last 60 s, and how many the launcher allows itself of the vendor's 30. */
  pollBudget(): PollBudget;
}

/** Whether a pool can be seen. */
export interface PoolVisibility {
  /** Whether the API token may look the pool up, as far as is known; otherwise its jobs are served without its agents' word. */
  readonly agentsVisible: boolean;
  /** It was seen before, and is not any more: true as long as that is so. */
  readonly missingError?: UpstreamError;
  /** The platform answered that there is no such pool, or none that the token may see: it has no agents to count. */
  readonly notFound?: true;
  /**
   * The last list of its runs didn't end within one poll. `post-plan-runs`: the jobs were all read, runs in a post-plan status weren't;
   * `queued-jobs`: older jobs may be missing too, also because the platform refused their separate list for now. They are read when newer ones
   * are gone.
   */
  readonly unread?: 'post-plan-runs' | 'queued-jobs';
}

export interface PollBudget {
  readonly usedInLastMinute: number;
  /** All requests of run lists so far, of each API token. */
  readonly taken: readonly number[];
  readonly perMinute: number;
}

/** Time, so that tests own it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after the given time; rejects when the signal aborts first. */
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
  /** ECS's own words. */
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
  | {
      readonly kind: 'task';
      readonly taskId: string;
      /** `undefined` when ECS named the task (in a conflict) but cannot describe it. */
      readonly lastStatus: string | undefined;
      /** Of a task that an earlier call started with other parameters, in a conflict that names it. */
      readonly family?: string | undefined;
      readonly createdAtMs?: number | undefined;
      /** Spot had no room, and the task runs on demand. */
      readonly insteadOfSpot?: boolean;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The token is in use, and ECS names no task for it: it isn't known whether a task was started. */
  | { readonly kind: 'nameless-conflict'; readonly error: UpstreamError };

/** What the launcher asks of ECS, in its own cluster. */
export interface Tasks {
  /** Every task that is not stopped, of all pools. Lags behind launches. Rejects with `UpstreamError`. */
  liveTasks(signal: AbortSignal): Promise<readonly Task[]>;

  /** Tasks that stopped within about the last hour, of the given families. Rejects with `UpstreamError`. */
  recentlyStoppedTasks(families: readonly string[], signal: AbortSignal): Promise<readonly Task[]>;

  /**
   * Starts one task, on its lane's capacity, or on demand where Spot has no room. Repeating a request never starts a
   * second one.
   * A refusal is a value; rejects with `UpstreamError` only when it is not known whether a task was started.
   */
  launch(request: LaunchRequest, signal: AbortSignal): Promise<LaunchAnswer>;

  /** Asks ECS to stop a task; a task that is gone already is no error. Rejects with `UpstreamError`. */
  stop(taskId: string, reason: string, signal: AbortSignal): Promise<void>;
}

/** Reads secrets. */
export interface Secrets {
  /**
   * The secret's string, from the warm cache when it was read before. Rejects with `UpstreamError` naming the secret,
   * never its value.
   */
  value(secretId: string, signal: AbortSignal): Promise<string>;

  /** Reads the secret again, past the cache: for a value that was rejected. */
  renew(secretId: string, signal: AbortSignal): Promise<string>;
}
