/**
 * The data that the demo shows: runs with their jobs, and containers. `observe` creates it from the records of the emulators, which
 * are the only state. A container is a task of ECS, and its id is the name of its agent. Times are milliseconds since the epoch.
 */
import type { Task } from '../ecs/core/task.ts';
import type { PhaseChange, Skip } from '../gateway/local-gateway.ts';
import { poolOfRun } from '../hcp-terraform/agents.ts';
import { isFinal, type Operation, type Run as RunRecord } from '../hcp-terraform/runs.ts';
import type { World } from '../hcp-terraform/world.ts';
import { poolOfFamily } from './task-definition.ts';

export interface Model {
  /** Time of the observation. */
  readonly at: number;
  /** Oldest first. */
  readonly runs: readonly Run[];
  /** Oldest first. */
  readonly containers: readonly Container[];
  readonly agentsLeft: number;
  /** Absent unless the egress mode is `on-demand`. */
  readonly gateway?: GatewayHistory;
}

/** What a gateway did so far. */
export interface GatewayHistory {
  /** Short name: `gateway-1`. */
  readonly name: string;
  readonly instanceType: string;
  /** Every change since the beginning, oldest first. */
  readonly phases: readonly PhaseChange[];
  /** Times without a task that the demo skipped. */
  readonly skips: readonly Skip[];
}

/** `startedBy` is the key of the job for which the container was launched. Its agent can take any other job of the pool. */
export type Container = Task & { readonly pool: string };

export type Run = RunRecord & {
  readonly workspace: string;
  readonly pool: string;
  readonly kind: 'plan' | 'apply' | 'destroy' | 'refresh';
  /** Plan first. */
  readonly jobs: readonly Job[];
  readonly state: RunState;
  readonly endedAt: number | undefined;
};

export interface Job {
  /** `run-…/plan`, as in the launcher's log. */
  readonly key: string;
  /** Readable name: `network apply: plan`. */
  readonly name: string;
  readonly phase: Operation['phase'];
  readonly state: JobState;
  readonly queuedAt: number;
  /** Launch time of the container that took the job, or that may still take it. */
  readonly launchedAt: number | undefined;
  readonly startedAt: number | undefined;
  /** Also set if the run was canceled before an agent took the job. */
  readonly endedAt: number | undefined;
  /** The container whose agent took the job. */
  readonly container: Container | undefined;
}

/** `lost`: the agent is dead, but HCP Terraform hasn't noticed it yet. */
export type JobState = 'queued' | 'starting' | 'busy' | 'lost' | 'done';

/** `waiting`: the run waits for a person. `leaving`: the run has ended, but one of its containers still exists. */
export type RunState = Exclude<JobState, 'done'> | 'pending' | 'waiting' | 'leaving' | 'gone';

export interface Records {
  readonly world: World;
  /** Oldest first. */
  readonly tasks: readonly Task[];
  readonly gateway?: GatewayHistory | undefined;
}

export function observe({ world, tasks, gateway }: Records, at: number): Model {
  const containers = tasks.map((task) => ({ ...task, pool: poolOfFamily(task.definition.family) }));
  const records = [...world.runs.values()];
  const taken = new Set(records.flatMap(({ plan, apply }) => [plan, apply]).map((job) => job.executedBy?.agentName));
  const free = containers.filter((container) => isPresent(container) && !taken.has(container.id));
  const runs = records.map((record): Run => {
    const workspace = world.workspaces.get(record.workspaceId)?.name ?? record.workspaceId;
    const kind = record.isDestroy ? 'destroy' : record.refreshOnly ? 'refresh' : record.planOnly ? 'plan' : 'apply';
    const pool = poolOfRun(world, record)?.name ?? 'no pool';
    const jobs = [record.plan, record.apply].flatMap((operation): Job[] => {
      const name = jobName({ workspace, kind }, operation.phase);
      const container = containers.find(({ id }) => id === operation.executedBy?.agentName);
      return jobOf(operation, name, container, free);
    });
    // A person can still apply a saved plan, but need not do so.
    const isEnded = isFinal(record) || record.status === 'planned_and_saved';
    const endedAt = isEnded ? record.timestamps.get(`${record.status.replaceAll('_', '-')}-at`) : undefined;
    return { ...record, workspace, pool, kind, jobs, state: runState(record, jobs, isEnded), endedAt };
  });
  const agentsLeft = [...world.agents.values()].filter(({ reported }) => reported === 'idle' || reported === 'busy');
  return { at, runs, containers, agentsLeft: agentsLeft.length, ...(gateway !== undefined && { gateway }) };
}

/** Returns no job if the operation was never queued. */
function jobOf(
  { runId, phase, status, ended, timestamps }: Operation,
  name: string,
  container: Container | undefined,
  free: readonly Container[],
): Job[] {
  const key = `${runId}/${phase}`;
  const queuedAt = timestamps.get('queued-at') ?? timestamps.get('agent-queued-at');
  if (queuedAt === undefined) return [];
  const startedAt = timestamps.get('started-at');
  const endedAt = ended ? timestamps.get(`${status}-at`) : undefined;
  const launchedAt = (container ?? free.findLast(({ startedBy }) => startedBy === key))?.createdAt;
  const waiting = launchedAt === undefined ? 'queued' : 'starting';
  const working = container === undefined || isPresent(container) ? 'busy' : 'lost';
  const state = ended ? 'done' : startedAt === undefined ? waiting : working;
  return [{ key, name, phase, state, queuedAt, launchedAt, startedAt, endedAt, container }];
}

function runState({ status }: RunRecord, jobs: readonly Job[], isEnded: boolean): RunState {
  for (const { state } of jobs) if (state !== 'done') return state;
  if (status === 'planned') return 'waiting';
  if (!isEnded) return 'pending';
  return jobs.some(({ container }) => container !== undefined && isPresent(container)) ? 'leaving' : 'gone';
}

export function isPresent({ stoppedAt }: Container): boolean {
  return stoppedAt === undefined;
}

export function jobsOf({ runs }: Pick<Model, 'runs'>): Job[] {
  return runs.flatMap(({ jobs }) => jobs);
}

/** Readable name of the job with this key. The key itself if the run is unknown. */
export function nameOfJob({ runs }: Model, key: string): string {
  const [id, phase = ''] = key.split('/');
  const run = runs.find((candidate) => candidate.id === id);
  return run === undefined ? key : jobName(run, phase);
}

function jobName({ workspace, kind }: Pick<Run, 'workspace' | 'kind'>, phase: string): string {
  return kind === phase ? `${workspace} ${phase}` : `${workspace} ${kind}: ${phase}`;
}
