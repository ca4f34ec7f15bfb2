/** What happens to the launcher in a world. It is drawn from a seed once and is then only data, so it can be cut down. */

/** A status that a run passes through, and for how long. */
export interface Stage {
  readonly status: string;
  readonly ms: number;
}

/** A person creates a run. */
export interface RunCreated {
  readonly kind: 'run';
  readonly pool: string;
  readonly workspace: string;
  /** `plan_only` runs don't wait for the workspace's other runs. */
  readonly operation: 'plan_and_apply' | 'plan_only';
  /** After the plan: `auto` continues automatically, `person` waits `approvalMs` for an approval. */
  readonly approval: 'auto' | 'person';
  readonly approvalMs: number;
  readonly planMs: number;
  readonly applyMs: number;
  readonly fails?: 'plan' | 'apply' | undefined;
  /** Before the plan is queued. */
  readonly before: readonly Stage[];
  /** Between the plan's end and the approval. */
  readonly between: readonly Stage[];
  /** An agent of the pool evaluates policies for this long after the plan; the runs list shows only `post_plan_running`. */
  readonly policyMs?: number | undefined;
}

/** Faults that last: while the window is open, each call, start or invocation of its kind is hit with the given probability. */
export type FaultKind =
  // HCP Terraform's API
  | 'hcp-429'
  | 'hcp-5xx'
  | 'hcp-connection-reset'
  | 'hcp-hang'
  | 'hcp-slow'
  | 'hcp-truncated'
  | 'hcp-html'
  | 'hcp-empty-200'
  | 'hcp-changed-shape'
  | 'hcp-page-repeated'
  | 'hcp-page-missing'
  | 'hcp-token-rotated'
  | 'hcp-404'
  // ECS's API
  | 'ecs-throttled'
  | 'ecs-throttled-wrapped'
  | 'ecs-quota'
  | 'ecs-capacity'
  | 'ecs-no-spot'
  | 'ecs-access-denied'
  | 'ecs-server-error'
  | 'ecs-hang'
  | 'ecs-slow'
  | 'ecs-lost-response'
  | 'ecs-changed-shape'
  | 'ecs-read-lag'
  // Tasks
  | 'hcp-agents-empty'
  | 'start-slow'
  | 'start-image'
  | 'start-secret'
  | 'start-eni'
  | 'start-out-of-memory'
  | 'start-exit-1'
  | 'start-exit-0'
  | 'start-never-registers'
  | 'start-registers-then-exits'
  | 'start-takes-no-job'
  | 'start-registers-twice'
  | 'start-exit-0-late'
  | 'start-leaves-early'
  // ECS doesn't notice that the agent's container ended, or knows its exit code and still runs the task
  | 'task-lingers'
  | 'task-lingers-known'
  // Lambda and its schedule
  | 'schedule-missed'
  | 'schedule-late'
  | 'schedule-repeated'
  | 'invocation-killed';

export interface FaultWindow {
  readonly kind: 'fault';
  readonly fault: FaultKind;
  readonly ms: number;
  /** Probability, up to 1. */
  readonly rate: number;
  /** Only this pool's starts and refusals; absent: every pool's. */
  readonly pool?: string | undefined;
  /** Only starts of this family; absent: every one of the pool. */
  readonly family?: string | undefined;
}

export type Happening =
  | RunCreated
  | FaultWindow
  /** A person cancels the run that the event with this id created, or discards its plan. */
  | { readonly kind: 'cancel'; readonly run: number }
  /** A job that no list of runs shows: a health assessment, a module test, a stack's job. */
  | { readonly kind: 'assessment'; readonly pool: string; readonly ms: number }
  /** A foreign agent of the pool comes, and leaves after a while. A picky one accepts neither plans nor applies. */
  | {
      readonly kind: 'foreign-agent';
      readonly pool: string;
      readonly ms: number;
      readonly single: boolean;
      readonly picky: boolean;
    }
  /** An agent's process dies without deregistering, as by SIGKILL. */
  | { readonly kind: 'kill-agent'; readonly pool: string }
  /** An agent lives but reaches nothing for a while. */
  | { readonly kind: 'cut-off-agent'; readonly pool: string; readonly ms: number }
  /** An agent's process hangs forever and ignores SIGTERM. */
  | { readonly kind: 'freeze-agent'; readonly pool: string }
  | { readonly kind: 'stop-task'; readonly pool: string; readonly by: 'person' | 'spot' | 'maintenance' }
  /** A person starts a task of the pool's family. */
  | { readonly kind: 'manual-task'; readonly pool: string }
  /** The stack is deployed again: cold starts, and other RunTask parameters. */
  | { readonly kind: 'deployment' }
  /** A deployment that changes a pool's limit and its number of warm agents. */
  | { readonly kind: 'resize'; readonly pool: string; readonly maxAgents: number; readonly warm: number }
  /** A deployment that sets or removes a pool's `phases`: its next tasks have other families. */
  | { readonly kind: 'rephase'; readonly pool: string; readonly lanes: readonly ScenarioLane[] }
  /** Lambda ends its idle execution environments. */
  | { readonly kind: 'recycle' }
  /** An invocation in addition to the schedule. */
  | { readonly kind: 'nudge' };

