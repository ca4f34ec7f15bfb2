/** What a stopped task was for, how it ended, how long each part took, and what it cost. */
import { billedSeconds, fargateCost } from './fargate-price.ts';
import { signOf } from './out-of-memory.ts';
import { STOP_CODES } from './task-outcome.ts';
import {
  type Architecture,
  type Capacity,
  type JobKey,
  LEFT_IDLE_EXIT_CODE,
  PHASES,
  type Phase,
  type RunningJob,
  type Task,
} from './types.ts';

/**
 * How a task ended.
 *
 * - `ended`: its agent had a job or left because it got none. `stopped`: somebody called StopTask: the launcher or a person.
 * - `failed-to-start`: its container didn't start, or its agent never registered. `interrupted`: AWS ended it.
 * - `out-of-memory`: its container ran out of memory. `failed`: its container ended with a different error.
 */
export type EndOutcome = 'ended' | 'failed-to-start' | 'stopped' | 'out-of-memory' | 'interrupted' | 'failed';

/** How long each part took, in seconds. A part that did not happen, or that the vendors don't show, is absent. */
export interface EndSeconds {
  readonly launching?: number;
  readonly provisioning?: number;
  readonly pulling?: number;
  readonly booting?: number;
  readonly waiting?: number;
  readonly working?: number;
  readonly billed: number;
}

/** What this function instance knows about the task from earlier ticks. */
export interface KnownOfTask {
  /** The job that the task's agent executed, if a running job showed the agent. */
  readonly job?: RunningJob | undefined;
  /** When the job was queued that the task was launched for. */
  readonly queuedAtMs?: number | undefined;
  /** The workspace of that job. */
  readonly workspaceId?: string | undefined;
  /** The list of agents showed that the task's agent never registered. */
  readonly failedToStart: boolean;
}

export interface TaskEnd {
  readonly task: Task;
  readonly launchedFor: string;
  readonly job?: JobKey;
  readonly runId?: string;
  readonly workspaceId?: string;
  readonly phase?: Phase;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly capacity: Capacity;
  readonly architecture: Architecture;
  readonly outcome: EndOutcome;
  readonly queuedSeconds?: number;
  readonly seconds: EndSeconds;
  readonly dollars: number;
}

/** `launchedFor` of a task that has no `startedBy`, because a person started it. */
const STARTED_BY_NOBODY = 'unknown';

/** Describes a stopped task. */
export function taskEndOf(task: Task, known: KnownOfTask): TaskEnd {
  const launchedFor = task.startedBy ?? STARTED_BY_NOBODY;
  const job = known.job?.key;
  const { runId, phase } = partsOf(job ?? launchedFor);
  const isOwnJob = job === undefined || job === launchedFor;
  const ownWorkspace = isOwnJob ? (task.workspaceId ?? known.workspaceId) : undefined;
  const workspaceId = known.job?.workspaceId ?? ownWorkspace;
  const queuedSeconds = secondsBetween(known.job?.queuedAtMs, known.job?.startedAtMs);
  // Without an attribute, the task has the default of ECS: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html
  const { cpu = 0, memoryMiB = 0, architecture = 'x86_64', capacity = 'on-demand' } = task;
  const seconds = secondsOf(task, known);
  const size = { cpu, memoryMiB, architecture, capacity, ephemeralStorageGiB: task.ephemeralStorageGiB };
  return {
    task,
    launchedFor,
    ...(job !== undefined && { job }),
    ...(runId !== undefined && { runId }),
    ...(workspaceId !== undefined && runId !== undefined && { workspaceId }),
    ...(phase !== undefined && { phase }),
    cpu,
    memoryMiB,
    architecture,
    capacity,
    outcome: endOutcomeOf(task, known.failedToStart),
    ...(queuedSeconds !== undefined && { queuedSeconds }),
    seconds,
    dollars: seconds.billed === 0 ? 0 : fargateCost(size, seconds.billed),
  };
}

/** The run and the phase of a job's key. The keys of warm agents and sweeps have neither. */
function partsOf(key: string): { readonly runId?: string; readonly phase?: Phase } {
  const [runId, second, ...more] = key.split('/');
  const phase = PHASES.find((one) => one === second);
  if (phase === undefined || more.length > 0 || runId?.startsWith('run-') !== true) return {};
  return { runId, phase };
}

function endOutcomeOf(task: Task, failedToStart: boolean): EndOutcome {
  const { stopCode = '', startedAtMs, exitCode } = task;
  const by = STOP_CODES.get(stopCode);
  if (by === 'caller') return 'stopped';
  if (by === 'others') return 'interrupted';
  if (failedToStart || stopCode === 'TaskFailedToStart' || startedAtMs === undefined) return 'failed-to-start';
  if (signOf(task) !== undefined) return 'out-of-memory';
  return exitCode === 0 || exitCode === LEFT_IDLE_EXIT_CODE ? 'ended' : 'failed';
}

/**
 * The times of ECS and HCP Terraform come from two clocks, so a difference between them can be slightly negative. Then it is 0.
 *
 * Fargate bills from the start of the image pull until the task has stopped. If no pull started, we assume that it bills nothing (UNVERIFIED).
 */
function secondsOf(task: Task, { job, queuedAtMs }: KnownOfTask): EndSeconds {
  const { createdAtMs, pullStartedAtMs, pullStoppedAtMs, startedAtMs, executionStoppedAtMs, stoppedAtMs } = task;
  const parts = {
    launching: secondsBetween(queuedAtMs, createdAtMs),
    provisioning: secondsBetween(createdAtMs, pullStartedAtMs),
    pulling: secondsBetween(pullStartedAtMs, pullStoppedAtMs),
    booting: secondsBetween(pullStoppedAtMs, startedAtMs),
    waiting: secondsBetween(startedAtMs, job?.startedAtMs),
    working: secondsBetween(job?.startedAtMs, executionStoppedAtMs ?? stoppedAtMs),
  };
  const happened = Object.entries(parts).filter(([, seconds]) => seconds !== undefined);
  const running = secondsBetween(pullStartedAtMs, stoppedAtMs);
  return { ...Object.fromEntries(happened), billed: running === undefined ? 0 : billedSeconds(running) };
}

function secondsBetween(fromMs: number | undefined, toMs: number | undefined): number | undefined {
  return fromMs === undefined || toMs === undefined ? undefined : Math.max(0, toMs - fromMs) / 1000;
}
