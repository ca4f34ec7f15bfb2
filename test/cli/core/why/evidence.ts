/** Evidence for tests of `explain`: a healthy launcher, a queued plan, and everything else absent. */

import type {
  At,
  Evidence,
  LaneFacts,
  LogReading,
  PoolFacts,
  RunFacts,
  ScopeFacts,
  TaskFacts,
  WorkspaceFacts,
} from '../../../../cli/core/why/evidence.ts';
import type { PoolLine, TickLine } from '../../../../functions/launcher/log-lines.ts';

export const NOW = Date.parse('2026-11-29T12:00:00Z');
export const RUN = 'run-Abc123Abc123Abc1';
export const PLAN = `${RUN}/plan`;
export const APPLY = `${RUN}/apply`;
export const TASK = '0123456789abcdef0123456789abcdef';
export const OTHER_TASK = 'fedcba9876543210fedcba9876543210';

const SECOND = 1000;
export const secondsBefore = (seconds: number): number => NOW - seconds * SECOND;
export const isoBefore = (seconds: number): string => new Date(secondsBefore(seconds)).toISOString();

export const LANE: LaneFacts = {
  taskDefinition: 'AgentLauncher_all_default',
  phases: ['plan', 'apply'],
  capacity: 'on-demand',
  acceptsPolicies: true,
};

export const WORKSPACE: WorkspaceFacts = {
  id: 'ws-1',
  name: 'network',
  organization: 'acme',
  executionMode: 'agent',
  projectId: 'prj-1',
  projectName: 'Platform',
  agentPoolId: 'apool-1',
  isLocked: true,
  lockedBy: { type: 'runs', id: RUN },
};

export const SCOPE: ScopeFacts = {
  id: 'apool-1',
  name: 'default',
  isOrganizationScoped: true,
  allowedWorkspaceIds: [],
  allowedProjectIds: [],
  excludedWorkspaceIds: [],
};

export const POOL: PoolFacts = {
  name: 'default',
  organization: 'acme',
  maxAgents: 10,
  apiTokenSecret: 'agent-launcher/api-token',
  lanes: [LANE],
};

export const TWO_LANES: PoolFacts = {
  ...POOL,
  lanes: [
    { taskDefinition: 'AgentLauncher_plan_default', phases: ['plan'], capacity: 'spot', acceptsPolicies: true },
    { taskDefinition: 'AgentLauncher_apply_default', phases: ['apply'], capacity: 'on-demand', acceptsPolicies: false },
  ],
};

export function runFacts(changes: Partial<RunFacts> = {}): RunFacts {
  return {
    status: 'plan_queued',
    sinceMs: secondsBefore(40),
    createdAtMs: secondsBefore(45),
    planQueuedAtMs: secondsBefore(40),
    isAutoApply: false,
    url: `https://app.terraform.io/app/acme/workspaces/network/runs/${RUN}`,
    workspace: WORKSPACE,
    pool: SCOPE,
    runTasks: [],
    ...changes,
  };
}

/** A tick of the pool `default`. */
export function tickAt(atMs: number, pool: Partial<PoolLine> = {}, more: Partial<TickLine> = {}): At<TickLine> {
  const line: TickLine = {
    message: (pool.errors ?? []).length > 0 ? 'tick with errors' : 'tick',
    timestamp: new Date(atMs).toISOString(),
    durationMs: 300,
    runListRequests: 4,
    pools: [{ pool: 'default', queued: 1, running: 0, live: {}, foreignIdle: 0, unclaimed: 0, ...pool }],
    ...more,
  };
  return { atMs, line };
}

/** What the log shows if these ticks mention the run. An idle tick follows them. */
export function logOf(
  about: readonly (readonly [atMs: number, pool: Partial<PoolLine>])[],
  changes: Partial<LogReading> = {},
): LogReading {
  return {
    aboutRun: about.map(([atMs, pool]) => ({ atMs, line: { pool: 'default', ...pool } })),
    ended: [],
    recentTicks: [tickAt(secondsBefore(5), { live: { starting: 1 } })],
    failures: [],
    ...changes,
  };
}

export function launched(
  secondsAgo: number,
  more: Partial<NonNullable<PoolLine['launches']>[number]> = {},
): [number, Partial<PoolLine>] {
  const launch = {
    job: PLAN,
    workspace: 'ws-1',
    reason: '1 queued, 0 unclaimed',
    outcome: 'launched',
    task: TASK,
    attempt: 1,
    ...more,
  };
  return [secondsBefore(secondsAgo), { firstSeen: [launch.job], launches: [launch] }];
}

export function refusedWith(cause: string, detail: string, remedy: string): [number, Partial<PoolLine>] {
  const launch = {
    job: PLAN,
    workspace: 'ws-1',
    reason: '1 queued, 0 unclaimed',
    outcome: 'refused',
    cause,
    detail,
    remedy,
  };
  return [secondsBefore(5), { launches: [launch] }];
}

export function deferredFor(cause: string, reason: string, job = PLAN): [number, Partial<PoolLine>] {
  return [secondsBefore(5), { deferrals: [{ jobKey: job, cause, reason }] }];
}

export function task(changes: Partial<TaskFacts> = {}): TaskFacts {
  return {
    id: TASK,
    family: 'AgentLauncher_all_default',
    startedBy: PLAN,
    lastStatus: 'PENDING',
    createdAtMs: secondsBefore(20),
    ...changes,
  };
}

export function agentLog(...lines: readonly string[]): NonNullable<Evidence['agentLog']> {
  return {
    taskId: TASK,
    lines: lines.map((line, index) => ({ atMs: secondsBefore(20 - index), line })),
  };
}

export const REGISTERED = [
  '2026-11-29T11:59:40.000Z [INFO]  core: Agent registered successfully with Terraform Cloud: agent.id=agent-X agent.pool.id=apool-1',
  '2026-11-29T11:59:40.100Z [INFO]  core: Waiting for next job',
];

export function evidence(
  changes: Partial<Omit<Evidence, 'run' | 'launcher'>> & {
    run?: Partial<RunFacts> | Evidence['run'];
    launcher?: Partial<Evidence['launcher']>;
  } = {},
): Evidence {
  const { run = {}, launcher = {}, ...rest } = changes;
  return {
    nowMs: NOW,
    runId: RUN,
    run: 'kind' in run ? run : { kind: 'found', run: runFacts(run) },
    log: logOf([]),
    tasks: [],
    ...rest,
    launcher: {
      stackName: 'AgentLauncher',
      name: 'AgentLauncher',
      hostname: 'app.terraform.io',
      region: 'eu-central-1',
      schedule: 'ENABLED',
      scheduleExpression: 'rate(1 minute)',
      startDeadlineSeconds: 300,
      launcherLogGroup: '/AgentLauncher/launcher',
      logRetentionDays: 30,
      pools: [POOL],
      ...launcher,
    },
  };
}
