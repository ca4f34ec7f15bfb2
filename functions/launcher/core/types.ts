/**
 * The launcher's words as types: what was seen, what is decided. Every time is epoch milliseconds.
 */

/** The parts of a run that an agent executes. */
export const PHASES = ['plan', 'apply'] as const;
export type Phase = (typeof PHASES)[number];

/** What a task's vCPUs are paid as: `spot` is cheaper, and AWS may take it back with two minutes' notice. */
export const CAPACITIES = ['on-demand', 'spot'] as const;
export type Capacity = (typeof CAPACITIES)[number];

/** What serves some of a pool's jobs: agents that accept these phases, and tasks of one family. Each phase has one lane. */
export interface Lane {
  readonly phases: readonly Phase[];
  /** Family of the task definition; its environment tells the agents what to accept. */
  readonly taskDefinition: string;
  readonly capacity: Capacity;
  /** Agents that it has although no job is queued; absent: none. */
  readonly standing?: Standing | undefined;
  /** `false`: its agents don't evaluate policy sets, so it starts none for a run that waits after its plan. */
  readonly acceptsPolicies?: boolean | undefined;
}

/** Days of the week as `Intl` writes them. */
export const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
export type Day = (typeof DAYS)[number];

/** When agents are kept warm. */
export interface Schedule {
  readonly days: readonly Day[];
  /** Minutes since midnight: from the first one on, up to the last one, which is not part of it. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name: the schedule follows its daylight saving time. */
  readonly timeZone: string;
}

/** Agents that a lane is to have although no job is queued. */
export interface Standing {
  /** Tells the lane from the others of the cluster in tokens and `startedBy`; letters and digits. */
  readonly id: string;
  /** Agents that wait for a job, replaced when one got one. */
  readonly warm?: { readonly agents: number; readonly idleSeconds: number; readonly schedule?: Schedule } | undefined;
  /** One agent at each such interval, for jobs that no list of runs shows. */
  readonly sweepMs?: number | undefined;
}

/** `run-…/plan`: names one job, and is the `startedBy` of every task launched for it. */
export type JobKey = `${string}/${Phase}`;

/** A run as HCP Terraform lists it, reduced to what the launcher decides on. */
export interface Run {
  /** `run-…`. */
  readonly id: string;
  /** `ws-…`. */
  readonly workspaceId: string;
  /** The platform's own status word; may be one that this launcher does not know. */
  readonly status: string;
  readonly createdAtMs: number;
  /** When it entered {@link status}, or the latest time that the platform reports for it; absent when there is none. */
  readonly statusSinceMs?: number | undefined;
  readonly planQueuedAtMs?: number | undefined;
  readonly planningAtMs?: number | undefined;
  readonly applyQueuedAtMs?: number | undefined;
  readonly applyingAtMs?: number | undefined;
  /** Name of the agent that executes or executed the plan; absent until one took it, and on Terraform Enterprise. */
  readonly planAgentName?: string | undefined;
  /** The same for the apply. */
  readonly applyAgentName?: string | undefined;
}

/** A job that waits for an agent. */
export interface QueuedJob {
  readonly key: JobKey;
  readonly runId: string;
  readonly workspaceId: string;
  readonly phase: Phase;
  readonly queuedAtMs: number;
}

/** A run whose plan is over and that may wait for an agent to evaluate its policy sets: the list of runs doesn't say. */
export interface WaitingRun {
  readonly runId: string;
  /** One of the post-plan statuses of `demand.ts`. */
  readonly status: string;
  /** Distinguishes the post-plan statuses, so that each has its own sweeps. */
  readonly stage: number;
  readonly sinceMs: number;
}

/** An agent that is wanted although no job is queued: it waits for one, or looks for those that no list shows. */
export interface StandingJob {
  /** The `startedBy` of its task; the last part numbers the warm agents, or the sweeps of a lane or of a run. */
  readonly key: `warm/${string}/${number}` | `sweep/${string}/${number}`;
  readonly phase: Phase;
  readonly queuedAtMs: number;
  /** Its attempts have higher numbers than this. */
  readonly attemptsBefore: number;
  /** How long its agent waits for a job, in place of the pool's idle window. */
  readonly idleSeconds: number;
  /** It has one task, and none after that. */
  readonly singleAttempt: boolean;
  /** Why it is wanted, for the log. */
  readonly reason: string;
  /** Nothing is launched for it now: its attempts are about to be others, before ECS would show a task for certain. */
  readonly paused: boolean;
}

/** A job that an agent executes. */
export interface RunningJob {
  readonly key: JobKey;
  readonly phase: Phase;
  readonly agentName?: string | undefined;
  readonly queuedAtMs?: number | undefined;
  readonly startedAtMs?: number | undefined;
}

/** What one pool's runs ask of it. */
export interface Demand {
  /** Oldest first. */
  readonly queued: readonly QueuedJob[];
  readonly running: readonly RunningJob[];
  /** Runs in a post-plan status, the longest wait first. They are no queued jobs. */
  readonly waiting: readonly WaitingRun[];
  /** Statuses that the launcher has no row for. They are no demand. */
  readonly unknownStatuses: readonly string[];
}

/** The platform's five agent statuses; a word it adds later is read as `unknown`, which is neither supply nor stoppable. */
export type AgentStatus = 'idle' | 'busy' | 'unknown' | 'errored' | 'exited';

