import { backOffRounds } from './back-off.ts';
import { LEFT_IDLE_EXIT_CODE, type StartFailure, type Task } from './types.ts';

/** Prefix of the launcher's stop reasons. It distinguishes the launcher's stops from a person's. */
export const STOP_REASON_PREFIX = 'agent-launcher: ';

/** Start of the stop reason for a task that ECS still runs although its agent has left. */
export const AGENT_LEFT = 'its agent left';

/** Start of the stop reason for a task whose job ran longer than `maxJobHours`. */
export const RAN_TOO_LONG = 'its job ran too long';

/** Minimum duration of a job, including the agent's registration and `terraform init`. A container that ended earlier had no job. */
const SHORTEST_JOB_MS = 10_000;

/** If a container ended in less than this time, the launcher checks in the list of agents whether its agent registered. */
const QUESTIONABLE_MS = 60_000;

/**
 * Number of consecutive rounds in which agents registered and ended without a job, before they count as start failures. One or two rounds
 * can have harmless causes, such as a canceled job or short unlisted jobs that failed.
 */
const ROUNDS_WITHOUT_A_JOB = 3;

/**
 * ECS's stop codes, by what ended the task: the task itself, a caller of StopTask, or `others` (AWS or a scheduler).
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

/** Evidence about a task's start. */
export interface Evidence {
  /** The pool's list contains the task's agent. */
  readonly registered: boolean;
  /** A running job shows the agent's name, or HCP Terraform reports the agent as busy. */
  readonly busy: boolean;
  /** The launcher could list the agents. */
  readonly agentsObserved: boolean;
  /** The job that the task was launched for is still queued. */
  readonly jobWaits: boolean;
  /** The task is a warm agent or a sweep. */
  readonly standing: boolean;
  /** The task is a sweep. The unlisted jobs that it takes can end within seconds. */
  readonly sweep: boolean;
  /** How long a warm agent should wait for a job; absent: unknown, or the task isn't a warm agent. */
  readonly idleMs?: number | undefined;
  /** The list of agents goes back to before the task. So if the list lacks its agent, the agent never registered. */
  readonly listedSinceStart: boolean;
}

/**
 * How a task started.
 *
 * - `failed`: its agent never registered. `up`: its agent registered.
 * - `fruitless`: its agent registered and ended without a job, although one was waiting.
 * - `served`: its agent has or had a job.
 */
export type TaskOutcome = 'failed' | 'up' | 'fruitless' | 'served' | 'unknown';

/** Determines from the evidence how a task started. */
export function outcomeOf(task: Task, witnesses: Evidence): TaskOutcome {
  const { registered, busy, jobWaits, standing, sweep, idleMs = 0 } = witnesses;
  if (busy || task.stoppedReason?.startsWith(`${STOP_REASON_PREFIX}${RAN_TOO_LONG}`) === true) return 'served';
  // The entrypoint uses this exit code only for an agent that waited for a job. That agent had registered, even if the list lacks it.
  if (!registered && task.exitCode !== LEFT_IDLE_EXIT_CODE) return startWithoutAgent(task, witnesses);
  // ECS reports the end of a container up to half a minute before the task is STOPPED.
  const ended = task.lastStatus === 'STOPPED' || task.exitCode !== undefined;
  if (!ended || endedByOthers(task)) return 'up';
  // If the job no longer waits, an agent that left without a job is harmless: another agent took the job, or the job was canceled.
  // But a warm agent that leaves long before its idle time is over counts, or the launcher would replace it again and again.
  if (!jobWaits && task.exitCode === LEFT_IDLE_EXIT_CODE) return ranMs(task) < idleMs / 2 ? 'fruitless' : 'up';
  // A policy evaluation doesn't initialize Terraform, so a sweep may end soon although it had a job.
  if (!jobWaits && (!standing || sweep)) return 'served';
  return leftWithoutJob(task) ? 'fruitless' : 'served';
}

/**
 * Don't treat "its own job is still queued" as evidence here: with a small `maxAgents`, agents keep picking up older jobs.
 */
function leftWithoutJob(task: Task): boolean {
  if (task.exitCode === LEFT_IDLE_EXIT_CODE) return true;
  return ranMs(task) < (task.exitCode === 0 ? SHORTEST_JOB_MS : QUESTIONABLE_MS);
}

/**
 * Whether AWS or a person ended the task, so that its end proves nothing.
 *
 * An unknown stop code of a task that had started proves nothing either. But a task that never started is a failure, whatever its stop code:
 * without a back-off, a permanent fault would cause a launch in every tick.
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
 * Determines how a task started if no list contains its agent. The exit code alone isn't enough: HashiCorp doesn't document the exit codes of
 * `tfc-agent` after a failed Terraform operation or a signal, and a wrong image can exit with 0. It is better evidence whether the
 * task's own job still waits.
 */
function startWithoutAgent(
  task: Task,
  { agentsObserved, jobWaits, standing, listedSinceStart }: Evidence,
): TaskOutcome {
  if (task.lastStatus !== 'STOPPED' || endedByOthers(task)) return 'unknown';
  // The launcher stopped the task because its agent didn't register. It stops a lingering task as well, which is judged by its exit code.
  if (task.stopCode === 'UserInitiated' && task.stoppedReason?.includes(AGENT_LEFT) !== true) return 'failed';
  if (task.stopCode === 'TaskFailedToStart' || task.startedAtMs === undefined) return 'failed';
  // The list goes back to before every failure, so an agent that isn't in it never registered. But HashiCorp doesn't document how long the
  // list keeps exited agents. So exit code 0 proves nothing if the task's job no longer waits.
  if (agentsObserved) {
    // The slot of a warm agent always waits for an agent. Without this line, a wrong image that exits with 0 would be launched forever.
    if (standing && listedSinceStart) return 'failed';
    return jobWaits || task.exitCode !== 0 || ranMs(task) < SHORTEST_JOB_MS ? 'failed' : 'unknown';
  }
  // Without a list of agents, one piece of evidence may be wrong, but two of them hardly ever are.
  const signs = [jobWaits, task.exitCode !== 0, ranMs(task) < SHORTEST_JOB_MS].filter(Boolean).length;
  if (signs >= 2) return 'failed';
  return signs === 1 ? 'unknown' : 'served';
}

/** How long the task's container ran. */
function ranMs({ startedAtMs, executionStoppedAtMs, stoppedAtMs }: Task): number {
  if (startedAtMs === undefined) return 0;
  return (executionStoppedAtMs ?? stoppedAtMs ?? startedAtMs) - startedAtMs;
}

/** Whether the end of a stopped task doesn't show if its agent ever registered. */
export function isQuestionable(task: Task): boolean {
  return (task.exitCode !== 0 && task.exitCode !== LEFT_IDLE_EXIT_CODE) || ranMs(task) < QUESTIONABLE_MS;
}

/**
 * Consecutive start failures, oldest first. They are the tasks whose agent didn't register, since the last task whose agent did. If many agents
 * end without a job, those since the last agent with a job count as well.
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
