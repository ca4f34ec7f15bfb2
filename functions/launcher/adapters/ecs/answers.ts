import * as z from 'zod';
import { TASK_TAGS } from '../../contract.ts';
import type { Task } from '../../core/types.ts';

/** ECS tasks as the SDK returns them, where every member is optional. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html */
const time = z
  .date()
  .transform((date) => date.getTime())
  .optional();

export const ecsTask = z.object({
  taskArn: z.string().regex(/^arn:[^:]+:ecs:[^:]*:\d*:task\/.+/),
  taskDefinitionArn: z.string().regex(/:task-definition\/[^:]+:\d+$/),
  lastStatus: z.string().min(1),
  desiredStatus: z.string().min(1),
  startedBy: z.string().optional(),
  createdAt: time,
  connectivityAt: time,
  pullStartedAt: time,
  startedAt: time,
  executionStoppedAt: time,
  stoppedAt: time,
  stopCode: z.string().optional(),
  stoppedReason: z.string().optional(),
  memory: z.string().optional(),
  tags: z.array(z.object({ key: z.string().optional(), value: z.string().optional() })).optional(),
  containers: z
    .array(z.object({ name: z.string().optional(), exitCode: z.number().optional(), reason: z.string().optional() }))
    .optional(),
});

/** @param container - name of the agent's container in the task definition. */
export function taskOf(answer: z.infer<typeof ecsTask>, container: string): Task {
  const attempt = Number(answer.tags?.find(({ key }) => key === TASK_TAGS.attempt)?.value);
  const agent = answer.containers?.find(({ name }) => name === container);
  return {
    id: taskIdOf(answer.taskArn),
    family: familyOf(answer.taskDefinitionArn),
    startedBy: answer.startedBy,
    attempt: Number.isSafeInteger(attempt) && attempt > 0 ? attempt : undefined,
    lastStatus: answer.lastStatus,
    desiredStatus: answer.desiredStatus,
    createdAtMs: createdAtOf(answer),
    startedAtMs: answer.startedAt,
    executionStoppedAtMs: answer.executionStoppedAt,
    stoppedAtMs: answer.stoppedAt,
    stopCode: answer.stopCode,
    stoppedReason: answer.stoppedReason,
    memoryMiB: answer.memory === undefined ? undefined : Number(answer.memory),
    exitCode: agent?.exitCode,
    containerReason: agent?.reason,
  };
}

/**
 * When ECS created a task, or the earliest known time. `createdAt` can be missing: the API reference defines it as the time when the task *entered
 * the PENDING state*. A task that is PROVISIONING may have no time at all. ECS itself ends such a task if its network fails.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
 */
function createdAtOf(answer: z.infer<typeof ecsTask>): number | undefined {
  if (answer.createdAt !== undefined) return answer.createdAt;
  const { connectivityAt, pullStartedAt, startedAt, executionStoppedAt, stoppedAt } = answer;
  const times = [connectivityAt, pullStartedAt, startedAt, executionStoppedAt, stoppedAt];
  return times.filter((at) => at !== undefined).toSorted((a, b) => a - b)[0];
}

/** The last part of a task's ARN, which the task also uses as its agent's name. */
export function taskIdOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

function familyOf(taskDefinitionArn: string): string {
  return taskDefinitionArn.replace(/^.*:task-definition\//, '').replace(/:\d+$/, '');
}
