/** What AWS shows of a deployment: the stack with its outputs, the function, the log groups and the schedule. */
import { dashboardUrl } from '../../lib/aws/console.ts';
import { dollars, gatewayHourCost, idleNetworkCost, total } from '../../lib/aws/costs.ts';
import { DEFAULT_LOG_RETENTION_DAYS, DEFAULT_SCHEDULE_MINUTES } from '../../lib/defaults.ts';
import {
  agentLogGroup,
  agentLogGroupsText,
  alarmName,
  alarmTopicName,
  auditRule,
  launcherFunction,
  launcherLogGroup,
  OUTPUTS,
} from '../../lib/names.ts';
import { claimOf } from '../../lib/network/claims.ts';
import { packageVersion } from '../../lib/version.ts';
import type { EcsServer } from '../ecs/server.ts';
import type { LocalGateway } from '../gateway/local-gateway.ts';
import type { Invocation } from '../lambda/function.ts';
import { LAUNCHER } from './task-definition.ts';

/** The function's settings in a deployment. A test compares them with lib/launcher/function.ts. */
export const FUNCTION = { memoryMiB: 256, timeoutSeconds: 58 } as const;

/** Headings of the alarms in lib/launcher/monitoring.ts, which would load the CDK. A test compares them. */
const ALARMS = ['Ticks fail', 'API token rejected', 'Launcher silent', 'Wake-ups are not received'];
const POOL_ALARMS = [
  // A deployment has it once for each API token. Each local pool has its own token.
  'API token expires soon',
  'A job waits too long',
  'Agents fail to start',
  'A job ran out of memory',
  'A run stays in a post-plan status',
  'A task runs too long',
  'Unexpected agents in a pool',
];
/** Only with a gateway. */
const GATEWAY_ALARM = 'A gateway has a problem';
/** In a deployment, CloudFormation chooses the name. */
const GATEWAY_LOG_GROUP = `${LAUNCHER}-Gateways`;

/** It stays empty, because the local system has no DNS Firewall. */
const DNS_QUERY_LOG_GROUP = `/aws/vendedlogs/${LAUNCHER}-DnsQueries`;

/** Maximum number of invocations by wake-ups at the same time, as in lib/launcher/wake-ups.ts. */
export const WAKE_UPS_CONCURRENCY = 2;

export interface DeploymentSettings {
  readonly pools: readonly string[];
  /** The variables that a deployment sets, without those of Lambda. */
  readonly environment: Readonly<Record<string, string>>;
  /** Port of the local HCP Terraform. */
  readonly port: number;
  /** ARN of the queue of wake-ups. */
  readonly wakeUpsArn: string;
  /** The gateway of the egress mode `on-demand`. Absent: the stack uses an existing VPC. */
  readonly gateway?: LocalGateway | undefined;
}

