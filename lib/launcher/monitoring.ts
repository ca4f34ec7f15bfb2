import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnQueryDefinition, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  type METRICS,
  METRICS_NAMESPACE,
  POOL_DIMENSION,
  SERVICE_DIMENSION,
} from '../../functions/launcher/contract.ts';
import { ROTATION_METRICS } from '../../functions/token-rotation/contract.ts';
import { explain } from '../acknowledgement.ts';
import type { AgentPool } from '../agent/pool.ts';
import { dashboardUrl } from '../aws/console.ts';
import { silentMinutes } from '../defaults.ts';
import { alarmName } from '../names.ts';
import type { Gateways } from '../network/gateways.ts';
import type { AgentLauncherProps, Resolved } from '../properties/agent-launcher.ts';
import { dashboardWidgets } from './dashboard.ts';
import { LOG_QUERIES } from './log-queries.ts';
import { EXPIRY_PERIOD, gatewayMetric, type LauncherMetricOptions, launcherMetric } from './metrics.ts';

type MonitoredPool = Pick<
  AgentPool,
  'poolName' | 'maxAgents' | 'usesSpot' | 'hasStandingAgents' | 'sweepsForRuns' | 'expectsForeignAgents'
>;

export interface MonitoringProps
  extends Pick<AgentLauncherProps, 'alarmTopic'>,
    Resolved<'name' | 'schedule' | 'oldestQueued' | 'oldestTask' | 'apiTokenExpiry'> {
  readonly pools: readonly MonitoredPool[];
  /** For each API token, the names of the pools that use it. */
  readonly apiTokens: readonly (readonly string[])[];
  /** Log group of the launcher, which the saved queries read. */
  readonly logGroup: ILogGroup;
  /**
   * Queue of the messages that invoke the launcher.
   *
   * @default - only the schedule invokes it
   */
  readonly wakeUps?: IQueue | undefined;
  /**
   * The rotation of agent tokens.
   *
   * @default - nothing rotates them automatically
   */
  readonly tokenRotation?: { readonly function: IFunction; readonly maxAge: Duration } | undefined;
  /**
   * Gateways that the launcher starts.
   *
   * @default - the network has an egress path without the launcher
   */
  readonly gateways?: Gateways | undefined;
}

/** The alarms, each with its heading in `docs/runbook.md`. */
export const RUNBOOK_HEADINGS = {
  failedTicks: 'Ticks fail',
  apiTokenRejected: 'API token rejected',
  apiTokenExpires: 'API token expires soon',
  launcherSilent: 'Launcher silent',
  wakeUpsNotReceived: 'Wake-ups are not received',
  oldestQueuedJob: 'A job waits too long',
  startFailures: 'Agents fail to start',
  outOfMemory: 'A job ran out of memory',
  oldestTask: 'A task runs too long',
  foreignAgents: 'Unexpected agents in a pool',
  afterPlan: 'A run stays in a post-plan status',
  rotationFails: 'Rotation of agent tokens fails',
  agentTokenTooOld: 'Agent token too old',
  gatewayProblem: 'A gateway has a problem',
} as const;

/** The rotation reports each hour, so this many hours without a report mean that it doesn't run. */
const ROTATION_REPORT = Duration.hours(6);

/** Time that a rotation may take, because a job may run for a day. */
const ROTATION_GRACE_DAYS = 2;

const WAKE_UPS_PERIOD = Duration.minutes(5);

/** By this time, the launcher has started three agents for the run: after 2, 6 and 14 minutes. */
const AFTER_PLAN_ALARM = Duration.minutes(20);

/**
 * Alarms and a dashboard for the metrics that the launcher writes. `contract.ts` has the metrics' names. The launcher's name is the
 * dashboard's name, the prefix of every alarm's name, and the metrics' dimension `service`.
 */
