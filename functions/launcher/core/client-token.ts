import { isEnding } from './supply.ts';
import type { Launch, QueuedJob, StandingJob, Supply } from './types.ts';
import { READ_LAG_MS, STOPPED_TASKS_SHOWN_MS } from './vendor-timing.ts';

/**
 * The `clientToken` of a launch. The same job and attempt give the same task, from any tick, any number of times.
 *
 * A token has at most 64 characters of ASCII 33–126, so run ids may have 50. It is valid for 24 h in one cluster
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html).
 */
export function clientTokenOf(job: Pick<QueuedJob | StandingJob, 'key'>, attempt: number): string {
  return `${job.key}/${attempt}`;
}

/**
 * How far beyond the first attempt a launch looks for an unused token. ECS remembers tokens for 24 h, but shows tasks for an hour, and after
 * StopTask without the attempt tag. So a tick may know few of a job's many attempts. The first steps are single, so that ticks
 * that observed slightly different tasks choose the same token. Then come leaps.
 */
const ATTEMPTS_BEYOND = [0, 1, 2, 3, 4, 8, 16, 32, 64];

/** Above every attempt that counting reaches. */
const LAST_RESORT = 10_000;

/**
 * The attempts that a launch may make, in order, until ECS answers with a new task.
 *
 * The last attempt changes every five minutes. If StopTask ends each task, as it does for agents that never register, the attempts are
 * forgotten, and within hours all the others are used. Overlapping ticks still choose the same one.
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

/** ECS's answer to a launch: the task that the token stands for, which may be an older one. */
export interface LaunchedTask {
  readonly taskId: string;
  /** `undefined` if ECS named the task in a conflict but could not describe it. */
  readonly lastStatus: string | undefined;
  /** Only in a conflict: the family of the task that an earlier call started with other parameters. */
  readonly family?: string | undefined;
  readonly createdAtMs?: number | undefined;
}

/** What a tick knows about the tasks and agents that the answer may mean. */
export interface TokenEvidence extends Pick<Supply, 'seenTaskIds' | 'agentNames'> {
  readonly startDeadlineMs: number;
  readonly nowMs: number;
}

/**
 * Whether the answer is an older task: one that has ended, or one that the tick has counted already. The next attempt is then due at once.
 */
export function isAlreadyUsed(
  answer: LaunchedTask,
  { job, lane }: { readonly job: Pick<QueuedJob, 'queuedAtMs'>; readonly lane: Pick<Launch['lane'], 'taskDefinition'> },
  evidence: TokenEvidence,
): boolean {
  const { seenTaskIds, nowMs } = evidence;
  if (seenTaskIds.has(answer.taskId)) return true;
  if (answer.lastStatus === undefined) return nowMs - job.queuedAtMs > STOPPED_TASKS_SHOWN_MS;
  if (isEnding(answer.lastStatus)) return true;
  return answer.family !== undefined && answer.family !== lane.taskDefinition && !isStillComing(answer, evidence);
}

/**
 * Whether to give up a token that is in use although ECS names no task for it. AWS doesn't document whether a launch that started nothing
 * keeps its token, such as one without Spot capacity. In the first minutes, an overlapping tick may have started a task that isn't visible yet.
 */
export function isUsedWithoutTask(job: Pick<QueuedJob, 'queuedAtMs'>, nowMs: number): boolean {
  return nowMs - job.queuedAtMs > READ_LAG_MS;
}

/**
 * Whether the agent of a live task of another family may still take the job. A token doesn't contain the family. So after a deployment that
 * gives the pool other families, it stands for the task that was launched before. Once the agent of that task has registered, the tick counts it:
 * an idle agent is supply, a busy one isn't. Until then, only this answer prevents a second task for the job.
 */
function isStillComing(
  { taskId, createdAtMs }: LaunchedTask,
  { agentNames, startDeadlineMs, nowMs }: TokenEvidence,
): boolean {
  if (agentNames.has(taskId)) return false;
  return createdAtMs === undefined || nowMs - createdAtMs <= startDeadlineMs;
}
