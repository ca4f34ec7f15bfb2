import { mostWarmAgents } from '../../functions/launcher/warm-limit.ts';
import { taskFamily } from '../../lib/names.ts';
import { type GatewayRules, gatewayEvents, gatewaysOf } from './gateway-scenario.ts';
import { Random } from './random.ts';
import {
  type FaultKind,
  type FaultWindow,
  type Happening,
  type RunCreated,
  type Scenario,
  type ScenarioEvent,
  type ScenarioLane,
  type ScenarioPool,
  type StacksSettings,
  type Stage,
  type WorldSettings,
  wholeLane,
} from './scenario.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const HCP_FAULTS = [
  'hcp-429',
  'hcp-5xx',
  'hcp-connection-reset',
  'hcp-hang',
  'hcp-slow',
  'hcp-truncated',
  'hcp-html',
  'hcp-empty-200',
  'hcp-changed-shape',
  'hcp-page-repeated',
  'hcp-page-missing',
  'hcp-token-rotated',
  'hcp-404',
  'hcp-agents-empty',
] as const;
const ECS_FAULTS = [
  'ecs-throttled',
  'ecs-throttled-wrapped',
  'ecs-quota',
  'ecs-capacity',
  'ecs-access-denied',
  'ecs-server-error',
  'ecs-hang',
  'ecs-slow',
  'ecs-lost-response',
  'ecs-changed-shape',
  'ecs-read-lag',
] as const;
const START_FAULTS = [
  'start-slow',
  'start-image',
  'start-secret',
  'start-eni',
  'start-out-of-memory',
  'start-exit-1',
  'start-exit-0',
  'start-never-registers',
  'start-registers-then-exits',
  'start-takes-no-job',
] as const;
const WAKE_UP_FAULTS = ['wake-up-lost', 'wake-up-repeated', 'wake-up-late', 'wake-up-changed'] as const;
const SCHEDULE_FAULTS = ['schedule-missed', 'schedule-late', 'schedule-repeated', 'invocation-killed'] as const;

/** The ranges from which the worlds of a profile are drawn. A range is [least, most]. */
interface Profile {
  readonly runs: readonly [number, number];
  readonly lastsMs: readonly [number, number];
  readonly faults: readonly FaultKind[];
  readonly windows: readonly [number, number];
  readonly windowMs: readonly [number, number];
  readonly others: readonly Happening['kind'][];
  readonly otherEvents: readonly [number, number];
  readonly ceiling: number;
  readonly pools: readonly [number, number];
  readonly maxAgents: readonly [number, number];
  readonly activePollMs?: readonly number[];
  // If an optional member is absent, the worlds use the default.
  /** Probability that a pool has separate lanes for plans and applies. */
  readonly lanes?: number;
  /** Probability that a run fails. */
  readonly fails?: number;
  /** Probability that a second run comes shortly after a run. */
  readonly pairs?: number;
  /** Maximum duration of plans, applies and assessments. */
  readonly jobsMs?: { readonly plan: number; readonly apply: number; readonly assessment: number };
  /** Probability that a pool has warm agents. */
  readonly warm?: number;
  /** Number of additional periods in which the tasks of each lane for plans fail to start. */
  readonly plansFail?: number;
  /** The organization agent limits to draw from. */
  readonly ceilings?: readonly number[];
  /** Probability that an agent of the pool evaluates policies after the plan. */
  readonly policies?: number;
  /** Maximum duration of a slow run task after the plan. */
  readonly runTaskMs?: number;
  /** Minutes between sweeps, to draw from. If this is set, every pool without warm agents has sweeps. */
  readonly sweepMinutes?: readonly number[];
  /** Idle windows of warm agents, to draw from. */
  readonly warmIdleSeconds?: readonly number[];
  /** Time between polls while every pool is idle, to draw from. */
  readonly idlePollMs?: readonly number[];
  /** Probability that a run is `plan_only`, so that it doesn't wait for other runs of its workspace. */
  readonly planOnly?: number;
  /** Whether faults begin with the world. Default: at any time. */
  readonly faultsFirst?: boolean;
  /** Two stacks serve the pools of every world; this is the probability that their API tokens belong to one user. */
  readonly sharedUser?: number;
  /** Probability that the function of one stack isn't invoked for minutes. */
  readonly outages?: number;
  /** Probability that a job never ends, in pools that limit how long it may run. */
  readonly hangs?: number;
  /** The time from a run to the next one, in most cases. */
  readonly gapMs?: readonly [number, number];
  /** Probability that a run is created at the moment when the launcher is about to end a gateway. */
  readonly atGatewayEnd?: number;
  /** Gateways. Default: {@link SOME_GATEWAYS} in the profiles of `all`, and none in the others. */
  readonly gateways?: GatewayRules;
  /** Settings that all worlds of the profile have. */
  readonly always?: Partial<WorldSettings>;
}

const SMALL: Profile = {
  runs: [2, 9],
  lastsMs: [6 * MINUTE, 14 * MINUTE],
  faults: [],
  windows: [0, 0],
  windowMs: [15 * SECOND, 5 * MINUTE],
  others: [],
  otherEvents: [0, 0],
  ceiling: 0,
  pools: [1, 3],
  maxAgents: [1, 8],
};

const NO_GATEWAYS: GatewayRules = { share: 0, windows: [0, 0], events: [0, 0] };
/** Every eighth world of `all` has gateways. */
const SOME_GATEWAYS: GatewayRules = { share: 0.125, windows: [0, 2], events: [0, 1] };

