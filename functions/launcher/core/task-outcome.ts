import { backOffRounds } from './back-off.ts';
import type { StartFailure, Task } from './types.ts';

/** Prefix of the reason with which the launcher stops a task. It distinguishes the launcher's stops from a person's. */
export const STOP_REASON_PREFIX = 'agent-launcher: ';

/** Beginning of the launcher's reason for a task that ECS still runs after its agent left. */
export const AGENT_LEFT = 'its agent left';

/** No real job registers, initializes Terraform and ends in less. A container that ends earlier had no job. */
const SHORTEST_JOB_MS = 10_000;

/** Exit code of agent-image/entrypoint.sh when its agent left because no job came. */
export const LEFT_IDLE_EXIT_CODE = 75;

/** If a container ends in less, its agent is looked up: if it had registered, the list would have it. */
const QUESTIONABLE_MS = 60_000;

/**
 * Rounds of agents that came up and ended without a job before they count as start failures. One or two may be chance: a job was canceled,
 * or the agents had short jobs that failed and that no list shows.
 */
const ROUNDS_WITHOUT_A_JOB = 3;

/**
 * ECS's stop codes, by what ended the task: the task itself, a caller of StopTask, or `others`, which are AWS or a scheduler.
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

/** Evidence about how a task started. */
export interface Evidence {
  /** Its agent is in the pool's list. */
  readonly registered: boolean;
  /** A running job has its agent's name, or HCP Terraform reports the agent as busy. */
  readonly busy: boolean;
  /** The agents could be listed. */
  readonly agentsObserved: boolean;
  /** The job that it was launched for is still queued. */
  readonly jobWaits: boolean;
  /** It is a warm agent or a sweep. */
  readonly standing: boolean;
  /** It is a sweep, for a job that no list of runs shows. Such a job may end within seconds. */
  readonly sweep: boolean;
  /** How long a warm agent should wait for a job; absent: unknown, or it isn't a warm agent. */
  readonly idleMs?: number | undefined;
  /** The list of agents goes back to before the task, so an agent that isn't in it never registered. */
  readonly listedSinceStart: boolean;
}

/**
 * How a task started.
 *
 * - `failed`: no agent came up. `up`: an agent came up.
 * - `fruitless`: an agent came up and ended without a job while its own job still waits.
 * - `served`: it has or had a job.
 */
export type TaskOutcome = 'failed' | 'up' | 'fruitless' | 'served' | 'unknown';

/** How a task started, as far as the evidence shows. */
export function outcomeOf(task: Task, witnesses: Evidence): TaskOutcome {
  const { registered, busy, jobWaits, standing, sweep, idleMs = 0 } = witnesses;
  if (busy) return 'served';
  // The entrypoint ends only an agent that waits for a job. Such an agent had registered, even if the list lacks it.
  if (!registered && task.exitCode !== LEFT_IDLE_EXIT_CODE) return startWithoutAgent(task, witnesses);
  // ECS reports a container's end up to half a minute before the task is STOPPED.
  const ended = task.lastStatus === 'STOPPED' || task.exitCode !== undefined;
  if (!ended || endedByOthers(task)) return 'up';
  // An agent that left because no job came proves nothing if another agent took its job, if the job was canceled, or if it had none.
  // A warm agent leaves when its time is over. One that leaves long before would be replaced again and again.
  if (!jobWaits && task.exitCode === LEFT_IDLE_EXIT_CODE) return ranMs(task) < idleMs / 2 ? 'fruitless' : 'up';
  // A policy evaluation doesn't initialize Terraform, so a sweep may have a job and still end soon.
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
 * A stop code that AWS adds later proves nothing about a task that had started. A task that never started is a failure whatever its code:
 * without a back-off, a permanent fault would launch a task in every tick.
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
 * How a task started whose agent is in no list. Exit codes alone aren't enough: HashiCorp doesn't document what `tfc-agent` returns after a failed
 * Terraform operation or after a signal, and a wrong image may exit with 0. Whether the task's own job still waits is better evidence.
 */
function startWithoutAgent(
  task: Task,
  { agentsObserved, jobWaits, standing, listedSinceStart }: Evidence,
): TaskOutcome {
  if (task.lastStatus !== 'STOPPED' || endedByOthers(task)) return 'unknown';
  // A lingering task is judged by its exit code, as if ECS had stopped it in time.
  if (task.stopCode === 'UserInitiated' && task.stoppedReason?.includes(AGENT_LEFT) !== true) return 'failed';
  if (task.stopCode === 'TaskFailedToStart' || task.startedAtMs === undefined) return 'failed';
  // The list goes back to before every failure, so an agent that isn't in it didn't come up. But HashiCorp doesn't document how long the
  // list keeps exited agents, so a good end of a task whose job no longer waits proves nothing.
  if (agentsObserved) {
    // A slot of a warm agent always waits. Without this, an image that isn't the agent and exits with 0 is launched forever.
    if (standing && listedSinceStart) return 'failed';
    return jobWaits || task.exitCode !== 0 || ranMs(task) < SHORTEST_JOB_MS ? 'failed' : 'unknown';
  }
  // Without a list of agents, each piece of evidence may be wrong, but hardly two of them.
  const signs = [jobWaits, task.exitCode !== 0, ranMs(task) < SHORTEST_JOB_MS].filter(Boolean).length;
  if (signs >= 2) return 'failed';
  return signs === 1 ? 'unknown' : 'served';
}

/** How long its container ran. */
function ranMs({ startedAtMs, executionStoppedAtMs, stoppedAtMs }: Task): number {
  if (startedAtMs === undefined) return 0;
  return (executionStoppedAtMs ?? stoppedAtMs ?? startedAtMs) - startedAtMs;
}

/** Whether the end of a stopped task leaves open if its agent ever registered. */
export function isQuestionable(task: Task): boolean {
  return (task.exitCode !== 0 && task.exitCode !== LEFT_IDLE_EXIT_CODE) || ranMs(task) < QUESTIONABLE_MS;
}

/**
 * Consecutive start failures, oldest first: tasks without an agent since the last one with an agent and, if there are too many to be chance,
 * agents without a job since the last one with a job.
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
