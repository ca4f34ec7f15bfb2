import { Annotations, CfnOutput, Duration, Names, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Phase } from '../functions/launcher/contract.ts';
import { acknowledge } from './acknowledgement.ts';
import { certificateWarnings } from './agent/ca-certificates.ts';
import { AgentImage } from './agent/image.ts';
import { ImageCopies } from './agent/image-copies.ts';
import { AgentPool, taskOf } from './agent/pool.ts';
import type { AgentPoolOptions } from './agent/pool-options.ts';
import { proxiesToOpen } from './agent/proxies.ts';
import { secretReferenceOf } from './agent/secret-id.ts';
import { standingCost, sweepingPhase } from './agent/warm-agents.ts';
import { dollars, idlePollCost, type JobSize, total, wakeUpQueueCost } from './aws/costs.ts';
import { ecrImage } from './aws/ecr-image.ts';
import { KEY_USES, type KeyUse, keyPolicyStatements } from './aws/key-policy.ts';
import {
  DEFAULT_ACTIVE_POLL_SECONDS,
  DEFAULT_AGENT_VERSION,
  DEFAULT_API_TOKEN_EXPIRY_DAYS,
  DEFAULT_HOSTNAME,
  DEFAULT_IDLE_POLL_SECONDS,
  DEFAULT_LOG_RETENTION_DAYS,
  DEFAULT_NUDGE_CONCURRENCY,
  DEFAULT_OLDEST_QUEUED_MINUTES,
  DEFAULT_OLDEST_TASK_HOURS,
  DEFAULT_SCHEDULE_MINUTES,
  DEFAULT_START_DEADLINE_SECONDS,
} from './defaults.ts';
import { EgressNetwork } from './egress-network.ts';
import { AlarmTopic } from './launcher/alarm-topic.ts';
import { Audit, type AuditProps } from './launcher/audit.ts';
import { useFipsEndpoints } from './launcher/fips.ts';
import { LauncherFunction } from './launcher/function.ts';
import type { LauncherNetwork } from './launcher/function-parts.ts';
import { Monitoring } from './launcher/monitoring.ts';
import { Nudge } from './launcher/nudge.ts';
import { STORE_ACTIONS, TokenRotation } from './launcher/token-rotation.ts';
import { trustedCertificates } from './launcher/trusted-certificates.ts';
import { allowServices, keyUser } from './log-group.ts';
import { agentLogGroupsText, launcherFunction, nudgeFunction, OUTPUTS, tokenRotationFunction } from './names.ts';
import { portOf } from './network/allowed-domains.ts';
import type { Gateways } from './network/gateways.ts';
import { hasWakeUps, pollsByMessages } from './network/launcher-apis.ts';
import { launcherSecurityGroup, taskSecurityGroup } from './network/security-group.ts';
import type { AgentLauncherProps } from './properties/agent-launcher.ts';
import { checkLauncherProps } from './properties/agent-launcher-checks.ts';
import { encryptionKeys } from './properties/encryption.ts';
import { configureRoles } from './roles.ts';
import { packageVersion } from './version.ts';

export type { AgentLauncherProps };

/**
 * Ephemeral HCP Terraform agents for an app that already has a network: a cluster, the task definitions and roles of each
 * pool, the launcher that starts one agent per queued job, and its monitoring.
 */