const AGENT_TROUBLE = ['kill-agent', 'cut-off-agent', 'freeze-agent', 'stop-task'] as const;
const THIEVES = ['assessment', 'foreign-agent', 'manual-task'] as const;
const LAMBDA_LIFE = ['deployment', 'recycle', 'nudge'] as const;
const PEOPLE = ['cancel'] as const;

/** All profiles. `all` is not a profile: it draws a profile for each world, according to {@link SHARES}. */
export const PROFILES = {
  calm: { ...SMALL, others: PEOPLE, otherEvents: [0, 2] },
  mixed: {
    ...SMALL,
    faults: [...HCP_FAULTS, ...ECS_FAULTS, ...START_FAULTS, ...SCHEDULE_FAULTS],
    windows: [2, 6],
    others: [...AGENT_TROUBLE, ...THIEVES, ...LAMBDA_LIFE, ...PEOPLE],
    otherEvents: [1, 6],
    ceiling: 0.15,
  },
  hcp: { ...SMALL, faults: HCP_FAULTS, windows: [1, 4], others: [...PEOPLE, ...LAMBDA_LIFE], otherEvents: [0, 3] },
  ecs: {
    ...SMALL,
    faults: ECS_FAULTS,
    windows: [1, 4],
    others: [...PEOPLE, ...LAMBDA_LIFE, 'assessment'],
    otherEvents: [0, 4],
  },
  start: {
    ...SMALL,
    faults: START_FAULTS,
    windows: [1, 3],
    windowMs: [MINUTE, 12 * MINUTE],
    others: ['assessment'],
    otherEvents: [0, 2],
  },
  schedule: {
    ...SMALL,
    faults: [...SCHEDULE_FAULTS, 'ecs-read-lag', 'ecs-lost-response'],
    windows: [2, 5],
    others: [...LAMBDA_LIFE, 'assessment'],
    otherEvents: [2, 8],
  },
  agents: {
    ...SMALL,
    others: [...AGENT_TROUBLE, ...THIEVES],
    otherEvents: [2, 9],
    faults: ['start-slow'],
    windows: [0, 1],
  },
  licence: {
    ...SMALL,
    runs: [2, 5],
    others: ['foreign-agent', 'assessment', 'kill-agent', 'cancel'],
    otherEvents: [0, 4],
    faults: ['ecs-read-lag', 'hcp-5xx', 'start-slow', 'schedule-repeated'],
    windows: [0, 2],
    ceiling: 1,
  },
  storm: {
    ...SMALL,
    runs: [25, 60],
    lastsMs: [2 * MINUTE, 5 * MINUTE],
    faults: ['ecs-throttled', 'ecs-capacity', 'hcp-429', 'ecs-read-lag'],
    windows: [0, 2],
    others: PEOPLE,
    otherEvents: [0, 5],
    pools: [1, 2],
    maxAgents: [5, 40],
  },
  polls: {
    ...SMALL,
    runs: [4, 12],
    lastsMs: [4 * MINUTE, 8 * MINUTE],
    others: ['nudge'],
    otherEvents: [6, 16],
    pools: [4, 8],
    maxAgents: [2, 5],
  },
  long: {
    ...SMALL,
    runs: [1, 4],
    lastsMs: [2 * HOUR, 6 * HOUR],
    faults: [
      'start-image',
      'start-exit-1',
      'start-never-registers',
      'start-registers-then-exits',
      'start-takes-no-job',
      'ecs-quota',
    ],
    windows: [1, 2],
    windowMs: [HOUR, 5 * HOUR],
    others: ['assessment', 'deployment'],
    otherEvents: [0, 10],
    pools: [1, 1],
    maxAgents: [1, 4],
    activePollMs: [0],
  },
  // The profiles from here on aren't part of `all`. In each of them, a rare situation is frequent, so that certain mutants are caught.
  forgotten: {
    ...SMALL,
    runs: [1, 3],
    lastsMs: [3 * HOUR, 5 * HOUR],
    faults: ['start-never-registers'],
    windows: [1, 1],
    windowMs: [2 * HOUR, 4 * HOUR],
    others: ['deployment'],
    otherEvents: [4, 10],
    pools: [1, 1],
    maxAgents: [1, 2],
    activePollMs: [0],
    always: { agentsVisible: true, tokenLife: '24h' },
  },
  lanes: {
    ...SMALL,
    runs: [8, 16],
    faults: ['schedule-repeated', 'schedule-late', 'ecs-read-lag', 'ecs-lost-response'],
    windows: [1, 3],
    others: LAMBDA_LIFE,
    otherEvents: [2, 8],
    pools: [1, 2],
    maxAgents: [4, 8],
    lanes: 1,
  },
  failing: {
    ...SMALL,
    runs: [6, 12],
    lastsMs: [40 * MINUTE, 2 * HOUR],
    others: PEOPLE,
    otherEvents: [0, 2],
    pools: [1, 1],
    maxAgents: [2, 6],
    fails: 0.7,
    pairs: 0.7,
    always: { agentsVisible: true, exitCodeAfterFailedJob: 1 },
  },
  unseen: {
    ...SMALL,
    runs: [5, 12],
    others: [...PEOPLE, 'assessment'],
    otherEvents: [0, 3],
    pools: [1, 2],
    maxAgents: [2, 6],
    always: { agentsVisible: false, agentNamesInRuns: false },
  },
  // Jobs take longer than the start deadline and the time for which agents are listed. This tests promise 4.
  'long-jobs': {
    ...SMALL,
    lastsMs: [20 * MINUTE, HOUR],
    jobsMs: { plan: 25 * MINUTE, apply: 40 * MINUTE, assessment: 30 * MINUTE },
    faults: [...HCP_FAULTS, ...ECS_FAULTS, ...START_FAULTS, ...SCHEDULE_FAULTS],
    windows: [1, 5],
    others: [...AGENT_TROUBLE, ...THIEVES, ...LAMBDA_LIFE, ...PEOPLE],
    otherEvents: [2, 9],
    ceiling: 0.15,
  },
  warm: {
    ...SMALL,
    faults: [...SCHEDULE_FAULTS, 'ecs-read-lag', 'ecs-lost-response', 'start-slow'],
    windows: [0, 3],
    others: [...LAMBDA_LIFE, ...PEOPLE, 'assessment', 'foreign-agent'],
    otherEvents: [2, 8],
    pools: [1, 2],
    maxAgents: [2, 8],
    warm: 0.8,
  },
  // Long jobs, and small limits that deployments change. Jobs of one lane must not wait behind warm agents of another lane.
  'warm-lanes': {
    ...SMALL,
    runs: [4, 9],
    lastsMs: [30 * MINUTE, 90 * MINUTE],
    jobsMs: { plan: 45 * MINUTE, apply: 10 * MINUTE, assessment: 5 * MINUTE },
    others: ['resize', 'deployment', 'cancel'],
    otherEvents: [0, 3],
    pools: [1, 1],
    maxAgents: [2, 3],
    warmIdleSeconds: [3600],
    activePollMs: [30 * SECOND, 0],
    lanes: 1,
    warm: 1,
  },
  // For hours, the image of warm agents is missing, or they leave immediately.
  'warm-failing': {
    ...SMALL,
    runs: [1, 3],
    lastsMs: [2 * HOUR, 4 * HOUR],
    faults: ['start-exit-0-late', 'start-leaves-early', 'start-registers-then-exits', 'start-exit-0'],
    windows: [1, 1],
    windowMs: [HOUR, 3 * HOUR],
    others: ['deployment'],
    otherEvents: [0, 2],
    pools: [1, 1],
    maxAgents: [2, 4],
    activePollMs: [0],
    warm: 1,
    always: { agentsVisible: true },
  },
  // Tasks of one lane fail to start, while jobs of the other lane arrive one after the other.
  probes: {
    ...SMALL,
    runs: [40, 60],
    lastsMs: [30 * MINUTE, 40 * MINUTE],
    plansFail: 4,
    others: PEOPLE,
    otherEvents: [0, 3],
    pools: [1, 1],
    maxAgents: [8, 20],
    activePollMs: [0],
    lanes: 1,
  },
  // Like `unseen`, with jobs that take longer than the start deadline.
  'unseen-long': {
    ...SMALL,
    runs: [6, 14],
    lastsMs: [20 * MINUTE, 50 * MINUTE],
    jobsMs: { plan: 15 * MINUTE, apply: 10 * MINUTE, assessment: 5 * MINUTE },
    others: [...PEOPLE, 'kill-agent'],
    otherEvents: [0, 4],
    pools: [1, 1],
    maxAgents: [3, 8],
    always: { agentsVisible: false, agentNamesInRuns: false },
  },
  // ECS doesn't notice that containers ended, and HCP Terraform still lists an earlier agent with the same name.
  lingering: {
    ...SMALL,
    runs: [5, 12],
    lastsMs: [20 * MINUTE, 60 * MINUTE],
    faults: [
      'task-lingers',
      'task-lingers',
      'task-lingers-known',
      'start-registers-twice',
      'start-registers-twice',
      'hcp-agents-empty',
      'ecs-throttled',
      'schedule-repeated',
    ],
    windows: [2, 6],
    windowMs: [5 * MINUTE, 20 * MINUTE],
    others: [...PEOPLE, 'assessment', 'kill-agent', 'nudge'],
    otherEvents: [1, 6],
    jobsMs: { plan: 12 * MINUTE, apply: 8 * MINUTE, assessment: 5 * MINUTE },
    pools: [1, 2],
    maxAgents: [1, 3],
  },
  'warm-licence': {
    ...SMALL,
    faults: ['schedule-repeated', 'ecs-lost-response', 'start-slow'],
    windows: [0, 2],
    others: ['deployment', 'cancel', 'assessment'],
    otherEvents: [1, 5],
    pools: [2, 3],
    maxAgents: [2, 6],
    activePollMs: [30 * SECOND, 0],
    ceiling: 1,
    ceilings: [3, 4, 6],
    warm: 0.8,
  },
  policies: {
    ...SMALL,
    runs: [3, 8],
    lastsMs: [15 * MINUTE, 90 * MINUTE],
    faults: [...SCHEDULE_FAULTS, 'ecs-read-lag', 'ecs-lost-response', 'start-slow', 'start-exit-1', 'hcp-5xx'],
    windows: [0, 3],
    others: [...LAMBDA_LIFE, ...PEOPLE, 'assessment'],
    otherEvents: [0, 6],
    pools: [1, 2],
    maxAgents: [1, 5],
    lanes: 0.5,
    policies: 0.6,
    runTaskMs: HOUR,
  },
  // Deployments set or remove `phases` while jobs wait and run.
  rephased: {
    ...SMALL,
    runs: [6, 14],
    faults: ['start-slow', 'schedule-repeated', 'ecs-lost-response'],
    windows: [0, 2],
    others: ['rephase', 'rephase', 'cancel'],
    otherEvents: [1, 4],
    pools: [1, 2],
    maxAgents: [3, 8],
    lanes: 0.5,
    always: { agentsVisible: true },
  },
  // Sweeps are rare and their agents never start. Nothing else makes the launcher look at how their tasks ended.
  sweeps: {
    ...SMALL,
    runs: [0, 1],
    lastsMs: [3 * HOUR, 6 * HOUR],
    faults: ['start-never-registers', 'start-never-registers', 'start-image', 'start-exit-1'],
    windows: [1, 1],
    windowMs: [HOUR, 5 * HOUR],
    pools: [1, 2],
    maxAgents: [1, 3],
    activePollMs: [0],
    sweepMinutes: [60, 120, 240],
    always: { agentsVisible: true },
  },
  // HCP Terraform answers in 2–4 s and AWS in 1–2 s, so jobs are often taken between two requests of a tick. Each agent should still get a job.
  slow: {
    ...SMALL,
    runs: [8, 20],
    lastsMs: [5 * MINUTE, 10 * MINUTE],
    pools: [1, 2],
    maxAgents: [3, 10],
    always: { agentsVisible: true, slowAnswers: true },
  },
  // Hundreds of jobs are queued within seconds: more than a page of runs, and more than ECS launches at once.
  burst: {
    ...SMALL,
    runs: [120, 600],
    lastsMs: [5 * SECOND, 60 * SECOND],
    jobsMs: { plan: MINUTE, apply: MINUTE, assessment: MINUTE },
    faults: ['ecs-throttled', 'ecs-throttled-wrapped', 'hcp-429', 'schedule-repeated', 'ecs-lost-response'],
    windows: [0, 2],
    others: ['nudge', 'recycle'],
    otherEvents: [0, 3],
    pools: [1, 3],
    maxAgents: [20, 600],
    always: { ecsPageCap: 100, runsPageCap: 100 },
  },
  // For a minute or more, ECS throttles RunTask calls, but no reads. All jobs are queued in this time.
  throttled: {
    ...SMALL,
    runs: [60, 150],
    lastsMs: [20 * SECOND, 30 * SECOND],
    jobsMs: { plan: 30 * SECOND, apply: 30 * SECOND, assessment: 30 * SECOND },
    faults: ['ecs-throttled-wrapped'],
    windows: [1, 2],
    windowMs: [70 * SECOND, 2 * MINUTE],
    faultsFirst: true,
    pools: [1, 2],
    maxAgents: [60, 150],
    policies: 0,
    planOnly: 1,
    always: { ecsPageCap: 100 },
  },
  // HCP Terraform and AWS answer slowly, so agents take dozens of jobs between two requests of a tick. The list of jobs gets shorter than a page.
  'slow-burst': {
    ...SMALL,
    runs: [115, 160],
    lastsMs: [5 * SECOND, 10 * SECOND],
    jobsMs: { plan: 5 * MINUTE, apply: MINUTE, assessment: MINUTE },
    pools: [1, 1],
    maxAgents: [200, 300],
    activePollMs: [5 * SECOND],
    lanes: 0,
    policies: 0,
    planOnly: 1,
    always: { agentsVisible: true, agentNamesInRuns: true, ecsPageCap: 100, slowAnswers: true },
  },
  // Messages invoke the launcher between two scheduled invocations, while nothing runs.
  'idle-polls': {
    ...SMALL,
    lastsMs: [10 * MINUTE, 30 * MINUTE],
    faults: [
      ...WAKE_UP_FAULTS,
      ...WAKE_UP_FAULTS,
      ...SCHEDULE_FAULTS,
      'hcp-5xx',
      'hcp-429',
      'hcp-slow',
      'ecs-throttled',
      'start-slow',
    ],
    windows: [0, 5],
    others: [...LAMBDA_LIFE, ...PEOPLE, 'assessment'],
    otherEvents: [0, 5],
    ceiling: 0.15,
    pools: [1, 6],
    activePollMs: [5, 10, 15, 30].map((s) => s * SECOND),
    idlePollMs: [5, 10, 10, 20, 45].map((s) => s * SECOND),
  },
  // Each new run sends a nudge.
  nudges: {
    ...SMALL,
    runs: [4, 16],
    faults: [
      ...WAKE_UP_FAULTS,
      ...WAKE_UP_FAULTS,
      ...SCHEDULE_FAULTS,
      'hcp-5xx',
      'hcp-429',
      'hcp-hang',
      'ecs-throttled',
      'ecs-lost-response',
    ],
    windows: [0, 5],
    others: [...LAMBDA_LIFE, ...PEOPLE, 'assessment', 'foreign-agent'],
    otherEvents: [0, 5],
    idlePollMs: [10, 60, 60].map((s) => s * SECOND),
    activePollMs: [5, 10, 15, 30].map((s) => s * SECOND),
    always: { nudges: true },
  },
  // Plans may run for an hour, and many jobs run longer or never end. In some pools, applies may run for two hours, in others for any time.
  endless: {
    ...SMALL,
    runs: [2, 5],
    lastsMs: [20 * MINUTE, 90 * MINUTE],
    jobsMs: { plan: 100 * MINUTE, apply: 150 * MINUTE, assessment: 170 * MINUTE },
    faults: [
      'hcp-5xx',
      'hcp-429',
      'hcp-agents-empty',
      'hcp-page-repeated',
      'hcp-page-missing',
      'ecs-read-lag',
      'ecs-throttled',
      'ecs-lost-response',
      'schedule-repeated',
      'start-slow',
    ],
    windows: [0, 3],
    windowMs: [5 * MINUTE, 60 * MINUTE],
    others: ['assessment', 'kill-agent', 'cut-off-agent', 'foreign-agent', 'deployment', 'recycle', 'cancel'],
    otherEvents: [0, 4],
    pools: [1, 2],
    maxAgents: [1, 4],
    activePollMs: [0],
    lanes: 0.5,
    planOnly: 0.5,
    hangs: 0.3,
    always: { agentsVisible: true },
  },
  // Two stacks serve the same pools at the same time.
  stacks: {
    ...SMALL,
    runs: [4, 14],
    faults: [...ECS_FAULTS, ...SCHEDULE_FAULTS, 'start-slow', 'start-image', 'hcp-5xx', 'hcp-429', 'hcp-slow'],
    windows: [0, 3],
    others: [...AGENT_TROUBLE, ...LAMBDA_LIFE, ...PEOPLE, 'assessment', 'foreign-agent'],
    otherEvents: [0, 5],
    ceiling: 0.1,
    ceilings: [3, 5],
    idlePollMs: [10, 60, 60].map((s) => s * SECOND),
    activePollMs: [5, 5, 10, 15, 30].map((s) => s * SECOND),
    sharedUser: 0.5,
    outages: 0.5,
  },
  // Runs come when the gateways are about to be stopped. Ticks overlap and die, and ECS and EC2 show changes late.
  gateways: {
    ...SMALL,
    runs: [3, 9],
    lastsMs: [30 * MINUTE, 80 * MINUTE],
    gapMs: [6 * MINUTE, 15 * MINUTE],
    faults: [
      ...SCHEDULE_FAULTS,
      ...SCHEDULE_FAULTS,
      'ecs-read-lag',
      'ecs-lost-response',
      'ecs-throttled',
      'ecs-hang',
      'ec2-slow',
      'ec2-read-lag',
      'hcp-5xx',
      'start-slow',
    ],
    windows: [0, 4],
    windowMs: [MINUTE, 20 * MINUTE],
    others: [...LAMBDA_LIFE, ...PEOPLE, 'assessment', 'manual-task', 'stop-task'],
    otherEvents: [0, 6],
    pools: [1, 2],
    maxAgents: [1, 4],
    idlePollMs: [10, 60, 60].map((s) => s * SECOND),
    atGatewayEnd: 0.5,
    gateways: { share: 1, slow: 0.1, windows: [0, 0], events: [0, 2] },
  },
  // EC2 refuses, is late or doesn't answer, and instances break.
  'gateway-faults': {
    ...SMALL,
    runs: [3, 9],
    lastsMs: [20 * MINUTE, 70 * MINUTE],
    gapMs: [3 * MINUTE, 15 * MINUTE],
    faults: [...SCHEDULE_FAULTS, 'ecs-read-lag', 'ecs-throttled', 'start-slow'],
    windows: [0, 2],
    others: [...LAMBDA_LIFE, ...PEOPLE, ...AGENT_TROUBLE],
    otherEvents: [0, 3],
    pools: [1, 2],
    maxAgents: [1, 4],
    gateways: { share: 1, windows: [1, 6], events: [0, 4] },
  },
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;

/** The share of each profile in `all`. */
const SHARES: readonly (readonly [ProfileName, number])[] = [
  ['mixed', 30],
  ['hcp', 12],
  ['ecs', 12],
  ['start', 10],
  ['schedule', 10],
  ['agents', 10],
  ['licence', 7],
  ['calm', 3],
  ['polls', 2],
  ['storm', 2],
  ['long', 2],
];

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}

