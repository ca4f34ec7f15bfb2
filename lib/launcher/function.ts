import { Duration, Stack, Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type * as z from 'zod';
import { type GatewayEnvironment, gatewaysEnvironment } from '../../functions/launcher/gateway-environment.ts';
import { agentPoolsEnvironment } from '../../functions/launcher/pool-environment.ts';
import { acknowledge, explain, FUNCTION_EXCEPTIONS, ROLE_EXCEPTIONS } from '../acknowledgement.ts';
import { type GatewayValues, launcherVariables } from '../agent/function-variables.ts';
import type { AgentPool } from '../agent/pool.ts';
import { type PlainPool, poolEnvironment } from '../agent/pool-environment.ts';
import type { AgentPoolOptions } from '../agent/pool-options.ts';
import { secretReferenceOf } from '../agent/secret-id.ts';
import { BUNDLE_ENVIRONMENT, caCertificatesEnvironment, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';
import { launcherFunction, launcherLogGroup } from '../names.ts';
import type { Gateways } from '../network/gateways.ts';
import type { AgentLauncherProps, Resolved } from '../properties/agent-launcher.ts';
import type { EncryptionKeys } from '../properties/encryption.ts';
import { trustedService } from '../service-trust.ts';
import { packageVersion } from '../version.ts';
import {
  commonProps,
  connectionSecrets,
  connectionValues,
  invokeOnSchedule,
  type LauncherNetwork,
} from './function-parts.ts';
import { acknowledgedWildcards, launcherStatements } from './permissions.ts';
import type { TrustedCertificates } from './trusted-certificates.ts';
import { WakeUps } from './wake-ups.ts';

export interface LauncherFunctionProps
  extends Pick<
      AgentLauncherProps,
      | 'organization'
      | 'apiTokenSecret'
      | 'apiTokenJsonKey'
      | 'agentsCeiling'
      | 'launcher'
      | 'reservedConcurrentExecutions'
      | 'gateways'
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
  readonly architecture: lambda.Architecture;
  /** `undefined`: Lambda's own network. */
  readonly network: LauncherNetwork | undefined;
  readonly codeSigningConfig: lambda.ICodeSigningConfig | undefined;
  /** Certificates to trust in addition to the public ones. */
  readonly trusted?: TrustedCertificates | undefined;
  /** Whether messages invoke the launcher between two scheduled invocations. */
  readonly hasWakeUps: boolean;
  readonly keys: EncryptionKeys;
  readonly logs: LogGroupOptions;
}

/** Timeout of the function. Even with the shortest schedule, an invocation ends before the next one begins. */
const TIMEOUT = Duration.seconds(58);

/**
 * Maximum age of an event. An older invocation is useless, because the next one has begun. This is EventBridge Scheduler's
 * minimum.
 */
const MAX_EVENT_AGE = Duration.seconds(60);

/** The launcher: a Lambda function, in Lambda's own network or in a VPC, the schedule and the messages that invoke it, and its permissions. */
export class LauncherFunction extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  readonly logGroup: logs.LogGroup;
  readonly scheduleRole: iam.Role;
  /** Queue of the messages that invoke the launcher; `undefined` if only the schedule does. */
  readonly wakeUps: sqs.Queue | undefined;

  constructor(scope: Construct, id: string, props: LauncherFunctionProps) {
    super(scope, id);

    const { keys } = props;
    this.logGroup = newLogGroup(
      this,
      'Logs',
      { logGroupName: launcherLogGroup(props.name), retention: props.logRetention },
      props.logs,
    );

    // The CDK's default role has a managed policy that can write to every log group of the account.
    const role = new iam.Role(this, 'Role', {
      assumedBy: trustedService(this, 'lambda.amazonaws.com'),
      description: 'Lets the launcher start, list and stop agents in its own cluster',
    });

    this.role = role;

    const wakeUps = props.hasWakeUps ? new WakeUps(this, 'WakeUps', keys.queue) : undefined;
    this.wakeUps = wakeUps?.queue;

    this.function = new lambda.Function(this, 'Function', {
      functionName: launcherFunction(props.name),
      description: 'Starts one Fargate task for every job that is queued in HCP Terraform',
      ...commonProps(this, { ...props, logGroup: this.logGroup }),
      code: lambdaBundle('launcher', props.trusted?.pem),
      // A tick with 10,000 queued jobs needs about 100 MiB (docs/performance.md). With less memory, Lambda also gives less processor time.
      memorySize: 256,
      timeout: TIMEOUT,
      role,
      environment: {
        ...environment(props, wakeUps),
        ...BUNDLE_ENVIRONMENT,
        ...caCertificatesEnvironment(props.trusted?.pem),
        // The `service` of log lines and metrics. It keeps the metrics of two launchers in one account separate.
        POWERTOOLS_SERVICE_NAME: props.name,
      },
      // The next scheduled invocation serves as the retry. By default, Lambda keeps a throttled invocation for six hours.
      retryAttempts: 0,
      maxEventAge: MAX_EVENT_AGE,
      // By default, nothing is reserved: overlapping ticks are harmless.
      ...(props.reservedConcurrentExecutions !== undefined && {
        reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      }),
    });

    const input = {
      ...props,
      stack: Stack.of(this),
      logGroup: this.logGroup,
      wakeUps: this.wakeUps,
      inVpc: props.network !== undefined,
      connectionSecrets: connectionSecrets(props),
    };
    for (const statement of launcherStatements(input)) role.addToPrincipalPolicy(statement);
    acknowledge(role, ...acknowledgedWildcards(input));
    explain(role, ROLE_EXCEPTIONS);
    const nextTick = 'The next scheduled invocation does the work of one that fails, and alarms report failures.';
    explain(this.function, {
      ...FUNCTION_EXCEPTIONS,
      LambdaDLQ: nextTick,
      LambdaAsyncFailureDestination: nextTick,
      LambdaConcurrency:
        'Overlapping ticks are harmless, and a new AWS account has too little concurrency to reserve any. The setting reservedConcurrency removes the finding.',
      LambdaInsideVPC:
        'The function needs only HCP Terraform and AWS APIs, and accepts no connections. The setting launcher.vpc removes the finding.',
    });
    wakeUps?.invoke(this.function);
    this.scheduleRole = invokeOnSchedule(this, this.function, {
      name: props.name,
      description: 'One tick of the launcher',
      rate: props.schedule,
      retryAttempts: 0,
      maxEventAge: MAX_EVENT_AGE,
      role: { sid: 'InvokeTheLauncher', description: 'Lets the schedule invoke the launcher' },
    });
  }
}

