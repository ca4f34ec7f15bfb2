/** What happens in a world from outside the launcher: drawn from a seed once, then only data, so that it can be cut down. */

/** A status that a run passes through, and for how long. */
export interface Stage {
  readonly status: string;
  readonly ms: number;
}

/** Somebody creates a run. */
export interface RunCreated {
  readonly kind: 'run';
  readonly pool: string;
  readonly workspace: string;
  /** `plan_only` runs beside the workspace's line. */
  readonly operation: 'plan_and_apply' | 'plan_only';
  /** After the plan: `auto` goes on by itself, `person` waits `approvalMs` for one. */
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

/** Faults that last: while the window is open each call, start or invocation that it is about is hit by the given chance. */
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
  /** Chance to be hit, to 1. */
  readonly rate: number;
  /** Only this pool's starts and refusals; absent: every pool's. */
  readonly pool?: string | undefined;
  /** Only starts of this family; absent: every one of the pool. */
  readonly family?: string | undefined;
}

export type Happening =
  | RunCreated
  | FaultWindow
  /** Somebody cancels the run that the event of this id created, or discards its plan. */
  | { readonly kind: 'cancel'; readonly run: number }
  /** A job that no list of runs shows: a health assessment, a module test, a stack's job. */
  | { readonly kind: 'assessment'; readonly pool: string; readonly ms: number }
  /** Somebody's own agent of the pool comes, and leaves after a while. A picky one accepts no plans and applies. */
  | {
      readonly kind: 'foreign-agent';
      readonly pool: string;
      readonly ms: number;
      readonly single: boolean;
      readonly picky: boolean;
    }
  /** An agent's process dies without a word, as by SIGKILL. */
  | { readonly kind: 'kill-agent'; readonly pool: string }
  /** An agent lives but reaches nothing for a while. */
  | { readonly kind: 'cut-off-agent'; readonly pool: string; readonly ms: number }
  /** An agent's process hangs for ever, deaf to SIGTERM. */
  | { readonly kind: 'freeze-agent'; readonly pool: string }
  | { readonly kind: 'stop-task'; readonly pool: string; readonly by: 'person' | 'spot' | 'maintenance' }
  /** Somebody starts a task of the pool's family by hand. */
  | { readonly kind: 'manual-task'; readonly pool: string }
  /** The stack is deployed anew: cold starts, and other RunTask parameters. */
  | { readonly kind: 'deployment' }
  /** A deployment that changes a pool's limit and its number of warm agents. */
  | { readonly kind: 'resize'; readonly pool: string; readonly maxAgents: number; readonly warm: number }
  /** A deployment that sets or takes away a pool's `phases`: its next tasks have other families. */
  | { readonly kind: 'rephase'; readonly pool: string; readonly lanes: readonly ScenarioLane[] }
  /** Lambda gives up its idle execution environments. */
  | { readonly kind: 'recycle' }
  /** An invocation beside the schedule. */
  | { readonly kind: 'nudge' };

export type ScenarioEvent = Happening & {
  /** Stays the same when others are left out. */
  readonly id: number;
  /** Since the world's start. */
  readonly atMs: number;
};

/** The lane of a task of this family, also if it is of before a `rephase`. */
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
  /** What its agents take. */
  readonly accepts: readonly JobKind[];
  readonly spot: boolean;
}

/** The one lane of a pool whose agents take everything. */
export function wholeLane(family: string): ScenarioLane {
  return { family, accepts: ['plan', 'apply', 'hidden'], spot: false };
}

export interface ScenarioPool {
  readonly name: string;
  readonly id: string;
  /** Whether the settings give the pool's id. */
  readonly idGiven: boolean;
  readonly organization: string;
  readonly apiTokenSecret: string;
  /** A `rephase` changes them. */
  lanes: readonly ScenarioLane[];
  /** Lanes of before a `rephase`; tasks of theirs may still live. */
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
  /** After this long without a job the container's watchdog sends its agent away. */
  readonly idleWindowMs: number;
  /** Whether the API token may list agents. */
  readonly agentsVisible: boolean;
  /** Terraform Enterprise does not say which agent has a job. */
  readonly agentNamesInRuns: boolean;
  readonly dequeueOrder: 'applies-first' | 'oldest-first';
  /** Most resources of a page that the vendors give, whatever was asked for. */
  readonly runsPageCap: number;
  readonly ecsPageCap: number;
  /** What the vendors' clocks are ahead of the launcher's. */
  readonly hcpSkewMs: number;
  readonly ecsSkewMs: number;
  /** How far ECS's reads are behind at most, on a good day. */
  readonly usualLagMs: number;
  /** How long ECS remembers a token: always 24 h, or only until an hour after its task stopped. */
  readonly tokenLife: '24h' | 'task-and-1h';
  /** Whether a token is used up by a call for which Spot had no room is not documented. */
  readonly failedTokens: 'forgotten' | 'used-up';
  /** Whether the platform says when a run entered a post-plan status, which is not documented. */
  readonly postPlanTimes: boolean;
  /** What an agent's process returns after a failed operation is not documented. */
  readonly exitCodeAfterFailedJob: 0 | 1;
}

export interface Scenario {
  readonly seed: string;
  readonly profile: string;
  readonly settings: WorldSettings;
  readonly events: readonly ScenarioEvent[];
  /** After this nothing new comes from outside; what is under way goes on. */
  readonly lastsMs: number;
}

/** The same world without some of its events. */
export function withEvents(scenario: Scenario, keep: (event: ScenarioEvent) => boolean): Scenario {
  return { ...scenario, events: scenario.events.filter(keep) };
}