/** Draws a world. @param profile the name of a profile, or `all` */
export function scenarioOf(seed: string, profile: ProfileName | 'all'): Scenario {
  const random = new Random(seed);
  const name = profile === 'all' ? profileAmong(random.stream('profile')) : profile;
  const rules: Profile = PROFILES[name];
  const lanes = random.stream('lanes');
  const drawn = { ...settingsOf(random.stream('settings'), rules), ...rules.always };
  // A token that can't list agents can't look a pool up by its name.
  const pools = drawn.pools.map((pool) => ({ ...pool, idGiven: pool.idGiven || !drawn.agentsVisible }));
  const idlePollMs = random.stream('idle-polls').among(rules.idlePollMs ?? []);
  const stacks = stacksOf(random.stream('stacks'), rules);
  const ofGateways = random.stream('gateways');
  const gatewayRules = rules.gateways ?? (SHARES.some(([shared]) => shared === name) ? SOME_GATEWAYS : NO_GATEWAYS);
  const gateways = gatewaysOf(ofGateways, gatewayRules);
  const answersSlowly = gateways !== undefined && random.stream('slow-answers').chance(gatewayRules.slow ?? 0);
  const settings: WorldSettings = {
    ...withMaxJobMs(random.stream('job-hours'), withinLimits(withLanes(lanes, { ...drawn, pools }, rules)), rules),
    ...rules.always,
    ...(idlePollMs !== undefined && { idlePollMs }),
    ...(stacks !== undefined && { stacks }),
    ...(gateways !== undefined && { gateways }),
    ...(answersSlowly && { slowAnswers: true }),
  };
  const lastsMs = Math.round(random.between(...rules.lastsMs));
  const events = eventsOf(random.stream('events'), rules, settings, lastsMs);
  events.push(...laneFaults(lanes, settings, lastsMs, events.length));
  events.push(...planFaults(rules, settings, lastsMs, events.length));
  events.push(...outageOf(random.stream('outages'), rules, lastsMs, events.length));
  events.push(...gatewayEvents(ofGateways, gatewayRules, settings, lastsMs, events.length));
  return { seed, profile: name, settings, events, lastsMs };
}

