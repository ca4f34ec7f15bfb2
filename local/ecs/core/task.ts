import type { Subnet } from './capacity.ts';
import type { FargateSize } from './fargate-size.ts';
import type { Tag } from './tags.ts';
import type { ContainerDefinition } from './task-definition-schema.ts';
import type { TaskDefinition } from './task-definitions.ts';

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */
export type TaskStatus =
  | 'PROVISIONING'
  | 'PENDING'
  | 'ACTIVATING'
  | 'RUNNING'
  | 'DEACTIVATING'
  | 'STOPPING'
  | 'DEPROVISIONING'
  | 'STOPPED';

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html */
export type StopCode =
  | 'TaskFailedToStart'
  | 'EssentialContainerExited'
  | 'UserInitiated'
  | 'ServiceSchedulerInitiated'
  | 'SpotInterruption'
  | 'TerminationNotice';

export interface ContainerOverride {
  readonly name?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly environment?:
    | readonly { readonly name?: string | undefined; readonly value?: string | undefined }[]
    | undefined;
  readonly environmentFiles?: readonly unknown[] | undefined;
}

export interface Container {
  readonly definition: ContainerDefinition;
  readonly override: ContainerOverride;
  readonly arn: string;
  /** `<task id>-<number>`: identifies the container in the metadata endpoint. */
  readonly runtimeId: string;
  lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  imageDigest?: string;
  startedAt?: number;
  exitCode?: number;
  reason?: string;
}

export interface TaskChange {
  readonly at: number;
  readonly lastStatus: TaskStatus;
  readonly desiredStatus: 'RUNNING' | 'STOPPED';
  readonly version: number;
}

/** A task with its whole state. Times are milliseconds since the epoch. */
export interface Task {
  readonly id: string;
  readonly arn: string;
  /** Number of the task on this server. ListTasks uses this order. */
  readonly sequence: number;
  readonly clusterName: string;
  readonly clusterArn: string;
  readonly definition: TaskDefinition;
  readonly size: FargateSize;
  /** GiB */
  readonly ephemeralStorage: number;
  readonly executionRoleArn?: string;
  readonly taskRoleArn?: string;
  readonly overrides: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly launchType: 'FARGATE';
  readonly capacityProvider?: string;
  readonly spot: boolean;
  readonly platformVersion: string;
  readonly startedBy?: string;
  readonly group: string;
  readonly enableExecuteCommand: boolean;
  readonly subnet: Subnet;
  readonly network: {
    readonly attachmentId: string;
    readonly interfaceId: string;
    readonly address: string;
    readonly mac: string;
  };
  tags: readonly Tag[];
  lastStatus: TaskStatus;
  desiredStatus: 'RUNNING' | 'STOPPED';
  version: number;
  connectivity?: 'CONNECTED' | 'DISCONNECTED';
  stopCode?: StopCode;
  stoppedReason?: string;
  readonly createdAt: number;
  connectivityAt?: number;
  pullStartedAt?: number;
  pullStoppedAt?: number;
  startedAt?: number;
  stoppingAt?: number;
  executionStoppedAt?: number;
  stoppedAt?: number;
  /** Every change so far, including the first. */
  readonly history: TaskChange[];
}

/** The members of a task that are timestamps. */
export const TASK_TIMES = [
  'createdAt',
  'connectivityAt',
  'pullStartedAt',
  'pullStoppedAt',
  'startedAt',
  'stoppingAt',
  'executionStoppedAt',
  'stoppedAt',
] as const;

/** The task as the API shows it, with times in seconds. Members without a value don't get into the response's JSON. */
export function taskView(task: Task, withTags: boolean): Record<string, unknown> {
  const { network, ephemeralStorage } = task;
  const seconds = Object.fromEntries(
    TASK_TIMES.flatMap((time) => {
      const at = task[time];
      return at === undefined ? [] : [[time, at / 1000]];
    }),
  );
  return {
    attachments: [
      {
        id: network.attachmentId,
        type: 'ElasticNetworkInterface',
        status: attachmentStatus(task.lastStatus),
        details: [
          { name: 'subnetId', value: task.subnet.id },
          ...(task.connectivityAt === undefined
            ? []
            : [
                { name: 'networkInterfaceId', value: network.interfaceId },
                { name: 'macAddress', value: network.mac },
                { name: 'privateIPv4Address', value: network.address },
              ]),
        ],
      },
    ],
    attributes: [{ name: 'ecs.cpu-architecture', value: architectureOf(task) }],
    availabilityZone: task.subnet.availabilityZone,
    capacityProviderName: task.capacityProvider,
    clusterArn: task.clusterArn,
    connectivity: task.connectivity,
    containers: task.containers.map((container) => containerView(task, container)),
    cpu: String(task.size.cpu),
    desiredStatus: task.desiredStatus,
    enableExecuteCommand: task.enableExecuteCommand,
    group: task.group,
    healthStatus: 'UNKNOWN',
    lastStatus: task.lastStatus,
    launchType: task.launchType,
    memory: String(task.size.memory),
    overrides: task.overrides,
    platformVersion: task.platformVersion,
    platformFamily: 'Linux',
    startedBy: task.startedBy,
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    tags: withTags ? task.tags : [],
    taskArn: task.arn,
    taskDefinitionArn: task.definition.arn,
    version: task.version,
    ephemeralStorage: { sizeInGiB: ephemeralStorage },
    fargateEphemeralStorage: { sizeInGiB: ephemeralStorage },
    ...seconds,
  };
}

export function architectureOf(task: Task): 'x86_64' | 'arm64' {
  return task.definition.request.runtimePlatform?.cpuArchitecture === 'ARM64' ? 'arm64' : 'x86_64';
}

function containerView(task: Task, container: Container): Record<string, unknown> {
  const { definition } = container;
  return {
    containerArn: container.arn,
    taskArn: task.arn,
    name: definition.name,
    image: definition.image,
    imageDigest: container.imageDigest,
    runtimeId: container.imageDigest === undefined ? undefined : container.runtimeId,
    lastStatus: container.lastStatus,
    exitCode: container.exitCode,
    reason: container.reason?.slice(0, 1024),
    networkBindings: [],
    networkInterfaces:
      task.connectivityAt === undefined
        ? []
        : [{ attachmentId: task.network.attachmentId, privateIpv4Address: task.network.address }],
    healthStatus: 'UNKNOWN',
    cpu: String(definition.cpu ?? 0),
    memory: definition.memory === undefined ? undefined : String(definition.memory),
    memoryReservation: definition.memoryReservation === undefined ? undefined : String(definition.memoryReservation),
  };
}

function attachmentStatus(status: TaskStatus): string {
  if (status === 'PROVISIONING') return 'PRECREATED';
  if (status === 'DEPROVISIONING') return 'DETACHING';
  return status === 'STOPPED' ? 'DELETED' : 'ATTACHED';
}
