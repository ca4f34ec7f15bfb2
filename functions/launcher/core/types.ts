/**
 * The launcher's terms as types: what is observed, what is decided. Every time is epoch milliseconds.
 */

/** The parts of a run that an agent executes. */
export const PHASES = ['plan', 'apply'] as const;
export type Phase = (typeof PHASES)[number];

/** How AWS bills a task: `spot` is cheaper, and AWS may reclaim it with two minutes' notice. */
export const CAPACITIES = ['on-demand', 'spot'] as const;
export type Capacity = (typeof CAPACITIES)[number];

/** A part of a pool: agents that accept these phases, in tasks of one family. Each phase has one lane. */
export interface Lane {
  readonly phases: readonly Phase[];
  /** Family of the task definition. Its environment sets what the agents accept. */
  readonly taskDefinition: string;
  readonly capacity: Capacity;
  /** Warm agents and sweeps of the lane; absent: none. */
  readonly standing?: Standing | undefined;
  /** `false`: its agents don't evaluate policy sets, so no agent is started for a run that waits after its plan. */
  readonly acceptsPolicies?: boolean | undefined;
}

/** Days of the week as `Intl` writes them. */
export const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
export type Day = (typeof DAYS)[number];

/** When agents are kept warm. */
export interface Schedule {
  readonly days: readonly Day[];
  /** Minutes since midnight, inclusive; `toMinute` is exclusive. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name: the schedule follows its daylight saving time. */
  readonly timeZone: string;
}

/** Agents that a lane has although no job is queued. */
export interface Standing {
  /** Distinguishes the lane from the others of the cluster in tokens and `startedBy`; letters and digits. */
  readonly id: string;
  /** Agents that wait for a job. One that gets a job is replaced. */
  readonly warm?: { readonly agents: number; readonly idleSeconds: number; readonly schedule?: Schedule } | undefined;
  /** Interval of sweeps: one agent each time, for jobs that no list of runs shows. */
  readonly sweepMs?: number | undefined;
}

/** `run-…/plan`: identifies a job, and is the `startedBy` of every task launched for it. */
export type JobKey = `${string}/${Phase}`;

