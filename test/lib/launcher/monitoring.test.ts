import { Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { METRICS, METRICS_NAMESPACE } from '../../../functions/launcher/contract.ts';
import { reconcile } from '../../../functions/launcher/core/reconcile.ts';
import { STOP_REASON_PREFIX } from '../../../functions/launcher/core/task-outcome.ts';
import { taskEndedLine, tickLine } from '../../../functions/launcher/log-lines.ts';
import { LOG_QUERIES, RUN_PLACEHOLDER } from '../../../lib/launcher/log-queries.ts';
import { Monitoring, type MonitoringProps, RUNBOOK_HEADINGS } from '../../../lib/launcher/monitoring.ts';
import { demandWith, LANE, LIMITS, live, NOW, supply } from '../../functions/launcher/core/builders.ts';
import { emptyStack, propertiesOf, templateOf, text } from '../synthesis.ts';

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:alarms';

const POOLS = [
  {
    poolName: 'default',
    maxAgents: 10,
    usesSpot: true,
    hasStandingAgents: true,
    sweepsForRuns: true,
    expectsForeignAgents: false,
  },
  {
    poolName: 'other',
    maxAgents: 3,
    usesSpot: false,
    hasStandingAgents: false,
    sweepsForRuns: false,
    expectsForeignAgents: true,
  },
];

/** Creates monitoring without an alarm topic. */
function silentMonitoring(props: Partial<MonitoringProps> = {}, stack = emptyStack()) {
  const monitoring = new Monitoring(stack, 'Monitoring', {
    name: 'Test',
    pools: POOLS,
    schedule: Duration.minutes(1),
    oldestQueued: Duration.minutes(15),
    oldestTask: Duration.hours(24),
    apiTokenExpiry: Duration.days(14),
    apiTokens: [['default', 'other']],
    logGroup: LogGroup.fromLogGroupName(stack, 'Logs', '/aws/lambda/Test'),
    ...props,
  });
  return { stack, monitoring };
}

/** Synthesizes the template of monitoring with an alarm topic. */
function monitoringIn(props: Partial<MonitoringProps> = {}): Template {
  const stack = emptyStack();
  silentMonitoring({ alarmTopic: Topic.fromTopicArn(stack, 'Topic', TOPIC), ...props }, stack);
  return Template.fromStack(stack);
}

const alarmSchema = z.looseObject({
  AlarmName: z.string(),
  // If the unit differs from the metric's, an alarm never finds a datapoint.
  Unit: z.undefined().optional(),
  AlarmDescription: z.string(),
  MetricName: z.string(),
  Namespace: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })),
  Statistic: z.string(),
  Period: z.number(),
  Threshold: z.number(),
  ComparisonOperator: z.string(),
  EvaluationPeriods: z.number(),
  DatapointsToAlarm: z.number().optional(),
  TreatMissingData: z.string().optional(),
});
const alarmsOf = (template: Template) => z.array(alarmSchema).parse(propertiesOf(template, 'AWS::CloudWatch::Alarm'));

/**
 * Everything that decides when an alarm fires, in one string per column: `Maximum of OldestQueuedSeconds{pool} >= 900`,
 * `3 of 3 periods of 60 s`, and the treatment of missing data.
 */
type AlarmRow = readonly [name: string, condition: string, periods: string, missingData: string];

const OPERATORS: Readonly<Record<string, string>> = { GreaterThanOrEqualToThreshold: '>=', LessThanThreshold: '<' };

function rowOf(alarm: ReturnType<typeof alarmsOf>[number]): AlarmRow {
  const dimensions = alarm.Dimensions.map(({ Name, Value }) => `${Name}=${Value}`).join(',');
  const { ComparisonOperator: operator, EvaluationPeriods: periods, DatapointsToAlarm: datapoints = periods } = alarm;
  return [
    alarm.AlarmName,
    `${alarm.Statistic} of ${alarm.MetricName}{${dimensions}} ${OPERATORS[operator] ?? operator} ${alarm.Threshold}`,
    `${datapoints} of ${periods} periods of ${alarm.Period} s`,
    alarm.TreatMissingData ?? 'missing',
  ];
}

