import { Duration, RemovalPolicy, Size, Validations } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { AGENT_CONTAINER } from '../functions/launcher/contract.ts';
import { AGENT_USER, AgentImage, WRITABLE_FOLDERS } from './agent-image.ts';
import {
  DEFAULT_AGENT_VERSION,
  DEFAULT_CPU,
  DEFAULT_HOSTNAME,
  DEFAULT_IDLE_WINDOW_SECONDS,
  DEFAULT_LOG_RETENTION_DAYS,
  DEFAULT_MAX_AGENTS,
  DEFAULT_MEMORY_MIB,
} from './defaults.ts';
import { FARGATE_EPHEMERAL_STORAGE_GIB, fargateMemoryInWords, fargateMemoryMiB } from './fargate-size.ts';

/** One agent pool, as the launcher serves it. */
export interface AgentPoolOptions {
  /** The agent pool's name in HCP Terraform: letters, digits, `-` and `_`. */
  readonly name: string;
  /**
   * The agent pool's id, `apool-…`.
   *
   * @default - the launcher finds the pool by its name
   */
  readonly id?: string;
  /**
   * Organization that owns the pool.
   *
   * @default - the launcher's organization
   */
  readonly organization?: string;
  /**
   * Secret whose string is the API token that this pool is polled with.
   *
   * @default - the launcher's API token
   */
  readonly apiTokenSecret?: ISecret;
  /** Secret whose string is an agent token of the pool. Only the pool's tasks can read it; the launcher cannot. */
  readonly agentTokenSecret: ISecret;
  /**
   * Most live tasks of this pool at once.
   *
   * @default 10
   */
  readonly maxAgents?: number;
  /**
   * CPU units of a task; 1024 is one vCPU.
   *
   * @default 1024
   */
  readonly cpu?: number;
  /**
   * Memory of a task in MiB. Which values there are depends on `cpu`.
   *
   * @default 2048
   */
  readonly memoryLimitMiB?: number;
  /**
   * Ephemeral storage of a task in GiB, 21 to 200.
   *
   * @default - the 20 GiB that every Fargate task has
   */
  readonly ephemeralStorageGiB?: number;
  /**
   * HCP Terraform refuses agents of two architectures in one pool.
   *
   * @default ecs.CpuArchitecture.X86_64
   */
  readonly cpuArchitecture?: ecs.CpuArchitecture;
  /**
   * Further environment variables of the agent: proxies, `TFC_AGENT_LOG_LEVEL`, … Readable by everybody who may see
   * task definitions: no secrets.
   *
   * @default - none
   */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Role that Terraform has in AWS inside the task.
   *
   * @default - a new role that may do nothing; grant it what your configurations need
   */
  readonly taskRole?: iam.IRole;
  /**
   * How long the agents' logs are kept.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * Image of the agents.
   *
   * @default - built from `hashicorp/tfc-agent` and published with the stack
   */
  readonly image?: AgentImage;
}

export interface AgentPoolProps extends AgentPoolOptions {
  /** Family of the pool's task definition; plain text, because the launcher asks ECS for tasks by it. */
  readonly family: string;
  /** Name of the log group of the pool's agents. */
  readonly logGroupName: string;
  /**
   * Host of HCP Terraform or Terraform Enterprise.
   *
   * @default 'app.terraform.io'
   */
  readonly hostname?: string;
  /**
   * How long an agent waits for a job before it leaves by itself.
   *
   * @default Duration.minutes(5)
   */
  readonly idleWindow?: Duration;
}

/** Shell script: lets everybody write to those of the given folders that belong to whoever runs it. */
const OPEN_OWN_FOLDERS = 'for folder; do [ ! -O "$folder" ] || chmod 1777 "$folder" || exit; done';

/** A pool's options beside what was built for it. */
export interface ServedPool {
  readonly options: AgentPoolOptions;
  readonly pool: AgentPool;
}

