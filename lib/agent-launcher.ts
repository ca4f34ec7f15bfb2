import { CfnOutput, Duration, Names, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Phase } from '../functions/launcher/contract.ts';
import { acknowledge } from './acknowledgement.ts';
import { AgentPool, taskOf } from './agent/pool.ts';
import type { AgentPoolOptions } from './agent/pool-options.ts';
import { proxiesToOpen } from './agent/proxies.ts';
import { standingCost, sweepingPhase } from './agent/warm-agents.ts';
import { dollars, idlePollCost, type JobSize, total, wakeUpQueueCost } from './aws/costs.ts';
import { ecrImage } from './aws/ecr-image.ts';
import {
  DEFAULT_ACTIVE_POLL_SECONDS,
  DEFAULT_HOSTNAME,
  DEFAULT_IDLE_POLL_SECONDS,
  DEFAULT_LOG_RETENTION_DAYS,
  DEFAULT_NUDGE_CONCURRENCY,
  DEFAULT_OLDEST_QUEUED_MINUTES,
  DEFAULT_SCHEDULE_MINUTES,
  DEFAULT_START_DEADLINE_SECONDS,
} from './defaults.ts';
import { EgressNetwork } from './egress-network.ts';
import { LauncherFunction } from './launcher/function.ts';
import { Monitoring } from './launcher/monitoring.ts';
import { Nudge } from './launcher/nudge.ts';
import { portOf } from './network/allowed-domains.ts';
import { taskSecurityGroup } from './network/security-group.ts';
import type { AgentLauncherProps } from './properties/agent-launcher.ts';
import { checkLauncherProps } from './properties/agent-launcher-checks.ts';

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
  /** Security groups of the agents. */
  readonly securityGroups: readonly ec2.ISecurityGroup[];
  /** Connections of the agents. Use them to allow access to what Terraform must reach. */
  readonly connections: ec2.Connections;
  private readonly idlePoll: Duration;

  constructor(scope: Construct, id: string, props: AgentLauncherProps) {
    super(scope, id);
    const defaultName = () => Names.uniqueResourceName(this, { maxLength: 48, separator: '-' });
    checkLauncherProps(this, defaultName, props);
    const name = props.name ?? defaultName();
    checkTopic(Stack.of(this), props.alarmTopic);
    this.name = name;
    this.node.addValidation({ validate: () => [...sameNameFaults(this), ...unresolvedImageFaults(this, props.vpc)] });
    const hostname = props.hostname ?? DEFAULT_HOSTNAME;
    const schedule = props.schedule ?? Duration.minutes(DEFAULT_SCHEDULE_MINUTES);
    this.idlePoll = props.idlePoll ?? Duration.seconds(DEFAULT_IDLE_POLL_SECONDS);
    const logRetention = props.logRetention ?? DEFAULT_LOG_RETENTION_DAYS;

    this.cluster = new ecs.Cluster(this, 'Cluster', {
      clusterName: name,
      vpc: props.vpc,
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

    const pools = props.pools.map(
      (options) =>
        new AgentPool(this, `Pool-${options.name}`, {
          ...options,
          logRetention: options.logRetention ?? logRetention,
          image: options.image ?? props.agentImage,
          launcherName: name,
          hostname,
          idleWindow: props.idleWindow,
          guardDuty: props.guardDuty,
        }),
    );
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
      hasWakeUps: this.pollsByMessages || props.nudge !== undefined,
      startDeadline: props.startDeadline ?? Duration.seconds(DEFAULT_START_DEADLINE_SECONDS),
      logRetention,
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
        queue: wakeUps,
        reservedConcurrentExecutions: props.nudge.reservedConcurrentExecutions ?? DEFAULT_NUDGE_CONCURRENCY,
        logRetention,
      });

    this.monitoring = new Monitoring(this, 'Monitoring', {
      name,
      pools,
      schedule,
      wakeUps,
      oldestQueued: props.oldestQueued ?? Duration.minutes(DEFAULT_OLDEST_QUEUED_MINUTES),
      alarmTopic: props.alarmTopic,
    });
  }

  /** Whether the launcher polls between two scheduled invocations while every pool is idle. */
  private get pollsByMessages(): boolean {
    return this.idlePoll.toSeconds() < DEFAULT_IDLE_POLL_SECONDS;
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
   * Adds stack outputs for what users look up after a deployment: cluster, function, log groups, dashboard, and the prices
   * of agents that start without a queued job and of idle polling.
   *
   * @param scope of the outputs; if it is the stack, the output names have no suffix
   */
  addOutputs(scope: Construct = this): void {
    const { name, launcher, pools, monitoring } = this;
    const agentLogs = [...pools.values()].map((pool) => pool.logGroup.logGroupName).join(', ');
    const outputs: [id: string, value: string, description: string][] = [
      ['ClusterName', name, 'Cluster of the agents'],
      [
        'LauncherFunctionName',
        launcher.function.functionName,
        'The launcher function; invoke it to run a tick immediately',
      ],
      [
        'LauncherLogGroup',
        launcher.logGroup.logGroupName,
        'Log of the launcher: one line per tick with everything that it observed, decided and did',
      ],
      ['AgentLogGroups', agentLogs, 'Logs of the agents: one group per pool, one stream per task'],
      ['DashboardUrl', monitoring.dashboardUrl, 'Queued jobs, live tasks, start latency, failures'],
    ];
    const standing = this.standingCosts();
    if (standing.length > 0) {
      outputs.push([
        'StandingAgents',
        standing.join('. '),
        'Agents that start without a queued job (warm agents and sweeps), and their price',
      ]);
    }
    if (this.pollsByMessages) {
      outputs.push([
        'IdlePollCost',
        `${dollars(total(idlePollCost(this.idlePoll.toSeconds())))} per month`,
        'Monthly cost of the additional polls while nothing runs, at list prices of us-east-1; see docs/costs.md',
      ]);
    }
    if (this.nudge !== undefined) {
      outputs.push(['NudgeUrl', this.nudge.url, 'URL for the run task or the notification that announces runs']);
      outputs.push([
        'NudgeCost',
        `${dollars(total(wakeUpQueueCost()))} per month${this.pollsByMessages ? ', which IdlePollCost includes' : ''}`,
        'Monthly cost of the queue that nudges use, without nudges, at list prices of us-east-1; see docs/costs.md',
      ]);
    }
    for (const [id, value, description] of outputs) new CfnOutput(scope, id, { value, description });
  }
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

/** Faults if the registry of an image doesn't resolve in the launcher's `EgressNetwork`, because no task could pull the image. */
function unresolvedImageFaults({ pools }: AgentLauncher, vpc: ec2.IVpc): string[] {
  const network = vpc.node.scopes.find((scope) => scope instanceof EgressNetwork);
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

/** CloudWatch rejects an alarm whose topic is in another region. Synthesis can check this if both regions are known. */
function checkTopic({ region }: Stack, topic: ITopic | undefined): void {
  const its = topic?.env.region;
  if (its === undefined || its === region || Token.isUnresolved(its) || Token.isUnresolved(region)) return;
  throw new Error(
    `The alarm topic is in ${its} and the stack in ${region}. CloudWatch only notifies topics in its own region: use a topic in ${region}.`,
  );
}
