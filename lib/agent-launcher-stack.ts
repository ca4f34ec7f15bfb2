import { Annotations, CfnOutput, Duration, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { PHASES } from '../functions/launcher/contract.ts';
import { AgentImage } from './agent/image.ts';
import type { AgentPoolOptions, PhaseOptions, PhasesOptions } from './agent/pool-options.ts';
import { type AllowedApis, taskRoleWarnings, unreachableApiWarning } from './agent/task-role-warnings.ts';
import type { WarmAgentsOptions } from './agent/warm-agents.ts';
import { AgentLauncher } from './agent-launcher.ts';
import { ecrImage } from './aws/ecr-image.ts';
import { untaggableTypes } from './aws/lambda-features.ts';
import type { LogOptions } from './log-group.ts';
import { registryOf } from './network/allowed-domains.ts';
import { type EncryptionOptions, encryptionKeys } from './properties/encryption.ts';
import { configureRoles } from './roles.ts';
import type { AgentImageSettings, PoolSettings, Settings } from './settings/parse.ts';
import { secretReference } from './settings/secret-reference.ts';
import { builtVersion, isCopied } from './settings/task-images.ts';
import { agentNetwork, gatewaysOf, launcherVpcOf, networkOutputs, securityGroupsOf } from './stack-network.ts';

export interface AgentLauncherStackProps extends StackProps {
  readonly settings: Settings;
}

/** The stack of the app: creates the constructs that the settings describe. */
export class AgentLauncherStack extends Stack {
  readonly launcher: AgentLauncher;
  private readonly secrets = new Map<string, ISecret>();
  private readonly keys = new Map<string, IKey>();
  private readonly roles = new Map<string, iam.IRole>();

  constructor(scope: Construct, id: string, props: AgentLauncherStackProps) {
    const { settings, ...stackProps } = props;
    super(scope, id, {
      description: 'Ephemeral HCP Terraform agents: one Fargate task per queued job',
      ...(settings.terminationProtection && { terminationProtection: true }),
      ...stackProps,
    });
    const excludeResourceTypes = untaggableTypes(this.region);
    for (const [key, value] of Object.entries(settings.tags)) Tags.of(this).add(key, value, { excludeResourceTypes });

    const { agentImage } = settings;
    const logs = this.logs(settings.logs);
    const encryption = this.encryption(settings.encryption);
    const { gatewayVolumesKeyArn = settings.encryption.keyArn } = settings.encryption;
    const network = agentNetwork(
      this,
      settings,
      { ...logs, encryptionKey: encryptionKeys(encryption).logs },
      settings.network.egress === 'on-demand' ? this.key(gatewayVolumesKeyArn) : undefined,
    );
    const apiToken = secretReference(settings.apiTokenSecret);
    const hmacKey = settings.nudge && secretReference(settings.nudge.hmacKeySecret);
    const rotationToken = settings.agentTokenRotation && secretReference(settings.agentTokenRotation.apiTokenSecret);
    const { httpsProxyCredentialsSecret: login } = settings.launcher;
    const proxyLogin = login === undefined ? undefined : secretReference(login);
    this.launcher = new AgentLauncher(this, 'Launcher', {
      name: settings.stackName,
      hostname: settings.hostname,
      organization: settings.organization,
      apiTokenSecret: this.secret(apiToken.id),
      apiTokenJsonKey: apiToken.jsonKey,
      pools: settings.pools.map((pool) => this.pool(pool, agentImage)),
      vpc: network.vpc,
      vpcSubnets: network.taskSubnets,
      securityGroups: securityGroupsOf(network),
      assignPublicIp: network.assignPublicIp,
      gateways: gatewaysOf(network),
      startAfter: [network],
      guardDuty: settings.network.guardDuty,
      agentImage:
        agentImage.registry === undefined ? builtImage(settings) : this.image(agentImage.registry, agentImage),
      caCertificates: settings.caCertificates && {
        file: settings.caCertificates.file,
        secret: this.optionalSecret(settings.caCertificates.secret),
      },
      agentsCeiling: settings.agentsCeiling,
      fips: settings.fips,
      launcher: {
        vpc: launcherVpcOf(network),
        httpsProxy: settings.launcher.httpsProxy,
        noProxy: settings.launcher.noProxy,
        httpsProxyCredentialsSecret: this.optionalSecret(proxyLogin?.id),
        httpsProxyCredentialsJsonKey: proxyLogin?.jsonKey,
        architecture:
          settings.launcher.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
        codeSigningConfig:
          settings.launcher.codeSigningConfigArn === undefined
            ? undefined
            : lambda.CodeSigningConfig.fromCodeSigningConfigArn(
                this,
                'CodeSigning',
                settings.launcher.codeSigningConfigArn,
              ),
      },
      schedule: Duration.minutes(settings.scheduleMinutes),
      activePoll: Duration.seconds(settings.activePollSeconds),
      idlePoll: Duration.seconds(settings.idlePollSeconds),
      nudge: hmacKey && {
        hmacKeySecret: this.secret(hmacKey.id),
        hmacKeyJsonKey: hmacKey.jsonKey,
        reservedConcurrentExecutions: settings.nudge?.reservedConcurrency,
      },
      agentTokenRotation: settings.agentTokenRotation &&
        rotationToken && {
          maxAge: Duration.days(settings.agentTokenRotation.days),
          apiTokenSecret: this.secret(rotationToken.id),
          apiTokenJsonKey: rotationToken.jsonKey,
          ignoreOtherAgents: settings.agentTokenRotation.ignoreOtherAgents,
        },
      idleWindow: Duration.seconds(settings.idleWindowSeconds),
      startDeadline: Duration.seconds(settings.startDeadlineSeconds),
      reservedConcurrentExecutions: settings.reservedConcurrency,
      logRetention: settings.logRetentionDays,
      logs,
      encryption,
      oldestQueued: Duration.minutes(settings.oldestQueuedMinutes),
      oldestTask: Duration.hours(settings.oldestTaskHours),
      apiTokenExpiry: Duration.days(settings.apiTokenExpiryDays),
      alarmTopic:
        settings.alarmTopicArn === undefined
          ? undefined
          : Topic.fromTopicArn(this, 'AlarmTopic', settings.alarmTopicArn),
      alarmEmail: settings.alarmEmail,
      auditEvents: settings.auditEvents,
    });
    if (settings.roles !== undefined) configureRoles(settings.stackName, settings.roles, this);
    for (const pool of settings.pools) this.grant(pool, settings.network);
    for (const { id, ...output } of networkOutputs(settings, network)) new CfnOutput(this, id, output);
    this.launcher.addOutputs(this);
  }

  private logs({ exportRoleArn, ...logs }: Settings['logs']): LogOptions {
    if (exportRoleArn === undefined) return logs;
    return { ...logs, exportRole: iam.Role.fromRoleArn(this, 'LogExportRole', exportRoleArn, { mutable: false }) };
  }

  /** Keys of the settings. Their policies don't change. */
  private encryption(settings: Settings['encryption']): EncryptionOptions {
    const { keyArn, secretsKeyArn, logsKeyArn, environmentKeyArn, ephemeralStorageKeyArn } = settings;
    const { queueKeyArn, topicKeyArn, imagesKeyArn } = settings;
    return {
      key: this.key(keyArn),
      secretsKey: this.key(secretsKeyArn),
      logsKey: this.key(logsKeyArn),
      environmentKey: this.key(environmentKeyArn),
      ephemeralStorageKey: this.key(ephemeralStorageKeyArn),
      queueKey: this.key(queueKeyArn),
      topicKey: this.key(topicKeyArn),
      imagesKey: this.key(imagesKeyArn),
    };
  }

  private key(arn: string | undefined): IKey | undefined {
    if (arn === undefined) return undefined;
    const key = this.keys.get(arn) ?? Key.fromKeyArn(this, constructId(`Key ${arn}`), arn);
    this.keys.set(arn, key);
    return key;
  }

  /** A registry image. If the settings request a copy, agents run the copy. */
  private image(reference: string, settings: AgentImageSettings): AgentImage {
    const { credentialsSecret, registry } = settings;
    // Send the login only to the registry that it belongs to.
    const own = registry !== undefined && registryOf(registry).host === registryOf(reference).host;
    const login = own && credentialsSecret !== undefined ? secretReference(credentialsSecret) : undefined;
    const credentials = login && this.secret(login.id);
    return isCopied(reference, settings.copy)
      ? AgentImage.copyOf(reference, { credentials, credentialsJsonKey: login?.jsonKey })
      : AgentImage.fromReference(reference, ecrImage(reference) === undefined ? { credentials } : {});
  }

  private pool(pool: PoolSettings, agentImage: AgentImageSettings): AgentPoolOptions {
    const { name, id, organization, maxAgents, standbySeconds, environment, policySweeps, sweepMinutes } = pool;
    const agentToken = secretReference(pool.agentTokenSecret);
    const apiToken = pool.apiTokenSecret === undefined ? undefined : secretReference(pool.apiTokenSecret);
    return {
      name,
      id,
      organization,
      apiTokenSecret: apiToken && this.secret(apiToken.id),
      apiTokenJsonKey: apiToken?.jsonKey,
      agentTokenSecret: this.secret(agentToken.id),
      agentTokenJsonKey: agentToken.jsonKey,
      maxAgents,
      standby: standbySeconds === undefined ? undefined : Duration.seconds(standbySeconds),
      maxJobHours: pool.maxJobHours,
      foreignAgents: pool.foreignAgents,
      ...sizeOptions(pool),
      cpuArchitecture: pool.architecture === 'arm64' ? ecs.CpuArchitecture.ARM64 : ecs.CpuArchitecture.X86_64,
      environment,
      taskRole: this.existingRole(pool.taskRoleArn),
      phases: pool.phases && this.phases(pool.phases),
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
      const taskRoleArn = own?.taskRoleArn ?? pool.taskRoleArn;
      const isNew = taskRoleArn === undefined;
      const permissions = {
        taskRoleArn,
        taskRolePolicyArns: isNew ? (own?.taskRolePolicyArns ?? pool.taskRolePolicyArns) : [],
        taskRoleStatements: isNew ? (own?.taskRoleStatements ?? pool.taskRoleStatements) : [],
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

  private optionalSecret(nameOrArn: string | undefined): ISecret | undefined {
    return nameOrArn === undefined ? undefined : this.secret(nameOrArn);
  }

  private phases({ plan, apply, unlistedJobs }: NonNullable<PoolSettings['phases']>): PhasesOptions {
    return {
      plan: {
        ...sizeOptions(plan),
        taskRole: this.existingRole(plan?.taskRoleArn),
        capacity: plan?.capacity,
        maxJobHours: plan?.maxJobHours,
      },
      apply: {
        ...sizeOptions(apply),
        taskRole: this.existingRole(apply?.taskRoleArn),
        maxJobHours: apply?.maxJobHours,
      },
      unlistedJobs,
    };
  }

  /** An existing role by its ARN. The CDK adds nothing to it. */
  private existingRole(arn: string | undefined): iam.IRole | undefined {
    if (arn === undefined) return undefined;
    const known = this.roles.get(arn);
    if (known !== undefined) return known;
    const role = iam.Role.fromRoleArn(this, constructId(`Role ${arn}`), arn, { mutable: false });
    this.roles.set(arn, role);
    return role;
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

type PhaseSettings = NonNullable<NonNullable<PoolSettings['phases']>['apply']>;
type SizeSettings = Pick<PhaseSettings, 'cpu' | 'memoryMiB' | 'ephemeralStorageGiB'>;

function sizeOptions({ cpu, memoryMiB, ephemeralStorageGiB }: SizeSettings = {}): PhaseOptions {
  return { cpu, memoryLimitMiB: memoryMiB, ephemeralStorageGiB };
}

function builtImage({ agentImage, caCertificates }: Settings): AgentImage {
  const { source, digest, base, hideAgent, copy } = agentImage;
  const caCertificatesFile = caCertificates?.file;
  return source === 'release'
    ? AgentImage.fromRelease(builtVersion(agentImage), { hideAgent, copy, caCertificatesFile, baseImage: base })
    : AgentImage.fromVersion(builtVersion(agentImage), { hideAgent, copy, caCertificatesFile, digest });
}
