import type { Agent, LiveState, LiveTask, RunningJob, StartFailure, Supply, Task } from './types.ts';

/** Prefix of the reason that the launcher gives when it stops a task; tells its own stops from a person's. */
export const STOP_REASON_PREFIX = 'agent-launcher: ';

/** No real job registers, initializes Terraform and ends in less; a container that does so never had one. */
const SHORTEST_JOB_MS = 10_000;

/** ECS's words for a task on its way out: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */
const ENDING = new Set(['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED', 'DELETED']);

/** What was seen of one pool's supply. */
export interface SupplySeen {
  /** Tasks of the pool, live and recently stopped. */
  readonly tasks: readonly Task[];
  /**
   * Agents of the pool: every one that pinged since the oldest of {@link tasks} was created, so that a task whose agent
   * is absent has none. `undefined` when the API token may not list them: then nothing is ever stopped.
   */
  readonly agents: readonly Agent[] | undefined;
  /** Jobs that agents execute; their agents' names are a second witness of who is busy. */
  readonly running: readonly RunningJob[];
}

/** Whether a task with this status is over or about to be. */
export function isEnding(lastStatus: string): boolean {
  return ENDING.has(lastStatus);
}

/** Not stopped and not stopping. */
export function isLive(task: Task): boolean {
  return task.desiredStatus !== 'STOPPED' && !isEnding(task.lastStatus);
}

/** Joins tasks and agents by name, and sorts them by what they can still do. */
export function supplyOf(seen: SupplySeen, startDeadlineMs: number, nowMs: number): Supply {
  const agents = new Map((seen.agents ?? []).map((agent) => [agent.name, agent]));
  const busyNames = new Set(seen.running.flatMap((job) => job.agentName ?? []));
  const taskIds = new Set(seen.tasks.map((task) => task.id));

  const live: LiveTask[] = [];
  const startFailures: StartFailure[] = [];
  const startSuccessesAtMs: number[] = [];
  for (const task of seen.tasks) {
    const agent = agents.get(task.id);
    const registered = agent !== undefined || busyNames.has(task.id);
    if (isLive(task)) {
      const observed = seen.agents !== undefined;
      live.push({ task, state: liveState(task, agent, busyNames.has(task.id), observed, startDeadlineMs, nowMs) });
      if (registered && task.createdAtMs !== undefined) startSuccessesAtMs.push(task.createdAtMs);
    } else if (task.createdAtMs !== undefined && task.lastStatus === 'STOPPED') {
      if (!registered && failedToStart(task, seen.agents !== undefined))
        startFailures.push(startFailure(task, task.createdAtMs));
      else if (task.startedAtMs !== undefined) startSuccessesAtMs.push(task.createdAtMs);
    }
  }

  const foreign = (seen.agents ?? []).filter((agent) => !taskIds.has(agent.name));
  const foreignIdle = foreign.filter((agent) => agent.status === 'idle').length;
  const free = live.filter(({ state }) => state === 'starting' || state === 'idle').length;
  return {
    live,
    foreignIdle,
    registered:
      seen.agents?.filter((agent) => ['idle', 'busy', 'unknown'].includes(agent.status)).length ??
      live.filter(({ state }) => state !== 'starting').length,
    unclaimed: free,
    startFailures: inARow(startFailures, startSuccessesAtMs),
    attempts: attemptsOf(seen.tasks),
    seenTaskIds: taskIds,
  };
}

function liveState(
  task: Task,
  agent: Agent | undefined,
  namedByAJob: boolean,
  agentsObserved: boolean,
  startDeadlineMs: number,
  nowMs: number,
): LiveState {
  if (namedByAJob) return 'busy';
  if (agent !== undefined) {
    return { idle: 'idle', busy: 'busy', unknown: 'unresponsive', errored: 'errored', exited: 'leaving' }[
      agent.status
    ] as LiveState;
  }
  const overdue = task.createdAtMs !== undefined && nowMs - task.createdAtMs > startDeadlineMs;
  if (!overdue) return 'starting';
  // Without a list of agents a long-lived task may be running a job that no run shows: neither supply nor stoppable.
  return agentsObserved ? 'overdue' : 'unobserved';
}

/**
 * Whether a stopped task, whose agent is in no list, ended before it could take a job. Exit codes alone do not tell:
 * what `tfc-agent` returns after a failed Terraform operation is not documented, and a wrong image may well exit 0.
 */
function failedToStart(task: Task, agentsObserved: boolean): boolean {
  if (task.stopCode === 'SpotInterruption') return false;
  if (task.stopCode === 'UserInitiated') return task.stoppedReason?.startsWith(STOP_REASON_PREFIX) ?? false;
  if (task.stopCode === 'TaskFailedToStart' || task.startedAtMs === undefined) return true;
  const ranMs = (task.stoppedAtMs ?? task.startedAtMs) - task.startedAtMs;
  if (ranMs < SHORTEST_JOB_MS) return agentsObserved || task.exitCode !== 0;
  return agentsObserved && task.exitCode !== 0;
}

function startFailure(task: Task, createdAtMs: number): StartFailure {
  const words = [task.stoppedReason, task.containerReason].filter((text) => text !== undefined && text !== '');
  const exit = task.exitCode === undefined ? [] : [`exit code ${task.exitCode}`];
  return {
    task,
    createdAtMs,
    stoppedAtMs: task.stoppedAtMs ?? createdAtMs,
    detail: [...new Set([...words, ...exit])].join('; ') || 'ECS gave no reason',
  };
}

/** A task that came up after a failure ends the row. */
function inARow(failures: readonly StartFailure[], successesAtMs: readonly number[]): StartFailure[] {
  const lastSuccessMs = Math.max(Number.NEGATIVE_INFINITY, ...successesAtMs);
  return failures
    .filter((failure) => failure.createdAtMs > lastSuccessMs)
    .toSorted((a, b) => a.createdAtMs - b.createdAtMs);
}

/** The count holds when tags are gone, the tag when older tasks are no longer listed: take the higher. */
function attemptsOf(tasks: readonly Task[]): ReadonlyMap<string, number> {
  const launched = tasks.filter(({ startedBy }) => startedBy !== undefined);
  const byJob = Map.groupBy(launched, ({ startedBy }) => String(startedBy));
  return new Map(
    [...byJob].map(([key, group]) => [key, Math.max(group.length, ...group.map(({ attempt }) => attempt ?? 0))]),
  );
}
