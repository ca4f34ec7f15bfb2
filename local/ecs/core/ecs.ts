import * as z from 'zod';
import { ApiError, invalidParameter, throttled } from '../../aws/core/api-error.ts';
import { parseInput } from '../../aws/core/parse-input.ts';
import type { Scheduler } from '../../aws/core/scheduler.ts';
import { TokenBucket } from '../../aws/core/token-bucket.ts';
import { type Place, resourceOf } from './arns.ts';
import { Capacity, type VcpuQuotas } from './capacity.ts';
import { Clusters } from './clusters.ts';
import { ClientTokens, type TokenRules, VENDOR_TOKEN_RULES } from './idempotency.ts';
import { Lifecycle, type Phases, type SecretAnswer } from './lifecycle.ts';
import { ReadTasks, taskIdOf } from './read-tasks.ts';
import { RunTask } from './run-task.ts';
import type { TaskRunner } from './runner.ts';
import { StartFailures } from './start-failures.ts';
import { MAX_TAGS, mergeTags, type Tag, tagList } from './tags.ts';
import { type StopCode, type Task, taskView } from './task.ts';
import { TaskDefinitions } from './task-definitions.ts';
import { Vpc, type VpcOptions } from './vpc.ts';
import { STOPPED_BY_USER } from './wording.ts';

/** Rates of RunTask on Fargate, https://docs.aws.amazon.com/AmazonECS/latest/userguide/throttling.html */
export const VENDOR_RATES = {
  runTaskCalls: { burst: 20, perSecond: 20 },
  launches: { burst: 100, perSecond: 20 },
};

export interface EcsRules {
  readonly place: Place;
  readonly scheduler: Scheduler;
  readonly runner: TaskRunner;
  readonly hex: (digits: number) => string;
  readonly secret: (valueFrom: string, executionRoleArn: string | undefined) => SecretAnswer;
  readonly vpc: VpcOptions;
  readonly phases: Phases | ((task: Task) => Phases);
  /** Milliseconds for which List and Describe don't show a new task. */
  readonly readLagMs?: number;
  /** The task as one read of List or Describe shows it. Default: the current state, as soon as {@link readLagMs} is over. */
  readonly shown?: (task: Task) => Task | undefined;
  /** Milliseconds for which a stopped task is shown. The vendor says "at least one hour". */
  readonly stoppedTaskRetentionMs?: number;
  readonly clientTokens?: TokenRules & { readonly compareRevision?: boolean };
  readonly quotas?: VcpuQuotas;
  /** The vendor's rates ({@link VENDOR_RATES}) or others. Default: no limits. */
  readonly rates?: typeof VENDOR_RATES;
}

const stopRequest = z.object({
  cluster: z.string().default('default'),
  task: z.string({ error: 'taskId can not be blank.' }).min(1, 'taskId can not be blank.'),
  reason: z.string().optional(),
});
const tagRequest = z.object({ resourceArn: z.string(), tags: tagList });
const untagRequest = z.object({ resourceArn: z.string(), tagKeys: z.array(z.string()) });
const tagsOfRequest = z.object({ resourceArn: z.string() });

/**
 * Amazon ECS with Fargate as its only capacity: every API action as a function of its input, and methods with which a test
 * injects faults. It doesn't depend on HTTP, processes or the real clock.
 */
export class Ecs {
  readonly clusters: Clusters;
  readonly definitions: TaskDefinitions;
  readonly capacity: Capacity;
  readonly startFailures = new StartFailures();
  readonly #rules: EcsRules;
  readonly #tasks = new Map<string, Task>();
  /** Stopped tasks, in the order in which they stopped. */
  readonly #stopped: Task[] = [];
  readonly #lifecycle: Lifecycle;
  readonly #runTask: RunTask;
  readonly #readTasks: ReadTasks;
  readonly #runTaskCalls: TokenBucket | undefined;
  readonly #listeners = new Set<(task: Task) => void>();