function stacksOf(random: Random, { sharedUser }: Profile): StacksSettings | undefined {
  if (sharedUser === undefined) return undefined;
  const user = random.chance(sharedUser) ? 'shared' : 'own';
  return { count: 2, user, standbyMs: random.among([undefined, 60, 120, 120, 300].map((s) => s && s * SECOND)) };
}

function profileAmong(random: Random): ProfileName {
  let at = random.between(
    0,
    SHARES.reduce((sum, [, share]) => sum + share, 0),
  );
  for (const [name, share] of SHARES) {
    at -= share;
    if (at < 0) return name;
  }
  return 'mixed';
}

const LAUNCHER = 'launcher';

/** These names would be ambiguous if a task family were the pool's name with the phase as a suffix. */
const POOL_NAMES = ['pool-0', 'pool-0-apply', 'pool-0-plan'];

function settingsOf(random: Random, rules: Profile): WorldSettings {
  const ceiling = random.chance(rules.ceiling);
  const agentsVisible = ceiling || random.chance(0.9);
  const apart = random.pick(['alike', 'alike', 'alike', 'tokens', 'organizations']);
  const pools = Array.from({ length: random.whole(...rules.pools) }, (_, index): ScenarioPool => {
    const other = index > 0 && apart !== 'alike' && random.chance(0.7);
    const name = POOL_NAMES[index] ?? `pool-${index}`;
    return {
      name,
      id: `apool-${index}`,
      idGiven: !agentsVisible || random.chance(0.5),
      organization: other && apart === 'organizations' ? 'org-other' : 'org-main',
      apiTokenSecret: other ? 'secret-other' : 'secret-main',
      lanes: [wholeLaneOf(name)],
      maxAgents: random.whole(...rules.maxAgents),
      ...standingOf(random, rules, ceiling),
    };
  });
  return {
    pools,
    agentsCeiling: ceiling ? random.among(rules.ceilings ?? [1, 1, 2, 3, 5]) : undefined,
    activePollMs: random.among(rules.activePollMs ?? [5, 5, 10, 15, 30, 0].map((s) => s * SECOND)) ?? 0,
    startDeadlineMs: random.pick([300, 300, 180]) * SECOND,
    idleWindowMs: random.pick([300, 120, 60]) * SECOND,
    agentsVisible,
    agentNamesInRuns: random.chance(agentsVisible ? 0.85 : 0.5),
    dequeueOrder: random.pick(['applies-first', 'oldest-first']),
    // Small pages test paging. With many runs, they would need more requests than the budget for a minute.
    runsPageCap: rules.runs[1] > 10 ? 100 : random.pick([100, 100, 3]),
    ecsPageCap: random.pick([100, 100, 4]),
    hcpSkewMs: random.pick([0, 0, -900, 1500, -12_000, 12_000]),
    ecsSkewMs: random.pick([0, 0, -900, 1500, -12_000, 12_000]),
    usualLagMs: random.pick([0, 500, 2000, 5000]),
    tokenLife: random.pick(['24h', 'task-and-1h']),
    failedTokens: 'forgotten',
    exitCodeAfterFailedJob: random.pick([0, 1]),
    // Drawn last, so that the values above are the same as before this setting existed.
    postPlanTimes: random.chance(0.8),
  };
}