/** Returns all alarms of a launcher that ticks every `schedule` seconds and has the pools `default` and `other`. */
function expectedAlarms(schedule: number, silence: number, specialPools = ['default']): AlarmRow[] {
  const row = (name: string, condition: string, periods: string): AlarmRow => [
    `Test: ${name}`,
    condition,
    `${periods} periods of ${schedule} s`,
    'notBreaching',
  ];
  return [
    row('Ticks fail', 'Sum of FailedTicks{service=Test} >= 1', '3 of 5'),
    row('API token rejected', 'Sum of ApiTokenRejected{service=Test} >= 1', '2 of 2'),
    [
      'Test: Launcher silent',
      'SampleCount of RunListRequests{service=Test} < 1',
      `1 of 1 periods of ${silence} s`,
      'breaching',
    ],
    [
      'Test: API token expires soon (default)',
      'Maximum of ApiTokenDaysLeft{pool=default,service=Test} < 14',
      '1 of 1 periods of 86400 s',
      // The launcher writes the metric at least twice a day, so the alarm stays until the token is replaced.
      'notBreaching',
    ],
    ...['default', 'other'].flatMap((pool) => [
      row(
        `A job waits too long (${pool})`,
        `Maximum of OldestQueuedSeconds{pool=${pool},service=Test} >= 900`,
        '3 of 3',
      ),
      row(`Agents fail to start (${pool})`, `Maximum of StartFailures{pool=${pool},service=Test} >= 1`, '5 of 5'),
      row(`A job ran out of memory (${pool})`, `Sum of OutOfMemory{pool=${pool},service=Test} >= 1`, '1 of 1'),
      row(
        `A task runs too long (${pool})`,
        `Maximum of OldestTaskSeconds{pool=${pool},service=Test} >= 86400`,
        '3 of 3',
      ),
    ]),
    ...specialPools.map((pool) =>
      row(
        `Unexpected agents in a pool (${pool})`,
        `Maximum of ForeignAgents{pool=${pool},service=Test} >= 1`,
        '1 of 5',
      ),
    ),
    ...specialPools.map((pool) =>
      row(
        `A run stays in a post-plan status (${pool})`,
        `Maximum of LongestAfterPlanSeconds{pool=${pool},service=Test} >= 1200`,
        '3 of 3',
      ),
    ),
  ];
}

it.each([
  [1, 60, 300],
  [2, 120, 360],
  [10, 600, 1800],
])('a launcher has exactly the alarms of this table when it ticks every %i minutes', (minutes, schedule, silence) => {
  const alarms = alarmsOf(monitoringIn({ schedule: Duration.minutes(minutes) }));
  expect(alarms.map(rowOf).sort()).toEqual(expectedAlarms(schedule, silence).sort());
});

it('the stack has no alarm outside this table', () => {
  const pools = ['default', 'other'].map((name) => ({ name, agentTokenSecret: `acme/${name}` }));
  const names = alarmsOf(templateOf({ stackName: 'Test', pools })).map(({ AlarmName }) => AlarmName);
  expect(names.sort()).toEqual(
    expectedAlarms(60, 300, ['default', 'other'])
      .map(([name]) => name)
      .sort(),
  );
});

it('a launcher with a queue has an alarm if messages are sent and none is received for 15 minutes', () => {
  const stack = emptyStack();
  silentMonitoring({ wakeUps: new Queue(stack, 'Queue') }, stack);
  const template = Template.fromStack(stack);
  const alarms = propertiesOf(template, 'AWS::CloudWatch::Alarm');
  expect(alarms).toHaveLength(alarmsOf(monitoringIn()).length + 1);
  const [alarm] = alarms.filter(({ AlarmName }) => AlarmName === 'Test: Wake-ups are not received');
  expect(alarm).toMatchObject({
    AlarmDescription: expect.stringMatching(
      /^For 15 minutes.* Runbook: docs\/runbook\.md, "Wake-ups are not received"\.$/,
    ),
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    Threshold: 1,
    EvaluationPeriods: 3,
    TreatMissingData: 'notBreaching',
  });
  const [expression, ...metrics] = z
    .array(z.looseObject({ Id: z.string(), Expression: z.string().optional() }))
    .parse(alarm?.['Metrics']);
  expect(expression?.Expression).toBe('IF(FILL(sent, 0) > 0 AND FILL(received, 0) == 0, 1, 0)');
  const metric = (name: string) => ({
    Metric: {
      Namespace: 'AWS/SQS',
      MetricName: name,
      Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [expect.stringMatching(/^Queue/), 'QueueName'] } }],
    },
    Period: 300,
    Stat: 'Sum',
  });
  expect(metrics.map(({ Id, ...more }) => [Id, more['MetricStat']])).toEqual([
    ['sent', metric('NumberOfMessagesSent')],
    ['received', metric('NumberOfMessagesReceived')],
  ]);
});

