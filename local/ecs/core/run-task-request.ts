import * as z from 'zod';
import { capacityStrategy } from './capacity-strategy.ts';
import { tagList } from './tags.ts';
import { EPHEMERAL_STORAGE } from './task-definition-rules.ts';

/**
 * RunTask's input, https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 *
 * A member of the overrides that can't be overridden (`secrets`, `image`, `entryPoint`, …) causes an error instead of being ignored.
 */

const MAX_OVERRIDES = 8192;

const storageText = `ephemeralStorage must be ${EPHEMERAL_STORAGE.least} to ${EPHEMERAL_STORAGE.most} GiB.`;

const containerOverride = z.strictObject({
  name: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.array(z.strictObject({ name: z.string().optional(), value: z.string().optional() })).optional(),
  environmentFiles: z.array(z.strictObject({ value: z.string(), type: z.literal('s3') })).optional(),
  cpu: z.int().optional(),
  memory: z.int().optional(),
  memoryReservation: z.int().optional(),
  resourceRequirements: z.array(z.strictObject({ value: z.string(), type: z.string() })).optional(),
});

const overrides = z
  .strictObject({
    containerOverrides: z.array(containerOverride).optional(),
    inferenceAcceleratorOverrides: z.array(z.unknown()).optional(),
    cpu: z.string().optional(),
    memory: z.string().optional(),
    executionRoleArn: z.string().optional(),
    taskRoleArn: z.string().optional(),
    ephemeralStorage: z
      .strictObject({
        sizeInGiB: z.int().min(EPHEMERAL_STORAGE.least, storageText).max(EPHEMERAL_STORAGE.most, storageText),
      })
      .optional(),
  })
  .refine(
    (value) => JSON.stringify(value).length <= MAX_OVERRIDES,
    `Container Overrides length must be at most ${MAX_OVERRIDES}.`,
  )
  .refine(
    ({ containerOverrides = [] }) =>
      containerOverrides.every(({ name, ...rest }) => name !== undefined || Object.keys(rest).length === 0),
    'Container Overrides require a container name.',
  );

const networkConfiguration = z.object({
  awsvpcConfiguration: z
    .object({
      subnets: z
        .array(z.string(), { error: 'subnets can not be empty.' })
        .min(1, 'subnets can not be empty.')
        .max(16, 'subnets can have at most 16 items.'),
      securityGroups: z.array(z.string()).max(5, 'securityGroups can have at most 5 items.').default([]),
      assignPublicIp: z.enum(['ENABLED', 'DISABLED']).default('DISABLED'),
    })
    .optional(),
});

export const runTaskRequest = z.object({
  cluster: z.string().default('default'),
  taskDefinition: z.string({ error: 'TaskDefinition can not be blank.' }).min(1, 'TaskDefinition can not be blank.'),
  count: z.int().min(1, 'count must be 1 to 10.').max(10, 'count must be 1 to 10.').default(1),
  clientToken: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/, 'clientToken must be 1 to 64 characters in the range of 33 to 126 (ASCII).')
    .optional(),
  startedBy: z
    .string()
    .regex(/^[A-Za-z0-9/_-]{0,128}$/, 'startedBy must be up to 128 letters, numbers, hyphens, slashes and underscores.')
    .optional(),
  group: z.string().max(255, 'group must be at most 255 characters long.').optional(),
  launchType: z.enum(['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES']).optional(),
  capacityProviderStrategy: capacityStrategy.default([]),
  platformVersion: z.string().default('LATEST'),
  networkConfiguration: networkConfiguration.optional(),
  overrides: overrides.default({}),
  tags: tagList.default([]),
  propagateTags: z.enum(['TASK_DEFINITION', 'SERVICE', 'NONE']).optional(),
  enableECSManagedTags: z.boolean().default(false),
  enableExecuteCommand: z.boolean().default(false),
  referenceId: z.string().optional(),
  placementConstraints: z.array(z.unknown()).default([]),
  placementStrategy: z.array(z.unknown()).default([]),
  volumeConfigurations: z.array(z.unknown()).default([]),
});

export type RunTaskRequest = z.output<typeof runTaskRequest>;