export class AgentLauncher extends Construct implements ec2.IConnectable {
  readonly cluster: ecs.Cluster;
  /** Name of the cluster, without tokens, and prefix of every other name. */
  readonly name: string;
  /**
   * The resources of each pool, by the pool's name. Grant Terraform's permissions to the pool, or to the role that its
   * `taskRoleOf(phase)` returns.
   */
  readonly pools: ReadonlyMap<string, AgentPool>;
  readonly launcher: LauncherFunction;
  readonly monitoring: Monitoring;
  /** The URL at which HCP Terraform announces runs; `undefined` without the property `nudge`. */
  readonly nudge: Nudge | undefined;
  /** The topic that alarms notify; `undefined` without the properties `alarmTopic` and `alarmEmail`. */
  readonly alarmTopic: ITopic | undefined;
  /** The function that replaces agent tokens; `undefined` without the property `agentTokenRotation`. */
  readonly tokenRotation: TokenRotation | undefined;
  /** The gateways that this launcher starts; `undefined` without the property `gateways`. */
  readonly gateways: Gateways | undefined;
  /** Security groups of the agents. */
  readonly securityGroups: readonly ec2.ISecurityGroup[];
  /** Connections of the agents. Use them to allow access to what Terraform must reach. */
  readonly connections: ec2.Connections;
  private readonly idlePoll: Duration;
  private readonly architecture: lambda.Architecture;
  private readonly keys: Readonly<Record<KeyUse, IKey | undefined>>;

