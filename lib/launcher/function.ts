import { Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV } from '../../functions/launcher/contract.ts';
import { agentPoolsEnvironment } from '../../functions/launcher/pool-environment.ts';
import { acknowledge } from '../acknowledgement.ts';
import type { AgentPool } from '../agent/pool.ts';
import { type PlainPool, poolEnvironment } from '../agent/pool-environment.ts';
import type { AgentPoolOptions } from '../agent/pool-options.ts';
import { secretId } from '../agent/secret-id.ts';
import { BUNDLE_ENVIRONMENT, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { launcherFunction, launcherLogGroup } from '../names.ts';
import type { AgentLauncherProps, Resolved } from '../properties/agent-launcher.ts';
import { acknowledgedWildcards, apiTokenSecrets, launcherStatements } from './permissions.ts';
import { WakeUps } from './wake-ups.ts';

export interface LauncherFunctionProps
  extends Pick<
      AgentLauncherProps,
      'organization' | 'apiTokenSecret' | 'agentsCeiling' | 'reservedConcurrentExecutions'
    >,
    Resolved<
      | 'hostname'
      | 'securityGroups'
      | 'assignPublicIp'
      | 'schedule'
      | 'activePoll'
      | 'idlePoll'
      | 'startDeadline'
      | 'logRetention'
    > {
  /** Name of the cluster, without CDK tokens. The names of the function, its schedule and other resources begin with it. */
  readonly name: string;
  readonly pools: readonly AgentPool[];
  readonly cluster: ecs.Cluster;
  readonly subnets: readonly ec2.ISubnet[];
  /** Whether messages invoke the launcher between two scheduled invocations. */
  readonly hasWakeUps: boolean;
}

/** Timeout of the function. Even with the shortest schedule, an invocation ends before the next one begins. */
const TIMEOUT = Duration.seconds(58);

/**
 * Maximum age of an event. An older invocation is useless, because the next one has begun. This is EventBridge Scheduler's
 * minimum.
 */
const MAX_EVENT_AGE = Duration.seconds(60);

/** The launcher: a Lambda function outside any VPC, the schedule and the messages that invoke it, and its permissions. */
export class LauncherFunction extends Construct {
  readonly function: lambda.Function;
  readonly logGroup: logs.LogGroup;
  /** Queue of the messages that invoke the launcher; `undefined` if only the schedule does. */
  readonly wakeUps: sqs.Queue | undefined;

  constructor(scope: Construct, id: string, props: LauncherFunctionProps) {
    super(scope, id);

    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: launcherLogGroup(props.name),
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    // The CDK's default role has a managed policy that can write to every log group of the account.
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'Lets the launcher start, list and stop agents in its own cluster',
    });

    const wakeUps = props.hasWakeUps ? new WakeUps(this, 'WakeUps') : undefined;
    this.wakeUps = wakeUps?.queue;

    this.function = new lambda.Function(this, 'Function', {
      functionName: launcherFunction(props.name),
      description: 'Starts one Fargate task for every job that is queued in HCP Terraform',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambdaBundle('launcher'),
      handler: 'index.handler',
      memorySize: 256,
      timeout: TIMEOUT,
      role,
      environment: {
        ...environment(props),
        ...(wakeUps !== undefined && { [ENV.wakeUpsQueueUrl]: wakeUps.queue.queueUrl }),
        ...BUNDLE_ENVIRONMENT,
        // The `service` of log lines and metrics. It keeps the metrics of two launchers in one account separate.
        POWERTOOLS_SERVICE_NAME: props.name,
      },
      logGroup: this.logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: lambda.ApplicationLogLevel.INFO,
      systemLogLevelV2: lambda.SystemLogLevel.INFO,
      // The next scheduled invocation serves as the retry. By default, Lambda keeps a throttled invocation for six hours.
      retryAttempts: 0,
      maxEventAge: MAX_EVENT_AGE,
      // By default, nothing is reserved: overlapping ticks are harmless.
      ...(props.reservedConcurrentExecutions !== undefined && {
        reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      }),
    });

    const input = { ...props, stack: Stack.of(this), logGroup: this.logGroup, wakeUps: this.wakeUps };
    for (const statement of launcherStatements(input)) role.addToPrincipalPolicy(statement);
    for (const secret of apiTokenSecrets(props)) secret.encryptionKey?.grantDecrypt(role);
    acknowledge(role, ...acknowledgedWildcards(input));
    wakeUps?.invoke(this.function);
    this.schedule(props);
  }

  private schedule(props: LauncherFunctionProps): void {
    const role = new iam.Role(this, 'ScheduleRole', {
      // Only schedules of this account may use the role.
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description: 'Lets the schedule invoke the launcher',
    });
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        sid: 'InvokeTheLauncher',
        actions: ['lambda:InvokeFunction'],
        resources: [this.function.functionArn],
      }),
    );
    const schedule = new scheduler.Schedule(this, 'Schedule', {
      scheduleName: props.name,
      description: 'One tick of the launcher',
      schedule: scheduler.ScheduleExpression.rate(props.schedule),
      timeWindow: scheduler.TimeWindow.off(),
      target: new LambdaInvoke(this.function, {
        // The CDK would also grant every version and alias of the function.
        role: role.withoutPolicyUpdates(),
        retryAttempts: 0,
        maxEventAge: MAX_EVENT_AGE,
      }),
    });
    // The role's policy is a separate resource to which the schedule doesn't refer, so CloudFormation needs the dependency.
    schedule.node.addDependency(role);
  }
}