export class Monitoring extends Construct {
  readonly dashboard: cloudwatch.Dashboard;
  readonly alarms: readonly cloudwatch.Alarm[];
  private readonly props: MonitoringProps;

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    this.props = props;
    this.alarms = [...this.ownAlarms(), ...props.pools.flatMap((pool) => this.alarmsOf(pool))];
    if (props.alarmTopic !== undefined) {
      const action = new SnsAction(props.alarmTopic);
      for (const alarm of this.alarms) {
        alarm.addAlarmAction(action);
        alarm.addOkAction(action);
      }
    }
    for (const { name, query } of LOG_QUERIES) {
      new CfnQueryDefinition(this, `Query-${name.replaceAll(' ', '-')}`, {
        // CloudWatch shows the part before the slash as a folder.
        name: `${props.name}/${name}`,
        queryString: query,
        logGroupNames: [props.logGroup.logGroupName],
      });
    }
    this.dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: props.name,
      defaultInterval: Duration.hours(12),
      widgets: dashboardWidgets({ ...props, alarms: this.alarms, region: Stack.of(this).region }),
    });
  }

  /** Console address of the dashboard. */
  get dashboardUrl(): string {
    return dashboardUrl(Stack.of(this).region, this.props.name);
  }

  /** A metric of the launcher, by its name in the contract. Some metrics have a value for each pool. */
  metric(name: keyof typeof METRICS, options?: LauncherMetricOptions): cloudwatch.Metric {
    return launcherMetric(this.props.name, name, options);
  }

  private ownAlarms(): cloudwatch.Alarm[] {
    const sum = { statistic: cloudwatch.Stats.SUM, period: this.props.schedule };
    const minutes = silentMinutes(this.props.schedule.toMinutes());
    return [
      this.alarm('failedTicks', undefined, {
        what: "In three of the last five periods of the schedule, a tick could not finish its work: HCP Terraform, ECS, Secrets Manager or SQS failed, or returned an unexpected response. Check the errors in the launcher's log.",
        metric: this.metric('failedTicks', sum),
        evaluationPeriods: 5,
        datapointsToAlarm: 3,
      }),
      this.alarm('apiTokenRejected', undefined, {
        what: 'HCP Terraform rejected an API token, even after the launcher read the secret again. The pools that use this token get no agents. Store a valid API token in the secret.',
        metric: this.metric('apiTokenRejected', sum),
        evaluationPeriods: 2,
        datapointsToAlarm: 2,
      }),
      // Every tick writes this metric, so missing data means that no tick ran, whatever the cause.
      this.alarm('launcherSilent', undefined, {
        what: `No tick has reported for ${minutes} minutes: the schedule is off, or the function does not start. Check both, and deploy the stack again.`,
        metric: this.metric('runListRequests', {
          statistic: cloudwatch.Stats.SAMPLE_COUNT,
          period: Duration.minutes(minutes),
        }),
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: 1,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      }),
      ...(this.props.wakeUps === undefined ? [] : [this.wakeUpsAlarm(this.props.wakeUps)]),
      ...this.rotationAlarms(),
      ...this.gatewayAlarms(),
      ...this.props.apiTokens.flatMap((pools) => this.expiryAlarm(pools)),
    ];
  }

  /**
   * The alarm before the expiry of an API token. The launcher writes the metric for each pool of the token, and the alarm watches the first pool.
   * Without a datapoint for a day, the alarm clears: the token was replaced by one without an expiry, or has expired, which another alarm reports.
   */
  private expiryAlarm([pool, ...others]: readonly string[]): cloudwatch.Alarm[] {
    if (pool === undefined) return [];
    const days = this.props.apiTokenExpiry.toDays();
    const more = others.length === 0 ? '' : ` and ${others.length} more ${others.length === 1 ? 'pool' : 'pools'}`;
    return [
      this.alarm('apiTokenExpires', pool, {
        what: `The API token of pool ${pool}${more} expires in less than ${days} ${days === 1 ? 'day' : 'days'}. From then on, no agent starts. Create a new token and store it in the same secret.`,
        // Right after the token was replaced, the maximum is the new token's.
        metric: this.metric('apiTokenDaysLeft', { pool, period: EXPIRY_PERIOD }),
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        threshold: days,
        evaluationPeriods: 1,
      }),
    ];
  }

  private gatewayAlarms(): cloudwatch.Alarm[] {
    if (this.props.gateways === undefined) return [];
    return [
      this.alarm('gatewayProblem', undefined, {
        what: "A gateway of the agents' network has a problem that the launcher did not solve in three of the last five periods, so agents can't start or can't reach HCP Terraform. Check the problems of the gateways in the launcher's log: each has a remedy.",
        metric: gatewayMetric(this.props.name, 'problems', { period: this.props.schedule }),
        evaluationPeriods: 5,
        datapointsToAlarm: 3,
      }),
    ];
  }

  /** The alarms of the rotation of agent tokens. */
  private rotationAlarms(): cloudwatch.Alarm[] {
    const { tokenRotation, pools } = this.props;
    if (tokenRotation === undefined) return [];
    const days = tokenRotation.maxAge.toDays() + ROTATION_GRACE_DAYS;
    return [
      this.alarm('rotationFails', undefined, {
        what: 'The function that rotates agent tokens has failed for three hours. All tokens still work. Check the errors in its log.',
        metric: tokenRotation.function.metricErrors({ period: Duration.hours(1), statistic: cloudwatch.Stats.SUM }),
        evaluationPeriods: 3,
      }),
      ...pools.map(({ poolName: pool }) =>
        this.alarm('agentTokenTooOld', pool, {
          what: `An agent token of pool ${pool} is older than ${days} days, or its age has not been reported for ${ROTATION_REPORT.toHours()} hours. Jobs are not affected. Check the log of the function that rotates agent tokens.`,
          metric: new cloudwatch.Metric({
            namespace: METRICS_NAMESPACE,
            metricName: ROTATION_METRICS.agentTokenAge,
            dimensionsMap: { [SERVICE_DIMENSION]: this.props.name, [POOL_DIMENSION]: pool },
            period: ROTATION_REPORT,
            statistic: cloudwatch.Stats.MAXIMUM,
          }),
          threshold: days,
          evaluationPeriods: 1,
          treatMissingData: cloudwatch.TreatMissingData.BREACHING,
        }),
      ),
    ];
  }

  /**
   * The alarm if messages are sent but never received. The age of the oldest message can't show it: messages expire after two minutes,
   * and a message that waits for its delay or is in progress is almost as old.
   */
  private wakeUpsAlarm(queue: IQueue): cloudwatch.Alarm {
    const options = { statistic: cloudwatch.Stats.SUM, period: WAKE_UPS_PERIOD };
    return this.alarm('wakeUpsNotReceived', undefined, {
      what: 'For 15 minutes, messages were sent to the queue of wake-ups and none was received. Jobs wait for the next scheduled invocation. Check that the event source mapping of the launcher function is enabled, and deploy the stack again.',
      metric: new cloudwatch.MathExpression({
        label: 'wake-ups sent but not received',
        expression: 'IF(FILL(sent, 0) > 0 AND FILL(received, 0) == 0, 1, 0)',
        period: WAKE_UPS_PERIOD,
        usingMetrics: {
          sent: queue.metricNumberOfMessagesSent(options),
          received: queue.metricNumberOfMessagesReceived(options),
        },
      }),
      evaluationPeriods: 3,
    });
  }

  private alarmsOf({ poolName: pool, sweepsForRuns, expectsForeignAgents }: MonitoredPool): cloudwatch.Alarm[] {
    const { oldestQueued, oldestTask, schedule: period } = this.props;
    const ofAllPools = [
      this.alarm('oldestQueuedJob', pool, {
        what: `A job has waited for an agent of pool ${pool} for more than ${oldestQueued.toMinutes()} minutes. Check the launcher's log for the reason.`,
        metric: this.metric('oldestQueuedSeconds', { pool, period }),
        threshold: oldestQueued.toSeconds(),
        evaluationPeriods: 3,
      }),
      this.alarm('startFailures', pool, {
        what: `Tasks in pool ${pool} are failing to start. Either they end early (image, agent token, network, size) and no task has started successfully in the last five periods, or ECS refuses to start tasks (quota, capacity, permissions). Check startFailures and launches in the launcher's log.`,
        // The metric counts consecutive failures. It returns to 0 within three minutes after a successful start, so five periods
        // mean a lasting fault.
        metric: this.metric('startFailures', { pool, period }),
        evaluationPeriods: 5,
      }),
      this.alarm('outOfMemory', pool, {
        what: `A task of pool ${pool} ran out of memory during a job. Raise the setting that the launcher's log shows, together with the run and the task size.`,
        metric: this.metric('outOfMemory', { pool, statistic: cloudwatch.Stats.SUM, period }),
        evaluationPeriods: 1,
      }),
      this.alarm('oldestTask', pool, {
        what: `A task of pool ${pool} has been at work for more than ${oldestTask.toHours()} hours: its job never ends, or its agent hangs. It uses a slot of maxAgents, and you pay for it. Check oldestTask in the launcher's log.`,
        metric: this.metric('oldestTaskSeconds', { pool, period }),
        threshold: oldestTask.toSeconds(),
        evaluationPeriods: 3,
      }),
    ];
    // One datapoint is enough, because an agent with a stolen token may take a single job. The alarm stays on for five periods.
    const foreignAgents = {
      what: `Agents that this stack did not start are in pool ${pool}. If they are yours, set foreignAgents of the pool to expected. Otherwise somebody may use a stolen agent token: revoke it. Their names are in foreignAgents in the launcher's log.`,
      metric: this.metric('foreignAgents', { pool, period }),
      evaluationPeriods: 5,
      datapointsToAlarm: 1,
    };
    if (!expectsForeignAgents) ofAllPools.push(this.alarm('foreignAgents', pool, foreignAgents));
    if (!sweepsForRuns) return ofAllPools;
    const afterPlan = this.alarm('afterPlan', pool, {
      what: `A run of pool ${pool} has been in a post-plan status for more than ${AFTER_PLAN_ALARM.toMinutes()} minutes. It may be waiting for an agent that evaluates its policy sets. Check the run in HCP Terraform.`,
      metric: this.metric('longestAfterPlanSeconds', { pool, period }),
      threshold: AFTER_PLAN_ALARM.toSeconds(),
      evaluationPeriods: 3,
    });
    return [...ofAllPools, afterPlan];
  }

  /** @param options options of the alarm; the default threshold is 1 */
  private alarm(
    kind: keyof typeof RUNBOOK_HEADINGS,
    pool: string | undefined,
    options: Omit<cloudwatch.AlarmProps, 'threshold'> & { readonly what: string; readonly threshold?: number },
  ): cloudwatch.Alarm {
    const { what, metric, threshold = 1, ...settings } = options;
    const heading = RUNBOOK_HEADINGS[kind];
    const alarm = new cloudwatch.Alarm(this, pool === undefined ? kind : `${kind}-${pool}`, {
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      metric,
      threshold,
      ...settings,
      alarmName: alarmName(this.props.name, heading, pool),
      alarmDescription: `${what} Runbook: docs/runbook.md, "${heading}".`,
    });
    explain(alarm, {
      CloudWatchAlarmAction:
        'Without a topic, only CloudWatch shows the alarms, and synthesis warns about it. The setting alarmEmail or alarmTopicArn removes the finding.',
    });
    return alarm;
  }
}
