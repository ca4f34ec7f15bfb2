import { type ApiError, clientException } from '../../aws/core/api-error.ts';
import { type FargateSize, isFargateSize, parseCpu, parseMemory } from './fargate-size.ts';
import type { ContainerDefinition, RegisterTaskDefinitionRequest } from './task-definition-schema.ts';

/** Allowed values in GiB. The default is 20, but 20 isn't allowed as an explicit value. */
export const EPHEMERAL_STORAGE = { default: 20, least: 21, most: 200 };

/**
 * Fargate's requirements for a task definition,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
 *
 * @returns the first fault, or the size that the task gets
 */
export function fargateSizeOf(definition: RegisterTaskDefinitionRequest): FargateSize | ApiError {
  if (definition.networkMode !== 'awsvpc') return clientException("Fargate only supports network mode 'awsvpc'.");
  if (definition.cpu === undefined) return clientException("Fargate requires that 'cpu' be defined at the task level.");
  if (definition.memory === undefined) {
    return clientException("Fargate requires that 'memory' be defined at the task level.");
  }
  const cpu = parseCpu(definition.cpu);
  if (cpu === undefined) return clientException(`Invalid 'cpu' setting for task: ${definition.cpu}`);
  const memory = parseMemory(definition.memory);
  if (memory === undefined) return clientException(`Invalid 'memory' setting for task: ${definition.memory}`);
  if (!isFargateSize({ cpu, memory })) {
    return clientException(`No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory.`);
  }
  const storage = definition.ephemeralStorage?.sizeInGiB;
  if (storage !== undefined && (storage < EPHEMERAL_STORAGE.least || storage > EPHEMERAL_STORAGE.most)) {
    return clientException(
      `Invalid ephemeralStorage: ${storage} GiB. It must be ${EPHEMERAL_STORAGE.least} to ${EPHEMERAL_STORAGE.most} GiB.`,
    );
  }
  if (definition.volumes.some(({ host }) => host?.sourcePath !== undefined)) {
    return clientException("Fargate compatible task definitions do not support 'host.sourcePath' in volumes.");
  }
  if (definition.placementConstraints.length > 0) {
    return clientException('Fargate compatible task definitions do not support placement constraints.');
  }
  for (const container of definition.containerDefinitions) {
    const fault = containerFault(container, definition);
    if (fault !== undefined) return clientException(fault);
  }
  return { cpu, memory };
}

/** Requirements for every task definition, with or without Fargate. */
export function commonFault(definition: RegisterTaskDefinitionRequest): ApiError | undefined {
  const containers = definition.containerDefinitions;
  if (new Set(containers.map(({ name }) => name)).size < containers.length) {
    return clientException('Container names in a task definition must be unique.');
  }
  if (!containers.some(({ essential }) => essential !== false)) {
    return clientException('A task definition needs at least one essential container.');
  }
  if (definition.executionRoleArn === undefined && containers.some(({ secrets }) => (secrets ?? []).length > 0)) {
    return clientException(
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    );
  }
  const volumes = new Set(definition.volumes.map(({ name }) => name));
  for (const { name, mountPoints } of containers) {
    const missing = mountPoints?.find(({ sourceVolume }) => !volumes.has(sourceVolume));
    if (missing !== undefined) {
      return clientException(`Unknown volume '${missing.sourceVolume ?? ''}' in mount points of container '${name}'.`);
    }
  }
  return undefined;
}

function containerFault(container: ContainerDefinition, definition: RegisterTaskDefinitionRequest): string | undefined {
  const { name, linuxParameters: linux, logConfiguration: log } = container;
  const unsupported = (what: string): string =>
    `Fargate compatible task definitions do not support ${what} (container '${name}').`;
  if (container.stopTimeout !== undefined && (container.stopTimeout < 2 || container.stopTimeout > 120)) {
    return `Invalid stopTimeout of container '${name}': ${container.stopTimeout}. On Fargate it must be 2 to 120 seconds.`;
  }
  if (container.privileged === true) return unsupported('privileged containers');
  if ((container.links ?? []).length > 0) return unsupported("'links'");
  if ((container.dnsServers ?? []).length > 0) return unsupported("'dnsServers'");
  if ((container.dnsSearchDomains ?? []).length > 0) return unsupported("'dnsSearchDomains'");
  if ((container.extraHosts ?? []).length > 0) return unsupported("'extraHosts'");
  if ((container.dockerSecurityOptions ?? []).length > 0) return unsupported("'dockerSecurityOptions'");
  if ((linux?.devices ?? []).length > 0) return unsupported("'devices'");
  if ((linux?.tmpfs ?? []).length > 0) return unsupported("'tmpfs'");
  if (linux?.sharedMemorySize !== undefined) return unsupported("'sharedMemorySize'");
  if (linux?.maxSwap !== undefined || linux?.swappiness !== undefined) return unsupported('swap');
  const added = linux?.capabilities?.add?.find((capability) => capability !== 'SYS_PTRACE');
  if (added !== undefined) return unsupported(`adding the capability ${added}, only SYS_PTRACE`);
  if (log !== undefined && !['awslogs', 'splunk', 'awsfirelens'].includes(log.logDriver)) {
    return unsupported(`the log driver '${log.logDriver}'`);
  }
  if (log?.logDriver === 'awslogs') {
    const missing = ['awslogs-group', 'awslogs-region', 'awslogs-stream-prefix'].filter(
      (option) => log.options?.[option] === undefined,
    );
    if (missing.length > 0) return `Log driver awslogs requires options: ${missing.join(', ')}`;
    if (definition.executionRoleArn === undefined) {
      return 'Fargate requires task definition to have execution role ARN to support log driver awslogs.';
    }
  }
  return undefined;
}