  constructor(scope: Construct, id: string, props: AgentLauncherProps) {
    super(scope, id);
    const defaultName = () => Names.uniqueResourceName(this, { maxLength: 48, separator: '-' });
    checkLauncherProps(this, defaultName, props);
    const name = props.name ?? defaultName();
    checkTopic(Stack.of(this), props.alarmTopic);
    this.name = name;
    this.gateways = props.gateways;
    this.node.addValidation({
      validate: () => [
        ...sameNameFaults(this),
        ...unresolvedImageFaults(this, props.vpc),
        ...gatewayFaults(this, props),
      ],
    });
    const hostname = props.hostname ?? DEFAULT_HOSTNAME;
    const schedule = props.schedule ?? Duration.minutes(DEFAULT_SCHEDULE_MINUTES);
    this.idlePoll = props.idlePoll ?? Duration.seconds(DEFAULT_IDLE_POLL_SECONDS);
    this.architecture = props.launcher?.architecture ?? lambda.Architecture.ARM_64;
    const logRetention = props.logRetention ?? DEFAULT_LOG_RETENTION_DAYS;

    const keys = encryptionKeys(props.encryption);
    this.keys = { ...keys, gatewayVolumes: props.gateways?.volumeKey };
    const logs = { ...props.logs, encryptionKey: keys.logs };
    allowServices(this, 'logs', keys.logs, name);
    this.cluster = new ecs.Cluster(this, 'Cluster', {
      clusterName: name,
      vpc: props.vpc,
      ...(keys.ephemeralStorage !== undefined && {
        managedStorageConfiguration: { fargateEphemeralStorageKmsKey: keys.ephemeralStorage },
      }),
      containerInsightsV2: ecs.ContainerInsights.DISABLED,
      // Enabled even if no pool uses Spot. ECS refuses to remove a provider that has running tasks, so a deployment that turns
      // Spot off would fail. https://github.com/aws/containers-roadmap/issues/631
      enableFargateCapacityProviders: true,
    });
    acknowledge(this.cluster, {
      id: 'AwsSolutions::AwsSolutions-ECS4',
      reason:
        'Container Insights bills every task as custom metrics; tasks live for minutes, and the launcher reports what they wait for and how they end.',
    });

    const trusted = trustedCertificates(props.caCertificates);
    for (const { id: warning, text } of certificateWarnings(trusted?.pem ?? '', Date.now())) {
      Annotations.of(this).addWarningV2(warning, text);
    }

    const pools = props.pools.map(
      (options) =>
        new AgentPool(this, `Pool-${options.name}`, {
          ...options,
          logRetention: options.logRetention ?? logRetention,
          image: options.image ?? props.agentImage ?? defaultImage(props.caCertificates?.file),
          launcherName: name,
          hostname,
          idleWindow: props.idleWindow,
          guardDuty: props.guardDuty,
          secretsKey: keys.secrets,
          fips: props.fips,
          imageCopies: {
            architecture: props.launcher?.architecture,
            codeSigningConfig: props.launcher?.codeSigningConfig,
            environmentKey: keys.environment,
            imagesKey: keys.images,
          },
          logs,
        }),
    );
    const codeSigningConfig = props.launcher?.codeSigningConfig;
    props.gateways?.removal.configure({
      architecture: this.architecture,
      codeSigningConfig,
      environmentKey: keys.environment,
    });
    this.pools = new Map(pools.map((pool) => [pool.poolName, pool]));

    this.securityGroups = props.securityGroups ?? [
      taskSecurityGroup(this, {
        vpc: props.vpc,
        extraPorts: [portOf(hostname)],
        proxies: proxiesToOpen(props.pools.map(({ environment }) => environment ?? {})),
      }),
    ];
    this.connections = new ec2.Connections({ securityGroups: [...this.securityGroups] });
    const subnets = props.vpc.selectSubnets(props.vpcSubnets);
    const network = this.launcherNetwork(props, subnets.subnets, hostname);
    this.launcher = new LauncherFunction(this, 'Launcher', {
      ...props,
      name,
      hostname,
      pools,
      cluster: this.cluster,
      subnets: subnets.subnets,
      securityGroups: this.securityGroups,
      assignPublicIp: props.assignPublicIp ?? false,
      schedule,
      activePoll: props.activePoll ?? Duration.seconds(DEFAULT_ACTIVE_POLL_SECONDS),
      idlePoll: this.idlePoll,
      trusted,
      hasWakeUps: hasWakeUps({ idlePollSeconds: this.idlePoll.toSeconds(), nudge: props.nudge }),
      startDeadline: props.startDeadline ?? Duration.seconds(DEFAULT_START_DEADLINE_SECONDS),
      logRetention,
      architecture: this.architecture,
      network,
      codeSigningConfig,
      keys,
      logs,
    });
    // The function starts agents as soon as it is created. After an update, it starts them in the new network. Everything that
    // an agent needs, or that restricts it, must exist by then: its roles' policies, its route, the firewall. CloudFormation
    // deletes in reverse order, so the function is deleted first.
    this.launcher.function.node.addDependency(
      this.cluster,
      ...pools.flatMap((pool) => [pool, ...pool.lanes.map(({ taskRole }) => taskRole)]),
      ...this.securityGroups,
      subnets.internetConnectivityEstablished,
      ...(props.startAfter ?? []),
    );

    const { wakeUps } = this.launcher;
    this.nudge =
      wakeUps &&
      props.nudge &&
      new Nudge(this, 'Nudge', {
        name,
        hostname,
        hmacKeySecret: props.nudge.hmacKeySecret,
        hmacKeyJsonKey: props.nudge.hmacKeyJsonKey,
        queue: wakeUps,
        architecture: this.architecture,
        codeSigningConfig,
        reservedConcurrentExecutions: props.nudge.reservedConcurrentExecutions ?? DEFAULT_NUDGE_CONCURRENCY,
        logRetention,
        trusted,
        keys,
        logs,
      });

    const { agentTokenRotation: rotation } = props;
    this.tokenRotation =
      rotation &&
      new TokenRotation(this, 'TokenRotation', {
        ...rotation,
        trusted,
        launcher: props.launcher,
        name,
        hostname,
        organization: props.organization,
        cluster: this.cluster,
        pools,
        network,
        architecture: this.architecture,
        codeSigningConfig,
        logRetention,
        keys,
        logs,
      });
    if (this.tokenRotation !== undefined) {
      // In the VPC, it needs the routes, the endpoints and the firewall.
      this.tokenRotation.function.node.addDependency(
        subnets.internetConnectivityEstablished,
        ...(props.startAfter ?? []),
      );
      if (network !== undefined)
        egressNetworkOf(props.vpc)?.allowSecretsActions(this.tokenRotation.role, STORE_ACTIONS);
    }

    this.alarmTopic = props.alarmTopic ?? this.topicOf(props.alarmEmail);
    if (this.alarmTopic === undefined) Annotations.of(this).addWarningV2(NO_TOPIC.id, NO_TOPIC.text);
    this.monitoring = new Monitoring(this, 'Monitoring', {
      name,
      pools,
      schedule,
      wakeUps,
      logGroup: this.launcher.logGroup,
      oldestQueued: props.oldestQueued ?? Duration.minutes(DEFAULT_OLDEST_QUEUED_MINUTES),
      oldestTask: props.oldestTask ?? Duration.hours(DEFAULT_OLDEST_TASK_HOURS),
      apiTokenExpiry: props.apiTokenExpiry ?? Duration.days(DEFAULT_API_TOKEN_EXPIRY_DAYS),
      apiTokens: poolsByApiToken(props),
      alarmTopic: this.alarmTopic,
      gateways: this.gateways,
      tokenRotation: this.tokenRotation &&
        rotation && { function: this.tokenRotation.function, maxAge: rotation.maxAge },
    });
    if (this.alarmTopic !== undefined && props.auditEvents !== false) {
      // The policy of the topic that alarmEmail creates allows EventBridge.
      if (props.alarmTopic !== undefined && props.auditEvents === undefined) {
        Annotations.of(this).addWarningV2(AUDIT_TOPIC.id, AUDIT_TOPIC.text);
      }
      this.audit(this.alarmTopic, {
        subnets: subnets.subnets,
        securityGroups: this.securityGroups,
        assignPublicIp: props.assignPublicIp ?? false,
      });
    }
    if (props.fips === true)
      useFipsEndpoints(this, ...ImageCopies.in(this), ...(props.gateways === undefined ? [] : [props.gateways]));
    if (props.roles !== undefined) configureRoles(name, props.roles, this, ...ImageCopies.in(this));
  }

