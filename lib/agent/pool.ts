import { Annotations } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { IDLE_SECONDS_VARIABLE, type Phase } from '../../functions/launcher/contract.ts';
import { secretReferenceText } from '../../functions/launcher/core/secret-reference.ts';
import { acknowledge, explain, ROLE_EXCEPTIONS } from '../acknowledgement.ts';
import { FIPS_ENVIRONMENT } from '../aws/fips.ts';
import {
  DEFAULT_AGENT_VERSION,
  DEFAULT_CPU,
  DEFAULT_HOSTNAME,
  DEFAULT_IDLE_WINDOW_SECONDS,
  DEFAULT_LOG_RETENTION_DAYS,
  DEFAULT_MAX_AGENTS,
  DEFAULT_MEMORY_MIB,
} from '../defaults.ts';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';
import { agentLogGroup } from '../names.ts';
import { grantGuardDutyPull } from '../network/guardduty.ts';
import { trustedService } from '../service-trust.ts';
import { AgentImage } from './image.ts';
import type { ImageCopiesOptions } from './image-copies.ts';
import { type LanePlan, lanesOf } from './lanes.ts';
import type { AgentPoolOptions, SharedAgentOptions } from './pool-options.ts';
import { proxyWarnings } from './proxies.ts';
import { decryptStatements, withoutKey } from './secret-id.ts';
import { agentTaskDefinition } from './task-definition.ts';

export interface AgentPoolProps extends AgentPoolOptions, SharedAgentOptions {
  /**
   * Name of the launcher that serves the pool, without CDK tokens. The names of the task definitions and the log group begin with
   * it.
   */
  readonly launcherName: string;
  /** How the function runs that copies images. */
  readonly imageCopies?: Omit<ImageCopiesOptions, 'logs' | 'secretsKey'> | undefined;
  /** Key of imported secrets. */
  readonly secretsKey?: IKey | undefined;
  /** Whether jobs use FIPS endpoints of AWS. A variable in `environment` has priority. */
  readonly fips?: boolean | undefined;
  readonly logs?: LogGroupOptions | undefined;
}

/** The resources of one lane. */
export interface AgentLane extends LanePlan {
  readonly taskDefinition: ecs.FargateTaskDefinition;
  /** AWS role of Terraform inside the task. */
  readonly taskRole: iam.IRole;
}

/**
 * The resources of a pool's agents: task definitions, roles, log group. Only the launcher starts these tasks.
 *
 * The execution role can read this pool's agent token and no other secret. Terraform never gets the execution role. Terraform
 * gets the task role, which has only the permissions that you grant to it.
 */
export class AgentPool extends Construct implements iam.IGrantable {
  readonly options: AgentPoolOptions;
  readonly poolName: string;
  readonly maxAgents: number;
  /** Whether the pool has warm agents or sweeps. */
  readonly hasStandingAgents: boolean;
  /** The pool's lanes. Without `phases`, there is one for all jobs. With `phases`, there is one for plans and one for applies. */
  readonly lanes: readonly AgentLane[];
  readonly logGroup: logs.LogGroup;
  /** Role with which ECS pulls the image, reads the agent token and writes the logs. */
  readonly executionRole: iam.Role;

  constructor(scope: Construct, id: string, props: AgentPoolProps) {
    super(scope, id);
    this.options = props;
    this.poolName = props.name;
    this.maxAgents = props.maxAgents ?? DEFAULT_MAX_AGENTS;
    for (const { id: warning, text } of proxyWarnings(props.environment ?? {})) {
      Annotations.of(this).addWarningV2(warning, `Agent pool ${props.name}: ${text}`);
    }
    if (props.environment?.['TFC_AGENT_LOG_LEVEL'] === 'trace') {
      Annotations.of(this).addWarningV2(
        'agent-launcher:traceLog',
        `Agent pool ${props.name}: TFC_AGENT_LOG_LEVEL is trace. The agents' log may then contain data of jobs, and everyone who can read the log group sees it. Use info or debug, or trace only while you look for an error.`,
      );
    }
    this.hasStandingAgents = props.warmAgents !== undefined || props.sweepInterval !== undefined;

    this.logGroup = newLogGroup(
      this,
      'Logs',
      {
        logGroupName: agentLogGroup(props.launcherName, props.name),
        retention: props.logRetention ?? DEFAULT_LOG_RETENTION_DAYS,
      },
      props.logs,
    );
    this.executionRole = new iam.Role(this, 'ExecutionRole', {
      assumedBy: trustedService(this, 'ecs-tasks.amazonaws.com'),
      description: `Pulls the image, reads the agent token and writes the logs of agent pool ${props.name}`,
    });
    acknowledge(this.executionRole, {
      id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      reason:
        "ecr:GetAuthorizationToken supports no resource. It only returns a login; pulling is allowed only from the image's repository and, with GuardDuty, from the sidecar's.",
    });
    explain(this.executionRole, ROLE_EXCEPTIONS);
    if (props.guardDuty === true) grantGuardDutyPull(this, this.executionRole);

    for (const statement of decryptStatements(this, [props.agentTokenSecret], props.secretsKey)) {
      this.executionRole.addToPrincipalPolicy(statement);
    }
    const agentToken = ecs.Secret.fromSecretsManager(
      withoutKey(this, 'AgentToken', props.agentTokenSecret),
      props.agentTokenJsonKey,
    );

    const cpuArchitecture = props.cpuArchitecture ?? ecs.CpuArchitecture.X86_64;
    const image = (props.image ?? AgentImage.fromVersion(DEFAULT_AGENT_VERSION)).bind(this, cpuArchitecture, {
      ...props.imageCopies,
      logs: props.logs,
      secretsKey: props.secretsKey,
    });
    this.lanes = lanesOf(props.launcherName, props).map((plan) => {
      const { phases, family, accepts } = plan;
      const [phase] = phases;
      const prefix = phase === undefined || phases.length > 1 ? '' : CONSTRUCT_PREFIX[phase];
      const size = taskOf(props, phases);
      const taskRole = size.taskRole ?? this.newTaskRole(prefix);
      const taskDefinition = agentTaskDefinition(this, prefix, {
        family,
        size,
        cpuArchitecture,
        executionRole: this.executionRole,
        taskRole,
        image,
        environment: { ...agentEnvironment(props), ...(accepts !== undefined && { TFC_AGENT_ACCEPT: accepts }) },
        address: addressOf(props),
        agentToken,
        agentTokenSecretName: secretReferenceText({
          id: props.agentTokenSecret.secretName,
          jsonKey: props.agentTokenJsonKey,
        }),
        logGroup: this.logGroup,
      });
      return { ...plan, taskDefinition, taskRole };
    });
  }