/** Gives pools separate lanes, by default in every fifth world. It has its own random sequence, so that other worlds don't change. */
function withLanes(random: Random, settings: WorldSettings, rules: Profile): WorldSettings {
  if (!random.chance(rules.lanes ?? 0.2)) return settings;
  const pools = settings.pools.map((pool): ScenarioPool => {
    if (!random.chance(0.8)) return pool;
    return { ...pool, lanes: lanesApart(random, pool.name, ['plan', 'apply', 'none']) };
  });
  return { ...settings, pools, failedTokens: random.pick(['forgotten', 'used-up']) };
}

/** Limits how long jobs may run, if jobs of the profile's worlds can hang. A lane for all jobs has no limit for applies. */
function withMaxJobMs(random: Random, settings: WorldSettings, { hangs }: Profile): WorldSettings {
  if (hangs === undefined) return settings;
  const pools = settings.pools.map((pool): ScenarioPool => {
    const limitsApplies = pool.lanes.length > 1 && random.chance(0.5);
    return { ...pool, maxJobMs: { plan: HOUR, ...(limitsApplies && { apply: 2 * HOUR }) } };
  });
  return { ...settings, pools };
}

/** The phase whose job never ends; `undefined` if every job ends, or if the launcher could never stop it. */
function hangingPhase(
  random: Random,
  { lanes, maxJobMs = {} }: Pick<ScenarioPool, 'lanes' | 'maxJobMs'>,
  { agentNamesInRuns }: WorldSettings,
  { hangs }: Profile,
): RunCreated['hangs'] {
  if (hangs === undefined || !random.chance(hangs)) return undefined;
  const phase = random.pick(['plan', 'apply'] as const);
  return maxJobMs[phase] !== undefined && (agentNamesInRuns || lanes.length > 1) ? phase : undefined;
}

