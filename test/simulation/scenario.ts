/** What happens to the launcher in a world. A seed determines it. It is plain data, so that events can be removed from it. */
import type { GatewayStart } from '../../functions/launcher/core/gateway-types.ts';

/** A status that a run passes through, and its duration. */
export interface Stage {
  readonly status: string;
  readonly ms: number;
}

/** A person creates a run. */
export interface RunCreated {
  readonly kind: 'run';
  readonly pool: string;
  readonly workspace: string;
  /** `plan_only` runs don't wait for other runs of the workspace. */
  readonly operation: 'plan_and_apply' | 'plan_only';
  /** What follows the plan: `auto` continues immediately, `person` waits `approvalMs` for an approval. */
  readonly approval: 'auto' | 'person';
  readonly approvalMs: number;
  readonly planMs: number;
  readonly applyMs: number;
  readonly fails?: 'plan' | 'apply' | undefined;
  /** The run is created when the launcher is about to stop or replace a gateway, at the latest 15 minutes after its time. */
  readonly atGatewayEnd?: true | undefined;
  /** The job of this phase never ends, although its agent still reaches HCP Terraform. */
  readonly hangs?: 'plan' | 'apply' | undefined;
  /** The statuses before the plan is queued. */
  readonly before: readonly Stage[];
  /** The statuses between the end of the plan and the approval. */
  readonly between: readonly Stage[];
  /** After the plan, an agent of the pool evaluates policies for this long. Lists of runs only show `post_plan_running`. */
  readonly policyMs?: number | undefined;
}

/** Kinds of faults. During a fault's window, it hits each matching call, task start or invocation with the given probability. */
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
  // ECS still shows the task as running after its container ended. In the second case, it knows the exit code.
  | 'task-lingers'
  | 'task-lingers-known'
  // Lambda and its schedule
  | 'schedule-missed'
  | 'schedule-late'
  | 'schedule-repeated'
  | 'invocation-killed'
  // EC2's API
  | 'ec2-throttled'
  | 'ec2-server-error'
  | 'ec2-hang'
  | 'ec2-slow'
  | 'ec2-lost-response'
  | 'ec2-changed-shape'
  | 'ec2-read-lag'
  | 'ec2-capacity'
  | 'ec2-quota'
  | 'ec2-access-denied'
  // EC2 accepts a start, and the instance ends before it runs.
  | 'ec2-launch-fails'
  // Gateways. In the last two cases, the status checks fail, or the filter ends while the instance runs.
  | 'gateway-slow'
  | 'gateway-never-ready'
  | 'gateway-problem'
  | 'gateway-impaired'
  | 'gateway-engine-dead'
  // The queue of wake-ups
  | 'wake-up-lost'
  | 'wake-up-repeated'
  | 'wake-up-late'
  | 'wake-up-changed';

export interface FaultWindow {
  readonly kind: 'fault';
  readonly fault: FaultKind;
  readonly ms: number;
  /** Probability from 0 to 1. */
  readonly rate: number;
  /** Hits only this pool's task starts and API calls. Default: those of all pools. */
  readonly pool?: string | undefined;
  /** Hits only task starts of this family. Default: all families of the pool. */
  readonly family?: string | undefined;
  /** Hits only this stack: its task starts, its calls and its schedule. Default: all stacks. */
  readonly stack?: number | undefined;
}

