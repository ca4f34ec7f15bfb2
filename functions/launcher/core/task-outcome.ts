import { backOffRounds } from './back-off.ts';
import type { StartFailure, Task } from './types.ts';

/** Prefix of the reason that the launcher gives when it stops a task; tells its own stops from a person's. */
export const STOP_REASON_PREFIX = 'agent-launcher: ';

/** How the reason begins for which the launcher stops a task that ECS still runs after its agent left. */
export const AGENT_LEFT = 'its agent left';

/** No real job registers, initializes Terraform and ends in less; a container that does so never had one. */
const SHORTEST_JOB_MS = 10_000;

/** What agent-image/entrypoint.sh ends with when it sent its agent away for want of a job. */
export const LEFT_IDLE_EXIT_CODE = 75;

/** A container that ends in less is looked up among the agents: had it registered, it would be there. */
const QUESTIONABLE_MS = 60_000;

/**
 * Rounds of agents that came up and ended without a job, before that is taken for a failure of the pool. One or two may
 * be chance: a job was canceled, or their agents had short ones that failed and that no list shows.
 */
const ROUNDS_WITHOUT_A_JOB = 3;

/**
 * ECS's stop codes, by whether the task's end says anything about its start. `others`: AWS or a scheduler ended it.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
 */
export const STOP_CODES: ReadonlyMap<string, 'task' | 'caller' | 'others'> = new Map([
  ['EssentialContainerExited', 'task'],
  ['TaskFailedToStart', 'task'],
  ['UserInitiated', 'caller'],
  ['SpotInterruption', 'others'],
  ['TerminationNotice', 'others'],
  ['ServiceSchedulerInitiated', 'others'],
  ['InfrastructureHealth', 'others'],
]);

/** What a task's start can be told from. */
export interface Evidence {
  /** Its agent is in the pool's list. */
  readonly registered: boolean;
  /** A running job names its agent, or HCP Terraform calls it busy. */
  readonly busy: boolean;
  /** The agents could be listed. */
  readonly agentsObserved: boolean;
  /** The job that it was launched for is still queued. */
  readonly jobWaits: boolean;
  /** It was launched for no queued job: to be kept warm, or to sweep. */
  readonly standing: boolean;
  /** It was launched to sweep, for a job that no list of runs shows. Such a job may end within seconds. */
  readonly sweep: boolean;
  /** How long a warm agent was to wait for a job; absent: not known, or it isn't one. */
  readonly idleMs?: number | undefined;
  /** The list of agents goes back to before the task, so that an agent that isn't in it never registered. */
  readonly listedSinceStart: boolean;
}

/**
 * How the start of a task went. `failed`: no agent came up; `up`: one did; `fruitless`: one did, and ended without a
 * job while the one that it was launched for still waits; `served`: it has or had a job.
 */
export type TaskOutcome = 'failed' | 'up' | 'fruitless' | 'served' | 'unknown';

/** How the start of a task went, as far as can be told. */
export function outcomeOf(task: Task, witnesses: Evidence): TaskOutcome {
  const { registered, busy, jobWaits, standing, sweep, idleMs = 0 } = witnesses;
  if (busy) return 'served';
  // The entrypoint sends none away that did not say that it waits for a job: it had registered, whatever the list keeps.
  if (!registered && task.exitCode !== LEFT_IDLE_EXIT_CODE) return startWithoutAgent(task, witnesses);
  // That its container has ended is known up to half a minute before its task is STOPPED.
  const ended = task.lastStatus === 'STOPPED' || task.exitCode !== undefined;
  if (!ended || endedByOthers(task)) return 'up';
  // Who was sent away, and whose job was taken by another or canceled, or who waited for none, proves nothing.
  // A warm agent is sent away when its time is over; one that leaves long before would be replaced again and again.
  if (!jobWaits && task.exitCode === LEFT_IDLE_EXIT_CODE) return ranMs(task) < idleMs / 2 ? 'fruitless' : 'up';
  // A policy evaluation initializes no Terraform, so that a sweep's short life is no sign that it had no job.
  if (!jobWaits && (!standing || sweep)) return 'served';
  return leftWithoutJob(task) ? 'fruitless' : 'served';
}

/**
 * That its own job waits is no witness here: where `maxAgents` is small, an agent after the other takes another job that
 * is older or more urgent.
 */
function leftWithoutJob(task: Task): boolean {
  if (task.exitCode === LEFT_IDLE_EXIT_CODE) return true;
  return ranMs(task) < (task.exitCode === 0 ? SHORTEST_JOB_MS : QUESTIONABLE_MS);
}

/**
 * A stop code that AWS adds later proves nothing about a task that had started. One that never started is a failure
 * whatever its code: without a back-off, a permanent fault would launch a task in every tick.
 */
