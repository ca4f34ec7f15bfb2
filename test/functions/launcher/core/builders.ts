import { supplyOf } from '../../../../functions/launcher/core/supply.ts';
import type { Evidence } from '../../../../functions/launcher/core/task-outcome.ts';
import type {
  Agent,
  Demand,
  Lane,
  Limits,
  LiveState,
  LiveTask,
  QueuedJob,
  Run,
  StandingJob,
  Supply,
  Task,
} from '../../../../functions/launcher/core/types.ts';

/** An arbitrary current time. */
export const NOW = Date.parse('2026-03-01T12:00:00Z');

export const seconds = (n: number): number => n * 1000;
export const minutes = (n: number): number => n * 60_000;

/** A single lane for all jobs. */
export const LANE: Lane = { phases: ['plan', 'apply'], taskDefinition: 'launcher-default', capacity: 'on-demand' };
export const PLAN_LANE: Lane = { phases: ['plan'], taskDefinition: 'launcher-default-plan', capacity: 'spot' };
export const APPLY_LANE: Lane = { phases: ['apply'], taskDefinition: 'launcher-default-apply', capacity: 'on-demand' };

export function run(overrides: Partial<Run> = {}): Run {
  return { id: 'run-1', workspaceId: 'ws-1', status: 'plan_queued', createdAtMs: NOW - minutes(1), ...overrides };
}

export function queuedJob(runId: string, overrides: Partial<QueuedJob> = {}): QueuedJob {
  const phase = overrides.phase ?? 'plan';
  return { key: `${runId}/${phase}`, runId, workspaceId: 'ws-1', phase, queuedAtMs: NOW - seconds(5), ...overrides };
}

export function standingJob(key: StandingJob['key'], overrides: Partial<StandingJob> = {}): StandingJob {
  return {
    key,
    phase: 'plan',
    queuedAtMs: NOW,
    attemptsBefore: 0,
    idleSeconds: 60,
    singleAttempt: false,
    reason: 'below the configured number of warm agents',
    paused: false,
    ...overrides,
  };
}

export function demandWith(overrides: Partial<Demand> = {}): Demand {
  return { queued: [], running: [], waiting: [], unknownStatuses: [], ...overrides };
}

export function task(id: string, overrides: Partial<Task> = {}): Task {
  return {
    id,
    family: 'launcher-default',
    startedBy: 'run-1/plan',
    attempt: 1,
    lastStatus: 'RUNNING',
    desiredStatus: 'RUNNING',
    createdAtMs: NOW - seconds(40),
    startedAtMs: NOW - seconds(10),
    ...overrides,
  };
}

export function stoppedTask(id: string, overrides: Partial<Task> = {}): Task {
  return task(id, {
    lastStatus: 'STOPPED',
    desiredStatus: 'STOPPED',
    createdAtMs: NOW - minutes(5),
    startedAtMs: NOW - minutes(4),
    stoppedAtMs: NOW - minutes(2),
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    exitCode: 0,
    ...overrides,
  });
}

/** A stopped task whose container ran for this long. */
export function ranTask(ms: number, exitCode: number | undefined, overrides: Partial<Task> = {}): Task {
  const startedAtMs = NOW - minutes(10);
  return stoppedTask('t', { startedAtMs, executionStoppedAtMs: startedAtMs + ms, exitCode, ...overrides });
}

/** Evidence of a task whose agent registered and whose job still waits. */
export const REGISTERED: Evidence = {
  registered: true,
  busy: false,
  agentsObserved: true,
  jobWaits: true,
  standing: false,
  sweep: false,
  listedSinceStart: true,
};

/** Evidence of a task that was not launched for a job: a warm agent, or a sweep. */
export const WARM = { jobWaits: false, standing: true } as const;
export const SWEEP = { ...WARM, sweep: true } as const;

export function agent(name: string, status: Agent['status'], overrides: Partial<Agent> = {}): Agent {
  return { id: `agent-${name}`, name, status, ...overrides };
}

export function live(id: string, state: LiveState, overrides: Partial<Task> = {}): LiveTask {
  return { task: task(id, overrides), state };
}

export function supply(overrides: Partial<Supply> = {}): Supply {
  return {
    live: [],
    foreignIdle: 0,
    registered: 0,
    unclaimed: 0,
    startFailures: [],
    outOfMemory: [],
    attempts: new Map(),
    seenTaskIds: new Set(),
    agentNames: new Set(),
    idleAgentNames: new Set(),
    ...overrides,
  };
}

/** The supply of a pool with one lane, as the core reads it from tasks, agents and runs. */
export function supplyOfPool(input: Partial<Parameters<typeof supplyOf>[0]>): Supply {
  const nothing = { lanes: [LANE], tasks: [], agents: [], running: [], queued: [] };
  return supplyOf({ ...nothing, ...input }, LIMITS.startDeadlineMs, NOW);
}

export const LIMITS: Limits = {
  maxAgents: 10,
  startDeadlineMs: minutes(5),
  backOffBaseMs: seconds(30),
  backOffMaxMs: minutes(15),
};