export type Happening =
  | RunCreated
  | FaultWindow
  /** A person cancels the run of the event with this id, or discards its plan. */
  | { readonly kind: 'cancel'; readonly run: number }
  /** An unlisted job, such as a health assessment, a module test or a job of a stack. */
  | { readonly kind: 'assessment'; readonly pool: string; readonly ms: number }
  /** A foreign agent registers in the pool, and leaves after a while. A picky agent accepts neither plans nor applies. */
  | {
      readonly kind: 'foreign-agent';
      readonly pool: string;
      readonly ms: number;
      readonly single: boolean;
      readonly picky: boolean;
    }
  /** An agent's process dies without deregistering, for example by SIGKILL. */
  | { readonly kind: 'kill-agent'; readonly pool: string }
  /** An agent loses its network connection for a while. */
  | { readonly kind: 'cut-off-agent'; readonly pool: string; readonly ms: number }
  /** An agent's process hangs forever and ignores SIGTERM. */
  | { readonly kind: 'freeze-agent'; readonly pool: string }
  | { readonly kind: 'stop-task'; readonly pool: string; readonly by: 'person' | 'spot' | 'maintenance' }
  /** A person starts a task with the pool's task definition. */
  | { readonly kind: 'manual-task'; readonly pool: string }
  /** A deployment of the stack. It causes cold starts and changes the parameters of RunTask calls. */
  | { readonly kind: 'deployment' }
  /** A deployment that changes a pool's limit and its number of warm agents. */
  | { readonly kind: 'resize'; readonly pool: string; readonly maxAgents: number; readonly warm: number }
  /** A deployment that sets or removes `phases` of a pool, so that its next tasks have different families. */
  | { readonly kind: 'rephase'; readonly pool: string; readonly lanes: readonly ScenarioLane[] }
  /** Somebody stops or terminates the instance of a gateway, or its operating system powers off. */
  | { readonly kind: 'end-gateway'; readonly how: 'stop' | 'terminate' | 'power-off' }
  /** A deployment that changes what the gateways run. */
  | { readonly kind: 'gateway-config' }
  /** AWS deletes the image of the gateways. Later, a deployment chooses another one. */
  | { readonly kind: 'image-gone'; readonly ms: number }
  /** The gateways become 40 days older. */
  | { readonly kind: 'old-gateways' }
  /** Lambda ends its idle execution environments. */
  | { readonly kind: 'recycle' }
  /** An invocation in addition to the schedule. */
  | { readonly kind: 'nudge' };

export type ScenarioEvent = Happening & {
  /** Stays the same if other events are removed. */
  readonly id: number;
  /** Time since the start of the world. */
  readonly atMs: number;
};

/** The lane of this task family, even if a `rephase` has replaced the lane since. */
export function laneOf(
  { lanes, formerLanes = [] }: ScenarioPool,
  family: string | undefined,
): ScenarioLane | undefined {
  return [...lanes, ...formerLanes].find((lane) => lane.family === family);
}

/** Kinds of jobs. `hidden` stands for unlisted jobs. */
export type JobKind = 'plan' | 'apply' | 'hidden';

/** A lane of a pool. */
export interface ScenarioLane {
  readonly family: string;
  /** The kinds of jobs that the lane's agents accept. */
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
  /** Whether the settings contain the pool's id. */
  readonly idGiven: boolean;
  readonly organization: string;
  readonly apiTokenSecret: string;
  /** The current lanes. A `rephase` changes them. */
  lanes: readonly ScenarioLane[];
  /** Earlier lanes that a `rephase` replaced. Some of their tasks can still be running. */
  formerLanes?: readonly ScenarioLane[];
  /** The current limit. A `resize` changes it. */
  maxAgents: number;
  /** How long a job waits before this stack starts an agent for it; absent: no wait. */
  readonly standbyMs?: number | undefined;
  /** How long jobs may run before the launcher stops their tasks. A phase without a value has no limit. */
  readonly maxJobMs?: { readonly plan?: number; readonly apply?: number };
  /** The number of warm agents in the first lane (a `resize` changes it), and the minutes between sweeps. */
  readonly standing?: { warm?: number; readonly idleSeconds?: number; readonly sweepMinutes?: number };
}

/** Several stacks that serve the same pools, each with its own cluster and function. */
export interface StacksSettings {
  readonly count: number;
  /** Whether the stacks use API tokens of one user, so that they share HCP Terraform's rate limits. */
  readonly user: 'shared' | 'own';
  /** How long jobs wait before the stacks after the first start agents for them; absent: every stack launches at once. */
  readonly standbyMs?: number | undefined;
}

