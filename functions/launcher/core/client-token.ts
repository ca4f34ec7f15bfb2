import { isEnding } from './supply.ts';
import type { Launch, QueuedJob, StandingJob, Supply } from './types.ts';
import { READ_LAG_MS, STOPPED_TASKS_SHOWN_MS } from './vendor-timing.ts';

/**
 * The `clientToken` of a launch: the same job and attempt give the same task, whoever asks, however often. At most 64
 * characters of ASCII 33–126, for run ids of up to 50; valid for 24 h in one cluster
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html).
 */
export function clientTokenOf(job: Pick<QueuedJob | StandingJob, 'key'>, attempt: number): string {
  return `${job.key}/${attempt}`;
}

/**
 * How far beyond the first attempt a launch looks for a token that is not used up. ECS remembers tokens for 24 h, but
 * tasks for an hour, and those that were stopped by call without their attempt: what is seen may know of few of the
 * many that there were. One by one at first, so that ticks that saw a little more or less agree; then by leaps.
 */
const ATTEMPTS_BEYOND = [0, 1, 2, 3, 4, 8, 16, 32, 64];

/** Beyond every attempt that is reached by counting. */
const LAST_RESORT = 10_000;

/**
 * The attempts that a launch may make, in their order, until ECS answers one with a new task. The last is another every
 * five minutes: where each task is stopped by call, as those are whose agent never registers, their attempts are
 * forgotten, and in some hours all the others were made; and ticks that overlap make the same.
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

/** ECS's answer to a launch: the task it stands for, which may be an older one. */
export interface LaunchedTask {
  readonly taskId: string;
  /** `undefined` when ECS named the task but could not describe it. */
  readonly lastStatus: string | undefined;
  /** Family of a task that was started with other parameters. */
  readonly family?: string | undefined;
  readonly createdAtMs?: number | undefined;
}

/** What a tick knows about the tasks and agents that the answer may stand for. */
export interface TokenEvidence extends Pick<Supply, 'seenTaskIds' | 'agentNames'> {
  readonly startDeadlineMs: number;
  readonly nowMs: number;
}

/**
 * Whether the answer is a task that this launch did not bring: one that is over, or one that the tick had already
 * counted. Such a token is used up, and the next attempt is due at once.
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
 * Whether a token that is in use, but for no task that ECS names, is used up. AWS doesn't document whether a launch that started nothing,
 * such as one for which Spot had no capacity, keeps its token. In the first minutes, an overlapping tick may have started a task that
 * isn't visible yet.
 */
export function isUsedWithoutTask(job: Pick<QueuedJob, 'queuedAtMs'>, nowMs: number): boolean {
  return nowMs - job.queuedAtMs > READ_LAG_MS;
}

/**
 * Whether the agent of a live task of another family may still take the job. A token has no family, so after a deployment that gives the
 * pool other families it stands for the task that was launched before. The tick counts the agent of such a task once it has registered:
 * an idle one as supply, a busy one not. Until then only this answer keeps the job from a second task.
 */
function isStillComing(
  { taskId, createdAtMs }: LaunchedTask,
  { agentNames, startDeadlineMs, nowMs }: TokenEvidence,
): boolean {
  if (agentNames.has(taskId)) return false;
  return createdAtMs === undefined || nowMs - createdAtMs <= startDeadlineMs;
}
