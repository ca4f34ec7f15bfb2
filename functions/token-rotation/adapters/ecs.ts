import { DescribeTasksCommand, type ECSClient, paginateListTasks } from '@aws-sdk/client-ecs';
import type { PoolTask } from '../core/rotation.ts';
import { RotationError } from '../errors.ts';
import type { PoolTasks } from '../ports.ts';
import { answered } from './connection-failure.ts';

/** Maximum number of tasks per DescribeTasks call: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const DESCRIBED_AT_ONCE = 100;

/** Implements the port `PoolTasks` with ECS. */
export class EcsPoolTasks implements PoolTasks {
  readonly #client: ECSClient;
  readonly #cluster: string;

  constructor(client: ECSClient, cluster: string) {
    this.#client = client;
    this.#cluster = cluster;
  }

  async tasks(families: readonly string[]): Promise<readonly PoolTask[]> {
    const arns: string[] = [];
    for (const family of families) {
      // A task that is stopping has the desired status STOPPED.
      for (const desiredStatus of ['RUNNING', 'STOPPED'] as const) {
        await this.#answered(this.#list(arns, family, desiredStatus), 'list');
      }
    }
    return this.#describe(arns);
  }

  async #list(arns: string[], family: string, desiredStatus: 'RUNNING' | 'STOPPED'): Promise<void> {
    const pages = paginateListTasks({ client: this.#client }, { cluster: this.#cluster, family, desiredStatus });
    for await (const { taskArns } of pages) {
      if (taskArns === undefined) throw this.#unexpected('list');
      for (const arn of taskArns) arns.push(arn);
    }
  }

  async #describe(arns: readonly string[]): Promise<PoolTask[]> {
    const all: PoolTask[] = [];
    for (let from = 0; from < arns.length; from += DESCRIBED_AT_ONCE) {
      const tasks = arns.slice(from, from + DESCRIBED_AT_ONCE);
      const page = await this.#answered(
        this.#client.send(new DescribeTasksCommand({ cluster: this.#cluster, tasks })),
        'describe',
      );
      if (page.tasks === undefined) throw this.#unexpected('describe');
      for (const { taskArn = '', createdAt, lastStatus = '', startedBy } of page.tasks) {
        all.push({
          id: taskArn.split('/').at(-1) ?? taskArn,
          // A task without a time may have started with any token.
          createdAtMs: createdAt?.getTime() ?? 0,
          status: lastStatus,
          startedBy,
        });
      }
      // A task that was listed but isn't described may be alive. ECS names the reason, such as MISSING.
      for (const { arn = '', reason } of page.failures ?? []) {
        if (reason !== 'MISSING') throw new RotationError(`ECS can't describe the task ${arn} (${reason}).`);
      }
    }
    return all;
  }

  #unexpected(what: string): RotationError {
    return new RotationError(
      `ECS answered the request to ${what} tasks of the cluster ${this.#cluster} without a list.`,
    );
  }

  #answered<T>(answer: Promise<T>, what: string): Promise<T> {
    const failure = `ECS didn't ${what} the tasks of the cluster ${this.#cluster}`;
    return answered(answer, failure, 'The next invocation tries again.');
  }
}