/** An agent as its pool lists it. */
export interface Agent {
  /** `agent-…`. */
  readonly id: string;
  /** The ECS task id when we launched it. */
  readonly name: string;
  readonly status: AgentStatus;
  /** When it last reached HCP Terraform; of one that exited, about when it left. */
  readonly lastPingMs?: number | undefined;
}

/** An ECS task of the launcher's cluster. */
export interface Task {
  /** The last part of the ARN; also the name of the task's agent. */
  readonly id: string;
  /** Family of its task definition; tells the pool and the lane. */
  readonly family: string;
  /** The job key it was launched for; tasks that somebody else started carry another or none. */
  readonly startedBy?: string | undefined;
  /** From its tag; ECS deletes the tags of a task that was stopped by call. */
  readonly attempt?: number | undefined;
  /** ECS's own word: PROVISIONING, PENDING, …, STOPPED. */
  readonly lastStatus: string;
  /** What ECS drives it to: RUNNING or STOPPED. */
  readonly desiredStatus: string;
  /** Or the earliest time that is known of it; a task that is provisioned may have none. */
  readonly createdAtMs?: number | undefined;
  /** When its container came up; absent when it never did. */
  readonly startedAtMs?: number | undefined;
  /** When its container ended; up to half a minute of deprovisioning before {@link stoppedAtMs}. */
  readonly executionStoppedAtMs?: number | undefined;
  readonly stoppedAtMs?: number | undefined;
  readonly stopCode?: string | undefined;
  readonly stoppedReason?: string | undefined;
  /** Exit code of the agent's container. */
  readonly exitCode?: number | undefined;
  /** What the task definition gave it. */
  readonly memoryMiB?: number | undefined;
  /** ECS's text about the container's end, such as `OutOfMemoryError: …`. */
  readonly containerReason?: string | undefined;
}

/**
 * What a live task's agent does. `starting`: none has registered yet; `overdue`: none has within the start deadline;
 * `leaving`: it deregistered, or its container ended; `lingering`: that was minutes ago, and ECS still runs the task;
 * `unresponsive`: HCP Terraform hasn't heard from it for a while, so it may run a job.
 */
export type LiveState =
  | 'starting'
  | 'overdue'
  | 'idle'
  | 'busy'
  | 'unresponsive'
  | 'errored'
  | 'leaving'
  | 'lingering'
  | 'unobserved';

/** A task that is not stopped and not stopping, with what is known of its agent. */
export interface LiveTask {
  readonly task: Task;
  readonly state: LiveState;
}

/** A task that ended before its agent could take a job. */
export interface StartFailure {
  readonly task: Task;
  readonly createdAtMs: number;
  readonly stoppedAtMs: number;
  /** ECS's own words on why. */
  readonly detail: string;
}

/** A task that was killed for its memory after its agent came up. */
export interface OutOfMemory {
  readonly task: Task;
  readonly sign: 'OutOfMemoryError' | 'exit code 137';
  /** The job that its agent had, when a run still says so. */
  readonly jobKey?: JobKey;
}

/** What one pool has to serve its demand with. */
export interface Supply {
  readonly live: readonly LiveTask[];
  /** Idle agents of the pool that we did not launch: they are supply too. */
  readonly foreignIdle: number;
  /** Agents that count against the organization's licence: idle, busy and unknown. */
  readonly registered: number;
  /** Our own that are free to take a job: starting and idle tasks. */
  readonly unclaimed: number;
  /** TaskOutcome failures in a row, each lane's by itself: since its last task that came up well, oldest first. */
  readonly startFailures: readonly StartFailure[];
  readonly outOfMemory: readonly OutOfMemory[];
  /** For each job that tasks were launched for: the highest attempt among them. */
  readonly attempts: ReadonlyMap<string, number>;
  /** Ids of every task seen, live and recently stopped. */
  readonly seenTaskIds: ReadonlySet<string>;
  /** Names of the agents that the pool lists, or that a running job has. */
  readonly agentNames: ReadonlySet<string>;
}

/** The knobs of one pool. */
export interface Limits {
  /** Most live tasks at once. */
  readonly maxAgents: number;
  /** Most launches of one tick: keeps inside ECS's launch rate. */
  readonly maxLaunchesPerTick: number;
  /** A task whose agent has not registered after this long is stopped. */
  readonly startDeadlineMs: number;
  /** Wait after the first start failure; doubles with each further one. */
  readonly backOffBaseMs: number;
  readonly backOffMaxMs: number;
}

/** TaskOutcome one task for this job. */
export interface Launch {
  readonly job: QueuedJob | StandingJob;
  readonly lane: Lane;
  readonly attempt: number;
  readonly reason: string;
}

/** Stop this task: it cannot be running a job. */
export interface Stop {
  readonly taskId: string;
  readonly cause: 'agent-never-registered' | 'agent-errored' | 'agent-left';
  readonly reason: string;
}

/** A queued job, or an agent that is to wait for one, that nothing is launched for in this tick. */
export interface Deferral {
  readonly jobKey: JobKey | StandingJob['key'];
  readonly cause: 'max-agents' | 'agents-ceiling' | 'launches-per-tick' | 'start-failures';
  readonly reason: string;
}

/** What a tick does about one pool, and why. */
export interface Decision {
  readonly launches: readonly Launch[];
  readonly stops: readonly Stop[];
  readonly deferrals: readonly Deferral[];
}
