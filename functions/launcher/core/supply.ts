import { outOfMemory } from './out-of-memory.ts';
import { isStandingKey, isSweepKey, warmIdleMs } from './standing.ts';
import { outcomeOf, startFailures, type TaskOutcome } from './task-outcome.ts';
import type { Agent, Lane, LiveState, LiveTask, QueuedJob, RunningJob, Supply, Task } from './types.ts';
import { LINGERS_AFTER_MS } from './vendor-timing.ts';

/** ECS's statuses of a task that has ended or is ending: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */
const ENDING = new Set(['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED', 'DELETED']);

/** ECS's statuses of a task that is starting or running. The launcher doesn't know any status outside of these two sets. */
const UP = new Set(['PROVISIONING', 'PENDING', 'ACTIVATING', 'RUNNING']);

export interface SupplyInput {
  /** The pool's lanes. Start failures are counted separately for each lane. */
  readonly lanes: readonly Lane[];
  /** The pool's live tasks and its recently stopped tasks. */
  readonly tasks: readonly Task[];
  /**
   * The pool's agents that pinged since the oldest of the {@link tasks} was created. If this list doesn't contain a task's agent, that agent
   * never registered. `undefined` if the API token can't list agents; then nothing is stopped.
   */
  readonly agents: readonly Agent[] | undefined;
  /** Ids of tasks that are older than the list of {@link agents}. If the list lacks their agents, that proves nothing. */
  readonly agentsUnknownFor?: ReadonlySet<string> | undefined;
  /** {@link agents} contains every agent that pinged since this time; absent: the list goes back to before every task. */
  readonly agentsSinceMs?: number | undefined;
  /** Jobs that agents are executing. They also show the names of busy agents. */
  readonly running: readonly RunningJob[];
  /** Jobs that still wait for an agent. */
  readonly queued: readonly Pick<QueuedJob, 'key'>[];
}

/** Whether a task with this status has ended or is about to. */
export function isEnding(lastStatus: string): boolean {
  return ENDING.has(lastStatus);
}

/** Whether the task is neither stopped nor stopping. */
export function isLive(task: Task): boolean {
  return task.desiredStatus !== 'STOPPED' && !isEnding(task.lastStatus);
}

/** The number of these tasks that can take a job. */
export function unclaimed(live: readonly LiveTask[]): number {
  return live.filter(({ state }) => state === 'starting' || state === 'idle').length;
}

/** Matches tasks with agents by name, and determines the state of each task. */
export function supplyOf(seen: SupplyInput, startDeadlineMs: number, nowMs: number): Supply {
  const listed = seen.agents ?? [];
  const agents = byName(listed);
  const busyNames = new Set(seen.running.flatMap((job) => job.agentName ?? []));
  const taskIds = new Set(seen.tasks.map((task) => task.id));

  const waiting = new Set<string | undefined>(seen.queued.map((job) => job.key));
  const observed = seen.agents !== undefined;
  // If the list omits an agent that is known to be busy, the list is incomplete, so don't stop anything based on it.
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
    registered: registered(listed).length + (credible ? 0 : unlistedAgents(live, listed)),
    unclaimed: unclaimed(live),
    startFailures: inLanes.flatMap((lane) => startFailures(lane.starts)),
    outOfMemory: outOfMemory(starts, seen.running),
    attempts: attemptsOf(seen.tasks),
    seenTaskIds: taskIds,
    agentNames: new Set([...agents.keys(), ...busyNames]),
    idleAgentNames: new Set([...agents].flatMap(([name, { status }]) => (status === 'idle' ? name : []))),
  };
}

/**
 * The agents by name. An agent that registers again appears several times with the same name, in any order. Then the row counts whose status
 * makes a stop most harmful, because the other rows may be old. If two rows have the same status, the one with the later ping counts.
 */
