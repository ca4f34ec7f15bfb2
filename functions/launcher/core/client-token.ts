import { isEnding } from './supply.ts';
import type { Launch, QueuedJob, StandingJob, Supply } from './types.ts';
import { READ_LAG_MS, STOPPED_TASKS_SHOWN_MS } from './vendor-timing.ts';

/**
 * The `clientToken` of a launch. For the same job and attempt, ECS starts only one task, however often ticks repeat the launch.
 *
 * A client token has at most 64 characters of ASCII 33–126, which leaves 50 for the run id. It is valid for 24 h in one cluster
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html).
 */
export function clientTokenOf(job: Pick<QueuedJob | StandingJob, 'key'>, attempt: number): string {
  return `${job.key}/${attempt}`;
}

/**
 * How far beyond the first attempt a launch looks for an unused client token.
 *
 * ECS remembers client tokens for 24 h, but shows stopped tasks for only an hour, and deletes the attempt tag after StopTask. So a tick may
 * know only a few of a job's attempts. The first steps are small, so that ticks that observed slightly different tasks choose the same
 * client token. The later steps are large.
 */
const ATTEMPTS_BEYOND = [0, 1, 2, 3, 4, 8, 16, 32, 64];

/** Higher than any attempt that counting reaches. */
const LAST_RESORT = 10_000;

/**
 * The attempts that a launch tries in this order until ECS starts a new task.
 *
 * The last attempt has a number that changes every five minutes. If the launcher stops each task because its agent never registers, ECS deletes
 * the attempt tags, and all other attempts are used up within hours. Overlapping ticks still choose the same number.
 */
export function attemptsFrom(
  first: number,
  job: Pick<QueuedJob, 'queuedAtMs'> & Partial<Pick<StandingJob, 'singleAttempt' | 'attemptsBefore'>>,
  nowMs: number,
): number[] {
  if (job.singleAttempt === true) return [first];
  const waitedMs = Math.max(0, nowMs - job.queuedAtMs);
  const before = job.attemptsBefore ?? 0;
  return [...ATTEMPTS_BEYOND.map((more) => first + more), before + LAST_RESORT + Math.floor(waitedMs / READ_LAG_MS)];
}

/** ECS's answer to a launch: the task that belongs to the client token. It can be an older task. */
export interface LaunchedTask {
  readonly taskId: string;
  /** `undefined` if ECS returned the task's id in a ConflictException but could not describe the task. */
  readonly lastStatus: string | undefined;
  /** Only after a ConflictException: the family of the task, which an earlier call started with other parameters. */
  readonly family?: string | undefined;
  readonly createdAtMs?: number | undefined;
}

/** What a tick knows about the tasks and agents that ECS's answer may refer to. */
export interface TokenEvidence extends Pick<Supply, 'seenTaskIds' | 'agentNames' | 'idleAgentNames'> {
  readonly startDeadlineMs: number;
  readonly nowMs: number;
}

/**
 * Whether the answer is an older task that has ended or that the tick has counted already. The launch then tries the next attempt immediately.
 */
export function isAlreadyUsed(
  answer: LaunchedTask,
  { job, lane }: { readonly job: Pick<QueuedJob, 'queuedAtMs'>; readonly lane: Pick<Launch['lane'], 'taskDefinition'> },
  evidence: TokenEvidence,
): boolean {
  const { seenTaskIds, idleAgentNames, nowMs } = evidence;
  if (seenTaskIds.has(answer.taskId)) return true;
  if (answer.lastStatus === undefined) {
    // ECS doesn't show the task. If its agent waits for a job, the task is new, however long the job has waited.
    return !idleAgentNames.has(answer.taskId) && nowMs - job.queuedAtMs > STOPPED_TASKS_SHOWN_MS;
  }
  if (isEnding(answer.lastStatus)) return true;
  return answer.family !== undefined && answer.family !== lane.taskDefinition && !isStillComing(answer, evidence);
}

/**
 * Whether to give up a client token that is in use although ECS reports no task for it. In the first minutes, an overlapping tick may have started
 * a task that isn't visible yet. Later, the client token belongs to no task: AWS doesn't document whether a launch uses up its token if it
 * starts nothing, for example because Spot has no capacity.
 */
export function isUsedWithoutTask(job: Pick<QueuedJob, 'queuedAtMs'>, nowMs: number): boolean {
  return nowMs - job.queuedAtMs > READ_LAG_MS;
}

/**
 * Whether the agent of a live task of another family may still take the job.
 *
 * A client token doesn't contain the family. So after a deployment that changes the families of a pool, it belongs to the task that was launched
 * before the deployment. Once that task's agent has registered, the tick counts the agent. Until then, only this check prevents a second
 * task for the job.
 */
function isStillComing(
  { taskId, createdAtMs }: LaunchedTask,
  { agentNames, startDeadlineMs, nowMs }: TokenEvidence,
): boolean {
  if (agentNames.has(taskId)) return false;
  return createdAtMs === undefined || nowMs - createdAtMs <= startDeadlineMs;
}