/**
 * What one agent of a pool is made of: task definition, roles, log group. It is started by nobody but the launcher.
 *
 * The execution role reads this pool's agent token and nothing else, and Terraform never has that role. The task role
 * is Terraform's, and has only what is granted to it.
 */
export class AgentPool extends Construct implements iam.IGrantable {
  readonly poolName: string;
  readonly maxAgents: number;
  readonly taskDefinition: ecs.FargateTaskDefinition;
  /** Family of the task definition, in plain text. */
  readonly family: string;
  readonly logGroup: logs.LogGroup;
  /** Role of Terraform inside the task. */
  readonly taskRole: iam.IRole;
  /** Role that ECS pulls the image, reads the agent token and writes the logs with. */
  readonly executionRole: iam.Role;
  readonly grantPrincipal: iam.IPrincipal;

  constructor(scope: Construct, id: string, props: AgentPoolProps) {
    super(scope, id);
    const cpu = props.cpu ?? DEFAULT_CPU;
    const memoryLimitMiB = props.memoryLimitMiB ?? DEFAULT_MEMORY_MIB;
    checkSize(props.name, cpu, memoryLimitMiB, props.ephemeralStorageGiB);
    this.poolName = props.name;
    this.family = props.family;
    this.maxAgents = props.maxAgents ?? DEFAULT_MAX_AGENTS;

    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: props.logGroupName,
      retention: props.logRetention ?? DEFAULT_LOG_RETENTION_DAYS,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    const ecsTasks = new iam.ServicePrincipal('ecs-tasks.amazonaws.com');
    this.executionRole = new iam.Role(this, 'ExecutionRole', {
      assumedBy: ecsTasks,
      description: `Pulls the image, reads the agent token and writes the logs of agent pool ${props.name}`,
    });
    this.taskRole =
      props.taskRole ??
      new iam.Role(this, 'TaskRole', {
        assumedBy: ecsTasks,
        description: `What Terraform may do in AWS in agent pool ${props.name}`,
      });
    this.grantPrincipal = this.taskRole.grantPrincipal;

    const cpuArchitecture = props.cpuArchitecture ?? ecs.CpuArchitecture.X86_64;
    this.taskDefinition = new ecs.FargateTaskDefinition(this, 'TaskDefinition', {
      family: props.family,
      cpu,
      memoryLimitMiB,
      ...(props.ephemeralStorageGiB !== undefined && { ephemeralStorageGiB: props.ephemeralStorageGiB }),
      runtimePlatform: { cpuArchitecture, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX },
      executionRole: this.executionRole,
      taskRole: this.taskRole,
      // Fargate has no tmpfs: a bind mount without a source is a folder on the task's own disk, gone with the task.
      volumes: Object.keys(WRITABLE_FOLDERS).map((name) => ({ name })),
    });

    const image = (props.image ?? AgentImage.fromVersion(DEFAULT_AGENT_VERSION)).bind(this, cpuArchitecture);
    const agent = this.taskDefinition.addContainer('Agent', {
      containerName: AGENT_CONTAINER,
      image: image.image,
      ...(image.entryPoint !== undefined && { entryPoint: image.entryPoint }),
      essential: true,
      user: AGENT_USER,
      readonlyRootFilesystem: true,
      // No init process: it would run as the agent's user with the agent token in its environment, which every Terraform
      // provider could read there. The entrypoint reaps orphans itself.
      linuxParameters: this.unprivileged('Agent'),
      // The most that Fargate gives: the time a busy agent has to bring Terraform to an orderly end.
      stopTimeout: Duration.seconds(120),
      environment: agentEnvironment(props),
      secrets: { TFC_AGENT_TOKEN: ecs.Secret.fromSecretsManager(props.agentTokenSecret) },
      logging: this.logging('agent'),
    });
    this.mountWritableFolders(agent);
    if (!image.ownsVolumes) this.openWritableFolders(image.image, agent);

    this.acknowledge();
  }

