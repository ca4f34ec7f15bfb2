/** Reads tasks of the launcher's cluster from ECS. */
import type { Task } from '@aws-sdk/client-ecs';
import { AGENT_CONTAINER } from '../../functions/launcher/contract.ts';
import type { TaskFacts } from '../core/why/evidence.ts';
import type { Aws } from './clients.ts';
import { byCreation, describedTasks, familyIn, taskArns, taskIdIn } from './ecs-tasks.ts';

/** Maximum number of tasks of a run that are described: the newest ones tell enough. */
const MOST_DESCRIBED = 100;

/** Ids of the live tasks that were launched for this job. */
export async function tasksStartedBy(aws: Aws, cluster: string, jobKey: string): Promise<string[]> {
  return (await taskArns(aws, cluster, { startedBy: jobKey })).map(taskIdIn);
}

/** Describes tasks, oldest first. Tasks that ECS no longer shows are absent: it forgets a task about an hour after it stopped. */
export async function describeTasks(aws: Aws, cluster: string, ids: readonly string[]): Promise<TaskFacts[]> {
  const wanted = [...new Set(ids)].slice(-MOST_DESCRIBED);
  return (await describedTasks(aws, cluster, wanted)).map(factsOf).sort(byCreation);
}

function factsOf(task: Task): TaskFacts {
  const agent = task.containers?.find(({ name }) => name === AGENT_CONTAINER);
  return {
    id: taskIdIn(task.taskArn ?? ''),
    family: familyIn(task.taskDefinitionArn ?? ''),
    startedBy: task.startedBy,
    lastStatus: task.lastStatus ?? '',
    createdAtMs: task.createdAt?.getTime(),
    pullStartedAtMs: task.pullStartedAt?.getTime(),
    pullStoppedAtMs: task.pullStoppedAt?.getTime(),
    startedAtMs: task.startedAt?.getTime(),
    stoppedAtMs: (task.stoppedAt ?? task.executionStoppedAt)?.getTime(),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    containerReason: agent?.reason,
    exitCode: agent?.exitCode,
    address: task.attachments?.flatMap(({ details }) => details ?? []).find(({ name }) => name === 'privateIPv4Address')
      ?.value,
  };
}
