import { isEnding } from './supply.ts';
import type { QueuedJob } from './types.ts';

/**
 * ECS's reads are eventually consistent for up to five minutes
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html): before that a task that cannot be
 * described may just be new.
 */
const READ_LAG_MS = 5 * 60_000;

/**
 * The `clientToken` of a launch: the same job and attempt give the same task, whoever asks, however often. At most 64
 * characters of ASCII 33–126, for run ids of up to 50; valid for 24 h in one cluster
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html).
 */
export function clientTokenOf(job: Pick<QueuedJob, 'key'>, attempt: number): string {
  return `${job.key}/${attempt}`;
}

/** ECS's answer to a launch: the task it stands for, which may be an older one. */
export interface LaunchedTask {
  readonly taskId: string;
  /** `undefined` when ECS named the task but could not describe it. */
  readonly lastStatus: string | undefined;
}

/**
 * Whether the answer is a task that this launch did not bring: one that is over, or one that the tick had already
 * counted. Such a token is used up, and the next attempt is due at once.
 */
export function isSpent(
  answer: LaunchedTask,
  seenTaskIds: ReadonlySet<string>,
  job: QueuedJob,
  nowMs: number,
): boolean {
  if (seenTaskIds.has(answer.taskId)) return true;
  if (answer.lastStatus === undefined) return nowMs - job.queuedAtMs > READ_LAG_MS;
  return isEnding(answer.lastStatus);
}
