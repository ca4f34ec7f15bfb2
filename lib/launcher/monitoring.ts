import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRICS, METRICS_NAMESPACE, POOL_DIMENSION, SERVICE_DIMENSION } from '../../functions/launcher/contract.ts';
import type { AgentPool } from '../agent/pool.ts';
import { alarmName } from '../names.ts';
import type { AgentLauncherProps, Resolved } from '../properties/agent-launcher.ts';

type MonitoredPool = Pick<AgentPool, 'poolName' | 'maxAgents' | 'usesSpot' | 'hasStandingAgents' | 'sweepsForRuns'>;

export interface MonitoringProps
  extends Pick<AgentLauncherProps, 'alarmTopic'>,
    Resolved<'name' | 'schedule' | 'oldestQueued'> {
  readonly pools: readonly MonitoredPool[];
  /**
   * Queue of the messages that invoke the launcher.
   *
   * @default - only the schedule invokes it
   */
  readonly wakeUps?: IQueue | undefined;
}

/** The alarms, each with its heading in `docs/runbook.md`. */
export const RUNBOOK_HEADINGS = {
  failedTicks: 'Ticks fail',
  apiTokenRejected: 'API token rejected',
  launcherSilent: 'Launcher silent',
  wakeUpsNotReceived: 'Wake-ups are not received',
  oldestQueuedJob: 'A job waits too long',
  startFailures: 'Agents fail to start',
  outOfMemory: 'A job ran out of memory',
  afterPlan: 'A run stays in a post-plan status',
} as const;

