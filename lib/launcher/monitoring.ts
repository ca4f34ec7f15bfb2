import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnQueryDefinition, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  GATEWAY_METRICS,
  METRICS,
  METRICS_NAMESPACE,
  POOL_DIMENSION,
  SERVICE_DIMENSION,
} from '../../functions/launcher/contract.ts';
import { ROTATION_METRICS } from '../../functions/token-rotation/contract.ts';
import { explain } from '../acknowledgement.ts';
import type { AgentPool } from '../agent/pool.ts';
import { cloudWatchUrl, dashboardUrl } from '../aws/console.ts';
import { silentMinutes } from '../defaults.ts';
import { alarmName } from '../names.ts';
import type { Gateways } from '../network/gateways.ts';
import type { AgentLauncherProps, Resolved } from '../properties/agent-launcher.ts';
import { LOG_QUERIES } from './log-queries.ts';

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

const MINUTE = Duration.minutes(1);

/** The launcher reports the days until an expiry at least twice in this time. */
const EXPIRY_PERIOD = Duration.days(1);

/** The rotation reports each hour, so this many hours without a report mean that it doesn't run. */
const ROTATION_REPORT = Duration.hours(6);

/** Time that a rotation may take, because a job may run for a day. */
const ROTATION_GRACE_DAYS = 2;

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const ALARMS_A_WIDGET = 100;

/** The steps of a start in their order, with the metric of each. */
const START_STEPS = [
  ['queued until RunTask', 'launchSeconds'],
  ['RunTask until image pull', 'provisionSeconds'],
  ['image pull', 'pullSeconds'],
  ['until container starts', 'bootSeconds'],
  ['container until job', 'jobWaitSeconds'],
] as const satisfies readonly (readonly [string, keyof typeof METRICS])[];