  private audit(topic: ITopic, placement: AuditProps['placement']): void {
    const { name, launcher, nudge, tokenRotation } = this;
    new Audit(this, 'Audit', {
      name,
      topic,
      placement,
      launcherRole: launcher.role,
      functions: [
        { name: launcherFunction(name), role: launcher.role },
        ...(nudge === undefined ? [] : [{ name: nudgeFunction(name), role: nudge.role }]),
        ...(tokenRotation === undefined ? [] : [{ name: tokenRotationFunction(name), role: tokenRotation.role }]),
      ],
    });
  }

  private topicOf(email: string | undefined): ITopic | undefined {
    return email === undefined
      ? undefined
      : new AlarmTopic(this, 'Alarms', { name: this.name, email, key: this.keys.topic }).topic;
  }

  /** Where the function runs; `undefined` in Lambda's own network. */
  private launcherNetwork(
    { vpc, launcher }: AgentLauncherProps,
    taskSubnets: readonly ec2.ISubnet[],
    hostname: string,
  ): LauncherNetwork | undefined {
    if (launcher?.vpc === undefined) return undefined;
    const { vpcSubnets, securityGroups } = launcher.vpc;
    const subnets = vpcSubnets === undefined ? taskSubnets : vpc.selectSubnets(vpcSubnets).subnets;
    const open = subnets.filter(({ subnetId }) => vpc.publicSubnets.some((other) => other.subnetId === subnetId));
    if (open.length > 0) {
      throw new Error(
        `The launcher's function is in public subnets: ${open.map(({ node }) => node.path).join(', ')}. A Lambda function has no public address, so it can't reach HCP Terraform from there. Set \`launcher.vpc.vpcSubnets\` to private subnets, or leave \`launcher.vpc\` out.`,
      );
    }
    const shared = securityGroups?.find((group) =>
      this.securityGroups.some(({ securityGroupId }) => securityGroupId === group.securityGroupId),
    );
    if (shared !== undefined) {
      throw new Error(
        `The launcher's function has the security group ${shared.node.path}, which the agents also have. Endpoints and servers couldn't tell them apart. Set \`launcher.vpc.securityGroups\` to other groups, or leave it out for a new group.`,
      );
    }
    return {
      vpc,
      subnets,
      securityGroups: securityGroups ?? [
        launcherSecurityGroup(this, {
          vpc,
          extraPorts: [portOf(hostname)],
          proxies: proxiesToOpen([{ HTTPS_PROXY: launcher.httpsProxy }]),
        }),
      ],
    };
  }

