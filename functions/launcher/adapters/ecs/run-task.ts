import type { RunTaskCommandInput } from '@aws-sdk/client-ecs';
import { TASK_TAGS } from '../../contract.ts';
import { clientTokenOf } from '../../core/token.ts';
import type { LaunchRequest } from '../../ports.ts';

/** Where tasks run: the same for every launch. */
export interface TaskPlacement {
  readonly cluster: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
}

/**
 * The RunTask call of a launch. Made of the request and the deployment only, nothing of the moment: with one and the
 * same token any other parameter would turn a harmless repetition into a conflict.
 */
export function runTaskInput(
  { pool, lane, job, attempt }: LaunchRequest,
  placement: TaskPlacement,
): RunTaskCommandInput {
  return {
    cluster: placement.cluster,
    taskDefinition: lane.taskDefinition,
    launchType: 'FARGATE',
    count: 1,
    clientToken: clientTokenOf(job, attempt),
    startedBy: job.key,
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: [...placement.subnets],
        securityGroups: [...placement.securityGroups],
        assignPublicIp: placement.assignPublicIp,
      },
    },
    enableExecuteCommand: false,
    propagateTags: 'TASK_DEFINITION',
    tags: [
      { key: TASK_TAGS.run, value: job.runId },
      { key: TASK_TAGS.workspace, value: job.workspaceId },
      { key: TASK_TAGS.phase, value: job.phase },
      { key: TASK_TAGS.pool, value: pool.name },
      { key: TASK_TAGS.attempt, value: String(attempt) },
    ],
  };
}