/** The gateways of a stack, through which all its tasks reach the internet. */
export interface GatewaysSettings {
  readonly count: number;
  readonly idleMinutes: number;
  readonly start: GatewayStart;
  readonly fixedAddress: boolean;
  /** How far the clock of EC2 and of the instances is ahead of the launcher's clock. */
  readonly ec2SkewMs: number;
  /** Maximum delay of reads from EC2 without a fault. */
  readonly usualLagMs: number;
  /** How long EC2 shows a terminated instance. AWS says only that it is usually less than an hour. */
  readonly terminatedShownMs: number;
  /** How long the pull of an image waits for a network. AWS doesn't document this. */
  readonly pullWaitsMs: number;
  /** The version of what the gateways run. A `gateway-config` changes it. */
  version: number;
}

export interface WorldSettings {
  readonly pools: readonly ScenarioPool[];
  /** Absent: tasks don't need a gateway. */
  readonly gateways?: GatewaysSettings;
  /** Absent: one stack. */
  readonly stacks?: StacksSettings;
  readonly agentsCeiling: number | undefined;
  readonly activePollMs: number;
  /** Absent: only the schedule polls while every pool is idle. */
  readonly idlePollMs?: number;
  /** Whether each new run sends a nudge. */
  readonly nudges?: true;
  readonly startDeadlineMs: number;
  /** After this time without a job, the container's watchdog ends the agent. */
  readonly idleWindowMs: number;
  /** Whether the agents of tasks end after one job. Default: true. Agents of other launchers can take several jobs. */
  readonly singleAgents?: boolean;
  /** Whether the API token can list agents. */
  readonly agentsVisible: boolean;
  /** Whether lists of runs show which agent has a job. Terraform Enterprise doesn't show it. */
  readonly agentNamesInRuns: boolean;
  readonly dequeueOrder: 'applies-first' | 'oldest-first';
  /** Maximum page size, even if a request asks for more. */
  readonly runsPageCap: number;
  readonly ecsPageCap: number;
  /** Whether HCP Terraform answers in 2–4 s, and AWS in 1–2 s. */
  readonly slowAnswers?: boolean;
  /** How far the vendors' clocks are ahead of the launcher's clock. */
  readonly hcpSkewMs: number;
  readonly ecsSkewMs: number;
  /** Maximum delay of reads from ECS without a fault. */
  readonly usualLagMs: number;
  /** How long ECS remembers a client token: always 24 h, or only until an hour after its task stopped. */
  readonly tokenLife: '24h' | 'task-and-1h';
  /** Whether a call without Spot capacity uses up its client token. AWS doesn't document this. */
  readonly failedTokens: 'forgotten' | 'used-up';
  /** Whether HCP Terraform shows when a run entered a post-plan status. HashiCorp doesn't document this. */
  readonly postPlanTimes: boolean;
  /** Exit code of an agent's process after a failed operation. HashiCorp doesn't document it. */
  readonly exitCodeAfterFailedJob: 0 | 1;
}

export interface Scenario {
  readonly seed: string;
  readonly profile: string;
  readonly settings: WorldSettings;
  readonly events: readonly ScenarioEvent[];
  /** After this time, no new event happens. Runs and faults that have begun continue. */
  readonly lastsMs: number;
}

/** The settings of one stack of the world. The first stack's are the world's; the others have other task families, and other API tokens if they have another user. */
export function settingsOfStack(settings: WorldSettings, stack: number): WorldSettings {
  if (stack === 0) return settings;
  const { stacks } = settings;
  const pools = settings.pools.map(
    (pool): ScenarioPool => ({
      ...pool,
      standbyMs: stacks?.standbyMs,
      apiTokenSecret: stacks?.user === 'own' ? `${pool.apiTokenSecret}-${stack}` : pool.apiTokenSecret,
      lanes: pool.lanes.map((lane) => ({ ...lane, family: `stack${stack}-${lane.family}` })),
    }),
  );
  return { ...settings, pools, ...(settings.gateways !== undefined && { gateways: { ...settings.gateways } }) };
}

/** The same world without some of its events. */
export function withEvents(scenario: Scenario, keep: (event: ScenarioEvent) => boolean): Scenario {
  return { ...scenario, events: scenario.events.filter(keep) };
}