function byName(agents: readonly Agent[]): ReadonlyMap<string, Agent> {
  const byHarm: readonly Agent['status'][] = ['exited', 'errored', 'unknown', 'idle', 'busy'];
  const harmlessFirst = agents.toSorted(
    (a, b) => byHarm.indexOf(a.status) - byHarm.indexOf(b.status) || (a.lastPingMs ?? 0) - (b.lastPingMs ?? 0),
  );
  return new Map(harmlessFirst.map((agent) => [agent.name, agent]));
}

/** Those of the agents that count against the organization agent limit. */
function registered(agents: readonly Agent[]): readonly Agent[] {
  return agents.filter(({ status }) => ['idle', 'busy', 'unknown'].includes(status));
}

/** The number of live tasks whose agent may be registered although an incomplete list doesn't show that. */
function unlistedAgents(live: readonly LiveTask[], listed: readonly Agent[]): number {
  const counted = new Set(registered(listed).map(({ name }) => name));
  const mayBe = live.filter(({ state }) => state !== 'starting' && state !== 'lingering');
  return mayBe.filter(({ task }) => !counted.has(task.id)).length;
}

interface LiveStateInput {
  readonly task: Task;
  readonly agent: Agent | undefined;
  /** Whether a running job shows the agent's name. */
  readonly namedByAJob: boolean;
  /** Whether the list of agents certainly contains this task's agent, if the agent has registered. */
  readonly agentsCredible: boolean;
  readonly startDeadlineMs: number;
}

function liveState(input: LiveStateInput, nowMs: number): LiveState {
  const { task, agent, namedByAJob, agentsCredible, startDeadlineMs } = input;
  // A container with an exit code has ended, even if HCP Terraform still shows its agent as busy.
  if (task.exitCode !== undefined) return endedState(task, agent, nowMs);
  if (namedByAJob) return 'busy';
  if (agent !== undefined) {
    const states = { idle: 'idle', busy: 'busy', unknown: 'unresponsive', errored: 'errored' } as const;
    // The agent may have registered again, and an incomplete list may lack the new row.
    if (agent.status === 'errored' && !agentsCredible) return 'unresponsive';
    if (agent.status !== 'exited') return states[agent.status];
    return agentsCredible ? endedState(task, agent, nowMs) : 'leaving';
  }
  const overdue = task.createdAtMs !== undefined && nowMs - task.createdAtMs > startDeadlineMs;
  if (!overdue) return 'starting';
  // Don't stop the task if the list of agents is incomplete, because the task may be running a job that no run shows.
  // Don't stop it either if AWS has added a new status, in which an agent may need longer to register.
  return agentsCredible && UP.has(task.lastStatus) ? 'overdue' : 'unobserved';
}

/** The state of a task whose agent has ended. The end is the time that ECS reports, else the last ping, else the task's creation. */
function endedState(task: Task, agent: Agent | undefined, nowMs: number): LiveState {
  const endedMs = task.executionStoppedAtMs ?? agent?.lastPingMs ?? task.createdAtMs;
  return endedMs !== undefined && nowMs - endedMs > LINGERS_AFTER_MS ? 'lingering' : 'leaving';
}

/**
 * If neither the list of agents nor a running job shows which agent is busy, marks one starting task as busy for each such job. Tasks that
 * missed their start deadline don't count as supply, so they are assigned to jobs first.
 */
function withNamelessJobs(live: readonly LiveTask[], running: readonly RunningJob[]): LiveTask[] {
  const nameless = running.filter(({ agentName }) => agentName === undefined).length;
  const unobserved = live.filter(({ state }) => state === 'unobserved').length;
  const young = live.filter(({ task, state }) => state === 'starting' && task.startedAtMs !== undefined);
  const oldestFirst = young.toSorted((a, b) => (a.task.createdAtMs ?? 0) - (b.task.createdAtMs ?? 0));
  const busy = new Set(oldestFirst.slice(0, Math.max(0, nameless - unobserved)));
  return live.map((one) => (busy.has(one) ? { ...one, state: 'busy' } : one));
}

/**
 * The highest attempt of each job. It is the number of the job's tasks or the highest attempt tag, whichever is higher: ECS may have deleted
 * tags, and may no longer list older tasks.
 */
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
