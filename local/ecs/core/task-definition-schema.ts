import * as z from 'zod';
import { tagList } from './tags.ts';

const pair = z.object({ name: z.string().optional(), value: z.string().optional() });

const containerDefinition = z.looseObject({
  name: z
    .string({ error: 'Container.name should not be null or empty.' })
    .regex(/^[A-Za-z0-9_-]{1,255}$/, 'Invalid container name: up to 255 letters, numbers, hyphens and underscores.'),
  image: z
    .string({ error: 'Container.image should not be null or empty.' })
    .min(1, 'Container.image should not be null or empty.'),
  cpu: z.int().nonnegative().optional(),
  memory: z.int().min(6).optional(),
  memoryReservation: z.int().min(6).optional(),
  essential: z.boolean().optional(),
  entryPoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  environment: z.array(pair).optional(),
  environmentFiles: z.array(z.object({ value: z.string(), type: z.string() })).optional(),
  secrets: z.array(z.object({ name: z.string().min(1), valueFrom: z.string().min(1) })).optional(),
  workingDirectory: z.string().optional(),
  user: z.string().optional(),
  readonlyRootFilesystem: z.boolean().optional(),
  stopTimeout: z.int().optional(),
  startTimeout: z.int().optional(),
  privileged: z.boolean().optional(),
  links: z.array(z.string()).optional(),
  dnsServers: z.array(z.string()).optional(),
  dnsSearchDomains: z.array(z.string()).optional(),
  extraHosts: z.array(z.unknown()).optional(),
  dockerSecurityOptions: z.array(z.string()).optional(),
  mountPoints: z
    .array(
      z.looseObject({
        sourceVolume: z.string().optional(),
        containerPath: z.string().optional(),
        readOnly: z.boolean().optional(),
      }),
    )
    .optional(),
  linuxParameters: z
    .looseObject({
      capabilities: z.object({ add: z.array(z.string()).optional(), drop: z.array(z.string()).optional() }).optional(),
      devices: z.array(z.unknown()).optional(),
      initProcessEnabled: z.boolean().optional(),
      sharedMemorySize: z.int().optional(),
      tmpfs: z.array(z.unknown()).optional(),
      maxSwap: z.int().optional(),
      swappiness: z.int().optional(),
    })
    .optional(),
  restartPolicy: z
    .object({
      enabled: z.boolean(),
      ignoredExitCodes: z.array(z.int()).max(50).optional(),
      restartAttemptPeriod: z.int().min(60).max(1800).optional(),
    })
    .optional(),
  logConfiguration: z
    .looseObject({ logDriver: z.string(), options: z.record(z.string(), z.string()).optional() })
    .optional(),
});

/** Schema of RegisterTaskDefinition's input. It only checks types; task-definition-rules.ts checks Fargate's requirements. */
export const registerRequest = z.object({
  family: z
    .string({ error: 'Family should not be null or empty.' })
    .regex(/^[A-Za-z0-9_-]{1,255}$/, 'Invalid family: up to 255 letters, numbers, hyphens and underscores.'),
  containerDefinitions: z
    .array(containerDefinition, { error: 'Container definitions should not be null or empty.' })
    .min(1, 'Container definitions should not be null or empty.')
    .max(10, 'A task definition can have at most 10 container definitions.'),
  cpu: z.string().optional(),
  memory: z.string().optional(),
  networkMode: z.enum(['bridge', 'host', 'awsvpc', 'none']).optional(),
  requiresCompatibilities: z.array(z.enum(['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'])).default([]),
  taskRoleArn: z.string().optional(),
  executionRoleArn: z.string().optional(),
  volumes: z
    .array(
      z.looseObject({
        name: z.string().optional(),
        host: z.looseObject({ sourcePath: z.string().optional() }).optional(),
      }),
    )
    .default([]),
  ephemeralStorage: z.object({ sizeInGiB: z.int() }).optional(),
  runtimePlatform: z
    .object({ cpuArchitecture: z.enum(['X86_64', 'ARM64']).optional(), operatingSystemFamily: z.string().optional() })
    .optional(),
  placementConstraints: z.array(z.unknown()).default([]),
  pidMode: z.string().optional(),
  ipcMode: z.string().optional(),
  proxyConfiguration: z.unknown().optional(),
  enableFaultInjection: z.boolean().optional(),
  tags: tagList.default([]),
});

/** Input of RegisterTaskDefinition, also for callers in the same process. */
export type RegisterTaskDefinitionInput = z.input<typeof registerRequest>;
export type RegisterTaskDefinitionRequest = z.output<typeof registerRequest>;
export type ContainerDefinition = z.output<typeof containerDefinition>;
