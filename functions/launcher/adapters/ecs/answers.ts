import * as z from 'zod';
import { TASK_TAGS } from '../../contract.ts';
import { ARCHITECTURES, type Architecture, type Capacity, type Task } from '../../core/types.ts';

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
  pullStoppedAt: time,
  startedAt: time,
  executionStoppedAt: time,
  stoppedAt: time,
  stopCode: z.string().optional(),
  stoppedReason: z.string().optional(),
  cpu: z.string().optional(),
  memory: z.string().optional(),
  ephemeralStorage: z.object({ sizeInGiB: z.number() }).optional(),
  capacityProviderName: z.string().optional(),
  attributes: z.array(z.object({ name: z.string(), value: z.string().optional() })).optional(),
  tags: z.array(z.object({ key: z.string().optional(), value: z.string().optional() })).optional(),
  containers: z
    .array(z.object({ name: z.string().optional(), exitCode: z.number().optional(), reason: z.string().optional() }))
    .optional(),
});

/** @param container - name of the agent's container in the task definition. */
export function taskOf(answer: z.infer<typeof ecsTask>, container: string): Task {
  const tagged = (tag: string) => answer.tags?.find(({ key }) => key === tag)?.value;
  const attempt = Number(tagged(TASK_TAGS.attempt));
  const agent = answer.containers?.find(({ name }) => name === container);
  return {
    id: taskIdOf(answer.taskArn),
    family: familyOf(answer.taskDefinitionArn),
    startedBy: answer.startedBy,
    attempt: Number.isSafeInteger(attempt) && attempt > 0 ? attempt : undefined,
    lastStatus: answer.lastStatus,
    desiredStatus: answer.desiredStatus,
    createdAtMs: createdAtOf(answer),
    pullStartedAtMs: answer.pullStartedAt,
    pullStoppedAtMs: answer.pullStoppedAt,
    startedAtMs: answer.startedAt,
    executionStoppedAtMs: answer.executionStoppedAt,
    stoppedAtMs: answer.stoppedAt,
    stopCode: answer.stopCode,
    stoppedReason: answer.stoppedReason,
    cpu: answer.cpu === undefined ? undefined : Number(answer.cpu),
    memoryMiB: answer.memory === undefined ? undefined : Number(answer.memory),
    ephemeralStorageGiB: answer.ephemeralStorage?.sizeInGiB,
    architecture: architectureOf(answer),
    capacity: CAPACITY_OF.get(answer.capacityProviderName ?? ''),
    workspaceId: tagged(TASK_TAGS.workspace),
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

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html */
const CAPACITY_OF: ReadonlyMap<string, Capacity> = new Map([
  ['FARGATE', 'on-demand'],
  ['FARGATE_SPOT', 'spot'],
]);

/** ECS adds this attribute to a task on Fargate. UNVERIFIED: the API reference doesn't list it. */
const ARCHITECTURE_ATTRIBUTE = 'ecs.cpu-architecture';

function architectureOf({ attributes }: z.infer<typeof ecsTask>): Architecture | undefined {
  const value = attributes?.find(({ name }) => name === ARCHITECTURE_ATTRIBUTE)?.value;
  return ARCHITECTURES.find((one) => one === value);
}

/** The last part of a task's ARN, which the task also uses as its agent's name. */
export function taskIdOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

function familyOf(taskDefinitionArn: string): string {
  return taskDefinitionArn.replace(/^.*:task-definition\//, '').replace(/:\d+$/, '');
}