function wholeLaneOf(pool: string): ScenarioLane {
  return wholeLane(taskFamily(LAUNCHER, ['plan', 'apply'], pool));
}

/** A lane for each phase. @param takers the lanes of which one also takes unlisted jobs */
function lanesApart(random: Random, pool: string, takers: readonly ('plan' | 'apply' | 'none')[]): ScenarioLane[] {
  const hidden = random.among(takers);
  const lane = (phase: 'plan' | 'apply', spot: boolean): ScenarioLane => ({
    family: taskFamily(LAUNCHER, [phase], pool),
    accepts: hidden === phase ? [phase, 'hidden'] : [phase],
    spot,
  });
  return [lane('plan', random.chance(0.6)), lane('apply', false)];
}

/** Periods of equal length in which no task for plans starts. */
function planFaults(
  { plansFail = 0 }: Profile,
  { pools }: WorldSettings,
  lastsMs: number,
  firstId: number,
): ScenarioEvent[] {
  const families = pools.flatMap(({ lanes }) => lanes.filter(({ accepts }) => !accepts.includes('apply')));
  const ms = Math.round(lastsMs / (2 * plansFail));
  return families.flatMap(({ family }, nth) =>
    Array.from({ length: plansFail }, (_, n) => {
      const id = firstId + nth * plansFail + n;
      return { kind: 'fault', fault: 'start-image', id, atMs: (2 * n + 1) * ms, ms, rate: 1, family } as const;
    }),
  );
}

