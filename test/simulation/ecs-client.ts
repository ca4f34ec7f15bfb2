import {
  ConflictException,
  DescribeTasksCommand,
  type DescribeTasksCommandInput,
  type DescribeTasksCommandOutput,
  ECSClient,
  ECSServiceException,
  ListTasksCommand,
  type ListTasksCommandInput,
  type ListTasksCommandOutput,
  RunTaskCommand,
  type RunTaskCommandInput,
  type RunTaskCommandOutput,
  StopTaskCommand,
  type StopTaskCommandInput,
  type StopTaskCommandOutput,
} from '@aws-sdk/client-ecs';
import { ApiError } from '../../local/aws/core/api-error.ts';
import { TASK_TIMES, type Task } from '../../local/ecs/core/task.ts';
import { CAPACITY_UNAVAILABLE } from '../../local/ecs/core/wording.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';
import { type FaultKind, laneOf, type WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import { call, type Environment, latency, noteFault, type Reply, type TickRecord } from './wire.ts';

/** The SDK makes three attempts of 4 s each, but only one attempt of RunTask. */
const GIVES_UP_AFTER_MS = 12_500;
const RUN_TASK_GIVES_UP_AFTER_MS = 4_000;

/** Page size, if the request doesn't set one. */
const MOST_RESULTS = 100;

const THROTTLED = 'ThrottlingException';

const ANY_CALL = ['ecs-throttled', 'ecs-server-error', 'ecs-hang', 'ecs-slow', 'ecs-changed-shape'] as const;
const RUN_TASK = [
  ...ANY_CALL,
  'ecs-throttled-wrapped',
  'ecs-quota',
  'ecs-capacity',
  'ecs-access-denied',
  'ecs-lost-response',
] as const satisfies readonly FaultKind[];

export interface Cloud {
  readonly time: VirtualTime;
  readonly settings: WorldSettings;
  readonly random: Random;
  readonly faults: Faults;
  readonly ecs: EcsWorld;
  readonly onStopTask: (by: TickRecord, task: SimulatedTask) => void;
  readonly onRunTask: (environment: Environment, input: RunTaskCommandInput) => void;
  readonly onThrottled: (environment: Environment) => void;
  /** The tick that made the current RunTask call. */
  acting: TickRecord | undefined;
}

const META = { $metadata: {} };

/** Replaces the AWS SDK's ECS client in the launcher's adapter. It calls the simulated ECS, with faults. */
export function simulatedEcsClient(cloud: Cloud, environment: Environment): ECSClient {
  const api = new EcsApi(cloud, environment);
  const client: ECSClient = Object.create(ECSClient.prototype);
  const send = (command: unknown, options?: { abortSignal?: AbortSignal }): Promise<unknown> =>
    api.send(command, options?.abortSignal ?? new AbortController().signal);
  return Object.assign(client, { send });
}

class EcsApi {
  readonly #cloud: Cloud;
  readonly #environment: Environment;

  constructor(cloud: Cloud, environment: Environment) {
    this.#cloud = cloud;
    this.#environment = environment;
  }

  send(command: unknown, signal: AbortSignal): Promise<unknown> {
    if (command instanceof ListTasksCommand) return this.#listTasks(command.input, signal);
    if (command instanceof DescribeTasksCommand) return this.#describeTasks(command.input, signal);
    if (command instanceof RunTaskCommand) return this.#runTask(command.input, signal);
    if (command instanceof StopTaskCommand) return this.#stopTask(command.input, signal);
    throw new Error('The simulated ECS does not know this command');
  }

  #listTasks(input: ListTasksCommandInput, signal: AbortSignal): Promise<ListTasksCommandOutput> {
    const { listedFamilies } = this.#environment.tick.calls;
    const { family, desiredStatus, nextToken } = input;
    if (family !== undefined && desiredStatus === 'STOPPED' && nextToken === undefined) listedFamilies.push(family);
    return this.#call<ListTasksCommandOutput>('ListTasks', this.#concerned(input.family), ANY_CALL, signal, (fault) => {
      if (fault === 'ecs-changed-shape') return { value: { ...META } };
      const { ecs, settings } = this.#cloud;
      const shows = (task: SimulatedTask, shown: Task | undefined): void => this.#noteStale(task, shown?.lastStatus);
      const page = { ...input, maxResults: Math.min(input.maxResults ?? MOST_RESULTS, settings.ecsPageCap) };
      return answered(() => ecs.read('ListTasks', page, { lagMs: this.#lag(), shows }));
    });
  }

  #describeTasks(input: DescribeTasksCommandInput, signal: AbortSignal): Promise<DescribeTasksCommandOutput> {
    const { ecs } = this.#cloud;
    this.#environment.tick.calls.described.push(input.tasks ?? []);
    const pools = [...new Set((input.tasks ?? []).flatMap((arn) => ecs.task(arn)?.pool ?? []))];
    return this.#call<DescribeTasksCommandOutput>('DescribeTasks', pools, ANY_CALL, signal, (fault) => {
      if (fault === 'ecs-changed-shape') return { value: { ...META } };
      const { tick, knownStopped } = this.#environment;
      const shows = (task: SimulatedTask, shown: Task | undefined): void => {
        this.#noteStale(task, shown?.lastStatus);
        // An earlier ConflictException returned this task. It may have ended in the meantime.
        if (shown?.desiredStatus === 'STOPPED') tick.answered.delete(task.id);
        if (tick.decided.has(task.pool) || shown === undefined) return;
        if (shown.lastStatus === 'STOPPED') knownStopped.add(task.id);
        // A task that was described as STOPPED never runs again, even if a later response is out of date.
        if (shown.desiredStatus === 'RUNNING' && !knownStopped.has(task.id)) tick.live.add(task.id);
        else {
          tick.live.delete(task.id);
          tick.stopped.add(task.id);
        }
      };
      return answered(() => ecs.read('DescribeTasks', input, { lagMs: this.#lag(), shows }));
    });
  }

  #runTask(input: RunTaskCommandInput, signal: AbortSignal): Promise<RunTaskCommandOutput> {
    const { ecs, settings } = this.#cloud;
    // The call can arrive after the end of its tick.
    const { tick } = this.#environment;
    const pool = settings.pools.find((one) => laneOf(one, input.taskDefinition) !== undefined)?.name;
    const onSpot = input.capacityProviderStrategy !== undefined;
    this.#cloud.onRunTask(this.#environment, input);
    if (pool !== undefined) tick.decided.add(pool);
    const pools = pool === undefined ? [] : [pool];
    const answer = this.#call<RunTaskCommandOutput>('RunTask', pools, RUN_TASK, signal, (fault) => {
      switch (fault) {
        case 'ecs-changed-shape':
          return { value: { ...META } };
        case 'ecs-throttled-wrapped':
          this.#cloud.onThrottled(this.#environment);
          return refused(
            'InvalidParameterException',
            'Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)',
          );
        case 'ecs-quota':
          return failures("You've reached the limit on the number of vCPUs you can run concurrently");
        case 'ecs-capacity':
          return failures(CAPACITY_UNAVAILABLE);
        case 'ecs-access-denied':
          return refused('AccessDeniedException', 'User is not authorized to perform: ecs:RunTask');
      }
      this.#cloud.acting = tick;
      // Only the response shows this fault, and the launcher must cope with it.
      const noSpot = onSpot && this.#cloud.faults.hit(['ecs-no-spot'], pool) !== undefined;
      const before = new Set(ecs.live);
      const reply = answered<RunTaskCommandOutput>(() => ecs.runTask(input, noSpot));
      this.#cloud.acting = undefined;
      if ('error' in reply && reply.error instanceof ECSServiceException && reply.error.name === THROTTLED) {
        noteFault(tick, 'ecs-limit', this.#concerned(undefined));
        this.#cloud.onThrottled(this.#environment);
      }
      if (fault === 'ecs-lost-response') return 'silence';
      for (const arn of namedIn(reply)) {
        const task = ecs.task(arn);
        const isNew = task !== undefined && (!before.has(task) || tick.createdIds.has(task.id));
        if (task?.desiredStatus === 'RUNNING' && !isNew && !tick.live.has(task.id)) tick.answered.add(task.id);
      }
      return reply;
    });
    const noteUnanswered = (): void => {
      this.#environment.unansweredLaunchAtMs = this.#cloud.time.now();
    };
    answer.then(
      ({ tasks, failures }) => (tasks ?? failures) === undefined && noteUnanswered(),
      (error: unknown) => (error instanceof ECSServiceException && error.$fault === 'client') || noteUnanswered(),
    );
    return answer;
  }

  #stopTask(input: StopTaskCommandInput, signal: AbortSignal): Promise<StopTaskCommandOutput> {
    const { ecs } = this.#cloud;
    const task = ecs.task(input.task ?? '');
    const { tick } = this.#environment;
    return this.#call('StopTask', task === undefined ? [] : [task.pool], ANY_CALL, signal, () => {
      if (task !== undefined && task.lastStatus !== 'STOPPED') this.#cloud.onStopTask(tick, task);
      return answered(() => ecs.stopTask(input));
    });
  }

  /** @param pools the pools that can't be observed completely, or whose launch has an unknown result, if the call fails */
  #call<T>(
    action: string,
    pools: readonly string[],
    faultKinds: readonly FaultKind[],
    signal: AbortSignal,
    arrive: (fault: FaultKind | undefined) => Reply<T>,
  ): Promise<T> {
    const { time, random, faults } = this.#cloud;
    const { tick } = this.#environment;
    const reads = action === 'ListTasks' || action === 'DescribeTasks';
    tick.calls.ecs.push(action);
    const fault = faults.hit(faultKinds, pools.length === 1 ? pools[0] : undefined);
    // All pools share the list of live tasks and their descriptions. A throttled RunTask call slows down the launches of all pools.
    const isShared =
      action === 'DescribeTasks' || (action === 'RunTask' && fault?.startsWith('ecs-throttled') === true);
    const touched = isShared ? this.#concerned(undefined) : pools;
    if (fault !== undefined) noteFault(tick, fault, touched);
    const unseen = (): void => {
      if (!reads) return;
      for (const pool of pools) if (!tick.decided.has(pool)) tick.blind.set(pool, `${action}: ${fault ?? 'no answer'}`);
    };
    if (fault === 'ecs-changed-shape') unseen();
    return call(time, {
      environment: this.#environment,
      signal,
      latencyMs: fault === 'ecs-slow' ? random.between(1000, 9000) : this.#latencyMs(),
      timeoutMs: action === 'RunTask' ? RUN_TASK_GIVES_UP_AFTER_MS : GIVES_UP_AFTER_MS,
      arrive: () => {
        const reply = this.#arrived(action, fault, arrive);
        if (reply === 'silence' || 'error' in reply) unseen();
        return reply;
      },
      givenUp: (why) => {
        noteFault(tick, 'ecs-gave-no-answer', touched);
        unseen();
        const error = new Error(why === 'aborted' ? 'Request aborted' : 'Request did not complete within 4000 ms');
        error.name = why === 'aborted' ? 'AbortError' : 'TimeoutError';
        return error;
      },
    });
  }

  #latencyMs(): number {
    const { random, settings } = this.#cloud;
    return settings.slowAnswers === true ? random.between(1000, 2000) : latency(random, 15, 180);
  }

  #arrived<T>(
    action: string,
    fault: FaultKind | undefined,
    arrive: (fault: FaultKind | undefined) => Reply<T>,
  ): Reply<T> {
    if (fault === 'ecs-hang') return 'silence';
    if (fault === 'ecs-throttled') {
      if (action === 'RunTask') this.#cloud.onThrottled(this.#environment);
      return refused(THROTTLED, 'Rate exceeded');
    }
    if (fault === 'ecs-server-error') return refused('ServerException', 'Service Unavailable.', 'server');
    return arrive(fault);
  }

  /** Draws the delay with which this read shows each task. */
  #lag(): () => number {
    const { faults, random, settings } = this.#cloud;
    const rate = faults.rate('ecs-read-lag');
    const usual = (): number => random.between(0, settings.usualLagMs);
    if (rate === 0) return usual;
    return () => (random.chance(rate) ? random.between(0, 240_000) : usual());
  }

  /** Records a late read, because eventual consistency excuses the tick. */
  #noteStale(task: SimulatedTask, lastStatus: string | undefined): void {
    if (lastStatus === task.lastStatus || this.#environment.tick.stale) return;
    const forgotten = task.stoppedAtMs !== undefined && this.#cloud.time.now() - task.stoppedAtMs > 50 * 60_000;
    if (lastStatus === undefined && forgotten) return;
    this.#environment.tick.stale = true;
    this.#cloud.faults.count('ecs-stale-read');
  }

  #concerned(family: string | undefined): string[] {
    const { pools } = this.#cloud.settings;
    return pools.filter((pool) => family === undefined || laneOf(pool, family) !== undefined).map(({ name }) => name);
  }
}