  constructor(rules: EcsRules) {
    this.#rules = rules;
    const { place, scheduler, runner, hex, secret, phases, rates } = rules;
    const now = (): number => scheduler.now();
    const tasks = (): Iterable<Task> => this.tasks();
    this.clusters = new Clusters(place, tasks);
    this.definitions = new TaskDefinitions(place, now);
    this.capacity = new Capacity(rules.quotas ?? {});
    this.#lifecycle = new Lifecycle({
      scheduler,
      runner,
      secret,
      phases: typeof phases === 'function' ? phases : () => phases,
      startFailures: this.startFailures,
      changed: (task) => {
        if (task.lastStatus === 'STOPPED') this.#stopped.push(task);
        for (const listener of this.#listeners) listener(task);
      },
    });
    this.#runTaskCalls = rates === undefined ? undefined : new TokenBucket(rates.runTaskCalls);
    this.#runTask = new RunTask({
      place,
      now,
      hex,
      tasks,
      clusters: this.clusters,
      definitions: this.definitions,
      capacity: this.capacity,
      tokens: new ClientTokens(rules.clientTokens ?? VENDOR_TOKEN_RULES),
      tokensCompareRevision: rules.clientTokens?.compareRevision ?? true,
      vpc: new Vpc(rules.vpc),
      ...(rates === undefined
        ? {}
        : { launches: { onDemand: new TokenBucket(rates.launches), spot: new TokenBucket(rates.launches) } }),
      begin: (task) => {
        this.#tasks.set(task.id, task);
        this.#lifecycle.begin(task);
      },
    });
    const { readLagMs = 0, shown = (task) => (now() - task.createdAt >= readLagMs ? task : undefined) } = rules;
    this.#readTasks = new ReadTasks({
      place,
      tasks,
      clusters: this.clusters,
      byId: (id) => this.task(id),
      shown,
    });
  }

  /** All actions by name. An action returns the API's response or throws {@link ApiError}. */
  readonly actions: Readonly<Record<string, (input: unknown) => object>> = {
    CreateCluster: (input) => this.clusters.create(input),
    DescribeClusters: (input) => this.clusters.describe(input),
    ListClusters: (input) => this.clusters.list(input),
    DeleteCluster: (input) => this.clusters.delete(input),
    PutClusterCapacityProviders: (input) => this.clusters.putCapacityProviders(input),
    RegisterTaskDefinition: (input) => this.definitions.register(input),
    DescribeTaskDefinition: (input) => this.definitions.describe(input),
    DeregisterTaskDefinition: (input) => this.definitions.deregister(input),
    ListTaskDefinitions: (input) => this.definitions.list(input),
    ListTaskDefinitionFamilies: (input) => this.definitions.listFamilies(input),
    RunTask: (input) => this.#run(input),
    DescribeTasks: (input) => this.#describe(input),
    ListTasks: (input) => this.#readTasks.list(input),
    StopTask: (input) => this.#stop(input),
    TagResource: (input) => this.#tag(input),
    UntagResource: (input) => this.#untag(input),
    ListTagsForResource: (input) => {
      const { resourceArn } = parseInput(tagsOfRequest, input);
      return { tags: this.#tagged(resourceArn).tags };
    },
  };

  /** The tasks that the API still knows, oldest first. */
  tasks(): Iterable<Task> {
    this.#forgetOld();
    return this.#tasks.values();
  }

  /** Finds a task by id or ARN. */
  task(idOrArn: string): Task | undefined {
    this.#forgetOld();
    return this.#tasks.get(idOrArn.split('/').at(-1) ?? idOrArn);
  }

  /** Calls `listener` after every change of a task, like EventBridge. @returns a function that unsubscribes */
  onTaskChange(listener: (task: Task) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** ECS stops the task on its own: SIGTERM immediately, SIGKILL after `stopTimeout`. Does nothing if the task is already stopping. */
  stop(task: Task, code: StopCode, reason: string): void {
    this.#lifecycle.stop(task, code, reason);
  }

  /** Kills the container because it ran out of memory: exit code 137. @returns false if the task has none running */
  outOfMemory(task: Task, containerName?: string): boolean {
    return this.#lifecycle.outOfMemory(task, containerName);
  }

  /** Kills the task's container with SIGKILL: exit code 137. @returns false if the task has none running */
  kill(task: Task): boolean {
    return this.#lifecycle.kill(task);
  }

  /** Stops all scheduled changes of tasks. */
  close(): void {
    this.#lifecycle.close();
  }

  #run(input: unknown): object {
    if (this.#runTaskCalls?.take(1, this.#rules.scheduler.now()) === false) throw throttled();
    const { tasks, failures } = this.#runTask.run(input);
    return { tasks: tasks.map((task) => taskView(task, true)), failures };
  }

  #describe(input: unknown): object {
    const { tasks, failures, withTags } = this.#readTasks.describe(input);
    return { tasks: tasks.map((task) => taskView(task, withTags)), failures };
  }

  #stop(input: unknown): object {
    const request = parseInput(stopRequest, input);
    const cluster = this.clusters.find(request.cluster);
    const task = this.task(taskIdOf(request.task, cluster));
    if (task?.clusterName !== cluster.name) throw invalidParameter('The referenced task was not found.');
    if (task.lastStatus !== 'STOPPED') {
      // "Any tags associated with the task will be deleted."
      task.tags = [];
      this.#lifecycle.stop(task, 'UserInitiated', request.reason ?? STOPPED_BY_USER);
    }
    return { task: taskView(task, true) };
  }

  #tag(input: unknown): object {
    const { resourceArn, tags } = parseInput(tagRequest, input);
    const resource = this.#tagged(resourceArn);
    const merged = mergeTags(resource.tags, tags);
    if (merged.length > MAX_TAGS) throw invalidParameter(`Tags can have at most ${MAX_TAGS} items.`);
    resource.tags = merged;
    return {};
  }

  #untag(input: unknown): object {
    const { resourceArn, tagKeys } = parseInput(untagRequest, input);
    const resource = this.#tagged(resourceArn);
    resource.tags = resource.tags.filter(({ key }) => !tagKeys.includes(key));
    return {};
  }

  #tagged(arn: string): { tags: readonly Tag[] } {
    const clusterName = resourceOf(arn, 'cluster');
    const definition = resourceOf(arn, 'task-definition');
    const task = resourceOf(arn, 'task');
    const resource =
      clusterName !== undefined
        ? this.clusters.byArn(arn)
        : definition !== undefined
          ? this.definitions.find(arn)
          : this.task(task ?? '');
    if (resource === undefined) {
      if (task !== undefined) throw new ApiError('ResourceNotFoundException', 'The specified task does not exist.');
      throw invalidParameter(`The specified resource was not found: ${arn}`);
    }
    return resource;
  }

  #forgetOld(): void {
    const horizon = this.#rules.scheduler.now() - (this.#rules.stoppedTaskRetentionMs ?? 3_600_000);
    for (
      let oldest = this.#stopped[0];
      oldest !== undefined && (oldest.stoppedAt ?? 0) < horizon;
      oldest = this.#stopped[0]
    ) {
      this.#tasks.delete(oldest.id);
      this.#stopped.shift();
    }
  }
}