/** The function of one of two stacks isn't invoked for a while. The other stack serves the jobs. */
function outageOf(random: Random, { outages = 0 }: Profile, lastsMs: number, id: number): ScenarioEvent[] {
  if (!random.chance(outages)) return [];
  const ms = Math.round(random.between(3 * MINUTE, 10 * MINUTE));
  const atMs = Math.round(random.between(0, lastsMs));
  return [{ kind: 'fault', fault: 'schedule-missed', id, atMs, ms, rate: 1, stack: random.pick([0, 1]) }];
}

/** Reduces the number of warm agents to what the settings and the function's parser allow. */
function withinLimits(settings: WorldSettings): WorldSettings {
  const { agentsCeiling = Number.POSITIVE_INFINITY } = settings;
  const warmIn = new Map<string, number>();
  const pools = settings.pools.map((pool): ScenarioPool => {
    if (pool.standing?.warm === undefined) return pool;
    const { organization } = pool;
    const all = settings.pools.filter((other) => other.organization === organization).flatMap(({ lanes }) => lanes);
    const before = warmIn.get(organization) ?? 0;
    const left = mostWarmAgents(agentsCeiling, all.length) - before;
    const warm = Math.min(pool.standing.warm, mostWarmAgents(pool.maxAgents, pool.lanes.length), left);
    warmIn.set(organization, before + warm);
    const { standing, ...without } = pool;
    return warm > 0 ? { ...pool, standing: { ...standing, warm } } : without;
  });
  return { ...settings, pools };
}

/**
 * Faults for pools with separate lanes. For a while, tasks of one lane fail to start, and Spot has no capacity, sometimes while
 * reads from ECS are late. A lack of Spot capacity is no reason for a launch to wait.
 */
function laneFaults(random: Random, { pools }: WorldSettings, lastsMs: number, firstId: number): ScenarioEvent[] {
  const split = pools.flatMap(({ lanes }) => (lanes.length > 1 ? lanes : []));
  if (split.length === 0) return [];
  const window = (fault: FaultKind, rate: number, family?: string): Omit<ScenarioEvent & FaultWindow, 'id'> => ({
    kind: 'fault',
    fault,
    atMs: Math.round(random.between(0, lastsMs)),
    ms: Math.round(random.between(MINUTE, Math.min(lastsMs, 20 * MINUTE))),
    rate,
    family,
  });
  const windows = random.chance(0.6) ? [window('start-image', 1, random.among(split)?.family)] : [];
  if (split.some(({ spot }) => spot)) {
    windows.push(
      ...Array.from({ length: random.whole(1, 3) }, () => window('ecs-no-spot', random.pick([0.3, 0.6, 1]))),
    );
    if (random.chance(0.3)) windows.push(window('ecs-read-lag', 0.8));
  }
  return windows.map((one, index) => ({ ...one, id: firstId + index }));
}

/** Draws warm agents or sweeps. Both are rare by default, because a world with warm agents never becomes idle. */
function standingOf(random: Random, rules: Profile, ceiling: boolean): Pick<ScenarioPool, 'standing'> {
  if (random.chance(rules.warm ?? 0.01) && (!ceiling || rules.ceilings !== undefined))
    return {
      standing: { warm: random.whole(1, 2), idleSeconds: random.among(rules.warmIdleSeconds ?? [600, 3600]) ?? 3600 },
    };
  if (rules.sweepMinutes !== undefined) {
    return { standing: { sweepMinutes: random.among(rules.sweepMinutes) ?? 60 } };
  }
  return random.chance(0.04) ? { standing: { sweepMinutes: random.pick([10, 30]) } } : {};
}

function eventsOf(random: Random, rules: Profile, settings: WorldSettings, lastsMs: number): ScenarioEvent[] {
  const events: ScenarioEvent[] = [];
  const add = (happening: Happening, atMs: number): void => {
    events.push({ ...happening, id: events.length, atMs: Math.round(atMs) });
  };
  const runs = random.whole(...rules.runs);
  for (let i = 0; i < runs; i += 1) {
    const before = events.at(-1);
    const paired = rules.pairs !== undefined && before !== undefined && random.chance(rules.pairs);
    const gap = rules.gapMs !== undefined && before !== undefined && random.chance(0.8);
    const atGatewayEnd = rules.atGatewayEnd !== undefined && random.chance(rules.atGatewayEnd) ? true : undefined;
    if (gap) add({ ...runOf(random, settings, rules), atGatewayEnd }, before.atMs + random.between(...rules.gapMs));
    else add(runOf(random, settings, rules), paired ? before.atMs + 2 * SECOND : random.between(0, lastsMs * 0.9));
  }
  const windows = rules.faults.length === 0 ? 0 : random.whole(...rules.windows);
  for (let i = 0; i < windows; i += 1) {
    const ms = Math.round(random.between(...rules.windowMs));
    const window = faultOf(random, rules.faults, settings, ms);
    if (window !== undefined) add(window, random.between(0, rules.faultsFirst ? 1 : Math.max(MINUTE, lastsMs - ms)));
  }
  const others = rules.others.length === 0 ? 0 : random.whole(...rules.otherEvents);
  for (let i = 0; i < others; i += 1) {
    const kind = random.among(rules.others);
    const happening = kind === undefined ? undefined : otherOf(random, kind, rules, settings, runs);
    if (happening === undefined) continue;
    const after = happening.kind === 'cancel' ? (events[happening.run]?.atMs ?? 0) : 0;
    add(
      happening,
      happening.kind === 'cancel' ? after + random.between(0, 4 * MINUTE) : random.between(after, lastsMs),
    );
  }
  return events.sort((a, b) => a.atMs - b.atMs || a.id - b.id);
}

