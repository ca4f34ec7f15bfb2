/** Lists and describes ECS tasks, as many as there are. */
import { DescribeTasksCommand, ListTasksCommand, type ListTasksCommandInput, type Task } from '@aws-sdk/client-ecs';
import type { Aws } from './clients.ts';
import { ask } from './errors.ts';

/** Maximum number of tasks per DescribeTasks call: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const DESCRIBED_AT_ONCE = 100;

/** ARNs of the tasks that should run, unless the filter has another desired status. */
export async function taskArns(
  aws: Aws,
  cluster: string,
  filter: Pick<ListTasksCommandInput, 'desiredStatus' | 'family' | 'startedBy'> = {},
): Promise<string[]> {
  const ecs = await aws.ecs();
  const arns: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ask(
      `list the tasks of the cluster ${cluster}`,
      ecs.send(new ListTasksCommand({ cluster, ...filter, ...(nextToken !== undefined && { nextToken }) })),
    );
    arns.push(...(page.taskArns ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return arns;
}

/** ECS's view of these tasks. It omits tasks that it no longer shows. @param tasks ids or ARNs */
export async function describedTasks(aws: Aws, cluster: string, tasks: readonly string[]): Promise<Task[]> {
  const ecs = await aws.ecs();
  const described: Task[] = [];
  for (let from = 0; from < tasks.length; from += DESCRIBED_AT_ONCE) {
    const page = await ask(
      `describe the tasks of the cluster ${cluster}`,
      ecs.send(new DescribeTasksCommand({ cluster, tasks: tasks.slice(from, from + DESCRIBED_AT_ONCE) })),
    );
    described.push(...(page.tasks ?? []));
  }
  return described;
}

/** The last part of a task's ARN. */
export function taskIdIn(arn: string): string {
  return arn.split('/').at(-1) ?? arn;
}

/** The family in the ARN of a task definition. */
export function familyIn(arn: string): string {
  return /:task-definition\/([^:]+):\d+$/.exec(arn)?.[1] ?? '';
}

interface Created {
  /** Milliseconds since the epoch; `undefined` until ECS shows it. */
  readonly createdAtMs?: number | undefined;
}

/** Sorts tasks by their creation. A task without a time is new. */
export function byCreation(a: Created, b: Created): number {
  return (a.createdAtMs ?? Number.POSITIVE_INFINITY) - (b.createdAtMs ?? Number.POSITIVE_INFINITY);
}