  private newTaskRole(prefix: string): iam.Role {
    const jobs = prefix === '' ? '' : ` when it runs a job of kind ${prefix.toLowerCase()}`;
    const role = new iam.Role(this, `${prefix}TaskRole`, {
      assumedBy: trustedService(this, 'ecs-tasks.amazonaws.com'),
      description: `What Terraform may do in AWS in agent pool ${this.poolName}${jobs}`,
    });
    explain(role, ROLE_EXCEPTIONS);
    return role;
  }

  /** AWS role of Terraform inside the tasks that serve this phase. */
  taskRoleOf(phase: Phase): iam.IRole {
    const lane = this.lanes.find(({ phases }) => phases.includes(phase));
    if (lane === undefined) throw new Error(`Agent pool ${this.poolName} has no tasks for the phase ${phase}.`);
    return lane.taskRole;
  }

  /** AWS role of Terraform inside the task. @throws if plans and applies have different roles */
  get taskRole(): iam.IRole {
    const [plan, apply] = [this.taskRoleOf('plan'), this.taskRoleOf('apply')];
    if (plan === apply) return plan;
    throw new Error(
      `Agent pool ${this.poolName} has one role for plans and one for applies. Grant permissions to taskRoleOf('plan'), taskRoleOf('apply') or both.`,
    );
  }

  /** Whether the launcher starts tasks for runs in a post-plan status. */
  get sweepsForRuns(): boolean {
    return this.lanes.some(({ sweepsForRuns }) => sweepsForRuns);
  }

  /** Whether agents that the launcher did not start belong to the pool. */
  get expectsForeignAgents(): boolean {
    const { foreignAgents, standby } = this.options;
    return foreignAgents === undefined ? standby !== undefined : foreignAgents === 'expected';
  }

  get usesSpot(): boolean {
    return this.lanes.some(({ capacity }) => capacity === 'spot');
  }

  /** The principal of {@link taskRole}, so that `grant…` methods accept the pool. */
  get grantPrincipal(): iam.IPrincipal {
    return this.taskRole.grantPrincipal;
  }
}

/** Part of the construct ids of a lane that serves one phase. */
const CONSTRUCT_PREFIX = { plan: 'Plan', apply: 'Apply' } as const;

/** Size and role of the tasks that serve these phases. The phase's own values override the pool's. */
export function taskOf(pool: AgentPoolOptions, [phase, ...others]: readonly Phase[]) {
  const own = phase === undefined || others.length > 0 ? undefined : pool.phases?.[phase];
  return {
    cpu: own?.cpu ?? pool.cpu ?? DEFAULT_CPU,
    memoryLimitMiB: own?.memoryLimitMiB ?? pool.memoryLimitMiB ?? DEFAULT_MEMORY_MIB,
    ephemeralStorageGiB: own?.ephemeralStorageGiB ?? pool.ephemeralStorageGiB,
    taskRole: own?.taskRole ?? pool.taskRole,
  };
}

function addressOf({ hostname = DEFAULT_HOSTNAME }: AgentPoolProps): string {
  return `https://${hostname}`;
}

function agentEnvironment(props: AgentPoolProps): Record<string, string> {
  const idleSeconds = props.idleWindow?.toSeconds() ?? DEFAULT_IDLE_WINDOW_SECONDS;
  return {
    TFC_AGENT_LOG_LEVEL: 'info',
    ...(props.fips === true && FIPS_ENVIRONMENT),
    ...props.environment,
    TFC_AGENT_SINGLE: 'true',
    // The image determines the version. A container that lives for one job must not spend its start on an update.
    TFC_AGENT_AUTO_UPDATE: 'disabled',
    ...(props.hostname !== undefined && props.hostname !== DEFAULT_HOSTNAME && { TFC_ADDRESS: addressOf(props) }),
    [IDLE_SECONDS_VARIABLE]: String(idleSeconds),
  };
}
