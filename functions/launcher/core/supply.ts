import { outOfMemory } from './out-of-memory.ts';
import { isStandingKey, isSweepKey, warmIdleMs } from './standing.ts';
import { outcomeOf, startFailures, type TaskOutcome } from './task-outcome.ts';
import type { Agent, Lane, LiveState, LiveTask, QueuedJob, RunningJob, Supply, Task } from './types.ts';
import { LINGERS_AFTER_MS } from './vendor-timing.ts';

/** ECS's statuses of a task that ends: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */
const ENDING = new Set(['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED', 'DELETED']);

/** ECS's statuses of a task that starts or runs. A status in neither set is new to the launcher. */
const UP = new Set(['PROVISIONING', 'PENDING', 'ACTIVATING', 'RUNNING']);

export interface SupplyInput {
  /** The pool's lanes. A failure in one says nothing about the other. */
  readonly lanes: readonly Lane[];
  /** Tasks of the pool, live and recently stopped. */
  readonly tasks: readonly Task[];
  /**
   * Agents of the pool: all that pinged since the oldest of {@link tasks} was created, so a task whose agent is absent has none. `undefined` if
   * the API token can't list them; then nothing is stopped.
   */
  readonly agents: readonly Agent[] | undefined;
  /** Ids of tasks for which {@link agents} doesn't go back far enough. If their agent is absent, that says nothing. */
  readonly agentsUnknownFor?: ReadonlySet<string> | undefined;
  /** {@link agents} holds every agent that pinged since then; absent: since before every task. */
  readonly agentsSinceMs?: number | undefined;
  /** Jobs that agents execute. Their agents' names also show which agents are busy. */
  readonly running: readonly RunningJob[];
  /** Jobs that still wait for an agent. */
  readonly queued: readonly Pick<QueuedJob, 'key'>[];
}

/** Whether a task with this status has ended or is about to. */
export function isEnding(lastStatus: string): boolean {
  return ENDING.has(lastStatus);
}

/** Not stopped and not stopping. */
export function isLive(task: Task): boolean {
  return task.desiredStatus !== 'STOPPED' && !isEnding(task.lastStatus);
}

/** How many of these tasks are free to take a job. */
export function unclaimed(live: readonly LiveTask[]): number {
  return live.filter(({ state }) => state === 'starting' || state === 'idle').length;
}

/** Joins tasks and agents by name, and sorts them by what they can still do. */
export function supplyOf(seen: SupplyInput, startDeadlineMs: number, nowMs: number): Supply {
  const listed = seen.agents ?? [];
  const agents = byName(listed);
  const busyNames = new Set(seen.running.flatMap((job) => job.agentName ?? []));
  const taskIds = new Set(seen.tasks.map((task) => task.id));

  const waiting = new Set<string | undefined>(seen.queued.map((job) => job.key));
  const observed = seen.agents !== undefined;
  // If the list omits an agent that is known to be busy, the list is incomplete, so nothing is stopped because of it.
  const credible = observed && seen.tasks.every(({ id }) => !busyNames.has(id) || agents.has(id));

  const seenLive: LiveTask[] = [];
  const starts: { task: Task; start: TaskOutcome }[] = [];
  for (const task of seen.tasks) {
    const agent = agents.get(task.id);
    const named = busyNames.has(task.id);
    const lookedUp = seen.agentsUnknownFor?.has(task.id) !== true;
    const agentsCredible = credible && lookedUp;
    const state = liveState({ task, agent, namedByAJob: named, agentsCredible, startDeadlineMs }, nowMs);
    if (isLive(task)) seenLive.push({ task, state });
    const witnesses = {
      registered: agent !== undefined,
      busy: named || agent?.status === 'busy',
      agentsObserved: observed && lookedUp,
      jobWaits: waiting.has(task.startedBy),
      standing: isStandingKey(task.startedBy),
      sweep: isSweepKey(task.startedBy),
      idleMs: warmIdleMs(seen.lanes, task.startedBy),
      listedSinceStart: task.createdAtMs !== undefined && task.createdAtMs >= (seen.agentsSinceMs ?? 0) && lookedUp,
    };
    starts.push({ task, start: outcomeOf(task, witnesses) });
  }
  const inLanes = seen.lanes.map(({ phases, taskDefinition }) => ({
    live: seenLive.filter(({ task }) => task.family === taskDefinition),
    running: seen.running.filter(({ phase }) => phases.includes(phase)),
    starts: starts.filter(({ task }) => task.family === taskDefinition),
  }));
  const live = observed ? seenLive : inLanes.flatMap((lane) => withNamelessJobs(lane.live, lane.running));

  const foreign = listed.filter((agent) => !taskIds.has(agent.name));
  const foreignIdle = foreign.filter((agent) => agent.status === 'idle').length;
  return {
    live,
    foreignIdle,
    // A list that is incomplete or can't be read doesn't make agents fewer.
    registered: credible
      ? registered(listed)
      : registered(foreign) + live.filter(({ state }) => state !== 'starting' && state !== 'lingering').length,
    unclaimed: unclaimed(live),
    startFailures: inLanes.flatMap((lane) => startFailures(lane.starts)),
    outOfMemory: outOfMemory(starts, seen.running),
    attempts: attemptsOf(seen.tasks),
    seenTaskIds: taskIds,
    agentNames: new Set([...agents.keys(), ...busyNames]),
  };
}

