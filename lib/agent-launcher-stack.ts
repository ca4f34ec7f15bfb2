import { Annotations, CfnOutput, Duration, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { PHASES } from '../functions/launcher/contract.ts';
import { AgentImage } from './agent/image.ts';
import type { AgentPoolOptions, PhaseOptions, PhasesOptions } from './agent/pool-options.ts';
import { type AllowedApis, taskRoleWarnings, unreachableApiWarning } from './agent/task-role-warnings.ts';
import type { WarmAgentsOptions } from './agent/warm-agents.ts';
import { AgentLauncher } from './agent-launcher.ts';
import { registryOf } from './network/allowed-domains.ts';
import type { AgentImageSettings, PoolSettings, Settings } from './settings/parse.ts';
import { builtVersion, isCopied } from './settings/task-images.ts';
import { agentNetwork, networkOutputs, securityGroupsOf } from './stack-network.ts';

export interface AgentLauncherStackProps extends StackProps {
  readonly settings: Settings;
}

/** The stack of the app: creates the constructs that the settings describe. */
export class AgentLauncherStack extends Stack {
  readonly launcher: AgentLauncher;
  private readonly secrets = new Map<string, ISecret>();

  constructor(scope: Construct, id: string, props: AgentLauncherStackProps) {
    const { settings, ...stackProps } = props;
    super(scope, id, { description: 'Ephemeral HCP Terraform agents: one Fargate task per queued job', ...stackProps });
    for (const [key, value] of Object.entries(settings.tags)) Tags.of(this).add(key, value);

    const { agentImage } = settings;
    const network = agentNetwork(this, settings);
    this.launcher = new AgentLauncher(this, 'Launcher', {
      name: settings.stackName,
      hostname: settings.hostname,
      organization: settings.organization,
      apiTokenSecret: this.secret(settings.apiTokenSecret),
      pools: settings.pools.map((pool) => this.pool(pool, agentImage)),
      vpc: network.vpc,
      vpcSubnets: network.taskSubnets,
      securityGroups: securityGroupsOf(network),
      assignPublicIp: network.assignPublicIp,
      startAfter: [network],
      guardDuty: settings.network.guardDuty,
      agentImage:
        agentImage.registry === undefined ? builtImage(agentImage) : this.image(agentImage.registry, agentImage),
      agentsCeiling: settings.agentsCeiling,
      schedule: Duration.minutes(settings.scheduleMinutes),
      activePoll: Duration.seconds(settings.activePollSeconds),
      idlePoll: Duration.seconds(settings.idlePollSeconds),
      nudge: settings.nudge && {
        hmacKeySecret: this.secret(settings.nudge.hmacKeySecret),
        reservedConcurrentExecutions: settings.nudge.reservedConcurrency,
      },
      idleWindow: Duration.seconds(settings.idleWindowSeconds),
      startDeadline: Duration.seconds(settings.startDeadlineSeconds),
      reservedConcurrentExecutions: settings.reservedConcurrency,
      logRetention: settings.logRetentionDays,
      oldestQueued: Duration.minutes(settings.oldestQueuedMinutes),
      alarmTopic:
        settings.alarmTopicArn === undefined
          ? undefined
          : Topic.fromTopicArn(this, 'AlarmTopic', settings.alarmTopicArn),
    });
    for (const pool of settings.pools) this.grant(pool, settings.network);
    for (const { id, ...output } of networkOutputs(settings, network)) new CfnOutput(this, id, output);
    this.launcher.addOutputs(this);
  }

  /** A registry image. If the settings request a copy, agents run the copy. */
  private image(reference: string, settings: AgentImageSettings): AgentImage {
    if (!isCopied(reference, settings.copy)) return AgentImage.fromReference(reference);
    const { credentialsSecret } = settings;
    // Send the login only to the registry that it belongs to.
    const own = settings.registry !== undefined && registryOf(settings.registry).host === registryOf(reference).host;
    return AgentImage.copyOf(
      reference,
      own && credentialsSecret !== undefined ? { credentials: this.secret(credentialsSecret) } : {},
    );
  }

  private pool(pool: PoolSettings, agentImage: AgentImageSettings): AgentPoolOptions {
    const { name, id, organization, maxAgents, environment, policySweeps, sweepMinutes } = pool;
    return {
      name,
      id,
      organization,
      apiTokenSecret: pool.apiTokenSecret === undefined ? undefined : this.secret(pool.apiTokenSecret),
      agentTokenSecret: this.secret(pool.agentTokenSecret),
      maxAgents,
      ...sizeOptions(pool),
      cpuArchitecture: pool.architecture === 'arm64' ? ecs.CpuArchitecture.ARM64 : ecs.CpuArchitecture.X86_64,
      environment,
      phases: pool.phases && phasesOptions(pool.phases),
      warmAgents: pool.warmAgents && warmAgentsOptions(pool.warmAgents),
      sweepInterval: sweepMinutes === undefined ? undefined : Duration.minutes(sweepMinutes),
      policySweeps,
      logRetention: pool.logRetentionDays,
      image: pool.image === undefined ? undefined : this.image(pool.image, agentImage),
    };
  }

  /**
   * Grants the pool's task roles the permissions in the settings, and warns about permissions that are too broad or have no
   * effect.
   */
  private grant(pool: PoolSettings, network: AllowedApis): void {
    const built = this.launcher.pool(pool.name);
    for (const jobs of pool.phases === undefined ? (['all'] as const) : PHASES) {
      const own = jobs === 'all' ? undefined : pool.phases?.[jobs];
      const permissions = {
        taskRolePolicyArns: own?.taskRolePolicyArns ?? pool.taskRolePolicyArns,
        taskRoleStatements: own?.taskRoleStatements ?? pool.taskRoleStatements,
      };
      if (jobs === 'all') this.grantTo(built.taskRole, pool.name, permissions);
      else this.grantTo(built.taskRoleOf(jobs), `${pool.name} ${jobs}`, permissions);
      const warnings = [
        ...taskRoleWarnings(pool.name, jobs, permissions),
        ...unreachableApiWarning(pool.name, permissions, network),
      ];
      for (const { id, text } of warnings) Annotations.of(this).addWarningV2(id, text);
    }
  }

  private grantTo(
    role: iam.IRole,
    id: string,
    { taskRolePolicyArns, taskRoleStatements }: Pick<PoolSettings, 'taskRolePolicyArns' | 'taskRoleStatements'>,
  ): void {
    for (const arn of taskRolePolicyArns) {
      role.addManagedPolicy(iam.ManagedPolicy.fromManagedPolicyArn(this, constructId(`${id} ${arn}`), arn));
    }
    for (const statement of taskRoleStatements) {
      role.addToPrincipalPolicy(iam.PolicyStatement.fromJson(statement));
    }
  }

  /** An existing secret, by its name or complete ARN. The template never contains its value. */
  private secret(nameOrArn: string): ISecret {
    const known = this.secrets.get(nameOrArn);
    if (known !== undefined) return known;
    const id = constructId(`Secret ${nameOrArn}`);
    const secret = nameOrArn.startsWith('arn:')
      ? Secret.fromSecretCompleteArn(this, id, nameOrArn)
      : Secret.fromSecretNameV2(this, id, nameOrArn);
    this.secrets.set(nameOrArn, secret);
    return secret;
  }
}

/**
 * CDK replaces a slash in an ID with `--`, so `team/x` and `team--x` would get the same ID. Names of secrets and policies contain
 * no space.
 */
function constructId(name: string): string {
  return name.replaceAll('/', ' ');
}

function warmAgentsOptions({ idleMinutes, ...warm }: NonNullable<PoolSettings['warmAgents']>): WarmAgentsOptions {
  return { ...warm, idleWindow: Duration.minutes(idleMinutes) };
}

function phasesOptions({ plan, apply, unlistedJobs }: NonNullable<PoolSettings['phases']>): PhasesOptions {
  return {
    plan: { ...sizeOptions(plan), capacity: plan?.capacity },
    apply: sizeOptions(apply),
    unlistedJobs,
  };
}

type PhaseSettings = NonNullable<NonNullable<PoolSettings['phases']>['apply']>;
type SizeSettings = Pick<PhaseSettings, 'cpu' | 'memoryMiB' | 'ephemeralStorageGiB'>;

function sizeOptions({ cpu, memoryMiB, ephemeralStorageGiB }: SizeSettings = {}): PhaseOptions {
  return { cpu, memoryLimitMiB: memoryMiB, ephemeralStorageGiB };
}

function builtImage(settings: AgentImageSettings): AgentImage {
  const { source, digest, base, hideAgent } = settings;
  return source === 'release'
    ? AgentImage.fromRelease(builtVersion(settings), { hideAgent, baseImage: base })
    : AgentImage.fromVersion(builtVersion(settings), { hideAgent, digest });
}
