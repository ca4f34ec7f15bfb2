/** The launcher's dashboard. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { METRICS } from '../../functions/launcher/contract.ts';
import type { AgentPool } from '../agent/pool.ts';
import { cloudWatchUrl } from '../aws/console.ts';
import type { Gateways } from '../network/gateways.ts';
import type { Resolved } from '../properties/agent-launcher.ts';
import { LOG_QUERIES } from './log-queries.ts';
import { EXPIRY_PERIOD, gatewayMetric, type LauncherMetricOptions, launcherMetric, MINUTE } from './metrics.ts';

export interface DashboardProps extends Resolved<'name' | 'oldestTask' | 'apiTokenExpiry'> {
  readonly region: string;
  readonly alarms: readonly cloudwatch.Alarm[];
  readonly pools: readonly Pick<AgentPool, 'poolName' | 'maxAgents' | 'usesSpot' | 'hasStandingAgents'>[];
  /** Gateways that the launcher starts, if there are any. */
  readonly gateways?: Gateways | undefined;
}

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

/** The rows of the dashboard. */
export function dashboardWidgets(props: DashboardProps): cloudwatch.IWidget[][] {
  return new Widgets(props).rows();
}

class Widgets {
  readonly #props: DashboardProps;

  constructor(props: DashboardProps) {
    this.#props = props;
  }