/**
 * The agents by name. If several have one name, because an agent registered again, the one that a stop would harm most counts: the others may be
 * its old rows, and the order of the list says nothing. Of equal ones, the last that pinged counts.
 */
function byName(agents: readonly Agent[]): ReadonlyMap<string, Agent> {
  const byHarm: readonly Agent['status'][] = ['exited', 'errored', 'unknown', 'idle', 'busy'];
  const harmlessFirst = agents.toSorted(
    (a, b) => byHarm.indexOf(a.status) - byHarm.indexOf(b.status) || (a.lastPingMs ?? 0) - (b.lastPingMs ?? 0),
  );
  return new Map(harmlessFirst.map((agent) => [agent.name, agent]));
}

/** How many of these agents count against the organization agent limit. */
function registered(agents: readonly Agent[]): number {
  return agents.filter(({ status }) => ['idle', 'busy', 'unknown'].includes(status)).length;
}

interface LiveStateInput {
  readonly task: Task;
  readonly agent: Agent | undefined;
  /** A running job has the agent's name. */
  readonly namedByAJob: boolean;
  /** The list of agents is complete as far as this task is concerned. */
  readonly agentsCredible: boolean;
  readonly startDeadlineMs: number;
}

function liveState(input: LiveStateInput, nowMs: number): LiveState {
  const { task, agent, namedByAJob, agentsCredible, startDeadlineMs } = input;
  // A container with an exit code runs nothing, even if a run or HCP Terraform still shows its agent at work.
  if (task.exitCode !== undefined) return endedState(task, agent, nowMs);
  if (namedByAJob) return 'busy';
  if (agent !== undefined) {
    const states = { idle: 'idle', busy: 'busy', unknown: 'unresponsive', errored: 'errored' } as const;
    // An incomplete list may lack an agent of the same name that registered later.
    if (agent.status === 'errored' && !agentsCredible) return 'unresponsive';
    if (agent.status !== 'exited') return states[agent.status];
    return agentsCredible ? endedState(task, agent, nowMs) : 'leaving';
  }
  const overdue = task.createdAtMs !== undefined && nowMs - task.createdAtMs > startDeadlineMs;
  if (!overdue) return 'starting';
  // Without a credible list of agents, a long-lived task may be running a job that no run shows. It isn't supply, and isn't stopped.
  // A status that AWS adds later may be one in which an agent needs longer to register: such a task counts, and isn't stopped.
  return agentsCredible && UP.has(task.lastStatus) ? 'overdue' : 'unobserved';
}

/** The state of a task whose agent has ended. The best evidence for the time of its end is ECS, then the last ping, then the task's creation. */
function endedState(task: Task, agent: Agent | undefined, nowMs: number): LiveState {
  const endedMs = task.executionStoppedAtMs ?? agent?.lastPingMs ?? task.createdAtMs;
  return endedMs !== undefined && nowMs - endedMs > LINGERS_AFTER_MS ? 'lingering' : 'leaving';
}

/**
 * Without agents, and without the names of busy ones, as many of the tasks that seem to be starting count as busy as jobs run. Tasks beyond their
 * start deadline aren't supply anyway.
 */
function withNamelessJobs(live: readonly LiveTask[], running: readonly RunningJob[]): LiveTask[] {
  const nameless = running.filter(({ agentName }) => agentName === undefined).length;
  const unobserved = live.filter(({ state }) => state === 'unobserved').length;
  const young = live.filter(({ task, state }) => state === 'starting' && task.startedAtMs !== undefined);
  const oldestFirst = young.toSorted((a, b) => (a.task.createdAtMs ?? 0) - (b.task.createdAtMs ?? 0));
  const busy = new Set(oldestFirst.slice(0, Math.max(0, nameless - unobserved)));
  return live.map((one) => (busy.has(one) ? { ...one, state: 'busy' } : one));
}

/** The number of tasks counts if tags were deleted, and the tag if older tasks are no longer listed. The higher one is right. */
function attemptsOf(tasks: readonly Task[]): ReadonlyMap<string, number> {
  const launched = tasks.filter(({ startedBy }) => startedBy !== undefined);
  const byJob = Map.groupBy(launched, ({ startedBy }) => String(startedBy));
  return new Map(
    [...byJob].map(([key, group]) => [
      key,
      group.reduce((highest, { attempt }) => Math.max(highest, attempt ?? 0), group.length),
    ]),
  );
}
