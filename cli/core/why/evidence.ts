/** What `why` reads before it explains. Every time is in epoch milliseconds. Whatever could not be read is absent, and says why. */
import type { Phase } from '../../../functions/launcher/contract.ts';
import type { PoolLine, TaskEndedLine, TickLine } from '../../../functions/launcher/log-lines.ts';
import type { Refusals } from '../refused-domains.ts';
import type { BusyJob, Slot } from '../slots.ts';
import type { Switches } from '../switches.ts';

export interface Evidence {
  readonly nowMs: number;
  readonly runId: string;
  readonly launcher: LauncherFacts;
  readonly run: RunReading;
  readonly log: LogReading;
  /** Tasks that ECS shows for the run, oldest first. ECS forgets a task about an hour after it stopped. */
  readonly tasks: readonly TaskFacts[];
  /** What uses the slots of the run's pool; read only if the pool is full. */
  readonly slots?: SlotsReading | undefined;
  /** When the secret of the pool's agent token was last changed; read only if HCP Terraform rejected the token. */
  readonly agentTokenChangedAtMs?: number | undefined;
  /** The last lines of the log of the agent that matters, oldest first. */
  readonly agentLog?: AgentLogReading | undefined;
  /** What the network refused while the task of the job ran; absent if the stack has no log of it, or the task's time is unknown. */
  readonly refusals?: RefusalsReading | undefined;
}

export interface RefusalsReading extends Refusals {
  /** Whether all of it is the task's. ECS forgets the address of a task about an hour after it stopped. */
  readonly areOfTask: boolean;
}

export interface SlotsReading {
  /** Live tasks of the pool, oldest first. */
  readonly tasks: readonly Slot[];
  /** The running jobs of the pool; `undefined` if HCP Terraform could not be read. */
  readonly busy?: readonly BusyJob[] | undefined;
}

/** The deployed launcher. */
export interface LauncherFacts {
  readonly stackName: string;
  /** Name of the cluster, the schedule and the function's log lines. */
  readonly name: string;
  readonly hostname: string;
  /** AWS Region. */
  readonly region: string;
  /** `undefined`: it could not be read. */
  readonly schedule: 'ENABLED' | 'DISABLED' | undefined;
  /** Such as `rate(1 minute)`; absent if unknown. */
  readonly scheduleExpression?: string | undefined;
  /** The function's reserved concurrency; `undefined`: none, or it could not be read. */
  readonly reservedConcurrency?: number | undefined;
  /** The queues of wake-ups; absent if they could not be read. */
  readonly queues?: Switches['queues'] | undefined;
  readonly startDeadlineSeconds: number;
  readonly launcherLogGroup: string;
  /** Days that the launcher's log is kept; absent if unknown. */
  readonly logRetentionDays?: number | undefined;
  readonly pools: readonly PoolFacts[];
}

export interface PoolFacts {
  readonly name: string;
  readonly organization: string;
  readonly maxAgents: number;
  readonly apiTokenSecret: string;
  readonly lanes: readonly LaneFacts[];
}

export interface LaneFacts {
  readonly taskDefinition: string;
  readonly phases: readonly Phase[];
  readonly capacity: 'on-demand' | 'spot';
  readonly acceptsPolicies: boolean;
}

export type RunReading =
  | { readonly kind: 'found'; readonly run: RunFacts }
  /** HCP Terraform answered 404: there is no such run, or the token may not see it. */
  | { readonly kind: 'not-found'; readonly tokenSource: string }
  /** There is no usable token, or HCP Terraform doesn't answer. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** A run that occupies its workspace. */
export interface EarlierRun {
  readonly id: string;
  readonly status: string;
  readonly isAutoApply: boolean;
  /** Its page. */
  readonly url?: string | undefined;
}

export interface RunFacts {
  readonly status: string;
  /** When the run entered its status. */
  readonly sinceMs: number;
  readonly createdAtMs: number;
  readonly planQueuedAtMs?: number | undefined;
  readonly applyQueuedAtMs?: number | undefined;
  readonly isAutoApply: boolean;
  /** Agents that took the phases, as HCP Terraform shows them. */
  readonly planAgent?: AgentOfPhase | undefined;
  readonly applyAgent?: AgentOfPhase | undefined;
  readonly url?: string | undefined;
  /** Absent if the token may not see it. */
  readonly workspace?: WorkspaceFacts | undefined;
  /** The pool of the workspace; absent if there is none or the token may not see it. */
  readonly pool?: ScopeFacts | undefined;
  /** The run that blocks the workspace, if it is another one. */
  readonly ahead?: EarlierRun | undefined;
  /** Run tasks of the stage that runs. */
  readonly runTasks: readonly RunTaskFacts[];
}

export interface AgentOfPhase {
  readonly name: string;
  /** HCP Terraform's status of the agent; absent if the token can't list agents. */
  readonly status?: string | undefined;
  readonly lastPingAtMs?: number | undefined;
}

export interface WorkspaceFacts {
  readonly id: string;
  readonly name: string;
  readonly organization: string;
  readonly executionMode: string;
  readonly projectId?: string | undefined;
  readonly projectName?: string | undefined;
  readonly agentPoolId?: string | undefined;
  readonly isLocked: boolean;
  readonly lockedReason?: string | undefined;
  /** What locked it: a run, a user or a team. */
  readonly lockedBy?: { readonly type: string; readonly id: string; readonly name?: string | undefined } | undefined;
}

/** An agent pool and who may use it: https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#scope-an-agent-pool */
export interface ScopeFacts {
  readonly id: string;
  readonly name: string;
  readonly isOrganizationScoped: boolean;
  readonly allowedWorkspaceIds: readonly string[];
  readonly allowedProjectIds: readonly string[];
  readonly excludedWorkspaceIds: readonly string[];
}

export interface RunTaskFacts {
  readonly name: string;
  readonly status: string;
}

export interface At<T> {
  readonly atMs: number;
  readonly line: T;
}

/** The launcher's log. */
export interface LogReading {
  /** Pools' parts of the ticks that mention the run, oldest first. */
  readonly aboutRun: readonly At<PoolLine>[];
  readonly ended: readonly TaskEndedLine[];
  /** The ticks of the last minutes, oldest first; if there are none, the last known tick. */
  readonly recentTicks: readonly At<TickLine>[];
  /** What Lambda logged about failed invocations in the last minutes, oldest first. */
  readonly failures: readonly At<string>[];
  /** Why the log could not be read. */
  readonly unreadable?: string | undefined;
}

/** A task as ECS describes it. */
export interface TaskFacts {
  readonly id: string;
  readonly family: string;
  readonly startedBy?: string | undefined;
  readonly lastStatus: string;
  readonly createdAtMs?: number | undefined;
  readonly pullStartedAtMs?: number | undefined;
  readonly pullStoppedAtMs?: number | undefined;
  readonly startedAtMs?: number | undefined;
  readonly stoppedAtMs?: number | undefined;
  readonly stopCode?: string | undefined;
  readonly stoppedReason?: string | undefined;
  readonly containerReason?: string | undefined;
  readonly exitCode?: number | undefined;
  /** Private IPv4 address. */
  readonly address?: string | undefined;
}

export interface AgentLogReading {
  readonly taskId: string;
  readonly lines: readonly At<string>[];
}