  /** A widget shows no more than 100 alarms. */
  #alarmWidgets(): cloudwatch.IWidget[] {
    const widgets: cloudwatch.IWidget[] = [];
    for (let from = 0; from < this.#props.alarms.length; from += ALARMS_A_WIDGET) {
      const alarms = this.#props.alarms.slice(from, from + ALARMS_A_WIDGET);
      widgets.push(new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 3 }));
    }
    return widgets;
  }

  /** What tasks cost, how many jobs started, the steps of their start, the oldest task, and the expiry of API tokens. */
  #lastingWidgets(): cloudwatch.IWidget[] {
    const { pools, oldestTask, apiTokenExpiry } = this.#props;
    const { SUM, SAMPLE_COUNT } = cloudwatch.Stats;
    return [
      graph('Cost per day, dollars', this.#perPool('taskCost', { statistic: SUM, period: Duration.days(1) }), {
        view: cloudwatch.GraphWidgetView.BAR,
        start: `-P${GRAPH_DAYS}D`,
      }),
      // Each job that starts adds one sample of its start latency.
      graph(
        'Jobs started per hour',
        this.#perPool('startLatencySeconds', { statistic: SAMPLE_COUNT, period: Duration.hours(1) }),
        { stacked: true },
      ),
      graph('Task seconds per hour', this.#perPool('taskSeconds', { statistic: SUM, period: Duration.hours(1) }), {
        stacked: true,
      }),
      ...pools.map(({ poolName: pool }) =>
        graph(
          `Steps until a job starts in ${pool}, seconds (median)`,
          START_STEPS.map(([step, name]) =>
            this.#metric(name, {
              pool,
              label: `${pool} ${step}`,
              statistic: 'p50',
              period: Duration.minutes(15),
            }),
          ),
          { stacked: true },
        ),
      ),
      graph('Oldest task at work, seconds', this.#perPool('oldestTaskSeconds'), {
        leftAnnotations: [{ value: oldestTask.toSeconds(), label: 'alarm' }],
      }),
      graph('Days until the API token expires', this.#perPool('apiTokenDaysLeft', { period: EXPIRY_PERIOD }), {
        leftAnnotations: [{ value: apiTokenExpiry.toDays(), label: 'alarm' }],
        start: `-P${GRAPH_DAYS}D`,
      }),
    ];
  }

  /** The gateways' age, their problems, and the connections that they refused. */
  #gatewayWidgets({ service }: Gateways): cloudwatch.IWidget[] {
    return [
      graph('Problems of gateways', [
        gatewayMetric(this.#props.name, 'problems', { period: MINUTE, label: 'problems' }),
      ]),
      graph('Connections that gateways refused', [
        // The gateways don't know the launcher.
        gatewayMetric(service, 'refusedDomains', {
          statistic: cloudwatch.Stats.SUM,
          period: Duration.minutes(5),
          label: 'refused',
        }),
      ]),
      graph(
        'Age of the oldest gateway, days',
        [gatewayMetric(this.#props.name, 'ageDays', { period: Duration.days(1), label: 'age' })],
        { start: `-P${GRAPH_DAYS}D` },
      ),
    ];
  }

  /** Names the saved queries, with a link to the page that lists them. */
  #queriesWidget(): cloudwatch.IWidget {
    const markdown = [
      `### Saved queries`,
      `Open [Logs Insights](${cloudWatchUrl(this.#props.region)}#logsV2:logs-insights), choose *Saved and sample queries*, and then the folder **${this.#props.name}**.`,
      '',
      ...LOG_QUERIES.map(({ name, what }) => `* **${name}**: ${what}`),
    ].join('\n');
    return new cloudwatch.TextWidget({ markdown, width: 24, height: 5 });
  }

  /** A metric of each pool, whose label is the pool's name and the suffix. */
  #perPool(
    name: keyof typeof METRICS,
    options: cloudwatch.MetricOptions = {},
    suffix = '',
    pools = this.#props.pools,
  ): cloudwatch.Metric[] {
    return pools.map(({ poolName }) =>
      this.#metric(name, { ...options, pool: poolName, label: `${poolName}${suffix}` }),
    );
  }

  rows(): cloudwatch.IWidget[][] {
    const onSpot = this.#props.pools.filter(({ usesSpot }) => usesSpot);
    const standing = this.#props.pools.filter(({ hasStandingAgents }) => hasStandingAgents);
    const counts = (label: string, name: keyof typeof METRICS, pools = this.#props.pools) =>
      this.#perPool(name, { statistic: cloudwatch.Stats.SUM }, ` ${label}`, pools);
    return [
      this.#alarmWidgets(),
      [
        graph('Queued jobs', this.#perPool('queuedJobs')),
        graph('Oldest queued job, longest post-plan status, seconds', [
          ...this.#perPool('oldestQueuedSeconds', {}, ' queued'),
          ...this.#perPool('longestAfterPlanSeconds', {}, ' post-plan'),
        ]),
        graph('Live tasks', this.#perPool('liveTasks'), {
          leftAnnotations: this.#props.pools.map((pool) => ({
            value: pool.maxAgents,
            label: `maxAgents of ${pool.poolName}`,
          })),
        }),
      ],
      [
        graph('Start latency, seconds (median, 90 of 100)', [
          ...this.#perPool('startLatencySeconds', { statistic: 'p50' }, ' median'),
          ...this.#perPool('startLatencySeconds', { statistic: 'p90' }, ' p90'),
        ]),
        graph('Busy agents, foreign agents, agents of other launchers', [
          ...this.#perPool('busyAgents', {}, ' busy'),
          ...this.#perPool('foreignAgents', {}, ' foreign'),
          ...this.#perPool('otherLaunchersAgents', {}, ' of other launchers'),
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
          ...this.#perPool('startFailures', {}, ' start failures'),
          ...counts('out of memory', 'outOfMemory'),
        ]),
        graph(
          'Ticks: failed, run lists asked for in 60 s',
          [
            this.#metric('failedTicks', { statistic: cloudwatch.Stats.SUM, label: 'failed ticks' }),
            this.#metric('apiTokenRejected', { statistic: cloudwatch.Stats.SUM, label: 'API token rejected' }),
            this.#metric('unknownRunStatuses', { label: 'unknown run statuses' }),
            this.#metric('runListRequests', { label: 'run list requests' }),
            ...counts('run list truncated', 'runListsTruncated'),
          ],
          { leftAnnotations: [{ value: 30, label: 'HCP Terraform allows 30 a minute' }] },
        ),
      ],
      ...rows(this.#lastingWidgets()),
      ...(this.#props.gateways === undefined ? [] : [this.#gatewayWidgets(this.#props.gateways)]),
      [this.#queriesWidget()],
    ];
  }

  #metric(name: keyof typeof METRICS, options?: LauncherMetricOptions): cloudwatch.Metric {
    return launcherMetric(this.#props.name, name, options);
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