function environment(props: LauncherFunctionProps, wakeUps: WakeUps | undefined): Record<string, string> {
  return launcherVariables({
    hostname: props.hostname,
    organization: props.organization,
    apiTokenSecret: secretReferenceOf(props.apiTokenSecret, props.apiTokenJsonKey),
    pools: poolsText(props),
    cluster: props.name,
    subnetIds: props.subnets.map(({ subnetId }) => subnetId),
    securityGroupIds: props.securityGroups.map(({ securityGroupId }) => securityGroupId),
    assignPublicIp: props.assignPublicIp,
    activePollSeconds: props.activePoll.toSeconds(),
    idlePollSeconds: props.idlePoll.toSeconds(),
    startDeadlineSeconds: props.startDeadline.toSeconds(),
    scheduleSeconds: props.schedule.toSeconds(),
    version: packageVersion(),
    agentsCeiling: props.agentsCeiling,
    ...connectionValues(props),
    wakeUpsQueueUrl: wakeUps?.queue.queueUrl,
    gateways: props.gateways && gatewayValues(props, props.gateways),
  });
}

/** The variables of the gateways. Parses each gateway with the function's own parser. */
function gatewayValues({ cluster }: LauncherFunctionProps, gateways: Gateways): GatewayValues {
  const environments: GatewayEnvironment[] = gateways.all.map(
    ({ name, launchTemplateId, launchTemplateVersion, networkInterfaceId, config, fixedAddress }) => ({
      name,
      launchTemplateId,
      launchTemplateVersion,
      networkInterfaceId,
      config,
      fixedAddress,
    }),
  );
  checkEnvironment('gateways', gatewaysEnvironment.safeParse(environments, { reportInput: true }));
  return {
    all: Stack.of(cluster).toJsonString(environments),
    idleMinutes: gateways.idleTime.toMinutes(),
    start: gateways.start,
    maxAgeDays: gateways.maxAge.toDays(),
  };
}

/**
 * Value of the variable with the pools: plain JSON, so that people can read it in the console. Parses each pool with the function's own
 * parser.
 */
function poolsText({ cluster, name, pools }: LauncherFunctionProps): string {
  const environments = pools.map(({ options }) => poolEnvironment(name, plain(options)));
  checkEnvironment('pools', agentPoolsEnvironment.safeParse(environments, { reportInput: true }));
  return Stack.of(cluster).toJsonString(environments);
}

/** @throws {Error} if the function would reject a variable. Values with CDK tokens are known only at deployment, so they aren't checked. */
function checkEnvironment(what: string, { error }: z.ZodSafeParseResult<unknown>): void {
  const known = (error?.issues ?? []).filter(({ input }) => !Token.isUnresolved(input));
  if (known.length === 0) return;
  const faults = known.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new Error(
    `The launcher's function would reject its ${what} (${faults}). Nothing was synthesized. This is our bug: report it with this message.`,
  );
}

function plain({ warmAgents, sweepInterval, apiTokenSecret, standby, ...options }: AgentPoolOptions): PlainPool {
  return {
    ...options,
    apiTokenSecret: apiTokenSecret && secretReferenceOf(apiTokenSecret, options.apiTokenJsonKey),
    warmAgents: warmAgents && { ...warmAgents, idleMinutes: warmAgents.idleWindow?.toMinutes() },
    sweepMinutes: sweepInterval?.toMinutes(),
    standbySeconds: standby?.toSeconds(),
  };
}