/** How far back the widgets with one value per day go. */
const GRAPH_DAYS = 30;

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
      widgets: this.widgets(),
    });
  }

  /** Console address of the dashboard. */
  get dashboardUrl(): string {
    return dashboardUrl(Stack.of(this).region, this.props.name);
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
        metric: this.gatewayMetric('problems', { period: this.props.schedule }),
        evaluationPeriods: 5,
        datapointsToAlarm: 3,
      }),
    ];
  }

  private gatewayMetric(name: keyof typeof GATEWAY_METRICS, options: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRICS_NAMESPACE,
      metricName: GATEWAY_METRICS[name],
      dimensionsMap: { [SERVICE_DIMENSION]: this.props.name },
      statistic: cloudwatch.Stats.MAXIMUM,
      ...options,
    });
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

  /** A widget shows no more than 100 alarms. */
  private alarmWidgets(): cloudwatch.IWidget[] {
    const widgets: cloudwatch.IWidget[] = [];
    for (let from = 0; from < this.alarms.length; from += ALARMS_A_WIDGET) {
      const alarms = this.alarms.slice(from, from + ALARMS_A_WIDGET);
      widgets.push(new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 3 }));
    }
    return widgets;
  }

  /** What tasks cost, how many jobs started, the steps of their start, the oldest task, and the expiry of API tokens. */
  private lastingWidgets(): cloudwatch.IWidget[] {
    const { pools, oldestTask, apiTokenExpiry } = this.props;
    const { SUM, SAMPLE_COUNT } = cloudwatch.Stats;
    return [
      graph('Cost per day, dollars', this.perPool('taskCost', { statistic: SUM, period: Duration.days(1) }), {
        view: cloudwatch.GraphWidgetView.BAR,
        start: `-P${GRAPH_DAYS}D`,
      }),
      // Each job that starts adds one sample of its start latency.
      graph(
        'Jobs started per hour',
        this.perPool('startLatencySeconds', { statistic: SAMPLE_COUNT, period: Duration.hours(1) }),
        { stacked: true },
      ),
      graph('Task seconds per hour', this.perPool('taskSeconds', { statistic: SUM, period: Duration.hours(1) }), {
        stacked: true,
      }),
      ...pools.map(({ poolName: pool }) =>
        graph(
          `Steps until a job starts in ${pool}, seconds (median)`,
          START_STEPS.map(([step, name]) =>
            this.metric(name, {
              pool,
              label: `${pool} ${step}`,
              statistic: 'p50',
              period: Duration.minutes(15),
            }),
          ),
          { stacked: true },
        ),
      ),
      graph('Oldest task at work, seconds', this.perPool('oldestTaskSeconds'), {
        leftAnnotations: [{ value: oldestTask.toSeconds(), label: 'alarm' }],
      }),
      graph('Days until the API token expires', this.perPool('apiTokenDaysLeft', { period: EXPIRY_PERIOD }), {
        leftAnnotations: [{ value: apiTokenExpiry.toDays(), label: 'alarm' }],
        start: `-P${GRAPH_DAYS}D`,
      }),
    ];
  }

  /** The gateways' age, their problems, and the connections that they refused. */
  private gatewayWidgets({ service }: Gateways): cloudwatch.IWidget[] {
    return [
      graph('Problems of gateways', [this.gatewayMetric('problems', { period: MINUTE, label: 'problems' })]),
      graph('Connections that gateways refused', [
        this.gatewayMetric('refusedDomains', {
          // The gateways don't know the launcher.
          dimensionsMap: { [SERVICE_DIMENSION]: service },
          statistic: cloudwatch.Stats.SUM,
          period: Duration.minutes(5),
          label: 'refused',
        }),
      ]),
      graph(
        'Age of the oldest gateway, days',
        [this.gatewayMetric('ageDays', { period: Duration.days(1), label: 'age' })],
        { start: `-P${GRAPH_DAYS}D` },
      ),
    ];
  }

  /** Names the saved queries, with a link to the page that lists them. */
  private queriesWidget(): cloudwatch.IWidget {
    const markdown = [
      `### Saved queries`,
      `Open [Logs Insights](${cloudWatchUrl(Stack.of(this).region)}#logsV2:logs-insights), choose *Saved and sample queries*, and then the folder **${this.props.name}**.`,
      '',
      ...LOG_QUERIES.map(({ name, what }) => `* **${name}**: ${what}`),
    ].join('\n');
    return new cloudwatch.TextWidget({ markdown, width: 24, height: 5 });
  }

  /** A metric of each pool, whose label is the pool's name and the suffix. */
  private perPool(
    name: keyof typeof METRICS,
    options: cloudwatch.MetricOptions = {},
    suffix = '',
    pools = this.props.pools,
  ): cloudwatch.Metric[] {
    return pools.map(({ poolName }) =>
      this.metric(name, { ...options, pool: poolName, label: `${poolName}${suffix}` }),
    );
  }

  private widgets(): cloudwatch.IWidget[][] {
    const onSpot = this.props.pools.filter(({ usesSpot }) => usesSpot);
    const standing = this.props.pools.filter(({ hasStandingAgents }) => hasStandingAgents);
    const counts = (label: string, name: keyof typeof METRICS, pools = this.props.pools) =>
      this.perPool(name, { statistic: cloudwatch.Stats.SUM }, ` ${label}`, pools);
    return [
      this.alarmWidgets(),
      [
        graph('Queued jobs', this.perPool('queuedJobs')),
        graph('Oldest queued job, longest post-plan status, seconds', [
          ...this.perPool('oldestQueuedSeconds', {}, ' queued'),
          ...this.perPool('longestAfterPlanSeconds', {}, ' post-plan'),
        ]),
        graph('Live tasks', this.perPool('liveTasks'), {
          leftAnnotations: this.props.pools.map((pool) => ({
            value: pool.maxAgents,
            label: `maxAgents of ${pool.poolName}`,
          })),
        }),
      ],
      [
        graph('Start latency, seconds (median, 90 of 100)', [
          ...this.perPool('startLatencySeconds', { statistic: 'p50' }, ' median'),
          ...this.perPool('startLatencySeconds', { statistic: 'p90' }, ' p90'),
        ]),
        graph('Busy agents, foreign agents, agents of other launchers', [
          ...this.perPool('busyAgents', {}, ' busy'),
          ...this.perPool('foreignAgents', {}, ' foreign'),
          ...this.perPool('otherLaunchersAgents', {}, ' of other launchers'),
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
          ...this.perPool('startFailures', {}, ' start failures'),
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
      ...rows(this.lastingWidgets()),
      ...(this.props.gateways === undefined ? [] : [this.gatewayWidgets(this.props.gateways)]),
      [this.queriesWidget()],
    ];
  }
}

/** A widget with a third of the dashboard's width. */
function graph(
  title: string,
  left: cloudwatch.IMetric[],
  more: Partial<cloudwatch.GraphWidgetProps> = {},
): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left, width: 8, leftYAxis: { min: 0 }, ...more });
}

/** Three widgets per row. */
function rows(widgets: readonly cloudwatch.IWidget[]): cloudwatch.IWidget[][] {
  return Array.from({ length: Math.ceil(widgets.length / 3) }, (_, row) => widgets.slice(3 * row, 3 * row + 3));
}