it('the alarm on the oldest queued job fires after the configured duration', () => {
  const [, condition] =
    alarmsOf(monitoringIn({ oldestQueued: Duration.minutes(7) }))
      .map(rowOf)
      .find(([name]) => name === 'Test: A job waits too long (other)') ?? [];
  expect(condition).toBe('Maximum of OldestQueuedSeconds{pool=other,service=Test} >= 420');
});

it.each<[string, object, boolean]>([
  ['by default', {}, true],
  ['in a standby', { standbySeconds: 120 }, false],
  ['in a standby that says so', { standbySeconds: 120, foreignAgents: 'unexpected' }, true],
  ['if foreign agents are expected', { foreignAgents: 'expected' }, false],
])('a pool has an alarm on unexpected agents %s: %o', (_, pool, has) => {
  const pools = [{ name: 'default', agentTokenSecret: 'acme/default', ...pool }];
  const names = alarmsOf(templateOf({ stackName: 'Test', pools })).map(({ AlarmName }) => AlarmName);
  expect(names.includes('Test: Unexpected agents in a pool (default)')).toBe(has);
});

it('the alarm on the oldest task fires after the configured duration', () => {
  const [, condition] =
    alarmsOf(monitoringIn({ oldestTask: Duration.hours(2) }))
      .map(rowOf)
      .find(([name]) => name === 'Test: A task runs too long (other)') ?? [];
  expect(condition).toBe('Maximum of OldestTaskSeconds{pool=other,service=Test} >= 7200');
});

describe('the alarm before an API token expires', () => {
  const expiryAlarms = (props: Partial<MonitoringProps>) =>
    alarmsOf(monitoringIn(props)).filter(({ MetricName }) => MetricName === METRICS.apiTokenDaysLeft);

  it('exists for each token, and watches the first pool of the token', () => {
    const alarms = expiryAlarms({ apiTokens: [['one', 'two', 'three'], ['other']], apiTokenExpiry: Duration.days(30) });
    expect(alarms.map((alarm) => rowOf(alarm).slice(0, 2))).toEqual([
      ['Test: API token expires soon (one)', 'Maximum of ApiTokenDaysLeft{pool=one,service=Test} < 30'],
      ['Test: API token expires soon (other)', 'Maximum of ApiTokenDaysLeft{pool=other,service=Test} < 30'],
    ]);
    expect(alarms.map(({ AlarmDescription }) => AlarmDescription.split(' From')[0])).toEqual([
      'The API token of pool one and 2 more pools expires in less than 30 days.',
      'The API token of pool other expires in less than 30 days.',
    ]);
  });

  it('of a stack exists for each distinct secret', () => {
    const pools = ['a', 'b', 'c'].map((name) => ({ name, agentTokenSecret: `acme/${name}` }));
    const own = { ...pools[1], name: 'b', apiTokenSecret: 'acme/own' };
    const template = templateOf({ stackName: 'Test', pools: [pools[0], own, pools[2]], apiTokenExpiryDays: 7 });
    const conditions = alarmsOf(template)
      .map(rowOf)
      .filter(([name]) => name.includes('expires'))
      .map(([, condition]) => condition);
    expect(conditions).toEqual([
      'Maximum of ApiTokenDaysLeft{pool=a,service=Test} < 7',
      'Maximum of ApiTokenDaysLeft{pool=b,service=Test} < 7',
    ]);
  });
});

