/**
 * The types that the launcher uses for observations and decisions. Every time is in epoch milliseconds.
 */

/** The parts of a run that an agent executes. */
export const PHASES = ['plan', 'apply'] as const;
export type Phase = (typeof PHASES)[number];

/** How AWS bills a task. `spot` is cheaper, but AWS can end the task with two minutes' notice. */
export const CAPACITIES = ['on-demand', 'spot'] as const;
export type Capacity = (typeof CAPACITIES)[number];

/** The processor architectures of Fargate. */
export const ARCHITECTURES = ['x86_64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** Exit code of agent-image/entrypoint.sh if its agent left because it got no job. */
export const LEFT_IDLE_EXIT_CODE = 75;

/** The part of a pool that shares one task definition. Its agents accept the given phases. Each phase belongs to exactly one lane. */
export interface Lane {
  readonly phases: readonly Phase[];
  /** Family of the task definition. Its environment variables determine which jobs the agents accept. */
  readonly taskDefinition: string;
  readonly capacity: Capacity;
  /** Warm agents and sweeps of the lane; absent: none. */
  readonly standing?: Standing | undefined;
  /** How long a job of each phase may run before the launcher stops its task; a phase without a value has no limit. */
  readonly maxJobMs?: Readonly<Partial<Record<Phase, number>>> | undefined;
  /** `false`: the lane's agents don't evaluate policy sets, so the launcher starts none for a run in a post-plan status. */
  readonly acceptsPolicies?: boolean | undefined;
}

/** Days of the week as `Intl` writes them. */
export const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
export type Day = (typeof DAYS)[number];

/** The times at which the launcher keeps warm agents. */
export interface Schedule {
  readonly days: readonly Day[];
  /** Minutes since midnight, inclusive; `toMinute` is exclusive. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name. The schedule follows the zone's daylight saving time. */
  readonly timeZone: string;
}

/** Settings for the warm agents and sweeps of a lane. */
export interface Standing {
  /** Identifies the lane in client tokens and in `startedBy`; letters and digits. */
  readonly id: string;
  /** Warm agents. When an agent gets a job, the launcher replaces it. */
  readonly warm?: { readonly agents: number; readonly idleSeconds: number; readonly schedule?: Schedule } | undefined;
  /** Interval between sweeps. */
  readonly sweepMs?: number | undefined;
}

/** Identifies a job, such as `run-…/plan`. It is the `startedBy` of every task that was launched for the job. */
export type JobKey = `${string}/${Phase}`;

/** A run as HCP Terraform lists it, with only the data that the launcher needs. */
export interface Run {
  /** `run-…`. */
  readonly id: string;
  /** `ws-…`. */
  readonly workspaceId: string;
  /** HCP Terraform's status. The launcher may not know it. */
  readonly status: string;
  readonly createdAtMs: number;
  /** When the run entered its {@link status}, or else the latest of the run's timestamps; absent if there are none. */
  readonly statusSinceMs?: number | undefined;
  readonly planQueuedAtMs?: number | undefined;
  readonly planningAtMs?: number | undefined;
  readonly applyQueuedAtMs?: number | undefined;
  readonly applyingAtMs?: number | undefined;
  /** Name of the agent that executes or executed the plan; absent until an agent takes the job, and on Terraform Enterprise. */
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

/** A run whose plan has ended. It may be waiting for an agent to evaluate its policy sets, but the list of runs doesn't show that. */
export interface WaitingRun {
  readonly runId: string;
  /** One of the post-plan statuses of `demand.ts`. */
  readonly status: string;
  /** Distinguishes the post-plan statuses, so that each has its own sweeps. */
  readonly stage: number;
  readonly sinceMs: number;
}

/** A warm agent or a sweep: an agent that the launcher starts although no job is queued. */
export interface StandingJob {
  /** The `startedBy` of its task. The last part numbers the warm agents, or the sweeps of a lane or of a run. */
  readonly key: `warm/${string}/${number}` | `sweep/${string}/${number}`;
  readonly phase: Phase;
  readonly queuedAtMs: number;
  /** The first attempt has the next higher number. */
  readonly attemptsBefore: number;
  /** How long the agent waits for a job. It replaces the pool's idle window. */
  readonly idleSeconds: number;
  /** True for a sweep, which has one task and is never launched again. */
  readonly singleAttempt: boolean;
  /** The reason for the launch, for the log. */
  readonly reason: string;
  /** Nothing is launched for the job now: its client token is about to change, and until then ECS may not show a task launched now. */
  readonly paused: boolean;
}

/** A job that an agent executes. */
export interface RunningJob {
  readonly key: JobKey;
  readonly phase: Phase;
  readonly workspaceId?: string | undefined;
  readonly agentName?: string | undefined;
  readonly queuedAtMs?: number | undefined;
  readonly startedAtMs?: number | undefined;
}

/** Queued jobs that are known to exist, because a later page of their list was read. */
export interface UnlistedJobs {
  readonly phases: readonly Phase[];
  readonly count: number;
}

/** The jobs of one pool's runs. */
export interface Demand {
  /** Oldest first. */
  readonly queued: readonly QueuedJob[];
  /** Queued jobs in addition to {@link queued}, if only a part of the queue was read; absent: everything was read. */
  readonly unlisted?: readonly UnlistedJobs[];
  readonly running: readonly RunningJob[];
  /** Plans that have ended, of runs that go on: they show which job an agent had that no poll saw at work. Absent if there are none. */
  readonly endedPlans?: readonly RunningJob[];
  /** Runs in a post-plan status, longest wait first. They aren't queued jobs. */
  readonly waiting: readonly WaitingRun[];
  /** Statuses that the launcher doesn't know. Their runs aren't demand. */
  readonly unknownStatuses: readonly string[];
}

/** HCP Terraform's five agent statuses. The launcher reads any other status as `unknown`: such an agent isn't supply and is never stopped. */
export type AgentStatus = 'idle' | 'busy' | 'unknown' | 'errored' | 'exited';

/** An agent as its pool lists it. */
export interface Agent {
  /** `agent-…`. */
  readonly id: string;
  /** If this launcher started the agent, the id of the agent's ECS task. */
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
  /** Key of the job that the task was launched for. Tasks that someone else started have a different value or none. */
  readonly startedBy?: string | undefined;
  /** The attempt, from the task's tag. ECS deletes the tags of a task that StopTask stopped. */
  readonly attempt?: number | undefined;
  /** ECS's status: PROVISIONING, PENDING, …, STOPPED. */
  readonly lastStatus: string;
  /** The status that ECS is moving the task to: RUNNING or STOPPED. */
  readonly desiredStatus: string;
  /** When ECS created the task, or the earliest known time. A task that is being provisioned may have none. */
  readonly createdAtMs?: number | undefined;
  /** When the image pull started and ended; absent if it didn't. */
  readonly pullStartedAtMs?: number | undefined;
  readonly pullStoppedAtMs?: number | undefined;
  /** When the task's container started; absent if it never started. */
  readonly startedAtMs?: number | undefined;
  /** When the task's container ended, up to half a minute before {@link stoppedAtMs}. */
  readonly executionStoppedAtMs?: number | undefined;
  readonly stoppedAtMs?: number | undefined;
  readonly stopCode?: string | undefined;
  readonly stoppedReason?: string | undefined;
  /** Exit code of the agent's container. */
  readonly exitCode?: number | undefined;
  /** CPU units and memory of the task, from its task definition. */
  readonly cpu?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly ephemeralStorageGiB?: number | undefined;
  readonly architecture?: Architecture | undefined;
  readonly capacity?: Capacity | undefined;
  /** The workspace of the job that the task was launched for, from the task's tag. */
  readonly workspaceId?: string | undefined;
  /** ECS's message about the container's end, such as `OutOfMemoryError: …`. */
  readonly containerReason?: string | undefined;
}

/**
 * What the agent of a live task does.
 *
 * - `starting`: the agent hasn't registered yet. `overdue`: the agent didn't register within the start deadline.
 * - `leaving`: the agent deregistered, or its container ended. `lingering`: the agent left minutes ago, but ECS still runs the task.
 * - `unresponsive`: HCP Terraform hasn't heard from the agent for a while. It may still be running a job.
 * - `unobserved`: nothing is known about the agent.
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

/** A task that ran out of memory after its agent registered. */
export interface OutOfMemory {
  readonly task: Task;
  readonly sign: 'OutOfMemoryError' | 'exit code 137';
  /** The job of the task's agent, if a run still shows it. */
  readonly jobKey?: JobKey;
}

/** The tasks and agents of one pool that run jobs or can take one. */
export interface Supply {
  readonly live: readonly LiveTask[];
  /** Number of idle agents of the pool that this launcher didn't start. They can take jobs as well. */
  readonly foreignIdle: number;
  /** Number of agents that count against the organization agent limit: idle, busy and unknown agents. */
  readonly registered: number;
  /** Number of the launcher's own tasks that can take a job. They are starting or idle. */
  readonly unclaimed: number;
  /** Start failures of each lane since the last successful start, oldest first. */
  readonly startFailures: readonly StartFailure[];
  readonly outOfMemory: readonly OutOfMemory[];
  /** The highest attempt among the tasks of each job. */
  readonly attempts: ReadonlyMap<string, number>;
  /** Ids of every observed task, live and recently stopped. */
  readonly seenTaskIds: ReadonlySet<string>;
  /** Names of agents that the pool's list or a running job shows. */
  readonly agentNames: ReadonlySet<string>;
  /** Names of the agents that the pool's list shows as idle. */
  readonly idleAgentNames: ReadonlySet<string>;
}

export interface Limits {
  /** Maximum number of live tasks. */
  readonly maxAgents: number;
  /** Another launcher serves the pool too, and a job must have waited this long before this launcher starts an agent for it; absent: no wait. */
  readonly standbyMs?: number | undefined;
  /** The launcher stops a task if its agent hasn't registered after this time. */
  readonly startDeadlineMs: number;
  /** Wait after the first round of start failures. It doubles with each further round. */
  readonly backOffBaseMs: number;
  readonly backOffMaxMs: number;
}

/** A decision to start one task for a job. */
export interface Launch {
  readonly job: QueuedJob | StandingJob;
  readonly lane: Lane;
  readonly attempt: number;
  readonly reason: string;
}

/** A decision to stop a task that can't be running a job, or whose job has run for too long. */
export interface Stop {
  readonly taskId: string;
  readonly cause: 'agent-never-registered' | 'agent-errored' | 'agent-left' | 'job-too-long';
  readonly reason: string;
}

/** A queued job, warm agent or sweep for which this tick launches nothing, and the reason. */
export interface Deferral {
  readonly jobKey: JobKey | StandingJob['key'];
  readonly cause: 'max-agents' | 'agents-ceiling' | 'launch-rate' | 'start-failures' | 'standby' | 'gateway';
  readonly reason: string;
}

/** Everything that a tick decides about one pool, with the reasons. */
export interface Decision {
  readonly launches: readonly Launch[];
  readonly stops: readonly Stop[];
  readonly deferrals: readonly Deferral[];
}