  /** Each role with its purpose. A role that several tasks have is listed once. */
  private roleArns(): string[] {
    const ofPools = [...this.pools.values()].flatMap(({ poolName, executionRole, lanes }) => {
      const taskRoles = Map.groupBy(lanes, ({ taskRole }) => taskRole.roleArn);
      return [
        `execution role of pool ${poolName} = ${executionRole.roleArn}`,
        ...[...taskRoles].map(([arn, its]) => {
          const jobs = its.length < lanes.length ? ` (${its.flatMap(({ phases }) => phases).join()})` : '';
          return `task role of pool ${poolName}${jobs} = ${arn}`;
        }),
      ];
    });
    const { launcher, nudge, tokenRotation } = this;
    return [
      `launcher = ${launcher.role.roleArn}`,
      `schedule = ${launcher.scheduleRole.roleArn}`,
      ...(nudge === undefined ? [] : [`nudge = ${nudge.role.roleArn}`]),
      ...(tokenRotation === undefined
        ? []
        : [
            `token rotation = ${tokenRotation.role.roleArn}`,
            `schedule of the token rotation = ${tokenRotation.scheduleRole.roleArn}`,
          ]),
      ...(this.gateways?.all ?? []).map(({ name, roleArn }) => `${name} = ${roleArn}`),
      ...ofPools,
    ];
  }

  private standingCosts(): string[] {
    return [...this.pools.values()].flatMap(({ options }) => {
      const cost = standingCost(options, {
        warm: taskSizeOf(options, options.warmAgents?.phase ?? 'plan'),
        sweep: taskSizeOf(options, sweepingPhase(options.phases?.unlistedJobs)),
      });
      return cost === undefined ? [] : [`${options.name}: ${cost}`];
    });
  }

  /** The resources of a pool, by its name. */
  pool(name: string): AgentPool {
    const pool = this.pools.get(name);
    if (pool !== undefined) return pool;
    const known = [...this.pools.keys()].join(', ');
    throw new Error(
      `The launcher ${this.node.path} has no agent pool ${JSON.stringify(name)}. Its pools are: ${known}. Use one of these names, or add the pool to \`pools\`.`,
    );
  }