const BEFORE: readonly Stage['status'][] = ['fetching', 'pre_plan_running', 'pre_plan_completed', 'queuing'];
const BETWEEN: readonly Stage['status'][] = [
  'cost_estimating',
  'cost_estimated',
  'policy_checking',
  'policy_checked',
  'post_plan_running',
  'post_plan_completed',
  'quantum_estimating',
];

function runOf(random: Random, settings: WorldSettings, rules: Profile): RunCreated {
  const stages = (statuses: readonly string[], chance: number): Stage[] =>
    statuses
      .filter(() => random.chance(chance))
      .map((status) => ({ status, ms: Math.round(random.between(200, 9000)) }));
  const pool = random.among(settings.pools);
  const run: RunCreated = {
    kind: 'run',
    pool: pool?.name ?? '',
    workspace: `ws-${random.whole(1, 5)}`,
    operation: random.chance(rules.planOnly ?? 0.3) ? 'plan_only' : 'plan_and_apply',
    approval: random.chance(0.5) ? 'auto' : 'person',
    approvalMs: Math.round(random.between(5 * SECOND, 5 * MINUTE)),
    planMs: Math.round(random.between(8 * SECOND, rules.jobsMs?.plan ?? 100 * SECOND)),
    applyMs: Math.round(random.between(8 * SECOND, rules.jobsMs?.apply ?? 150 * SECOND)),
    fails: random.chance(rules.fails ?? 0.1) ? random.pick(['plan', 'apply']) : undefined,
    before: stages(BEFORE, 0.2),
    between: [...stages(BETWEEN, 0.12), ...slowRunTask(random, rules)],
    policyMs: random.chance(rules.policies ?? 0.08) ? Math.round(random.between(5 * SECOND, 40 * SECOND)) : undefined,
  };
  return { ...run, hangs: pool && hangingPhase(random, pool, settings, rules) };
}

/** A run task whose service responds slowly. The run needs no agent in the meantime. */
function slowRunTask(random: Random, { runTaskMs }: Profile): Stage[] {
  if (runTaskMs === undefined || !random.chance(0.3)) return [];
  return [{ status: 'post_plan_running', ms: Math.round(random.between(MINUTE, runTaskMs)) }];
}

function faultOf(
  random: Random,
  kinds: readonly FaultKind[],
  settings: WorldSettings,
  ms: number,
): Happening | undefined {
  const fault = random.among(kinds);
  if (fault === undefined) return undefined;
  // If the token can't list agents, the launcher never stops an overdue task. This is documented, so don't test it.
  // The same is true for a task that ECS shows as running after its agent left, unless ECS knows the exit code.
  if ((fault === 'start-never-registers' || fault === 'task-lingers') && !settings.agentsVisible) return undefined;
  const pool = random.chance(0.4) ? random.among(settings.pools)?.name : undefined;
  const long = ms > 20 * MINUTE;
  return { kind: 'fault', fault, ms, rate: long ? 1 : random.pick([0.15, 0.4, 0.8, 1, 1]), pool };
}

function otherOf(
  random: Random,
  kind: Happening['kind'],
  rules: Profile,
  settings: WorldSettings,
  runs: number,
): Happening | undefined {
  const pool = random.among(settings.pools)?.name ?? '';
  switch (kind) {
    case 'cancel':
      return { kind, run: random.whole(0, runs - 1) };
    case 'assessment':
      return { kind, pool, ms: Math.round(random.between(10 * SECOND, rules.jobsMs?.assessment ?? 150 * SECOND)) };
    case 'foreign-agent':
      return {
        kind,
        pool,
        ms: Math.round(random.between(30 * SECOND, 10 * MINUTE)),
        single: random.chance(0.3),
        picky: random.chance(0.3),
      };
    case 'freeze-agent':
      // Without a list of agents, the launcher stops nothing, so a frozen agent would stay until a person stops its task.
      return settings.agentsVisible ? { kind, pool } : undefined;
    case 'kill-agent':
    case 'manual-task':
      return { kind, pool };
    case 'cut-off-agent':
      return { kind, pool, ms: Math.round(random.between(30 * SECOND, 9 * MINUTE)) };
    case 'stop-task':
      return { kind, pool, by: random.pick(['person', 'spot', 'maintenance']) };
    case 'resize': {
      const chosen = random.among(settings.pools.filter(({ standing }) => standing?.warm !== undefined));
      if (chosen === undefined) return undefined;
      const maxAgents = random.whole(...rules.maxAgents);
      const most = Math.min(chosen.standing?.warm ?? 0, mostWarmAgents(maxAgents, chosen.lanes.length));
      return { kind, pool: chosen.name, maxAgents, warm: random.whole(0, most) };
    }
    case 'rephase': {
      const chosen = random.among(settings.pools)?.name ?? '';
      return {
        kind,
        pool: chosen,
        lanes: random.chance(0.6) ? lanesApart(random, chosen, ['plan', 'apply']) : [wholeLaneOf(chosen)],
      };
    }
    case 'deployment':
    case 'recycle':
    case 'nudge':
      return { kind };
    case 'run':
    case 'fault':
    case 'end-gateway':
    case 'gateway-config':
    case 'image-gone':
    case 'old-gateways':
      return undefined;
  }
}
