/**
 * What the demo shows: runs with their jobs, and containers. The records of the emulators are the only state, and `observe` reads
 * it from them. A container is a task of ECS, and its id is the name of its agent. Times are milliseconds since the epoch.
 */
import type { Task } from '../ecs/core/task.ts';
import { poolOfRun } from '../hcp-terraform/agents.ts';
import { isFinal, type Operation, type Run as RunRecord } from '../hcp-terraform/runs.ts';
import type { World } from '../hcp-terraform/world.ts';

export interface Model {
  /** Time of the observation. */
  readonly at: number;
  /** Oldest first. */
  readonly runs: readonly Run[];
  /** Oldest first. */
  readonly containers: readonly Container[];
  readonly agentsLeft: number;
}

export interface Run {
  readonly id: string;
  readonly workspace: string;
  readonly pool: string;
  readonly kind: 'plan' | 'apply' | 'destroy' | 'refresh';
  /** Status in HCP Terraform. */
  readonly status: string;
  readonly state: RunState;
  readonly createdAt: number;
  /** Set if the plan succeeded. The run may then wait for a person. */
  readonly plannedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Plan first. */
  readonly jobs: readonly Job[];
}

export type RunState =
  | 'pending'
  | Exclude<JobState, 'done'>
  /** Waits for a person. */
  | 'waiting'
  /** Finished, but one of its containers still exists. */
  | 'leaving'
  | 'gone';

export interface Job {
  /** `run-…/plan`, as in the launcher's log. */
  readonly key: string;
  /** Readable name: `network apply: plan`. */
  readonly name: string;
  readonly phase: 'plan' | 'apply';
  readonly state: JobState;
  readonly queuedAt: number;
  /** When the container was launched that took the job, or may still take it. */
  readonly launchedAt: number | undefined;
  readonly startedAt: number | undefined;
  /** Also set if the run was canceled before an agent took the job. */
  readonly endedAt: number | undefined;
  /** The container whose agent took it. */
  readonly container: Container | undefined;
}

/** `lost`: the agent is dead, but HCP Terraform doesn't know it yet. */
export type JobState = 'queued' | 'starting' | 'busy' | 'lost' | 'done';

export interface Container {
  readonly id: string;
  readonly pool: string;
  /** Key of the job that it was launched for. Its agent may take any other job of the pool. */
  readonly startedBy: string | undefined;
  /** Status in ECS. */
  readonly status: string;
  readonly createdAt: number;
  readonly stoppedAt: number | undefined;
  readonly exitCode: number | undefined;
}

export interface Records {
  readonly world: World;
  /** Oldest first. */
  readonly tasks: readonly Task[];
  readonly poolOfFamily: (family: string) => string;
}

export function observe({ world, tasks, poolOfFamily }: Records, at: number): Model {
  const containers = tasks.map((task) => containerOf(task, poolOfFamily));
  const records = [...world.runs.values()];
  const taken = new Set(records.flatMap(({ plan, apply }) => [plan, apply]).map((job) => job.executedBy?.agentName));
  const free = containers.filter((container) => isPresent(container) && !taken.has(container.id));
  return {
    at,
    runs: records.map((run) => runOf(run, world, containers, free)),
    containers,
    agentsLeft: [...world.agents.values()].filter(({ reported }) => !['exited', 'errored'].includes(reported)).length,
  };
}

function containerOf(task: Task, poolOfFamily: Records['poolOfFamily']): Container {
  return {
    id: task.id,
    pool: poolOfFamily(task.definition.family),
    startedBy: task.startedBy,
    status: task.lastStatus,
    createdAt: task.createdAt,
    stoppedAt: task.stoppedAt,
    exitCode: task.containers[0]?.exitCode,
  };
}

function runOf(run: RunRecord, world: World, containers: readonly Container[], free: readonly Container[]): Run {
  const workspace = world.workspaces.get(run.workspaceId)?.name ?? run.workspaceId;
  const kind = run.isDestroy ? 'destroy' : run.refreshOnly ? 'refresh' : run.planOnly ? 'plan' : 'apply';
  const jobs = [run.plan, run.apply].flatMap((operation) => {
    const key = `${run.id}/${operation.phase}`;
    const container = containers.find(({ id }) => id === operation.executedBy?.agentName);
    const launched = container ?? free.findLast(({ startedBy }) => startedBy === key);
    const job = jobOf(operation, container, launched);
    return job === undefined ? [] : [{ ...job, key, name: jobName({ workspace, kind }, operation.phase) }];
  });
  return {
    id: run.id,
    workspace,
    pool: poolOfRun(world, run)?.name ?? 'no pool',
    kind,
    status: run.status,
    state: runState(run, jobs),
    createdAt: run.createdAt,
    plannedAt: run.timestamps.get('planned-at'),
    endedAt: isEnded(run) ? run.timestamps.get(`${run.status.replaceAll('_', '-')}-at`) : undefined,
    jobs,
  };
}

function jobOf(operation: Operation, container: Container | undefined, launched: Container | undefined) {
  const { phase, status, ended, timestamps } = operation;
  const queuedAt = timestamps.get('queued-at') ?? timestamps.get('agent-queued-at');
  if (queuedAt === undefined) return undefined;
  const endedAt = ended ? timestamps.get(`${status}-at`) : undefined;
  const startedAt = timestamps.get('started-at');
  const stopped = container?.stoppedAt !== undefined;
  const open = startedAt !== undefined ? (stopped ? 'lost' : 'busy') : launched === undefined ? 'queued' : 'starting';
  const state: JobState = endedAt === undefined ? open : 'done';
  return { phase, state, queuedAt, launchedAt: launched?.createdAt, startedAt, endedAt, container };
}

function runState(run: RunRecord, jobs: readonly Omit<Job, 'key' | 'name'>[]): RunState {
  for (const { state } of jobs) if (state !== 'done') return state;
  if (run.status === 'planned') return 'waiting';
  if (!isEnded(run)) return 'pending';
  return jobs.some(({ container }) => container !== undefined && isPresent(container)) ? 'leaving' : 'gone';
}

/** A saved plan also ends a run, although a person can still apply it. */
function isEnded(run: RunRecord): boolean {
  return isFinal(run) || run.status === 'planned_and_saved';
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