  /**
   * In an image that does not declare them, ECS creates the writable folders as root's, and the agent, who is not root,
   * could not write. A first container of the same image opens those that are root's, and ends; it has no capability,
   * needs none as the folders' owner, and never sees the agent token.
   * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
   */
  private openWritableFolders(image: ecs.ContainerImage, agent: ecs.ContainerDefinition): void {
    const volumes = this.taskDefinition.addContainer('Volumes', {
      containerName: 'volumes',
      image,
      entryPoint: ['/bin/sh', '-c', OPEN_OWN_FOLDERS, 'volumes', ...Object.values(WRITABLE_FOLDERS)],
      essential: false,
      user: '0',
      readonlyRootFilesystem: true,
      linuxParameters: this.unprivileged('Volumes'),
      logging: this.logging('volumes'),
    });
    this.mountWritableFolders(volumes);
    agent.addContainerDependencies({ container: volumes, condition: ecs.ContainerDependencyCondition.SUCCESS });
  }

  private mountWritableFolders(container: ecs.ContainerDefinition): void {
    for (const [sourceVolume, containerPath] of Object.entries(WRITABLE_FOLDERS)) {
      container.addMountPoints({ sourceVolume, containerPath, readOnly: false });
    }
  }

  private unprivileged(id: string): ecs.LinuxParameters {
    const parameters = new ecs.LinuxParameters(this, `${id}Linux`, { initProcessEnabled: false });
    parameters.dropCapabilities(ecs.Capability.ALL);
    return parameters;
  }

  /**
   * Non-blocking, said aloud because AWS changed the default: when CloudWatch cannot take the agent's own log, lines
   * are lost and the job goes on. Blocking, an apply would stand still. What Terraform prints goes to HCP Terraform by
   * another way and is not touched by this.
   */
  private logging(streamPrefix: string): ecs.LogDriver {
    return ecs.LogDrivers.awsLogs({
      logGroup: this.logGroup,
      streamPrefix,
      mode: ecs.AwsLogDriverMode.NON_BLOCKING,
      maxBufferSize: Size.mebibytes(25),
    });
  }

  private acknowledge(): void {
    Validations.of(this.taskDefinition).acknowledge({
      id: 'AwsSolutions::AwsSolutions-ECS2',
      reason:
        'The environment holds addresses, switches and what the user sets; the agent token comes from Secrets Manager.',
    });
    Validations.of(this.executionRole).acknowledge({
      id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      reason:
        'ecr:GetAuthorizationToken has no resource to name; it gives a login, and pulling is allowed on the one repository only.',
    });
  }
}

function checkSize(pool: string, cpu: number, memoryMiB: number, ephemeralStorageGiB: number | undefined): void {
  if (!fargateMemoryMiB(cpu).includes(memoryMiB)) {
    throw new Error(
      `Agent pool ${pool}: Fargate has no task with cpu ${cpu} and ${memoryMiB} MiB; give ${fargateMemoryInWords(cpu)}.`,
    );
  }
  const { from, to } = FARGATE_EPHEMERAL_STORAGE_GIB;
  if (ephemeralStorageGiB !== undefined && !(ephemeralStorageGiB >= from && ephemeralStorageGiB <= to)) {
    throw new Error(
      `Agent pool ${pool}: ephemeral storage of ${ephemeralStorageGiB} GiB is not possible; give ${from} to ${to}, or leave it out for 20.`,
    );
  }
}

function agentEnvironment(props: AgentPoolProps): Record<string, string> {
  const hostname = props.hostname ?? DEFAULT_HOSTNAME;
  const idleSeconds = props.idleWindow?.toSeconds() ?? DEFAULT_IDLE_WINDOW_SECONDS;
  return {
    TFC_AGENT_LOG_LEVEL: 'info',
    ...props.environment,
    TFC_AGENT_SINGLE: 'true',
    // A container that lives for one job must not replace itself first; the version is the image's.
    TFC_AGENT_AUTO_UPDATE: 'disabled',
    ...(hostname !== DEFAULT_HOSTNAME && { TFC_ADDRESS: `https://${hostname}` }),
    AGENT_IDLE_SECONDS: String(idleSeconds),
  };
}