/** Exactly the variables that the function expects. The pools are plain JSON, so that people can read them in the console. */
function environment(props: LauncherFunctionProps): Record<string, string> {
  return {
    [ENV.hostname]: props.hostname,
    [ENV.organization]: props.organization,
    [ENV.apiTokenSecret]: secretId(props.apiTokenSecret),
    [ENV.agentPools]: poolsText(props),
    [ENV.cluster]: props.name,
    [ENV.subnets]: props.subnets.map((subnet) => subnet.subnetId).join(','),
    [ENV.securityGroups]: props.securityGroups.map((group) => group.securityGroupId).join(','),
    [ENV.assignPublicIp]: props.assignPublicIp ? 'ENABLED' : 'DISABLED',
    [ENV.activePollSeconds]: String(props.activePoll.toSeconds()),
    [ENV.idlePollSeconds]: String(props.idlePoll.toSeconds()),
    [ENV.startDeadlineSeconds]: String(props.startDeadline.toSeconds()),
    ...(props.agentsCeiling !== undefined && { [ENV.agentsCeiling]: String(props.agentsCeiling) }),
  };
}

/** Value of the variable with the pools. Parses each pool with the function's own parser. */
function poolsText({ cluster, name, pools }: LauncherFunctionProps): string {
  const environments = pools.map(({ options }) => poolEnvironment(name, plain(options)));
  // Values with CDK tokens are known only at deployment, so they can't be checked here.
  const issues = agentPoolsEnvironment.safeParse(environments, { reportInput: true }).error?.issues ?? [];
  const known = issues.filter(({ input }) => !Token.isUnresolved(input));
  if (known.length > 0) {
    const faults = known.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    throw new Error(
      `The launcher's function would reject its pools (${faults}). Nothing was synthesized. This is our bug: report it with this message.`,
    );
  }
  return Stack.of(cluster).toJsonString(environments);
}

function plain({ warmAgents, sweepInterval, apiTokenSecret, ...options }: AgentPoolOptions): PlainPool {
  return {
    ...options,
    apiTokenSecret: apiTokenSecret && secretId(apiTokenSecret),
    warmAgents: warmAgents && { ...warmAgents, idleMinutes: warmAgents.idleWindow?.toMinutes() },
    sweepMinutes: sweepInterval?.toMinutes(),
  };
}
