import type { Agent, LiveState, LiveTask, QueuedJob, RunningJob, StartFailure, Supply, Task } from './types.ts';

/** Prefix of the reason that the launcher gives when it stops a task; tells its own stops from a person's. */
export const STOP_REASON_PREFIX = 'agent-launcher: ';

/** No real job registers, initializes Terraform and ends in less; a container that does so never had one. */
const SHORTEST_JOB_MS = 10_000;

/** A container that ends in less is looked up among the agents: had it registered, it would be there. */
const QUESTIONABLE_MS = 60_000;

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
  /** Jobs that still wait: no task has brought an agent that took them. */
  readonly queued: readonly Pick<QueuedJob, 'key'>[];
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

  const waiting = new Set<string | undefined>(seen.queued.map((job) => job.key));
  const observed = seen.agents !== undefined;

  const seenLive: LiveTask[] = [];
  const startFailures: StartFailure[] = [];
  const startSuccessesAtMs: number[] = [];
  for (const task of seen.tasks) {
    const agent = agents.get(task.id);
    const named = busyNames.has(task.id);
    if (isLive(task)) seenLive.push({ task, state: liveState(task, agent, named, observed, startDeadlineMs, nowMs) });
    if (task.createdAtMs === undefined) continue;
    const start = agent !== undefined || named ? 'succeeded' : startOf(task, observed, waiting.has(task.startedBy));
    if (start === 'failed') startFailures.push(startFailure(task, task.createdAtMs));
    else if (start === 'succeeded') startSuccessesAtMs.push(task.createdAtMs);
  }
  const live = observed ? seenLive : withNamelessJobs(seenLive, seen.running);

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

/** How long its container ran. */
function ranMs({ startedAtMs, executionStoppedAtMs, stoppedAtMs }: Task): number {
  if (startedAtMs === undefined) return 0;
  return (executionStoppedAtMs ?? stoppedAtMs ?? startedAtMs) - startedAtMs;
}

/** Whether a stopped task ended in a way that leaves open if its agent ever registered. */
export function isQuestionable(task: Task): boolean {
  return task.exitCode !== 0 || ranMs(task) < QUESTIONABLE_MS;
}

/** Ends that others brought about, and that say nothing about the start. */
const ENDED_BY_OTHERS = new Set(['SpotInterruption', 'TerminationNotice', 'ServiceSchedulerInitiated']);

/**
 * How the start of a task went whose agent is in no list. Exit codes alone do not tell: what `tfc-agent` returns after a
 * failed Terraform operation, or when it is sent away, is not documented, and a wrong image may well exit 0. That the
 * task's own job still waits is the better witness.
 */
function startOf(task: Task, agentsObserved: boolean, jobWaits: boolean): 'failed' | 'succeeded' | 'unknown' {
  if (task.lastStatus !== 'STOPPED' || ENDED_BY_OTHERS.has(task.stopCode ?? '')) return 'unknown';
  if (task.stopCode === 'UserInitiated') {
    return task.stoppedReason?.startsWith(STOP_REASON_PREFIX) === true ? 'failed' : 'unknown';
  }
  if (task.stopCode === 'TaskFailedToStart' || task.startedAtMs === undefined) return 'failed';
  // The list goes back to before every failure, so that a success after one is in it: who is not in it is none. But how
  // long it keeps agents that have exited is not documented, so a good end of a task whose job is gone proves nothing.
  if (agentsObserved) {
    return jobWaits || task.exitCode !== 0 || ranMs(task) < SHORTEST_JOB_MS ? 'failed' : 'unknown';
  }
  // Without a list of agents each witness may be wrong, two of them hardly.
  const witnesses = [jobWaits, task.exitCode !== 0, ranMs(task) < SHORTEST_JOB_MS].filter(Boolean).length;
  if (witnesses >= 2) return 'failed';
  return witnesses === 1 ? 'unknown' : 'succeeded';
}

/**
 * Neither the agents nor the names of those that have jobs are known: as many of the tasks that pass for starting are
 * busy as jobs run. Those past their start deadline are no supply as it is.
 */
function withNamelessJobs(live: readonly LiveTask[], running: readonly RunningJob[]): LiveTask[] {
  const nameless = running.filter(({ agentName }) => agentName === undefined).length;
  const unobserved = live.filter(({ state }) => state === 'unobserved').length;
  const young = live.filter(({ task, state }) => state === 'starting' && task.startedAtMs !== undefined);
  const oldestFirst = young.toSorted((a, b) => (a.task.createdAtMs ?? 0) - (b.task.createdAtMs ?? 0));
  const busy = new Set(oldestFirst.slice(0, Math.max(0, nameless - unobserved)));
  return live.map((one) => (busy.has(one) ? { ...one, state: 'busy' } : one));
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