const MINUTE = Duration.minutes(1);

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const ALARMS_A_WIDGET = 100;

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
    this.dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: props.name,
      defaultInterval: Duration.hours(12),
      widgets: this.widgets(),
    });
  }

  /** Console address of the dashboard. */
  get dashboardUrl(): string {
    return `https://console.aws.amazon.com/cloudwatch/home?region=${Stack.of(this).region}#dashboards/dashboard/${this.props.name}`;
  }

  /** A metric of the launcher, by its name in the contract. Some metrics have a value for each pool. */
  metric(name: keyof typeof METRICS, options: cloudwatch.MetricOptions & { readonly pool?: string } = {}) {
    const { pool, ...metricOptions } = options;
    return new cloudwatch.Metric({
      namespace: METRICS_NAMESPACE,
      metricName: METRICS[name],
      dimensionsMap: { [SERVICE_DIMENSION]: this.props.name, ...(pool !== undefined && { [POOL_DIMENSION]: pool }) },
      period: MINUTE,
      statistic: cloudwatch.Stats.MAXIMUM,
      ...metricOptions,
    });
  }

  private ownAlarms(): cloudwatch.Alarm[] {
    const sum = { statistic: cloudwatch.Stats.SUM, period: this.props.schedule };
    const silentMinutes = Math.max(5, 3 * this.props.schedule.toMinutes());
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
        what: `No tick has reported for ${silentMinutes} minutes: the schedule is off, or the function does not start. Check both, and deploy the stack again.`,
        metric: this.metric('runListRequests', {
          statistic: cloudwatch.Stats.SAMPLE_COUNT,
          period: Duration.minutes(silentMinutes),
        }),
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: 1,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      }),
      ...(this.props.wakeUps === undefined ? [] : [this.wakeUpsAlarm(this.props.wakeUps)]),
    ];
  }

  /**
   * The alarm if messages are sent but never received. The age of the oldest message can't show it: messages expire after two minutes,
   * and a message that waits for its delay or is in progress is almost as old.
   */
  private wakeUpsAlarm(queue: IQueue): cloudwatch.Alarm {
    const options = { statistic: cloudwatch.Stats.SUM, period: WAKE_UPS_PERIOD };
    return this.alarm('wakeUpsNotReceived', undefined, {
      what: 'For 15 minutes, messages were sent to the queue of wake-ups and none was received. Jobs wait for the next scheduled invocation, up to a minute. Check that the event source mapping of the launcher function is enabled, and deploy the stack again.',
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

  private alarmsOf({ poolName: pool, sweepsForRuns }: MonitoredPool): cloudwatch.Alarm[] {
    const { oldestQueued, schedule: period } = this.props;
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
    ];
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
    return new cloudwatch.Alarm(this, pool === undefined ? kind : `${kind}-${pool}`, {
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      metric,
      threshold,
      ...settings,
      alarmName: alarmName(this.props.name, heading, pool),
      alarmDescription: `${what} Runbook: docs/runbook.md, "${heading}".`,
    });
  }

  /** A widget shows no more than 100 alarms. */
  private alarmWidgets(): cloudwatch.IWidget[] {
    const widgets: cloudwatch.IWidget[] = [];
    for (let from = 0; from < this.alarms.length; from += ALARMS_A_WIDGET) {
      const alarms = this.alarms.slice(from, from + ALARMS_A_WIDGET);
      widgets.push(new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 3 }));
    }
    return widgets;
  }

  private widgets(): cloudwatch.IWidget[][] {
    const onSpot = this.props.pools.filter(({ usesSpot }) => usesSpot);
    const standing = this.props.pools.filter(({ hasStandingAgents }) => hasStandingAgents);
    const perPool = (
      name: keyof typeof METRICS,
      options: cloudwatch.MetricOptions = {},
      suffix = '',
      pools = this.props.pools,
    ) => pools.map(({ poolName }) => this.metric(name, { ...options, pool: poolName, label: `${poolName}${suffix}` }));
    const counts = (label: string, name: keyof typeof METRICS, pools = this.props.pools) =>
      perPool(name, { statistic: cloudwatch.Stats.SUM }, ` ${label}`, pools);
    const graph = (title: string, left: cloudwatch.IMetric[], more: Partial<cloudwatch.GraphWidgetProps> = {}) =>
      new cloudwatch.GraphWidget({ title, left, width: 8, leftYAxis: { min: 0 }, ...more });
    return [
      this.alarmWidgets(),
      [
        graph('Queued jobs', perPool('queuedJobs')),
        graph('Oldest queued job, longest post-plan status, seconds', [
          ...perPool('oldestQueuedSeconds', {}, ' queued'),
          ...perPool('longestAfterPlanSeconds', {}, ' post-plan'),
        ]),
        graph('Live tasks', perPool('liveTasks'), {
          leftAnnotations: this.props.pools.map((pool) => ({
            value: pool.maxAgents,
            label: `maxAgents of ${pool.poolName}`,
          })),
        }),
      ],
      [
        graph('Start latency, seconds (median, 90 of 100)', [
          ...perPool('startLatencySeconds', { statistic: 'p50' }, ' median'),
          ...perPool('startLatencySeconds', { statistic: 'p90' }, ' p90'),
        ]),
        graph('Busy agents, agents of other launchers', [
          ...perPool('busyAgents', {}, ' busy'),
          ...perPool('otherLaunchersAgents', {}, ' of other launchers'),
        ]),
        graph('Launches', [
          ...counts('launched', 'launches'),
          ...counts('instead of Spot', 'launchesInsteadOfSpot', onSpot),
        ]),
      ],
      [
        graph('Launches refused and deferred', [
          ...counts('refused', 'launchesRefused'),
          ...counts('deferred', 'launchesDeferred'),
          ...counts('warm and sweeps deferred', 'standingDeferred', standing),
        ]),
        graph('Start failures, out of memory', [
          ...perPool('startFailures', {}, ' start failures'),
          ...counts('out of memory', 'outOfMemory'),
        ]),
        graph(
          'Ticks: failed, run lists asked for in 60 s',
          [
            this.metric('failedTicks', { statistic: cloudwatch.Stats.SUM, label: 'failed ticks' }),
            this.metric('apiTokenRejected', { statistic: cloudwatch.Stats.SUM, label: 'API token rejected' }),
            this.metric('unknownRunStatuses', { label: 'unknown run statuses' }),
            this.metric('runListRequests', { label: 'run list requests' }),
            ...counts('run list truncated', 'runListsTruncated'),
          ],
          { leftAnnotations: [{ value: 30, label: 'HCP Terraform allows 30 a minute' }] },
        ),
      ],
    ];
  }
}
