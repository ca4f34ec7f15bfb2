import { ApiError, clientException, invalidParameter, throttled } from '../../aws/core/api-error.ts';
import { fingerprintOf } from '../../aws/core/fingerprint.ts';
import { parseInput } from '../../aws/core/parse-input.ts';
import type { TokenBucket } from '../../aws/core/token-bucket.ts';
import { containerArn, type Place, taskArn } from './arns.ts';
import type { Capacity, Subnet } from './capacity.ts';
import { type CapacityStrategy, providersOf } from './capacity-strategy.ts';
import type { Cluster, Clusters } from './clusters.ts';
import { type FargateSize, isFargateSize, parseCpu, parseMemory } from './fargate-size.ts';
import type { ClientTokens, Launched } from './idempotency.ts';
import { type RunTaskRequest, runTaskRequest } from './run-task-request.ts';
import { mergeTags, type Tag } from './tags.ts';
import type { Task } from './task.ts';
import { EPHEMERAL_STORAGE } from './task-definition-rules.ts';
import type { TaskDefinition, TaskDefinitions } from './task-definitions.ts';
import type { Vpc } from './vpc.ts';

export interface RunTaskParts {
  readonly place: Place;
  readonly now: () => number;
  /** Random lower-case hex digits. */
  readonly hex: (digits: number) => string;
  readonly clusters: Clusters;
  readonly definitions: TaskDefinitions;
  readonly tokens: ClientTokens<Task>;
  /** Whether the comparison for a repeated client token uses the resolved revision of a family, or the text of the request. */
  readonly tokensCompareRevision: boolean;
  readonly capacity: Capacity;
  readonly vpc: Vpc;
  /** Rate limits for launches. On-Demand and Spot each have their own. Default: no limit. */
  readonly launches?: { readonly onDemand: TokenBucket; readonly spot: TokenBucket };
  readonly tasks: () => Iterable<Task>;
  readonly begin: (task: Task) => void;
}

/** RunTask: checks the request, handles repeated client tokens, and launches tasks. */
export class RunTask {
  readonly #parts: RunTaskParts;
  #sequence = 0;

  constructor(parts: RunTaskParts) {
    this.#parts = parts;
  }

  run(input: unknown): Launched<Task> {
    const { clusters, definitions, tokens, now } = this.#parts;
    const request = parseInput(runTaskRequest, input);
    const cluster = clusters.find(request.cluster);
    const definition = definitions.find(request.taskDefinition);
    if (definition === undefined) throw clientException('TaskDefinition not found.');
    const { clientToken, cluster: _cluster, ...parameters } = request;
    const fingerprint = fingerprintOf(
      this.#parts.tokensCompareRevision ? { ...parameters, taskDefinition: definition.arn } : parameters,
    );
    if (clientToken !== undefined) {
      const answer = tokens.look(cluster.name, clientToken, fingerprint, now());
      if (answer.kind === 'repeated') return answer.launched;
      if (answer.kind === 'conflict') {
        throw new ApiError(
          'ConflictException',
          'The clientToken is already in use with a different RunTask request.',
          400,
          { resourceIds: answer.taskArns },
        );
      }
    }
    const launched = this.#launch(request, cluster, definition);
    if (clientToken !== undefined) tokens.remember(cluster.name, clientToken, fingerprint, launched, now());
    return launched;
  }