/** A run as HCP Terraform lists it, reduced to what the launcher decides on. */
export interface Run {
  /** `run-…`. */
  readonly id: string;
  /** `ws-…`. */
  readonly workspaceId: string;
  /** HCP Terraform's status. This launcher may not know it. */
  readonly status: string;
  readonly createdAtMs: number;
  /** When it entered {@link status}, or the latest time that HCP Terraform reports for it; absent if it reports none. */
  readonly statusSinceMs?: number | undefined;
  readonly planQueuedAtMs?: number | undefined;
  readonly planningAtMs?: number | undefined;
  readonly applyQueuedAtMs?: number | undefined;
  readonly applyingAtMs?: number | undefined;
  /** Name of the agent that executes or executed the plan; absent until an agent took it, and on Terraform Enterprise. */
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

/** A run whose plan has ended. It may wait for an agent to evaluate its policy sets; the list of runs doesn't say. */
export interface WaitingRun {
  readonly runId: string;
  /** One of the post-plan statuses of `demand.ts`. */
  readonly status: string;
  /** Distinguishes the post-plan statuses, so that each has its own sweeps. */
  readonly stage: number;
  readonly sinceMs: number;
}

/** A warm agent or a sweep: an agent that is wanted although no job is queued. */
export interface StandingJob {
  /** The `startedBy` of its task. The last part numbers the warm agents, or the sweeps of a lane or of a run. */
  readonly key: `warm/${string}/${number}` | `sweep/${string}/${number}`;
  readonly phase: Phase;
  readonly queuedAtMs: number;
  /** Attempts have higher numbers than this. */
  readonly attemptsBefore: number;
  /** How long its agent waits for a job, instead of the pool's idle window. */
  readonly idleSeconds: number;
  /** A sweep: it has one task and is never launched again. */
  readonly singleAttempt: boolean;
  /** Why it is wanted, for the log. */
  readonly reason: string;
  /** Nothing is launched for it now: its token is about to change, and ECS may not show a task launched now before it does. */
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

/** What the runs of one pool need. */
export interface Demand {
  /** Oldest first. */
  readonly queued: readonly QueuedJob[];
  readonly running: readonly RunningJob[];
  /** Runs in a post-plan status, the longest wait first. They aren't queued jobs. */
  readonly waiting: readonly WaitingRun[];
  /** Statuses that the launcher doesn't know. Their runs aren't demand. */
  readonly unknownStatuses: readonly string[];
}

/** HCP Terraform's five agent statuses. A status that it adds later is read as `unknown`: not supply, and never stopped. */
export type AgentStatus = 'idle' | 'busy' | 'unknown' | 'errored' | 'exited';

/** An agent as its pool lists it. */
export interface Agent {
  /** `agent-…`. */
  readonly id: string;
  /** The id of its ECS task if this launcher started it. */
  readonly name: string;
  readonly status: AgentStatus;
  /** When it last reached HCP Terraform. For an exited agent, about when it left. */
  readonly lastPingMs?: number | undefined;
}

/** An ECS task of the launcher's cluster. */
export interface Task {
  /** The last part of the ARN, and the name of the task's agent. */
  readonly id: string;
  /** Family of its task definition, which identifies the pool and the lane. */
  readonly family: string;
  /** Key of the job that it was launched for. Tasks that someone else started have another value or none. */
  readonly startedBy?: string | undefined;
  /** From its tag. ECS deletes the tags of a task that StopTask stopped. */
  readonly attempt?: number | undefined;
  /** ECS's status: PROVISIONING, PENDING, …, STOPPED. */
  readonly lastStatus: string;
  /** The status that ECS moves it to: RUNNING or STOPPED. */
  readonly desiredStatus: string;
  /** Or the earliest known time. A task that is being provisioned may have none. */
  readonly createdAtMs?: number | undefined;
  /** When its container started; absent if it never did. */
  readonly startedAtMs?: number | undefined;
  /** When its container ended; up to half a minute of deprovisioning before {@link stoppedAtMs}. */
  readonly executionStoppedAtMs?: number | undefined;
  readonly stoppedAtMs?: number | undefined;
  readonly stopCode?: string | undefined;
  readonly stoppedReason?: string | undefined;
  /** Exit code of the agent's container. */
  readonly exitCode?: number | undefined;
  /** From its task definition. */
  readonly memoryMiB?: number | undefined;
  /** ECS's message about the container's end, such as `OutOfMemoryError: …`. */
  readonly containerReason?: string | undefined;
}

/**
 * What the agent of a live task does.
 *
 * - `starting`: no agent has registered yet. `overdue`: none has within the start deadline.
 * - `leaving`: it deregistered, or its container ended. `lingering`: that was minutes ago, and ECS still runs the task.
 * - `unresponsive`: HCP Terraform hasn't heard from it for a while, so it may run a job.
 * - `unobserved`: nothing is known about it.
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

/** A task that isn't stopped or stopping, with the state of its agent. */
export interface LiveTask {
  readonly task: Task;
  readonly state: LiveState;
}

/** A task that ended before its agent could take a job. */
export interface StartFailure {
  readonly task: Task;
  readonly createdAtMs: number;
  readonly stoppedAtMs: number;
  /** ECS's reason. */
  readonly detail: string;
}

/** A task that ran out of memory after its agent came up. */
export interface OutOfMemory {
  readonly task: Task;
  readonly sign: 'OutOfMemoryError' | 'exit code 137';
  /** The job that its agent had, if a run still says so. */
  readonly jobKey?: JobKey;
}

/** What one pool can serve its demand with. */
export interface Supply {
  readonly live: readonly LiveTask[];
  /** Idle agents of the pool that this launcher didn't start. They are supply as well. */
  readonly foreignIdle: number;
  /** Agents that count against the organization agent limit: idle, busy and unknown. */
  readonly registered: number;
  /** Own tasks that can take a job: starting and idle ones. */
  readonly unclaimed: number;
  /** Consecutive start failures of each lane, since its last task that came up well, oldest first. */
  readonly startFailures: readonly StartFailure[];
  readonly outOfMemory: readonly OutOfMemory[];
  /** The highest attempt among the tasks of each job. */
  readonly attempts: ReadonlyMap<string, number>;
  /** Ids of every observed task, live and recently stopped. */
  readonly seenTaskIds: ReadonlySet<string>;
  /** Names of the agents that the pool lists or a running job has. */
  readonly agentNames: ReadonlySet<string>;
}

export interface Limits {
  /** Maximum number of live tasks. */
  readonly maxAgents: number;
  /** Maximum number of launches per tick, to stay within ECS's launch rate. */
  readonly maxLaunchesPerTick: number;
  /** After this time, a task whose agent has not registered is stopped. */
  readonly startDeadlineMs: number;
  /** Wait after the first start failure. It doubles with each further one. */
  readonly backOffBaseMs: number;
  readonly backOffMaxMs: number;
}

/** Start one task for this job. */
export interface Launch {
  readonly job: QueuedJob | StandingJob;
  readonly lane: Lane;
  readonly attempt: number;
  readonly reason: string;
}

/** Stop this task. It can't be running a job. */
export interface Stop {
  readonly taskId: string;
  readonly cause: 'agent-never-registered' | 'agent-errored' | 'agent-left';
  readonly reason: string;
}

/** A queued job, warm agent or sweep for which this tick launches nothing, and the reason. */
export interface Deferral {
  readonly jobKey: JobKey | StandingJob['key'];
  readonly cause: 'max-agents' | 'agents-ceiling' | 'launches-per-tick' | 'start-failures';
  readonly reason: string;
}

/** What a tick does in one pool, and why. */
export interface Decision {
  readonly launches: readonly Launch[];
  readonly stops: readonly Stop[];
  readonly deferrals: readonly Deferral[];
}
