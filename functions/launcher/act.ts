import { attemptsFrom, isAlreadyUsed, isUsedWithoutTask } from './core/client-token.ts';
import { STOP_REASON_PREFIX } from './core/task-outcome.ts';
import type { Launch, Stop, Supply } from './core/types.ts';
import { resultOf, type UpstreamError } from './errors.ts';
import type { Pool, Refusal, Tasks } from './ports.ts';

/** RunTask calls side by side. ECS allows 20 a second: https://docs.aws.amazon.com/AmazonECS/latest/userguide/throttling.html */
const CALLS_AT_ONCE = 10;

/** What became of a launch. */
export type LaunchOutcome =
  | {
      readonly kind: 'launched';
      readonly launch: Launch;
      readonly taskId: string;
      readonly attempt: number;
      /** Spot had no room, and the task runs on demand. */
      readonly insteadOfSpot: boolean;
    }
  | { readonly kind: 'refused'; readonly launch: Launch; readonly refusal: Refusal }
  /** Every token tried stands for a task that is over or was counted already; the next tick goes on from there. */
  | { readonly kind: 'spent'; readonly launch: Launch; readonly attempts: readonly number[] }
  /** Not known whether a task was started; the token makes asking again safe. */
  | { readonly kind: 'failed'; readonly launch: Launch; readonly error: UpstreamError };

export type StopOutcome =
  | { readonly kind: 'stopped'; readonly stop: Stop }
  | { readonly kind: 'failed'; readonly stop: Stop; readonly error: UpstreamError };

/** What the acting half of a tick works with. */
export interface ActDeps {
  readonly tasks: Tasks;
  /** The time of the decision, by which the tokens are chosen too. */
  readonly nowMs: number;
  readonly startDeadlineMs: number;
  readonly signal: AbortSignal;
}

/** Launches side by side. One that fails leaves the others alone. */
export function launchAll(
  pool: Pool,
  launches: readonly Launch[],
  supply: Supply,
  hands: ActDeps,
): Promise<LaunchOutcome[]> {
  return eachLimited(launches, CALLS_AT_ONCE, (launch) => launchOne(pool, launch, supply, hands));
}

/** Stops side by side. One that fails leaves the others alone. */
export function stopAll(stops: readonly Stop[], hands: ActDeps): Promise<StopOutcome[]> {
  return eachLimited(stops, CALLS_AT_ONCE, (stop) => stopOne(stop, hands));
}

async function launchOne(
  pool: Pool,
  launch: Launch,
  { seenTaskIds, agentNames }: Supply,
  { tasks, nowMs, startDeadlineMs, signal }: ActDeps,
): Promise<LaunchOutcome> {
  const evidence = { seenTaskIds, agentNames, startDeadlineMs, nowMs };
  const attempts = attemptsFrom(launch.attempt, launch.job, nowMs);
  for (const attempt of attempts) {
    const answer = await resultOf(tasks.launch({ pool, lane: launch.lane, job: launch.job, attempt }, signal));
    if (!answer.ok) return { kind: 'failed', launch, error: answer.error };
    if (answer.value.kind === 'refused') return { kind: 'refused', launch, refusal: answer.value.refusal };
    if (answer.value.kind === 'nameless-conflict') {
      if (isUsedWithoutTask(launch.job, nowMs)) continue;
      return { kind: 'failed', launch, error: answer.value.error };
    }
    if (!isAlreadyUsed(answer.value, launch, evidence)) {
      const { taskId } = answer.value;
      const insteadOfSpot = answer.value.insteadOfSpot === true || isDiverted(pool, launch);
      return { kind: 'launched', launch, taskId, attempt, insteadOfSpot };
    }
  }
  return { kind: 'spent', launch, attempts };
}

/** Decided to run on demand, in a lane that is on Spot. */
function isDiverted({ lanes }: Pool, { lane }: Launch): boolean {
  const settled = lanes.find(({ taskDefinition }) => taskDefinition === lane.taskDefinition);
  return settled?.capacity === 'spot' && lane.capacity === 'on-demand';
}

async function stopOne(stop: Stop, { tasks, signal }: ActDeps): Promise<StopOutcome> {
  const answer = await resultOf(tasks.stop(stop.taskId, `${STOP_REASON_PREFIX}${stop.reason}`, signal));
  return answer.ok ? { kind: 'stopped', stop } : { kind: 'failed', stop, error: answer.error };
}

/** Maps with at most `limit` calls under way, in order of the list. */
async function eachLimited<T, R>(items: readonly T[], limit: number, one: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const queue = items.entries();
  const carry = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await one(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, carry));
  return results;
}