  #launch(request: RunTaskRequest, cluster: Cluster, definition: TaskDefinition): Launched<Task> {
    if (definition.deregisteredAt !== undefined) throw clientException('TaskDefinition is inactive.');
    const strategy = strategyOf(request, cluster);
    const size = sizeOf(request, definition);
    checkRequest(request, definition);
    const subnets = this.#subnets(request);
    const providers =
      strategy.length > 0
        ? providersOf(strategy, request.count)
        : Array.from({ length: request.count }, () => 'FARGATE');
    this.#takeLaunches(providers);
    const tasks: Task[] = [];
    const failures: { reason: string }[] = [];
    for (const provider of providers) {
      const spot = provider === 'FARGATE_SPOT';
      const placed = this.#parts.capacity.place(
        { family: definition.family, spot, cpu: size.cpu, subnets },
        usedCpu(this.#parts.tasks(), spot),
      );
      if ('refused' in placed) failures.push({ reason: placed.refused });
      else {
        const task = this.#create(
          request,
          cluster,
          definition,
          size,
          placed.subnet,
          strategy.length > 0 ? provider : undefined,
        );
        tasks.push(task);
        this.#parts.begin(task);
      }
    }
    return { tasks, failures };
  }

  #create(
    request: RunTaskRequest,
    cluster: Cluster,
    definition: TaskDefinition,
    size: FargateSize,
    subnet: Subnet,
    capacityProvider: string | undefined,
  ): Task {
    const { place, hex, now } = this.#parts;
    const id = hex(32);
    this.#sequence += 1;
    const { containerOverrides = [], ...taskOverrides } = request.overrides;
    const overrideOf = (name: string) => containerOverrides.find((override) => override.name === name) ?? { name };
    const { containerDefinitions, taskRoleArn: ownTaskRole, executionRoleArn: ownExecutionRole } = definition.request;
    const executionRoleArn = taskOverrides.executionRoleArn ?? ownExecutionRole;
    const taskRoleArn = taskOverrides.taskRoleArn ?? ownTaskRole;
    return {
      id,
      arn: taskArn(place, cluster.name, id),
      sequence: this.#sequence,
      clusterName: cluster.name,
      clusterArn: cluster.arn,
      definition,
      size,
      ephemeralStorage:
        taskOverrides.ephemeralStorage?.sizeInGiB ??
        definition.request.ephemeralStorage?.sizeInGiB ??
        EPHEMERAL_STORAGE.default,
      ...(executionRoleArn === undefined ? {} : { executionRoleArn }),
      ...(taskRoleArn === undefined ? {} : { taskRoleArn }),
      overrides: {
        ...taskOverrides,
        containerOverrides: containerDefinitions.map(({ name }) => overrideOf(name)),
        inferenceAcceleratorOverrides: [],
      },
      containers: containerDefinitions.map((container) => ({
        definition: container,
        override: overrideOf(container.name),
        arn: containerArn(place, cluster.name, id, uuid(hex(32))),
        runtimeId: `${id}-${hex(10)}`,
        lastStatus: 'PENDING',
      })),
      launchType: 'FARGATE',
      ...(capacityProvider === undefined ? {} : { capacityProvider }),
      spot: capacityProvider === 'FARGATE_SPOT',
      platformVersion: request.platformVersion === 'LATEST' ? '1.4.0' : request.platformVersion,
      ...(request.startedBy === undefined ? {} : { startedBy: request.startedBy }),
      group: request.group ?? `family:${definition.family}`,
      enableExecuteCommand: request.enableExecuteCommand,
      subnet,
      network: {
        attachmentId: uuid(hex(32)),
        interfaceId: `eni-${hex(17)}`,
        address: addressOf(this.#sequence),
        mac: `0a:${hex(10).replace(/(..)(?=.)/g, '$1:')}`,
      },
      tags: this.#tags(request, cluster, definition),
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      version: 0,
      createdAt: now(),
      history: [],
    };
  }

  #tags(request: RunTaskRequest, cluster: Cluster, definition: TaskDefinition): readonly Tag[] {
    const propagated = request.propagateTags === 'TASK_DEFINITION' ? definition.tags : [];
    const managed = request.enableECSManagedTags ? [{ key: 'aws:ecs:clusterName', value: cluster.name }] : [];
    return mergeTags([...propagated, ...managed], request.tags);
  }

  #subnets(request: RunTaskRequest): readonly Subnet[] {
    const network = request.networkConfiguration?.awsvpcConfiguration;
    if (network === undefined) {
      throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
    }
    this.#parts.vpc.checkSecurityGroups(network.securityGroups);
    return this.#parts.vpc.subnets(network.subnets);
  }

  #takeLaunches(providers: readonly string[]): void {
    const { launches, now } = this.#parts;
    if (launches === undefined) return;
    const spot = providers.filter((provider) => provider === 'FARGATE_SPOT').length;
    if (spot > 0 && !launches.spot.take(spot, now())) throw throttled();
    const onDemand = providers.length - spot;
    if (onDemand > 0 && !launches.onDemand.take(onDemand, now())) throw throttled();
  }
}