/** Adds the deployment to the server. */
export function deploy(
  { aws, region, accountId }: EcsServer,
  { pools, environment, port, wakeUpsArn, gateway }: DeploymentSettings,
): void {
  const { logs, functions, schedules, cloudFormation, cloudWatch } = aws;
  const agentGroups = pools.map((pool) => agentLogGroup(LAUNCHER, pool));
  const launcherGroup = launcherLogGroup(LAUNCHER);
  const gatewayGroups = gateway === undefined ? [] : [GATEWAY_LOG_GROUP, DNS_QUERY_LOG_GROUP];
  for (const group of [launcherGroup, ...agentGroups, ...gatewayGroups])
    logs.store.createGroup(group, DEFAULT_LOG_RETENTION_DAYS);
  const functionArn = functions.put({
    name: launcherFunction(LAUNCHER),
    description: 'Starts one Fargate task for every job that is queued in HCP Terraform',
    environment,
    logGroup: launcherGroup,
    ...FUNCTION,
  });
  const roleArn = (name: string) => `arn:aws:iam::${accountId}:role/${name}`;
  schedules.put({
    Name: LAUNCHER,
    Description: 'One tick of the launcher',
    ScheduleExpression: `rate(${DEFAULT_SCHEDULE_MINUTES} minute${DEFAULT_SCHEDULE_MINUTES === 1 ? '' : 's'})`,
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: functionArn,
      RoleArn: roleArn(`${LAUNCHER}-schedule`),
      RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
    },
  });
  functions.addMapping({
    functionName: launcherFunction(LAUNCHER),
    eventSourceArn: wakeUpsArn,
    batchSize: 10,
    maximumConcurrency: WAKE_UPS_CONCURRENCY,
  });
  const actions = [aws.topics.put(alarmTopicName(LAUNCHER), [{ protocol: 'email', endpoint: 'ops@acme.example' }])];
  const putAlarm = (heading: string, pool?: string): void =>
    cloudWatch.putAlarm({ name: alarmName(LAUNCHER, heading, pool), actions });
  for (const heading of ALARMS) putAlarm(heading);
  if (gateway !== undefined) putAlarm(GATEWAY_ALARM);
  for (const heading of POOL_ALARMS) for (const pool of pools) putAlarm(heading, pool);
  // As the stack's own group does for a Terraform Enterprise with this port.
  aws.network.allowOutbound(port);
  const egress = gateway === undefined ? 'existing-vpc' : 'on-demand';
  const outputs = {
    [OUTPUTS.cluster]: LAUNCHER,
    [OUTPUTS.launcherFunction]: launcherFunction(LAUNCHER),
    [OUTPUTS.launcherLogGroup]: launcherGroup,
    [OUTPUTS.agentLogGroups]: agentLogGroupsText(agentGroups),
    [OUTPUTS.dashboardUrl]: dashboardUrl(region, LAUNCHER),
    [OUTPUTS.version]: packageVersion(),
    [OUTPUTS.roleArns]: [
      `schedule = ${roleArn(`${LAUNCHER}-schedule`)}`,
      ...pools.map((pool) => `execution role of pool ${pool} = ${roleArn(`agent-execution-${pool}`)}`),
    ].join(', '),
    [OUTPUTS.imageCopyRoleArn]: roleArn(`${LAUNCHER}-image-copies`),
    [OUTPUTS.egressClaim]: `${egress}: ${claimOf({ egress, port })}`,
    [OUTPUTS.egressIdleCost]: `${dollars(total(idleNetworkCost({ gateways: gateway === undefined ? 0 : 1 })))} per month`,
    ...(gateway !== undefined && gatewayOutputs(gateway)),
  };
  cloudFormation.put({
    name: LAUNCHER,
    outputs: Object.entries(outputs).map(([key, value]) => ({ key, value })),
    resources: [
      {
        logicalId: 'LauncherFunction',
        physicalId: launcherFunction(LAUNCHER),
        type: 'AWS::Lambda::Function',
        properties: { FunctionName: launcherFunction(LAUNCHER), MemorySize: FUNCTION.memoryMiB },
      },
      {
        logicalId: 'AuditCallers',
        physicalId: auditRule(LAUNCHER, 'callers'),
        type: 'AWS::Events::Rule',
        properties: { Name: auditRule(LAUNCHER, 'callers') },
      },
    ],
  });
}

function gatewayOutputs({ environment, instanceType }: LocalGateway) {
  const usd = gatewayHourCost(instanceType);
  return {
    [OUTPUTS.gatewayAddress]: environment.fixedAddress ? 'fixed' : 'changing',
    ...(usd !== undefined && { [OUTPUTS.gatewayRunningCost]: `${dollars(usd)} per hour` }),
    [OUTPUTS.gatewayLogGroup]: GATEWAY_LOG_GROUP,
    [OUTPUTS.dnsQueryLogGroup]: DNS_QUERY_LOG_GROUP,
  };
}

/** The log of the launcher's function, in the format that the stack sets: JSON. */
export class LauncherLog {
  readonly #store: EcsServer['aws']['logs']['store'];
  readonly #now: () => number;
  /** The streams by the execution environment. The date is that of the environment's first line. */
  readonly #streams = new Map<string, string>();

  constructor({ aws }: EcsServer, now: () => number = Date.now) {
    this.#store = aws.logs.store;
    this.#now = now;
  }

  /** Adds a line that the function wrote. */
  line(text: string, environment: string): void {
    this.#add(text, environment, this.#now());
  }

  /**
   * Adds the lines that Lambda writes about an invocation with the system log level INFO.
   * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
   */
  invocation({ requestId, startedAt, durationMs, error }: Invocation, environment: string): void {
    const endedAt = startedAt + durationMs;
    const platform = (type: string, at: number, record: object): void =>
      this.#add(JSON.stringify({ time: new Date(at).toISOString(), type, record }), environment, at);
    platform('platform.start', startedAt, { requestId, version: '$LATEST' });
    platform('platform.report', endedAt, {
      requestId,
      metrics: { durationMs, billedDurationMs: durationMs, memorySizeMB: FUNCTION.memoryMiB },
      status: error === undefined ? 'success' : 'error',
    });
  }

  #add(message: string, environment: string, at: number): void {
    const day = new Date(at).toISOString().slice(0, 10).replaceAll('-', '/');
    const stream = this.#streams.get(environment) ?? streamOf(day, environment);
    this.#streams.set(environment, stream);
    this.#store.add(launcherLogGroup(LAUNCHER), stream, message, at);
  }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html */
function streamOf(day: string, environment: string): string {
  return `${day}/${launcherFunction(LAUNCHER)}[$LATEST]${environment}`;
}