function endedByOthers(task: Task): boolean {
  if (hasUnknownStopCode(task)) return task.startedAtMs !== undefined;
  const by = STOP_CODES.get(task.stopCode ?? '');
  return by === 'others' || (by === 'caller' && task.stoppedReason?.startsWith(STOP_REASON_PREFIX) !== true);
}

function hasUnknownStopCode({ stopCode }: Task): boolean {
  return stopCode !== undefined && !STOP_CODES.has(stopCode);
}

/**
 * How the start of a task went whose agent is in no list. Exit codes alone do not tell: what `tfc-agent` returns after a
 * failed Terraform operation, or when it is sent away, is not documented, and a wrong image may well exit 0. That the
 * task's own job still waits is the better witness.
 */
function startWithoutAgent(
  task: Task,
  { agentsObserved, jobWaits, standing, listedSinceStart }: Evidence,
): TaskOutcome {
  if (task.lastStatus !== 'STOPPED' || endedByOthers(task)) return 'unknown';
  // A task that lingered is judged by its exit code, as if ECS had stopped it in time.
  if (task.stopCode === 'UserInitiated' && task.stoppedReason?.includes(AGENT_LEFT) !== true) return 'failed';
  if (task.stopCode === 'TaskFailedToStart' || task.startedAtMs === undefined) return 'failed';
  // The list goes back to before every failure, so that a success after one is in it: who is not in it is none. But how
  // long it keeps agents that have exited is not documented, so a good end of a task whose job is gone proves nothing.
  if (agentsObserved) {
    // A warm agent's place has no job that is gone: without this, an image that ends well and isn't the agent is launched forever.
    if (standing && listedSinceStart) return 'failed';
    return jobWaits || task.exitCode !== 0 || ranMs(task) < SHORTEST_JOB_MS ? 'failed' : 'unknown';
  }
  // Without a list of agents each witness may be wrong, two of them hardly.
  const witnesses = [jobWaits, task.exitCode !== 0, ranMs(task) < SHORTEST_JOB_MS].filter(Boolean).length;
  if (witnesses >= 2) return 'failed';
  return witnesses === 1 ? 'unknown' : 'served';
}

/** How long its container ran. */
function ranMs({ startedAtMs, executionStoppedAtMs, stoppedAtMs }: Task): number {
  if (startedAtMs === undefined) return 0;
  return (executionStoppedAtMs ?? stoppedAtMs ?? startedAtMs) - startedAtMs;
}

/** Whether a stopped task ended in a way that leaves open if its agent ever registered. */
export function isQuestionable(task: Task): boolean {
  return (task.exitCode !== 0 && task.exitCode !== LEFT_IDLE_EXIT_CODE) || ranMs(task) < QUESTIONABLE_MS;
}

/**
 * TaskOutcome failures in a row, oldest first: tasks without an agent since the last one that brought one, and, when that is
 * no chance any more, agents without a job since the last one that had one.
 */
export function startFailures(starts: readonly { readonly task: Task; readonly start: TaskOutcome }[]): StartFailure[] {
  const last = (...kinds: TaskOutcome[]): number =>
    starts
      .filter(({ start }) => kinds.includes(start))
      .reduce((newest, { task }) => Math.max(newest, task.createdAtMs ?? -Infinity), -Infinity);
  const since = (kind: TaskOutcome, sinceMs: number, words: readonly string[] = []): StartFailure[] =>
    starts
      .flatMap(({ task, start }) =>
        start === kind && task.createdAtMs !== undefined && task.createdAtMs > sinceMs
          ? [startFailure(task, task.createdAtMs, words)]
          : [],
      )
      .sort((a, b) => a.createdAtMs - b.createdAtMs);
  const withoutAgent = since('failed', last('up', 'fruitless', 'served'));
  const withoutJob = since('fruitless', last('served'), ['its agent registered and ended without a job']);
  const failures = backOffRounds(withoutJob) < ROUNDS_WITHOUT_A_JOB ? withoutAgent : [...withoutAgent, ...withoutJob];
  return failures.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
}

function startFailure(task: Task, createdAtMs: number, before: readonly string[]): StartFailure {
  const words = [...before, task.stoppedReason, task.containerReason].filter(
    (text) => text !== undefined && text !== '',
  );
  const code = hasUnknownStopCode(task) ? [`stop code ${task.stopCode}`] : [];
  const exit = task.exitCode === undefined ? [] : [`exit code ${task.exitCode}`];
  return {
    task,
    createdAtMs,
    stoppedAtMs: task.stoppedAtMs ?? task.executionStoppedAtMs ?? createdAtMs,
    detail: [...new Set([...words, ...code, ...exit])].join('; ') || 'ECS gave no reason',
  };
}
