import {
  ConflictException,
  DescribeTasksCommand,
  type ECSClient,
  ECSServiceException,
  paginateListTasks,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import * as z from 'zod';
import { AGENT_CONTAINER } from '../../contract.ts';
import type { LaunchedTask } from '../../core/client-token.ts';
import { isLive } from '../../core/supply.ts';
import type { Task } from '../../core/types.ts';
import { resultOf, UpstreamError } from '../../errors.ts';
import type { Clock, LaunchAnswer, LaunchRequest, TaskPlacement, Tasks } from '../../ports.ts';
import { noAnswer } from '../no-answer.ts';
import { ecsTask, taskIdOf, taskOf } from './answers.ts';
import { LaunchPace } from './launch-pace.ts';
import { refusalOf } from './refusals.ts';
import { onDemandInstead, runTaskInput } from './run-task.ts';
import { TaskMemory } from './task-memory.ts';

/** Maximum number of ids per DescribeTasks call. */
const DESCRIBE_AT_ONCE = 100;

export interface EcsParts {
  readonly client: ECSClient;
  /** The client for RunTask calls. It must not repeat calls itself, because a repeated call must wait for its turn. */
  readonly launchClient: ECSClient;
  readonly placement: TaskPlacement;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
}

/** Implements the port `Tasks` with ECS. The cluster must contain only the agents' tasks. */
export class EcsTasks implements Tasks {
  readonly #client: ECSClient;
  readonly #launchClient: ECSClient;
  readonly #placement: TaskPlacement;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #pace: LaunchPace;
  readonly #memory = new TaskMemory();

  constructor({ client, launchClient, placement, clock }: EcsParts) {
    this.#client = client;
    this.#launchClient = launchClient;
    this.#placement = placement;
    this.#clock = clock;
    this.#pace = new LaunchPace(clock);
  }

  async liveTasks(signal: AbortSignal): Promise<readonly Task[]> {
    const tasks = await this.#describe(await this.#list({}, signal), signal);
    this.#memory.liveDescribed(tasks, this.#clock.now());
    return tasks.filter(isLive);
  }

  async recentlyStoppedTasks(families: readonly string[], signal: AbortSignal): Promise<readonly Task[]> {
    const mustList = (family: string) => this.#memory.mustList(family, this.#clock.now());
    const tasks = await Promise.all(families.map((family) => this.#stoppedTasks(family, mustList(family), signal)));
    return tasks.flat();
  }

  async endedTasks(families: readonly string[], signal: AbortSignal): Promise<readonly Task[]> {
    const mustList = (family: string) => this.#memory.mustListIdle(family, this.#clock.now());
    const tasks = await Promise.all(families.map((family) => this.#stoppedTasks(family, mustList(family), signal)));
    return tasks.flat();
  }

  /** The stopped tasks of one family. Describes only those that the function doesn't know yet. */
  async #stoppedTasks(family: string, mustList: boolean, signal: AbortSignal): Promise<readonly Task[]> {
    const memory = this.#memory;
    const listed = mustList ? await this.#list({ family, desiredStatus: 'STOPPED' as const }, signal) : undefined;
    const ids = new Set([...memory.notUnderstood(family, listed ?? []), ...memory.vanished(family)]);
    const described = await this.#describe([...ids], signal);
    if (listed !== undefined) memory.stoppedListed(family, listed, this.#clock.now());
    return memory.stoppedDescribed(family, described, this.#clock.now());
  }

  async launch(request: LaunchRequest, untilMs: number, signal: AbortSignal): Promise<LaunchAnswer> {
    const input = runTaskInput(request, this.#placement);
    const turn = { pool: request.pool.name, untilMs, signal };
    const answer = await this.#runTask(input, turn);
    if (request.lane.capacity === 'spot' && isShortage(answer)) return this.#onDemandInstead(input, turn);
    return named(answer);
  }

  /**
   * Repeats a launch on demand, because Spot has no capacity. AWS doesn't document whether a call that starts no task uses up its client token. So
   * the first call uses the same client token. If ECS answers with a conflict but no task, a second call uses a new client token.
   */
  async #onDemandInstead(onSpot: RunTaskCommandInput, turn: Turn): Promise<LaunchAnswer> {
    const same = await this.#runTask(onDemandInstead(onSpot, 'same'), turn);
    const answer = same.kind === 'nameless-conflict' ? await this.#runTask(onDemandInstead(onSpot, 'own'), turn) : same;
    const launch = named(answer);
    return launch.kind === 'task' && answer.kind !== 'conflict' ? { ...launch, insteadOfSpot: true } : launch;
  }

  /**
   * Sends a RunTask call when ECS's rate allows it. Repeats the call if ECS throttled it, and once if ECS gave no answer or reported an error of its
   * own. The client token makes that safe.
   */
  async #runTask(input: RunTaskCommandInput, { pool, untilMs, signal }: Turn): Promise<RunTaskAnswer> {
    const capacity = input.launchType === undefined ? 'spot' : 'on-demand';
    let throttled: RunTaskAnswer = { kind: 'late' };
    let failure: UpstreamError | undefined;
    while (await this.#pace.turn(pool, capacity, untilMs, signal)) {
      const sentAtMs = this.#clock.now();
      const sent = await resultOf(this.#runTaskOnce(input, signal));
      if (!sent.ok) {
        this.#memory.launchUnknown(String(input.taskDefinition), this.#clock.now());
        if (failure !== undefined || sent.error.fault !== 'unavailable' || signal.aborted) throw sent.error;
        failure = sent.error;
      } else if (sent.value.kind === 'refused' && sent.value.refusal.cause === 'throttled') {
        throttled = sent.value;
        this.#pace.throttled(capacity, sentAtMs);
      } else return sent.value;
    }
    if (failure !== undefined) throw failure;
    return throttled;
  }

  async #runTaskOnce(input: RunTaskCommandInput, signal: AbortSignal): Promise<RunTaskAnswer> {
    try {
      const { tasks, failures } = await this.#launchClient.send(new RunTaskCommand(input), { abortSignal: signal });
      const task = tasks?.[0];
      if (task !== undefined) {
        const { taskArn, lastStatus } = parsed(launched, task, 'RunTask');
        const taskId = taskIdOf(taskArn);
        this.#memory.launched(taskId, String(input.taskDefinition), lastStatus, this.#clock.now());
        return { kind: 'task', taskId, lastStatus };
      }
      const failure = failures?.[0];
      if (failure !== undefined) {
        return { kind: 'refused', refusal: refusalOf(failure.reason ?? '', failure.detail ?? '') };
      }
    } catch (error) {
      if (error instanceof ConflictException) return this.#conflict(error, signal);
      if (error instanceof ECSServiceException && isRefusal(error)) {
        return { kind: 'refused', refusal: refusalOf(error.name, error.message) };
      }
      throw asUpstreamError(error, 'RunTask');
    }
    throw unexpected('the answer contains neither a task nor a failure', 'RunTask');
  }

  async stop(taskId: string, reason: string, signal: AbortSignal): Promise<void> {
    const input = { cluster: this.#placement.cluster, task: taskId, reason };
    await this.#client.send(new StopTaskCommand(input), { abortSignal: signal }).catch((error: unknown) => {
      // "The referenced task was not found" means that the task has ended already.
      const gone = error instanceof ECSServiceException && /task was not found/i.test(error.message);
      if (!gone) throw asUpstreamError(error, 'StopTask');
    });
  }

  /** Handles a client token that belongs to a task with other parameters, such as a task on Spot or from before a deployment. */
  async #conflict(conflict: ConflictException, signal: AbortSignal): Promise<RunTaskAnswer> {
    const arn = conflict.resourceIds?.[0];
    if (arn === undefined) return { kind: 'nameless-conflict', error: asUpstreamError(conflict, 'RunTask') };
    const [task] = await this.#describe([arn], signal);
    const { lastStatus, family, createdAtMs } = task ?? {};
    return { kind: 'conflict', taskId: taskIdOf(arn), lastStatus, family, createdAtMs };
  }

  async #list(filter: { family?: string; desiredStatus?: 'STOPPED' }, signal: AbortSignal): Promise<string[]> {
    const pages: string[][] = [];
    try {
      const listed = paginateListTasks(
        { client: this.#client },
        { cluster: this.#placement.cluster, ...filter },
        { abortSignal: signal },
      );
      for await (const { taskArns } of listed) pages.push(parsed(z.array(z.string()), taskArns, 'ListTasks'));
    } catch (error) {
      throw asUpstreamError(error, 'ListTasks');
    }
    return pages.flat();
  }

  /** Describes tasks. Omits tasks that ECS doesn't know. */
  async #describe(arns: readonly string[], signal: AbortSignal): Promise<Task[]> {
    const chunks = Array.from({ length: Math.ceil(arns.length / DESCRIBE_AT_ONCE) }, (_, i) =>
      arns.slice(i * DESCRIBE_AT_ONCE, (i + 1) * DESCRIBE_AT_ONCE),
    );
    const described = await Promise.all(chunks.map((chunk) => this.#describeChunk(chunk, signal)));
    return described.flat();
  }

  async #describeChunk(arns: string[], signal: AbortSignal): Promise<Task[]> {
    const input = { cluster: this.#placement.cluster, tasks: arns, include: ['TAGS' as const] };
    const { tasks, failures } = await this.#client
      .send(new DescribeTasksCommand(input), { abortSignal: signal })
      .catch((error: unknown) => {
        throw asUpstreamError(error, 'DescribeTasks');
      });
    const failure = failures?.find(({ reason }) => reason !== 'MISSING');
    if (failure !== undefined) {
      const why = `${failure.reason ?? 'no reason'} ${failure.detail ?? ''}`;
      throw unexpected(`a task could not be described: ${why}`.trim(), 'DescribeTasks');
    }
    return parsed(z.array(ecsTask), tasks, 'DescribeTasks').map((task) => taskOf(task, AGENT_CONTAINER));
  }
}

/** When and for which pool a RunTask call may be sent. */
interface Turn {
  readonly pool: string;
  /** Latest time for the call, in epoch milliseconds. */
  readonly untilMs: number;
  readonly signal: AbortSignal;
}

/** ECS's answer to one RunTask call. */
type RunTaskAnswer = LaunchAnswer | (LaunchedTask & { readonly kind: 'conflict' });

/** Converts a conflict with a known task into an answer with that task. */
function named(answer: RunTaskAnswer): LaunchAnswer {
  return answer.kind === 'conflict' ? { ...answer, kind: 'task' } : answer;
}

/**
 * Whether a launch on demand may succeed although the launch on Spot didn't. A lack of IP addresses affects both, and the other causes are
 * unrelated to capacity.
 */
function isShortage(answer: RunTaskAnswer): boolean {
  if (answer.kind === 'refused') return answer.refusal.cause === 'capacity' || answer.refusal.cause === 'quota';
  return answer.kind === 'nameless-conflict';
}

const launched = ecsTask.pick({ taskArn: true, lastStatus: true });

/** Whether ECS certainly started no task, because it answered with 4xx or throttled the call. After any other error, a task may have started. */
function isRefusal(error: ECSServiceException): boolean {
  return error.$fault === 'client' || refusalOf(error.name, error.message).cause === 'throttled';
}

function parsed<S extends z.ZodType>(schema: S, value: unknown, action: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'top'}: ${issue.code}`);
  throw unexpected(`the answer doesn't match the expected schema (${faults.join('; ')})`, action);
}

function unexpected(what: string, request: string): UpstreamError {
  return new UpstreamError({ system: 'ECS', fault: 'unexpected-answer', what, request });
}

function asUpstreamError(error: unknown, action: string): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (error instanceof ECSServiceException) {
    const { cause, remedy } = refusalOf(error.name, error.message);
    const { httpStatusCode, requestId } = error.$metadata;
    return new UpstreamError({
      system: 'ECS',
      fault: cause === 'throttled' ? 'throttled' : error.$fault === 'client' ? 'rejected' : 'unavailable',
      what: `${error.name}: ${error.message}${error.$fault === 'client' ? `; ${remedy}` : ''}`,
      request: action,
      ...(httpStatusCode !== undefined && { status: httpStatusCode }),
      ...(requestId !== undefined && { requestId }),
      cause: error,
    });
  }
  return noAnswer('ECS', action, error);
}