/** Empty for a plain `launchType: FARGATE`. */
function strategyOf(request: RunTaskRequest, cluster: Cluster): CapacityStrategy {
  const asked = request.capacityProviderStrategy;
  if (asked.length > 0 && request.launchType !== undefined) {
    throw invalidParameter(
      'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
    );
  }
  if (request.launchType === 'FARGATE') return [];
  if (request.launchType !== undefined) throw invalidParameter('No Container Instances were found in your cluster.');
  const strategy = asked.length > 0 ? asked : cluster.defaultStrategy;
  // Without a launch type and without a default strategy, AWS uses EC2.
  if (strategy.length === 0) throw invalidParameter('No Container Instances were found in your cluster.');
  if (strategy.some(({ capacityProvider }) => !cluster.capacityProviders.includes(capacityProvider))) {
    throw invalidParameter(
      'The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster.',
    );
  }
  return strategy;
}

/** CPU units of the live tasks On-Demand or on Spot. */
export function usedCpu(tasks: Iterable<Task>, spot: boolean): number {
  let used = 0;
  for (const task of tasks) {
    if (task.spot === spot && task.lastStatus !== 'STOPPED') used += task.size.cpu;
  }
  return used;
}

function sizeOf(request: RunTaskRequest, definition: TaskDefinition): FargateSize {
  if (definition.size === undefined) throw invalidParameter('Task definition does not support launch_type FARGATE.');
  const { cpu, memory } = request.overrides;
  const size = {
    cpu: (cpu === undefined ? definition.size.cpu : parseCpu(cpu)) ?? 0,
    memory: (memory === undefined ? definition.size.memory : parseMemory(memory)) ?? 0,
  };
  if (isFargateSize(size)) return size;
  throw invalidParameter(`No Fargate configuration exists for given values: ${size.cpu} CPU, ${size.memory} memory.`);
}

function checkRequest(request: RunTaskRequest, definition: TaskDefinition): void {
  const names = new Set(definition.request.containerDefinitions.map(({ name }) => name));
  for (const { name } of request.overrides.containerOverrides ?? []) {
    if (name !== undefined && !names.has(name)) {
      throw invalidParameter(`Override for container named ${name} is not a container in the TaskDefinition.`);
    }
  }
  if (!['LATEST', '1.3.0', '1.4.0'].includes(request.platformVersion)) {
    throw new ApiError('PlatformUnknownException', 'The specified platform version does not exist.');
  }
  if (request.propagateTags === 'SERVICE') {
    throw invalidParameter('propagateTags SERVICE is not supported by RunTask; use TASK_DEFINITION or NONE.');
  }
  if (request.placementConstraints.length > 0 || request.placementStrategy.length > 0) {
    throw invalidParameter('Placement constraints and strategies are not supported with Fargate.');
  }
  if (request.volumeConfigurations.length > 0) {
    throw new ApiError('UnsupportedFeatureException', 'volumeConfigurations: there are no Amazon EBS volumes here.');
  }
  const taskRole = request.overrides.taskRoleArn ?? definition.request.taskRoleArn;
  if (request.enableExecuteCommand && taskRole === undefined) {
    throw invalidParameter('enableExecuteCommand requires a taskRoleArn in the task definition or the overrides.');
  }
}

function uuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function addressOf(sequence: number): string {
  return `10.0.${Math.floor(sequence / 250) % 250}.${(sequence % 250) + 4}`;
}