function refused(name: string, message: string, $fault: 'client' | 'server' = 'client'): { error: Error } {
  return { error: new ECSServiceException({ name, message, $fault, ...META }) };
}

function failures(reason: string): { value: RunTaskCommandOutput } {
  return { value: { ...META, tasks: [], failures: [{ reason }] } };
}

/** Converts the API's response or error into that of the SDK. */
function answered<T>(act: () => Record<string, unknown>): { readonly value: T } | { readonly error: Error } {
  try {
    const answer = act();
    const { tasks } = answer;
    if (Array.isArray(tasks)) tasks.forEach(timesAsDates);
    return { value: { ...META, ...answer } as T };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { code: name, message, members } = error;
    if (name === 'ConflictException') return { error: new ConflictException({ ...META, message, ...members }) };
    return refused(name, message);
  }
}

/** Converts the timestamps, which are seconds in the JSON. */
function timesAsDates(task: Record<string, unknown>): void {
  for (const time of TASK_TIMES) {
    const seconds = task[time];
    if (typeof seconds === 'number') task[time] = new Date(Math.round(seconds * 1000));
  }
}

/** The tasks in a response to RunTask. */
function namedIn(reply: { readonly value: RunTaskCommandOutput } | { readonly error: unknown }): readonly string[] {
  if ('value' in reply) return (reply.value.tasks ?? []).flatMap(({ taskArn }) => taskArn ?? []);
  return reply.error instanceof ConflictException ? (reply.error.resourceIds ?? []) : [];
}
