import type { Container, Task } from './core/task.ts';

/**
 * The task metadata endpoint of Fargate, version 4,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
 *
 * @param path after the container's own URI: empty, `/task`, `/taskWithTags`
 * @returns undefined if there is no such document
 */
export function metadataDocument(task: Task, container: Container, path: string): object | undefined {
  if (path === '') return containerDocument(task, container);
  if (path === '/task') return taskDocument(task);
  if (path === '/taskWithTags') {
    return { ...taskDocument(task), TaskTags: Object.fromEntries(task.tags.map(({ key, value }) => [key, value])) };
  }
  return undefined;
}

function taskDocument(task: Task): object {
  return {
    Cluster: task.clusterArn,
    TaskARN: task.arn,
    Family: task.definition.family,
    Revision: String(task.definition.revision),
    DesiredStatus: task.desiredStatus,
    KnownStatus: task.lastStatus,
    Limits: { CPU: task.size.cpu / 1024, Memory: task.size.memory },
    ...time('PullStartedAt', task.pullStartedAt),
    ...time('PullStoppedAt', task.pullStoppedAt),
    AvailabilityZone: task.subnet.availabilityZone,
    LaunchType: task.launchType,
    Containers: task.containers.map((container) => containerDocument(task, container)),
    EphemeralStorageMetrics: { Utilized: 0, Reserved: task.ephemeralStorage * 1024 },
    FaultInjectionEnabled: false,
  };
}

function containerDocument(task: Task, container: Container): object {
  const { definition } = container;
  const log = definition.logConfiguration;
  return {
    DockerId: container.runtimeId,
    Name: definition.name,
    DockerName: definition.name,
    Image: definition.image,
    ImageID: container.imageDigest ?? '',
    Labels: {
      'com.amazonaws.ecs.cluster': task.clusterArn,
      'com.amazonaws.ecs.container-name': definition.name,
      'com.amazonaws.ecs.task-arn': task.arn,
      'com.amazonaws.ecs.task-definition-family': task.definition.family,
      'com.amazonaws.ecs.task-definition-version': String(task.definition.revision),
    },
    DesiredStatus: task.desiredStatus,
    KnownStatus: container.lastStatus,
    Limits: { CPU: definition.cpu ?? 0, ...(definition.memory === undefined ? {} : { Memory: definition.memory }) },
    ...time('CreatedAt', task.pullStoppedAt),
    ...time('StartedAt', container.startedAt),
    Type: 'NORMAL',
    ...(log === undefined ? {} : { LogDriver: log.logDriver, LogOptions: log.options ?? {} }),
    ContainerARN: container.arn,
    Networks: [
      {
        NetworkMode: 'awsvpc',
        IPv4Addresses: [task.network.address],
        AttachmentIndex: 0,
        MACAddress: task.network.mac,
        IPv4SubnetCIDRBlock: '10.0.0.0/16',
        DomainNameServers: ['10.0.0.2'],
      },
    ],
    Snapshotter: 'overlayfs',
  };
}

function time(name: string, at: number | undefined): Record<string, string> {
  return at === undefined ? {} : { [name]: new Date(at).toISOString() };
}
