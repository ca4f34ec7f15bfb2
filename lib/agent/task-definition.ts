import { Duration, Size } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { AGENT_CONTAINER } from '../../functions/launcher/contract.ts';
import { acknowledge } from '../acknowledgement.ts';
import { AGENT_USER, type AgentImageBinding, WRITABLE_FOLDERS } from './image.ts';

export interface AgentTaskProps {
  readonly family: string;
  readonly size: {
    readonly cpu: number;
    readonly memoryLimitMiB: number;
    readonly ephemeralStorageGiB?: number | undefined;
  };
  readonly cpuArchitecture: ecs.CpuArchitecture;
  readonly executionRole: iam.IRole;
  readonly taskRole: iam.IRole;
  readonly image: AgentImageBinding;
  readonly environment: Readonly<Record<string, string>>;
  /** `https://` and the hostname that the agent connects to. */
  readonly address: string;
  readonly agentToken: ecs.Secret;
  /** Name of the secret that contains the agent token. */
  /** Name of the secret, with a colon and the key of its JSON object if it has one. */
  readonly agentTokenSecretName: string;
  readonly logGroup: logs.ILogGroup;
}

/** Shell script: makes the given folders writable for all users, and skips folders that its user doesn't own. */
const OPEN_OWN_FOLDERS = 'for folder; do [ ! -O "$folder" ] || chmod 1777 "$folder" || exit; done';

/** The task definition of an agent. @param prefix first part of the IDs of its constructs */
export function agentTaskDefinition(
  scope: Construct,
  prefix: string,
  props: AgentTaskProps,
): ecs.FargateTaskDefinition {
  const { image, logGroup } = props;
  const taskDefinition = new ecs.FargateTaskDefinition(scope, `${prefix}TaskDefinition`, {
    family: props.family,
    cpu: props.size.cpu,
    memoryLimitMiB: props.size.memoryLimitMiB,
    ...(props.size.ephemeralStorageGiB !== undefined && { ephemeralStorageGiB: props.size.ephemeralStorageGiB }),
    runtimePlatform: {
      cpuArchitecture: props.cpuArchitecture,
      operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
    },
    executionRole: props.executionRole,
    taskRole: props.taskRole,
    // Fargate has no tmpfs. A bind mount without a source is a folder on the task's own disk, which is deleted with the task.
    volumes: Object.keys(WRITABLE_FOLDERS).map((name) => ({ name })),
  });

  const agent = taskDefinition.addContainer('Agent', {
    containerName: AGENT_CONTAINER,
    image: image.image,
    // A caller of RunTask can override variables and the command, but not the entry point. So the entry point contains the
    // address. Otherwise a caller could set TFC_ADDRESS, and the agent would send its token to that address.
    ...(image.entryPoint !== undefined && { entryPoint: [...image.entryPoint, props.address] }),
    essential: true,
    user: AGENT_USER,
    readonlyRootFilesystem: true,
    // No init process: it would run as the agent's user with the agent token in its environment, where every Terraform provider
    // could read it. The entrypoint reaps orphans.
    linuxParameters: unprivileged(scope, `${prefix}Agent`),
    // Fargate's maximum. A busy agent has this time to stop Terraform cleanly.
    stopTimeout: Duration.seconds(120),
    environment: { ...props.environment, AGENT_TOKEN_SECRET: props.agentTokenSecretName },
    secrets: { TFC_AGENT_TOKEN: props.agentToken },
    logging: logging(logGroup, 'agent'),
  });
  mountWritableFolders(agent);
  if (!image.ownsVolumes) {
    openWritableFolders(taskDefinition, agent, {
      image: image.image,
      linuxParameters: unprivileged(scope, `${prefix}Volumes`),
      logging: logging(logGroup, 'volumes'),
    });
  }

  acknowledge(taskDefinition, {
    id: 'AwsSolutions::AwsSolutions-ECS2',
    reason:
      'The environment contains addresses, switches and the variables that the user sets; the agent token comes from Secrets Manager.',
  });
  return taskDefinition;
}

/**
 * If an image doesn't declare the writable folders as volumes, ECS creates them with root as the owner, and the agent can't write
 * to them. So another container of the same image runs first as root, makes these folders writable, and ends. It needs no
 * capability, because it owns the folders. It never gets the agent token.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
 */
function openWritableFolders(
  taskDefinition: ecs.FargateTaskDefinition,
  agent: ecs.ContainerDefinition,
  like: Required<Pick<ecs.ContainerDefinitionOptions, 'image' | 'linuxParameters' | 'logging'>>,
): void {
  const volumes = taskDefinition.addContainer('Volumes', {
    ...like,
    containerName: 'volumes',
    entryPoint: ['/bin/sh', '-c', OPEN_OWN_FOLDERS, 'volumes', ...Object.values(WRITABLE_FOLDERS)],
    essential: false,
    user: '0',
    readonlyRootFilesystem: true,
  });
  mountWritableFolders(volumes);
  agent.addContainerDependencies({ container: volumes, condition: ecs.ContainerDependencyCondition.SUCCESS });
}

function mountWritableFolders(container: ecs.ContainerDefinition): void {
  for (const [sourceVolume, containerPath] of Object.entries(WRITABLE_FOLDERS)) {
    container.addMountPoints({ sourceVolume, containerPath, readOnly: false });
  }
}

function unprivileged(scope: Construct, id: string): ecs.LinuxParameters {
  const parameters = new ecs.LinuxParameters(scope, `${id}Linux`, { initProcessEnabled: false });
  parameters.dropCapabilities(ecs.Capability.ALL);
  return parameters;
}

/**
 * The mode is set explicitly because AWS changed the default. In non-blocking mode, if CloudWatch can't accept the agent's log,
 * lines are lost and the job continues. In blocking mode, an apply would stop. Terraform's output doesn't use this log: the agent
 * sends it to HCP Terraform.
 */
function logging(logGroup: logs.ILogGroup, streamPrefix: string): ecs.LogDriver {
  return ecs.LogDrivers.awsLogs({
    logGroup,
    streamPrefix,
    mode: ecs.AwsLogDriverMode.NON_BLOCKING,
    maxBufferSize: Size.mebibytes(25),
  });
}
