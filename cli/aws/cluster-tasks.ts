/** Lists the tasks of the agents' cluster. */
import type { Task } from '@aws-sdk/client-ecs';
import type { Capacity } from '../../functions/launcher/contract.ts';
import { hasStopped } from '../core/task-status.ts';
import type { Aws } from './clients.ts';
import { byCreation, describedTasks, familyIn, taskArns, taskIdIn } from './ecs-tasks.ts';

/** A task that ECS hasn't stopped completely. */
export interface ClusterTask {
  /** Last part of the ARN, and the name of the task's agent. */
  readonly id: string;
  /** Family of the task definition, which belongs to one lane of a pool. */
  readonly family: string;
  /** ECS's status, such as `RUNNING`: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */
  readonly lastStatus: string;
  readonly desiredStatus: string;
  /** Milliseconds since the epoch; `undefined` until ECS shows it. */
  readonly createdAtMs: number | undefined;
  readonly vcpus: number;
  readonly capacity: Capacity;
  /** The job that the task was launched for: `run-…/plan`, or the key of a warm agent or a sweep. */
  readonly startedBy: string | undefined;
}

export interface ClusterTasks {
  /** Tasks that aren't stopped yet, oldest first. The stopping ones still have a network interface. */
  readonly live: readonly ClusterTask[];
  /** Ids of all tasks that ECS lists, including those that stopped in the last hour or so. */
  readonly ids: ReadonlySet<string>;
}

export async function clusterTasks(aws: Aws, cluster: string): Promise<ClusterTasks> {
  const running = await taskArns(aws, cluster, { desiredStatus: 'RUNNING' });
  const stopped = await taskArns(aws, cluster, { desiredStatus: 'STOPPED' });
  const arns = [...new Set([...running, ...stopped])];
  const tasks = await describedTasks(aws, cluster, arns);
  return {
    live: tasks
      .map(taskOf)
      .filter((task) => !hasStopped(task))
      .sort(byCreation),
    ids: new Set(arns.map(taskIdIn)),
  };
}

function taskOf(task: Task): ClusterTask {
  return {
    id: taskIdIn(task.taskArn ?? ''),
    family: familyIn(task.taskDefinitionArn ?? ''),
    lastStatus: task.lastStatus ?? '',
    desiredStatus: task.desiredStatus ?? '',
    createdAtMs: task.createdAt?.getTime(),
    vcpus: Number(task.cpu ?? 0) / 1024,
    capacity: task.capacityProviderName === 'FARGATE_SPOT' ? 'spot' : 'on-demand',
    startedBy: task.startedBy,
  };
}