  /**
   * Adds stack outputs for what users look up after a deployment: cluster, function, log groups, dashboard, version, and the prices
   * of agents that start without a queued job and of idle polling.
   *
   * @param scope of the outputs; if it is the stack, the output names have no suffix
   */
  addOutputs(scope: Construct = this): void {
    const { name, launcher, pools, monitoring } = this;
    const agentLogs = agentLogGroupsText([...pools.values()].map((pool) => pool.logGroup.logGroupName));
    const outputs: [id: string, value: string, description: string][] = [
      [OUTPUTS.cluster, name, 'Cluster of the agents'],
      [
        OUTPUTS.launcherFunction,
        launcher.function.functionName,
        'The launcher function; invoke it to run a tick immediately',
      ],
      [
        OUTPUTS.launcherLogGroup,
        launcher.logGroup.logGroupName,
        'Log of the launcher: one line per tick with everything that it observed, decided and did',
      ],
      [OUTPUTS.agentLogGroups, agentLogs, 'Logs of the agents: one group per pool, one stream per task'],
      [OUTPUTS.dashboardUrl, monitoring.dashboardUrl, 'Queued jobs, live tasks, start latency, cost, failures'],
      [
        OUTPUTS.version,
        packageVersion(),
        'Version of agent-launcher that deployed this stack; every log line of the launcher has it',
      ],
    ];
    outputs.push([
      OUTPUTS.roleArns,
      this.roleArns().join(', '),
      'Roles of the launcher and the agents, for key policies and resource policies; see docs/roles.md',
    ]);
    for (const copies of ImageCopies.in(this)) {
      outputs.push([
        OUTPUTS.imageCopyRoleArn,
        copies.roleArn,
        'Role that copies images during a deployment, for the key policy of its secret',
      ]);
    }
    const standing = this.standingCosts();
    if (standing.length > 0) {
      outputs.push([
        OUTPUTS.standingAgents,
        standing.join('. '),
        'Agents that start without a queued job (warm agents and sweeps), and their price',
      ]);
    }
    if (pollsByMessages(this.idlePoll.toSeconds())) {
      outputs.push([
        OUTPUTS.idlePollCost,
        `${dollars(total(idlePollCost(this.idlePoll.toSeconds(), this.architecture === lambda.Architecture.X86_64 ? 'x86_64' : 'arm64')))} per month`,
        'Monthly cost of the additional polls while nothing runs, at list prices of us-east-1; see docs/costs.md',
      ]);
    }
    if (this.nudge !== undefined) {
      outputs.push([OUTPUTS.nudgeUrl, this.nudge.url, 'URL for the run task or the notification that announces runs']);
      outputs.push([
        OUTPUTS.nudgeCost,
        `${dollars(total(wakeUpQueueCost()))} per month${pollsByMessages(this.idlePoll.toSeconds()) ? ', which IdlePollCost includes' : ''}`,
        'Monthly cost of the queue that nudges use, without nudges, at list prices of us-east-1; see docs/costs.md',
      ]);
    }
    const copies = ImageCopies.in(this).length > 0;
    const uses = KEY_USES.filter((use) => this.keys[use] !== undefined && (use !== 'images' || copies));
    if (uses.length > 0) {
      const statements = keyPolicyStatements(uses, keyUser(this, name));
      outputs.push([
        OUTPUTS.keyPolicy,
        Stack.of(this).toJsonString(statements),
        'Statements for the policies of the customer managed keys; see docs/encryption.md',
      ]);
    }
    for (const [id, value, description] of outputs) new CfnOutput(scope, id, { value, description });
  }
}

/** The warning about alarms without a topic. An app that reads the alarms in CloudWatch can acknowledge it. */
const NO_TOPIC = {
  id: 'agent-launcher:noAlarmTopic',
  text: 'Nobody is notified of the alarms: they are visible in CloudWatch only. Set an e-mail address (alarmEmail) or an SNS topic (alarmTopicArn; in the construct, alarmTopic).',
} as const;
/** The warning about a topic whose policy the stack can't see. Without the permission, the messages are lost, and nothing reports it. */
const AUDIT_TOPIC = {
  id: 'agent-launcher:auditTopic',
  text: "The messages of auditEvents reach the alarm topic only if its policy lets events.amazonaws.com publish, without a condition; EventBridge reports nothing otherwise. Allow it, and set auditEvents to true, or set it to false (docs/runbook.md, 'A call that is not the launcher’s').",
} as const;

/** The default image, if it must trust certificates of a file. */
function defaultImage(caCertificatesFile: string | undefined): AgentImage | undefined {
  return caCertificatesFile === undefined
    ? undefined
    : AgentImage.fromVersion(DEFAULT_AGENT_VERSION, { caCertificatesFile });
}

/** The names of the pools that share an API token, for each token. */
function poolsByApiToken({ pools, apiTokenSecret, apiTokenJsonKey }: AgentLauncherProps): string[][] {
  const bySecret = Map.groupBy(pools, (pool) =>
    pool.apiTokenSecret === undefined
      ? secretReferenceOf(apiTokenSecret, apiTokenJsonKey)
      : secretReferenceOf(pool.apiTokenSecret, pool.apiTokenJsonKey),
  );
  return [...bySecret.values()].map((its) => its.map(({ name }) => name));
}

