import { attemptsFrom, isAlreadyUsed, isUsedWithoutTask } from './core/client-token.ts';
import { STOP_REASON_PREFIX } from './core/task-outcome.ts';
import type { Launch, Stop, Supply } from './core/types.ts';
import { resultOf, type UpstreamError } from './errors.ts';
import type { Pool, Refusal, Tasks } from './ports.ts';

/** Maximum number of launches or stops of a pool that wait for ECS at the same time: enough for 20 calls per second that take two seconds each. */
const CALLS_AT_ONCE = 40;

export type LaunchOutcome =
  | {
      readonly kind: 'launched';
      readonly launch: Launch;
      readonly taskId: string;
      readonly attempt: number;
      /** The task runs on demand because Spot had no capacity. */
      readonly insteadOfSpot: boolean;
    }
  | { readonly kind: 'refused'; readonly launch: Launch; readonly refusal: Refusal }
  /** Every client token that was tried belongs to a task that has ended or was counted already. The next tick tries further tokens. */
  | { readonly kind: 'spent'; readonly launch: Launch; readonly attempts: readonly number[] }
  /** ECS's launch rate left no time for the launch in this tick, or for its repetition on demand. The client token makes it safe to try again. */
  | { readonly kind: 'late'; readonly launch: Launch }
  /** ECS may or may not have started a task. The client token makes it safe to send the request again. */
  | { readonly kind: 'failed'; readonly launch: Launch; readonly error: UpstreamError };

export type StopOutcome =
  | { readonly kind: 'stopped'; readonly stop: Stop }
  | { readonly kind: 'failed'; readonly stop: Stop; readonly error: UpstreamError };

export interface ActDeps {
  readonly tasks: Tasks;
  /** The time of the decision. It also determines the client tokens. */
  readonly nowMs: number;
  readonly startDeadlineMs: number;
  /** Latest time for a launch, in epoch milliseconds. */
  readonly launchUntilMs: number;
  readonly signal: AbortSignal;
}

/** Launches in parallel. A failed launch doesn't affect the others. */
export function launchAll(
  pool: Pool,
  launches: readonly Launch[],
  supply: Supply,
  hands: ActDeps,
): Promise<LaunchOutcome[]> {
  return eachLimited(launches, CALLS_AT_ONCE, (launch) => launchOne(pool, launch, supply, hands));
}

/** Stops in parallel. A failed stop doesn't affect the others. */
export function stopAll(stops: readonly Stop[], hands: ActDeps): Promise<StopOutcome[]> {
  return eachLimited(stops, CALLS_AT_ONCE, (stop) => stopOne(stop, hands));
}

async function launchOne(
  pool: Pool,
  launch: Launch,
  { seenTaskIds, agentNames, idleAgentNames }: Supply,
  { tasks, nowMs, startDeadlineMs, launchUntilMs, signal }: ActDeps,
): Promise<LaunchOutcome> {
  const evidence = { seenTaskIds, agentNames, idleAgentNames, startDeadlineMs, nowMs };
  const attempts = attemptsFrom(launch.attempt, launch.job, nowMs);
  for (const attempt of attempts) {
    const request = { pool, lane: launch.lane, job: launch.job, attempt };
    const answer = await resultOf(tasks.launch(request, launchUntilMs, signal));
    if (!answer.ok) return { kind: 'failed', launch, error: answer.error };
    if (answer.value.kind === 'late') return { kind: 'late', launch };
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

/** Whether the decision was to launch on demand although the lane's settings say Spot. */
function isDiverted({ lanes }: Pool, { lane }: Launch): boolean {
  const settled = lanes.find(({ taskDefinition }) => taskDefinition === lane.taskDefinition);
  return settled?.capacity === 'spot' && lane.capacity === 'on-demand';
}

async function stopOne(stop: Stop, { tasks, signal }: ActDeps): Promise<StopOutcome> {
  const answer = await resultOf(tasks.stop(stop.taskId, `${STOP_REASON_PREFIX}${stop.reason}`, signal));
  return answer.ok ? { kind: 'stopped', stop } : { kind: 'failed', stop, error: answer.error };
}

/** Calls `one` for each item, with at most `limit` calls at the same time. Returns the results in the order of the items. */
async function eachLimited<T, R>(items: readonly T[], limit: number, one: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const queue = items.entries();
  const carry = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await one(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, carry));
  return results;
}