it('every alarm is described in a sentence and points to its heading in the runbook', () => {
  for (const { AlarmName, AlarmDescription } of alarmsOf(monitoringIn())) {
    const [, heading, pool] = /^Test: ([^(]+?)(?: \((\w+)\))?$/.exec(AlarmName) ?? [];
    expect(Object.values(RUNBOOK_HEADINGS)).toContain(heading);
    expect(AlarmDescription).toMatch(/^[A-Z][^"]{40,}\. Runbook: /);
    expect(AlarmDescription.endsWith(` Runbook: docs/runbook.md, "${heading}".`), AlarmDescription).toBe(true);
    if (pool !== undefined) expect(AlarmDescription).toContain(`pool ${pool}`);
  }
});

it('every alarm keeps its logical ID, because CloudFormation could not create a new one with the same name', () => {
  const ids = Object.keys(monitoringIn().findResources('AWS::CloudWatch::Alarm'));
  const ofPools = ['default', 'other'].flatMap((pool) =>
    ['oldestQueuedJob', 'startFailures', 'outOfMemory', 'oldestTask'].map((kind) => `${kind}${pool}`),
  );
  expect(ids.map((id) => id.replace(/^Monitoring|[0-9A-F]{8}$/g, '')).sort()).toEqual(
    [
      'afterPlandefault',
      'foreignAgentsdefault',
      'apiTokenExpiresdefault',
      'apiTokenRejected',
      'failedTicks',
      'launcherSilent',
      ...ofPools,
    ].sort(),
  );
});

it('the descriptions of alarms state the configured durations', () => {
  const template = monitoringIn({
    schedule: Duration.minutes(10),
    oldestQueued: Duration.minutes(7),
    oldestTask: Duration.hours(36),
  });
  const descriptionOf = (start: string) =>
    alarmsOf(template).find(({ AlarmName }) => AlarmName.startsWith(start))?.AlarmDescription;
  expect(descriptionOf('Test: Launcher silent')).toContain('30 minutes');
  expect(descriptionOf('Test: A job waits too long')).toContain('7 minutes');
  expect(descriptionOf('Test: A task runs too long')).toContain('36 hours');
});

it('every alarm watches a metric that the launcher writes', () => {
  const names: string[] = Object.values(METRICS);
  for (const { MetricName, Namespace } of alarmsOf(monitoringIn())) {
    expect(Namespace).toBe(METRICS_NAMESPACE);
    expect(names).toContain(MetricName);
  }
});

it('every alarm notifies the topic when it fires and when it clears', () => {
  for (const { AlarmName, ...alarm } of alarmsOf(monitoringIn())) {
    expect(alarm['AlarmActions'], AlarmName).toEqual([TOPIC]);
    expect(alarm['OKActions'], AlarmName).toEqual([TOPIC]);
    expect(alarm['InsufficientDataActions'], AlarmName).toBeUndefined();
    expect(alarm['ActionsEnabled'], AlarmName).not.toBe(false);
  }
});

it('no alarm notifies anyone without a topic', () => {
  const alarms = alarmsOf(Template.fromStack(silentMonitoring({ pools: POOLS.slice(1) }).stack));
  expect(alarms).toHaveLength(8);
  for (const alarm of alarms) {
    expect(alarm['AlarmActions']).toBeUndefined();
    expect(alarm['OKActions']).toBeUndefined();
  }
});

const dashboardSchema = z.looseObject({
  start: z.string(),
  widgets: z.array(
    z.looseObject({
      type: z.string(),
      x: z.number(),
      y: z.number(),
      width: z.number(),
      properties: z.looseObject({
        title: z.string().optional(),
        markdown: z.string().optional(),
        view: z.string().optional(),
        start: z.string().optional(),
        stacked: z.boolean().optional(),
        alarms: z.array(z.string()).optional(),
        metrics: z.array(z.array(z.unknown())).optional(),
        annotations: z
          .object({ horizontal: z.array(z.looseObject({ value: z.number(), label: z.string() })) })
          .optional(),
        yAxis: z.unknown().optional(),
      }),
    }),
  ),
});

function dashboardOf(template: Template) {
  const [dashboard] = propertiesOf(template, 'AWS::CloudWatch::Dashboard');
  return dashboardSchema.parse(JSON.parse(text(dashboard.DashboardBody)));
}

const lineSchema = z
  .tuple([z.literal(METRICS_NAMESPACE), z.string()])
  .rest(z.unknown())
  .transform(([, metric, ...rest]) => {
    const { label, stat, period } = z
      .object({ label: z.string(), stat: z.string(), period: z.number().optional() })
      .parse(rest.at(-1));
    const pairs = z.array(z.string()).parse(rest.slice(0, -1));
    const dimensions = new Map(pairs.flatMap((key, i) => (i % 2 === 0 ? [[key, pairs[i + 1]] as const] : [])));
    return { metric, label, stat, period, pool: dimensions.get('pool'), service: dimensions.get('service') };
  });

const graphsOf = (template: Template) =>
  dashboardOf(template)
    .widgets.filter(({ type }) => type === 'metric')
    .map((graph) => ({ ...graph, lines: z.array(lineSchema).parse(graph.properties.metrics) }));

it('the dashboard shows only these metrics: one line per pool, and lines for Spot and warm agents only for pools that use them', () => {
  const each = (line: string) => [`default: ${line}`, `other: ${line}`];
  const lines = graphsOf(monitoringIn()).map((graph) =>
    graph.lines.map(({ pool, stat, metric }) => `${pool === undefined ? '' : `${pool}: `}${stat} of ${metric}`),
  );
  expect(lines).toEqual([
    each('Maximum of QueuedJobs'),
    [...each('Maximum of OldestQueuedSeconds'), ...each('Maximum of LongestAfterPlanSeconds')],
    each('Maximum of LiveTasks'),
    [...each('p50 of StartLatencySeconds'), ...each('p90 of StartLatencySeconds')],
    [...each('Maximum of BusyAgents'), ...each('Maximum of ForeignAgents'), ...each('Maximum of OtherLaunchersAgents')],
    [...each('Sum of Launches'), 'default: Sum of LaunchesInsteadOfSpot'],
    [...each('Sum of LaunchesRefused'), ...each('Sum of LaunchesDeferred'), 'default: Sum of StandingAgentsDeferred'],
    [...each('Maximum of StartFailures'), ...each('Sum of OutOfMemory')],
    [
      'Sum of FailedTicks',
      'Sum of ApiTokenRejected',
      'Maximum of UnknownRunStatuses',
      'Maximum of RunListRequests',
      ...each('Sum of RunListsTruncated'),
    ],
    each('Sum of TaskCost'),
    each('SampleCount of StartLatencySeconds'),
    each('Sum of TaskSeconds'),
    ...['default', 'other'].map((pool) =>
      ['Launch', 'Provision', 'Pull', 'Boot', 'JobWait'].map((step) => `${pool}: p50 of ${step}Seconds`),
    ),
    each('Maximum of OldestTaskSeconds'),
    each('Maximum of ApiTokenDaysLeft'),
  ]);
  expect(new Set(lines.flat().map((line) => line.split(' of ')[1]))).toEqual(new Set(Object.values(METRICS)));
});

it('the dashboard has a title on every graph, and labels that differ within a graph and start with the pool', () => {
  const graphs = graphsOf(monitoringIn());
  expect(new Set(graphs.map(({ properties }) => properties.title)).size).toBe(graphs.length);
  for (const { properties, lines } of graphs) {
    expect(properties.title).toMatch(/\w/);
    expect(new Set(lines.map(({ label }) => label)).size, properties.title).toBe(lines.length);
    for (const { label, pool, service } of lines) {
      expect(service).toBe('Test');
      expect(label).toMatch(pool === undefined ? /^\w/ : new RegExp(`^${pool}( \\w|$)`));
    }
  }
});

it('the dashboard names the count in each label if a graph has several lines of a pool', () => {
  for (const { lines } of graphsOf(monitoringIn())) {
    for (const pool of ['default', 'other']) {
      const labels = lines.filter((line) => line.pool === pool).map(({ label }) => label);
      if (labels.length > 1) for (const label of labels) expect(label).toMatch(new RegExp(`^${pool} \\w+`));
    }
  }
});

it('the dashboard draws the limits: maxAgents of each pool, the 30 requests of run lists per minute, and what alarms report about tasks and tokens', () => {
  const limits = graphsOf(monitoringIn()).flatMap(({ lines, properties }) =>
    (properties.annotations?.horizontal ?? []).map(({ value, label }) => [lines[0]?.metric, value, label]),
  );
  expect(limits).toEqual([
    ['LiveTasks', 10, expect.stringMatching(/maxAgents.*default/)],
    ['LiveTasks', 3, expect.stringMatching(/maxAgents.*other/)],
    ['FailedTicks', 30, expect.stringMatching(/30/)],
    ['OldestTaskSeconds', 86_400, 'alarm'],
    ['ApiTokenDaysLeft', 14, 'alarm'],
  ]);
});

it('the dashboard shows the state of all alarms across its width, above rows of three graphs that start at zero', () => {
  const template = monitoringIn();
  const { start, widgets } = dashboardOf(template);
  const [alarms, ...others] = widgets;
  const graphs = others.slice(0, -1);
  expect(start).toBe('-PT12H');
  const title = expect.stringMatching(/\w/);
  expect(alarms).toMatchObject({ type: 'alarm', width: 24, x: 0, y: 0, properties: { title } });
  expect(alarms?.properties.alarms).toEqual(
    Object.keys(template.findResources('AWS::CloudWatch::Alarm')).map((id) => `<${id}.Arn>`),
  );
  expect(graphs.map(({ x }) => x)).toEqual([0, 8, 16, 0, 8, 16, 0, 8, 16, 0, 8, 16, 0, 8, 16, 0]);
  for (const { properties } of graphs) expect(properties.yAxis).toEqual({ left: { min: 0 } });
});

it('the dashboard has the URL that the stack prints', () => {
  const { stack, monitoring } = silentMonitoring({ pools: [] });
  Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Dashboard', { DashboardName: 'Test' });
  expect(text(stack.resolve(monitoring.dashboardUrl))).toBe(
    'https://console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#dashboards/dashboard/Test',
  );
});

it('the dashboard sums the cost per day for a month, and the others per hour', () => {
  const shown = graphsOf(monitoringIn())
    .slice(9, 12)
    .map(({ lines, properties: { view, start, stacked } }) => ({
      periods: lines.map(({ period }) => period),
      view,
      start,
      stacked,
    }));
  expect(shown).toEqual([
    { periods: [86_400, 86_400], view: 'bar', start: '-P30D', stacked: undefined },
    { periods: [3600, 3600], view: 'timeSeries', start: undefined, stacked: true },
    { periods: [3600, 3600], view: 'timeSeries', start: undefined, stacked: true },
  ]);
});

it('the dashboard stacks the steps until a job starts, in their order, for each pool', () => {
  const steps = graphsOf(monitoringIn()).slice(12, 14);
  expect(steps.map(({ properties }) => properties.title)).toEqual(
    ['default', 'other'].map((pool) => `Steps until a job starts in ${pool}, seconds (median)`),
  );
  for (const { properties, lines } of steps) {
    expect(properties.stacked).toBe(true);
    expect(new Set(lines.map(({ period }) => period))).toEqual(new Set([900]));
  }
});

describe('the saved queries', () => {
  const saved = () =>
    z
      .array(z.object({ Name: z.string(), QueryString: z.string(), LogGroupNames: z.tuple([z.string()]) }))
      .parse(propertiesOf(monitoringIn(), 'AWS::Logs::QueryDefinition'));

  it('are in the stack’s folder, and read the launcher’s log', () => {
    expect(saved().map(({ Name, LogGroupNames: [group] }) => `${Name} in ${group}`)).toEqual(
      ['Why a run waits', 'Cost by workspace', 'Slowest starts', 'Failures by cause'].map(
        (name) => `Test/${name} in /aws/lambda/Test`,
      ),
    );
    expect(saved().map(({ QueryString }) => QueryString)).toEqual(LOG_QUERIES.map(({ query }) => query));
  });

  it('read the log group of the stack’s launcher', () => {
    const [query] = propertiesOf(templateOf({ stackName: 'Test' }), 'AWS::Logs::QueryDefinition');
    expect(z.array(z.unknown()).parse(query['LogGroupNames']).map(text)).toEqual([
      expect.stringMatching(/^<\w*Launcher\w*Logs\w*>$/),
    ]);
  });

  it('are named on the dashboard, with a link to the page that lists them', () => {
    const markdown = dashboardOf(monitoringIn()).widgets.at(-1)?.properties.markdown;
    expect(markdown).toContain(
      'https://console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#logsV2:logs-insights',
    );
    for (const { name, what } of LOG_QUERIES) expect(markdown).toContain(`**${name}**: ${what}`);
    expect(markdown).toContain(RUN_PLACEHOLDER);
  });

  /** The members of a line, with those of its objects as `a.b`. */
  const membersOf = (shape: Readonly<Record<string, unknown>>): string[] =>
    Object.entries(shape).flatMap(([name, schema]) =>
      schema instanceof z.ZodObject ? [name, ...membersOf(schema.shape).map((inner) => `${name}.${inner}`)] : [name],
    );
  /** The words of the query language that the queries use. */
  const WORDS = new Set(
    'fields filter stats sort dedup limit by as asc desc and or not like sum max count count_distinct earliest latest isPresent'.split(
      ' ',
    ),
  );
  /** The names in a query that are neither words of the language nor names that the query itself gives. */
  const fieldsOf = (query: string): string[] => {
    const bare = query.replaceAll(/"[^"]*"|\/[^/\s]*\/(?=\n|$)/g, '');
    const given = new Set([...bare.matchAll(/\bas (\w+)/g)].map(([, name]) => name));
    const names = [...bare.matchAll(/(?<![@\w.])[A-Za-z_][\w.]*/g)].map(([name]) => name);
    return names.filter((name) => !WORDS.has(name) && !given.has(name));
  };

  it('don’t count a task as a failure that the launcher stopped because its agent had left', () => {
    const query = LOG_QUERIES.find(({ name }) => name === 'Failures by cause')?.query ?? '';
    const excluded = [...query.matchAll(/stoppedReason like "([^"]+)"/g)].map(([, text = '']) => text);
    const reasonWith = (exitCode: number | undefined): string => {
      const lingering = live('t', 'lingering', exitCode === undefined ? {} : { exitCode });
      const state = {
        lanes: [LANE],
        demand: demandWith(),
        supply: supply({ live: [lingering] }),
        limitRoom: undefined,
      };
      const reasons = reconcile(state, LIMITS, NOW).stops.map(({ reason }) => `${STOP_REASON_PREFIX}${reason}`);
      expect(reasons).toHaveLength(1);
      return reasons.join();
    };
    const isExcluded = (reason: string) => excluded.some((text) => reason.includes(text));
    expect([undefined, 0].map((code) => isExcluded(reasonWith(code)))).toEqual([true, true]);
    expect([1, 137].map((code) => isExcluded(reasonWith(code)))).toEqual([false, false]);
  });

  it.each(LOG_QUERIES)('only use members of a line’s schema: $name', ({ query }) => {
    const fields = fieldsOf(query);
    expect(fields.length).toBeGreaterThan(0);
    const line = query.includes('"task ended"') ? taskEndedLine : tickLine;
    expect(fields.filter((field) => !membersOf(line.shape).includes(field))).toEqual([]);
  });

  it('are checked by this test: it finds a member that no line has', () => {
    expect(fieldsOf('filter message = "task ended" and seconds.flying > 3 | stats sum(euros) as e by task')).toEqual([
      'message',
      'seconds.flying',
      'euros',
      'task',
    ]);
  });

  it('use nothing but limit after dedup, because Logs Insights allows nothing else', () => {
    for (const { query } of LOG_QUERIES) {
      const commands = query.split('\n| ').map((command) => command.split(' ', 1)[0]);
      const dedup = commands.indexOf('dedup');
      if (dedup !== -1) expect(commands.slice(dedup + 1)).toEqual(['limit']);
    }
  });

  it.each(LOG_QUERIES.filter(({ query }) => query.includes('"task ended"')))(
    'count each task once, although it can have two lines: $name',
    ({ query }) => {
      expect(query).toMatch(/dedup task|by task|count_distinct\(task\)/);
    },
  );
});