/** Size of the tasks that serve a phase. */
function taskSizeOf(pool: AgentPoolOptions, phase: Phase): Omit<JobSize, 'seconds'> {
  const { cpu, memoryLimitMiB, ephemeralStorageGiB } = taskOf(pool, [phase]);
  return {
    cpu,
    memoryMiB: memoryLimitMiB,
    architecture: pool.cpuArchitecture === ecs.CpuArchitecture.ARM64 ? 'arm64' : 'x86_64',
    ...(ephemeralStorageGiB !== undefined && { diskGiB: ephemeralStorageGiB }),
  };
}

/** Faults if the app has two launchers with the same name, account and region. AWS would reject the second launcher. */
function sameNameFaults(launcher: AgentLauncher): string[] {
  const { account, region } = Stack.of(launcher);
  return launcher.node.root.node.findAll().flatMap((other) => {
    if (other === launcher || !(other instanceof AgentLauncher)) return [];
    const its = Stack.of(other);
    if (other.name.toLowerCase() !== launcher.name.toLowerCase()) return [];
    if (its.account !== account || its.region !== region) return [];
    return [
      `The launcher at ${other.node.path} has the same name, ${launcher.name}. Set a different \`name\` for one of them.`,
    ];
  });
}

/** The `EgressNetwork` that created the VPC; `undefined` for another VPC. */
function egressNetworkOf(vpc: ec2.IVpc): EgressNetwork | undefined {
  return vpc.node.scopes.find((scope) => scope instanceof EgressNetwork);
}

/** Faults if the registry of an image doesn't resolve in the launcher's `EgressNetwork`, because no task could pull the image. */
function unresolvedImageFaults({ pools }: AgentLauncher, vpc: ec2.IVpc): string[] {
  const network = egressNetworkOf(vpc);
  if (network === undefined) return [];
  return [...pools].flatMap(([name, { lanes }]) => {
    const images = new Set(lanes.flatMap(({ taskDefinition }) => taskDefinition.defaultContainer?.imageName ?? []));
    return [...images].flatMap((image) => {
      const unresolved = network.unresolvedHostsOf(image);
      if (unresolved.length === 0) return [];
      const copy = ecrImage(image) === undefined ? 'Use AgentImage.copyOf, so that tasks pull from ECR, or add' : 'Add';
      return [
        `Agent pool ${name} can't pull its image ${image}. These hosts don't resolve in the EgressNetwork ${network.node.path}: ${unresolved.join(', ')}. ${copy} the image to the network's \`images\`.`,
      ];
    });
  });
}

/** Faults if the launcher doesn't start the gateways of its network, or if another launcher also does. */
function gatewayFaults(launcher: AgentLauncher, { vpc, gateways }: AgentLauncherProps): string[] {
  const network = egressNetworkOf(vpc);
  if (gateways !== network?.gateways) {
    return [
      gateways === undefined
        ? `The egress mode of the network ${network?.node.path} is on-demand, but nothing starts its gateways, so no agent has an egress path. Set \`gateways\` to the network's \`gateways\`.`
        : 'The property `gateways` has the gateways of another network than `vpc`. Set both to those of one EgressNetwork.',
    ];
  }
  if (gateways === undefined) return [];
  const others = launcher.node.root.node
    .findAll()
    .filter((other) => other !== launcher && other instanceof AgentLauncher && other.gateways === gateways);
  return others.map(
    ({ node }) =>
      `The launcher ${node.path} has the same gateways. Each launcher would stop them while the other's agents run. Create an EgressNetwork for each of them.`,
  );
}

/** CloudWatch rejects an alarm whose topic is in another region. Synthesis can check this if both regions are known. */
function checkTopic({ region }: Stack, topic: ITopic | undefined): void {
  const its = topic?.env.region;
  if (its === undefined || its === region || Token.isUnresolved(its) || Token.isUnresolved(region)) return;
  throw new Error(
    `The alarm topic is in ${its} and the stack in ${region}. CloudWatch only notifies topics in its own region: use a topic in ${region}.`,
  );
}