export type ScenarioEvent = Happening & {
  /** Stays the same when other events are left out. */
  readonly id: number;
  /** Since the world's start. */
  readonly atMs: number;
};

/** The lane of a task of this family, even if it is from before a `rephase`. */
export function laneOf(
  { lanes, formerLanes = [] }: ScenarioPool,
  family: string | undefined,
): ScenarioLane | undefined {
  return [...lanes, ...formerLanes].find((lane) => lane.family === family);
}

/** Kinds of jobs; no list of runs shows the hidden ones. */
export type JobKind = 'plan' | 'apply' | 'hidden';

/** One kind of a pool's tasks. */
export interface ScenarioLane {
  readonly family: string;
  /** What its agents accept. */
  readonly accepts: readonly JobKind[];
  readonly spot: boolean;
}

/** The only lane of a pool whose agents accept everything. */
export function wholeLane(family: string): ScenarioLane {
  return { family, accepts: ['plan', 'apply', 'hidden'], spot: false };
}

export interface ScenarioPool {
  readonly name: string;
  readonly id: string;
  /** Whether the settings have the pool's id. */
  readonly idGiven: boolean;
  readonly organization: string;
  readonly apiTokenSecret: string;
  /** A `rephase` changes them. */
  lanes: readonly ScenarioLane[];
  /** Lanes from before a `rephase`, whose tasks may still live. */
  formerLanes?: readonly ScenarioLane[];
  /** A `resize` changes it. */
  maxAgents: number;
  /** Warm agents of its first lane (a `resize` changes their number), and the minutes between its sweeps. */
  readonly standing?: { warm?: number; readonly idleSeconds?: number; readonly sweepMinutes?: number };
}

export interface WorldSettings {
  readonly pools: readonly ScenarioPool[];
  readonly agentsCeiling: number | undefined;
  readonly activePollMs: number;
  readonly startDeadlineMs: number;
  /** After this time without a job, the container's watchdog makes its agent leave. */
  readonly idleWindowMs: number;
  /** Whether the API token can list agents. */
  readonly agentsVisible: boolean;
  /** Terraform Enterprise doesn't report which agent has a job. */
  readonly agentNamesInRuns: boolean;
  readonly dequeueOrder: 'applies-first' | 'oldest-first';
  /** Maximum number of resources per page, whatever the request asks for. */
  readonly runsPageCap: number;
  readonly ecsPageCap: number;
  /** How far the vendors' clocks are ahead of the launcher's. */
  readonly hcpSkewMs: number;
  readonly ecsSkewMs: number;
  /** Maximum delay of ECS's reads without a fault. */
  readonly usualLagMs: number;
  /** How long ECS remembers a token: always 24 h, or only until an hour after its task stopped. */
  readonly tokenLife: '24h' | 'task-and-1h';
  /** Whether a call without Spot capacity uses up its token. Not documented. */
  readonly failedTokens: 'forgotten' | 'used-up';
  /** Whether HCP Terraform reports when a run entered a post-plan status. Not documented. */
  readonly postPlanTimes: boolean;
  /** Exit code of an agent's process after a failed operation. Not documented. */
  readonly exitCodeAfterFailedJob: 0 | 1;
}

export interface Scenario {
  readonly seed: string;
  readonly profile: string;
  readonly settings: WorldSettings;
  readonly events: readonly ScenarioEvent[];
  /** After this time, no new event happens. What has begun continues. */
  readonly lastsMs: number;
}

/** The same world without some of its events. */
export function withEvents(scenario: Scenario, keep: (event: ScenarioEvent) => boolean): Scenario {
  return { ...scenario, events: scenario.events.filter(keep) };
}
