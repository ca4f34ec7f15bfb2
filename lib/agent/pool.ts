import { Annotations, type Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { type Capacity, IDLE_SECONDS_VARIABLE, type Phase } from '../../functions/launcher/contract.ts';
import { acknowledge } from '../acknowledgement.ts';
import { FARGATE_EPHEMERAL_STORAGE_GIB, fargateMemoryInWords, fargateMemoryMiB } from '../aws/fargate-size.ts';
import {
  DEFAULT_AGENT_VERSION,
  DEFAULT_CPU,
  DEFAULT_HOSTNAME,
  DEFAULT_IDLE_WINDOW_SECONDS,
  DEFAULT_LOG_RETENTION_DAYS,
  DEFAULT_MAX_AGENTS,
  DEFAULT_MEMORY_MIB,
} from '../defaults.ts';
import { agentLogGroup, POOL_NAME, taskFamily } from '../names.ts';
import { grantGuardDutyPull } from '../network/guardduty.ts';
import { acceptedJobs, acceptsPolicies, type UnlistedJobs } from './accepted-jobs.ts';
import { AgentImage } from './image.ts';
import { proxyWarnings } from './proxies.ts';
import { agentTaskDefinition } from './task-definition.ts';
import type { WarmAgentsOptions } from './warm-agents.ts';

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
   * Role that Terraform has in AWS inside the task; with `phases` the role of those that name none.
   *
   * @default - a new role that may do nothing; grant it what your configurations need
   */
  readonly taskRole?: iam.IRole;
  /**
   * Tasks of their own for plans and for applies, with a size, a role and a capacity each.
   *
   * @default - any task takes any job
   */
  readonly phases?: PhasesOptions;
  /**
   * Agents that wait for jobs, so that a job need not wait for one.
   *
   * @default - none
   */
  readonly warmAgents?: WarmAgentsOptions;
  /**
   * Time from one sweep to the next: an agent that serves a job that no list of runs shows, if one waits.
   *
   * @default - no sweep
   */
  readonly sweepInterval?: Duration;
  /**
   * Whether to start an agent for a run that has been in a post-plan status for more than two minutes: a policy set in agent
   * mode waits there for an agent of the pool. Leave it on unless no such policy sets apply and run tasks often take longer.
   *
   * @default true
   */
  readonly policySweeps?: boolean;
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

/** What the tasks of one phase have of their own; what is absent is the pool's. */
export interface PhaseOptions {
  /** CPU units of a task. */
  readonly cpu?: number;
  /** Memory of a task in MiB. */
  readonly memoryLimitMiB?: number;
  /** Ephemeral storage of a task in GiB, 21 to 200. */
  readonly ephemeralStorageGiB?: number;
  /**
   * Role that Terraform has in AWS inside the tasks of this phase.
   *
   * @default - a new role that may do nothing
   */
  readonly taskRole?: iam.IRole;
}

export interface PlanOptions extends PhaseOptions {
  /**
   * `spot` is cheaper, and AWS may take a task back with two minutes' notice: its run errors, and somebody starts it
   * again. Where Spot has no room a task runs on demand. There is no such option for applies: an interrupted one leaves
   * infrastructure and state half changed.
   *
   * @default 'on-demand'
   */
  readonly capacity?: Capacity;
}

/** A pool's tasks, shared out by phase. */
export interface PhasesOptions {
  readonly plan?: PlanOptions;
  readonly apply?: PhaseOptions;
  /**
   * Which tasks accept jobs that no list of runs shows, when they happen to wait: assessments, policies, queries, module
   * tests, stacks. `plan`: those that read by the tasks of plans, those that write (`stack_apply`, `test`) by those of
   * applies. `apply`: all by the tasks of applies. `none`: nobody.
   *
   * @default 'plan'
   */
  readonly unlistedJobs?: UnlistedJobs;
}

export interface AgentPoolProps extends AgentPoolOptions {
  /** Name of the launcher that serves the pool, in plain text: the names of task definitions and log group begin with it. */
  readonly launcherName: string;
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
  /**
   * Whether GuardDuty Runtime Monitoring adds its sidecar to the tasks: their execution role may then pull its image.
   *
   * @default false
   */
  readonly guardDuty?: boolean;
}

/** A pool's options beside what was built for it. */
export interface ServedPool {
  readonly options: AgentPoolOptions;
  readonly pool: AgentPool;
}

/** One kind of a pool's tasks. */
export interface AgentLane {
  readonly phases: readonly Phase[];
  readonly taskDefinition: ecs.FargateTaskDefinition;
  /** Family of the task definition, in plain text. */
  readonly family: string;
  /** Role of Terraform inside the task. */
  readonly taskRole: iam.IRole;
  readonly capacity: Capacity;
  /** Whether the launcher starts its tasks for runs that wait after their plan. */
  readonly sweepsForRuns: boolean;
}

/**
 * What the agents of a pool are made of: task definitions, roles, log group. They are started by nobody but the
 * launcher.
 *
 * The execution role reads this pool's agent token and nothing else, and Terraform never has that role. A task role is
 * Terraform's, and has only what is granted to it.
 */
export class AgentPool extends Construct implements iam.IGrantable {
  readonly poolName: string;
  readonly maxAgents: number;
  /** Whether it has agents that no queued job asks for: warm ones, or sweeps. */
  readonly hasStandingAgents: boolean;
  /** One for every phase, or one for plans and one for applies. */
  readonly lanes: readonly AgentLane[];
  readonly logGroup: logs.LogGroup;
  /** Role that ECS pulls the image, reads the agent token and writes the logs with. */
  readonly executionRole: iam.Role;

  constructor(scope: Construct, id: string, props: AgentPoolProps) {
    super(scope, id);
    if (!POOL_NAME.test(props.name)) {
      throw new Error(
        `The agent pool name ${JSON.stringify(props.name)} is not valid: use up to 90 letters, digits, "-" and "_", in plain text.`,
      );
    }
    this.poolName = props.name;
    this.maxAgents = props.maxAgents ?? DEFAULT_MAX_AGENTS;
    for (const { id: warning, text } of proxyWarnings(props.environment ?? {})) {
      Annotations.of(this).addWarningV2(warning, `Agent pool ${props.name}: ${text}`);
    }
    this.hasStandingAgents = props.warmAgents !== undefined || props.sweepInterval !== undefined;
    const kinds = kindsOf(props);
    for (const { options } of kinds) checkSize(props.name, options);

    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: agentLogGroup(props.launcherName, props.name),
      retention: props.logRetention ?? DEFAULT_LOG_RETENTION_DAYS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.executionRole = new iam.Role(this, 'ExecutionRole', {
      assumedBy: ECS_TASKS,
      description: `Pulls the image, reads the agent token and writes the logs of agent pool ${props.name}`,
    });
    acknowledge(this.executionRole, {
      id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      reason:
        "ecr:GetAuthorizationToken has no resource to name; it gives a login, and pulling is allowed only on the image's repository and, with GuardDuty, on its sidecar's.",
    });
    if (props.guardDuty === true) grantGuardDutyPull(this, this.executionRole);

    const cpuArchitecture = props.cpuArchitecture ?? ecs.CpuArchitecture.X86_64;
    const image = (props.image ?? AgentImage.fromVersion(DEFAULT_AGENT_VERSION)).bind(this, cpuArchitecture);
    const { policySweeps = true } = props;
    this.lanes = kinds.map(({ prefix, phases, options, capacity, environment: ofKind }) => {
      const family = taskFamily(props.launcherName, phases, props.name);
      const taskRole = options.taskRole ?? this.newTaskRole(prefix);
      const environment = { ...agentEnvironment(props), ...ofKind };
      const taskDefinition = agentTaskDefinition(this, prefix, {
        family,
        size: options,
        cpuArchitecture,
        executionRole: this.executionRole,
        taskRole,
        image,
        environment,
        address: addressOf(props),
        agentTokenSecret: props.agentTokenSecret,
        logGroup: this.logGroup,
      });
      const sweepsForRuns = policySweeps && acceptsPolicies(environment);
      return { phases, taskDefinition, family, taskRole, capacity, sweepsForRuns };
    });
  }

  private newTaskRole(prefix: string): iam.Role {
    const jobs = prefix === '' ? '' : ` when it runs a job of kind ${prefix.toLowerCase()}`;
    return new iam.Role(this, `${prefix}TaskRole`, {
      assumedBy: ECS_TASKS,
      description: `What Terraform may do in AWS in agent pool ${this.poolName}${jobs}`,
    });
  }

  /** Role of Terraform inside the tasks that serve this phase. */
  taskRoleOf(phase: Phase): iam.IRole {
    const lane = this.lanes.find(({ phases }) => phases.includes(phase));
    if (lane === undefined) throw new Error(`Agent pool ${this.poolName} has no tasks for the phase ${phase}.`);
    return lane.taskRole;
  }

  /** Role of Terraform inside the task, where plans and applies have the same. */
  get taskRole(): iam.IRole {
    const [plan, apply] = [this.taskRoleOf('plan'), this.taskRoleOf('apply')];
    if (plan === apply) return plan;
    throw new Error(
      `Agent pool ${this.poolName} has a role for plans and one for applies: grant to taskRoleOf('plan'), taskRoleOf('apply') or both.`,
    );
  }

  /** Whether the launcher starts tasks for runs that wait after their plan. */
  get sweepsForRuns(): boolean {
    return this.lanes.some(({ sweepsForRuns }) => sweepsForRuns);
  }

  /** Whether some of its tasks run on Spot. */
  get usesSpot(): boolean {
    return this.lanes.some(({ capacity }) => capacity === 'spot');
  }

  /** {@link taskRole} as who rights are granted to. */
  get grantPrincipal(): iam.IPrincipal {
    return this.taskRole.grantPrincipal;
  }
}

const ECS_TASKS = new iam.ServicePrincipal('ecs-tasks.amazonaws.com');

/** A kind of task as it is asked for. */
interface Kind {
  /** Of the ids of its constructs. */
  readonly prefix: string;
  readonly phases: readonly Phase[];
  readonly options: PhaseOptions & { readonly cpu: number; readonly memoryLimitMiB: number };
  readonly capacity: Capacity;
  readonly environment: Readonly<Record<string, string>>;
}

function kindsOf(props: AgentPoolProps): Kind[] {
  const { cpu = DEFAULT_CPU, memoryLimitMiB = DEFAULT_MEMORY_MIB, ephemeralStorageGiB, taskRole, phases } = props;
  const ofPool = {
    cpu,
    memoryLimitMiB,
    ...(ephemeralStorageGiB !== undefined && { ephemeralStorageGiB }),
    ...(taskRole !== undefined && { taskRole }),
  };
  if (phases === undefined) {
    return [{ prefix: '', phases: ['plan', 'apply'], options: ofPool, capacity: 'on-demand', environment: {} }];
  }
  const { plan: { capacity = 'on-demand', ...plan } = {}, apply = {}, unlistedJobs = 'plan' } = phases;
  const accepting = (phase: Phase) => ({ TFC_AGENT_ACCEPT: acceptedJobs(phase, unlistedJobs) });
  return [
    { prefix: 'Plan', phases: ['plan'], options: { ...ofPool, ...plan }, capacity, environment: accepting('plan') },
    {
      prefix: 'Apply',
      phases: ['apply'],
      options: { ...ofPool, ...apply },
      capacity: 'on-demand',
      environment: accepting('apply'),
    },
  ];
}

function checkSize(pool: string, { cpu, memoryLimitMiB, ephemeralStorageGiB }: Kind['options']): void {
  if (!fargateMemoryMiB(cpu).includes(memoryLimitMiB)) {
    throw new Error(
      `Agent pool ${pool}: Fargate has no task with cpu ${cpu} and ${memoryLimitMiB} MiB; give ${fargateMemoryInWords(cpu)}.`,
    );
  }
  const { from, to } = FARGATE_EPHEMERAL_STORAGE_GIB;
  if (ephemeralStorageGiB !== undefined && !(ephemeralStorageGiB >= from && ephemeralStorageGiB <= to)) {
    throw new Error(
      `Agent pool ${pool}: ephemeral storage of ${ephemeralStorageGiB} GiB is not possible; give ${from} to ${to}, or leave it out for 20.`,
    );
  }
}

function addressOf({ hostname = DEFAULT_HOSTNAME }: AgentPoolProps): string {
  return `https://${hostname}`;
}

function agentEnvironment(props: AgentPoolProps): Record<string, string> {
  const idleSeconds = props.idleWindow?.toSeconds() ?? DEFAULT_IDLE_WINDOW_SECONDS;
  return {
    TFC_AGENT_LOG_LEVEL: 'info',
    ...props.environment,
    TFC_AGENT_SINGLE: 'true',
    // A container that lives for one job must not replace itself first; the version is the image's.
    TFC_AGENT_AUTO_UPDATE: 'disabled',
    ...(props.hostname !== undefined && props.hostname !== DEFAULT_HOSTNAME && { TFC_ADDRESS: addressOf(props) }),
    [IDLE_SECONDS_VARIABLE]: String(idleSeconds),
  };
}
