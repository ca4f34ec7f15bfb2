/**
 * Amazon CloudWatch: alarms, whose state their owner sets, and metrics. It reads these from log events in the embedded metric format, and from
 * gauges that other services add.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * Not here: metric math, percentiles, most metrics of AWS's own services, composite alarms.
 */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import type { LogStore } from '../core/log-store.ts';
import { pageOf } from '../core/pages.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import { AWS_JSON_1_0, type JsonService } from '../json-protocol.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface AlarmInput {
  readonly name: string;
  /** Default: `OK`. */
  readonly state?: AlarmState;
  readonly reason?: string;
  readonly description?: string;
  /** ARNs of the topics that it notifies. Default: none. */
  readonly actions?: readonly string[];
}

interface Alarm extends Required<AlarmInput> {
  readonly updatedAt: Date;
  readonly stateAt: Date;
}

const CODE = 'ValidationError';
const describeAlarms = z.object({
  AlarmNames: z.array(z.string().min(1).max(255)).max(100).optional(),
  AlarmNamePrefix: z.string().min(1).max(255).optional(),
  AlarmTypes: z.array(z.enum(['CompositeAlarm', 'MetricAlarm', 'LogAlarm'])).default(['MetricAlarm']),
  StateValue: z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']).optional(),
  MaxRecords: z.int().min(1).max(100).default(50),
  NextToken: z.string().optional(),
});

const STATISTICS = ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'] as const;
type Statistic = (typeof STATISTICS)[number];
const dimensions = z.array(z.object({ Name: z.string().min(1), Value: z.string().min(1) })).default([]);
/** Seconds since the epoch. */
const time = z.number().transform((seconds) => seconds * 1000);
const period = z.int().min(1);
const getMetricData = z.object({
  MetricDataQueries: z
    .array(
      z.object({
        Id: z.string().regex(/^[a-z][a-zA-Z0-9_]*$/),
        Label: z.string().optional(),
        ReturnData: z.boolean().default(true),
        Expression: z.string().optional(),
        MetricStat: z
          .object({
            Metric: z.object({ Namespace: z.string(), MetricName: z.string(), Dimensions: dimensions }),
            Period: period,
            Stat: z.string(),
          })
          .optional(),
      }),
    )
    .min(1)
    .max(500),
  StartTime: time,
  EndTime: time,
  ScanBy: z.enum(['TimestampDescending', 'TimestampAscending']).default('TimestampDescending'),
});
const getMetricStatistics = z.object({
  Namespace: z.string().min(1).max(255),
  MetricName: z.string().min(1).max(255),
  Dimensions: dimensions,
  StartTime: time,
  EndTime: time,
  Period: period,
  Statistics: z.array(z.enum(STATISTICS)).min(1).max(5),
});

const embedded = z.looseObject({
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string(), Unit: z.string().optional() })),
      }),
    ),
  }),
});

/** A metric whose value a service knows only now. */
export interface Gauge {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: () => number;
}

interface MetricQuery {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: readonly { readonly Name: string; readonly Value: string }[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly periodSeconds: number;
}

interface Period {
  readonly at: Date;
  readonly values: readonly number[];
}

export class CloudWatch {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #logs: LogStore;
  readonly #alarms = new Map<string, Alarm>();
  readonly #gauges = new Set<Gauge>();

  constructor(place: Place, now: () => number, logs: LogStore) {
    this.#place = place;
    this.#now = now;
    this.#logs = logs;
  }

  readonly service: JsonService = {
    protocol: 'json',
    target: 'GraniteServiceVersion20100801',
    messageMember: 'message',
    mediaType: AWS_JSON_1_0,
    actions: {
      DescribeAlarms: (input) => this.#describeAlarms(input),
      GetMetricData: (input) => this.#metricData(input),
      GetMetricStatistics: (input) => this.#metricStatistics(input),
    },
  };

  /** Creates the alarm, or changes it. */
  putAlarm(input: AlarmInput): void {
    const known = this.#alarms.get(input.name);
    const at = new Date(this.#now());
    const state = input.state ?? known?.state ?? 'OK';
    this.#alarms.set(input.name, {
      name: input.name,
      state,
      reason: input.reason ?? (known?.state === state ? known.reason : 'Threshold Crossed'),
      description: input.description ?? known?.description ?? '',
      actions: input.actions ?? known?.actions ?? [],
      updatedAt: known?.updatedAt ?? at,
      stateAt: known?.state === state ? known.stateAt : at,
    });
  }

  deleteAlarm(name: string): void {
    this.#alarms.delete(name);
  }

  /** Adds a metric. Its value now is that of every period. Gauges of the same metric add up. @returns a function that removes it */
  addGauge(gauge: Gauge): () => void {
    this.#gauges.add(gauge);
    return () => void this.#gauges.delete(gauge);
  }

  #describeAlarms(input: unknown): object {
    const wanted = validate(describeAlarms, input, CODE);
    if (wanted.AlarmNames !== undefined && wanted.AlarmNamePrefix !== undefined) {
      throw new ApiError(CODE, 'AlarmNamePrefix and AlarmNames are mutually exclusive.');
    }
    const alarms = [...this.#alarms.values()]
      .filter(
        ({ name, state }) =>
          wanted.AlarmTypes.includes('MetricAlarm') &&
          (wanted.AlarmNames?.includes(name) ?? true) &&
          name.startsWith(wanted.AlarmNamePrefix ?? '') &&
          (wanted.StateValue === undefined || state === wanted.StateValue),
      )
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    const invalid = () => new ApiError('InvalidNextToken', 'Invalid NextToken');
    const page = pageOf(alarms, ({ name }) => name, { token: wanted.NextToken, size: wanted.MaxRecords }, invalid);
    return {
      MetricAlarms: page.items.map((alarm) => ({
        AlarmName: alarm.name,
        AlarmArn: arnOf('cloudwatch', this.#place, `alarm:${alarm.name}`),
        AlarmDescription: alarm.description,
        AlarmConfigurationUpdatedTimestamp: alarm.updatedAt,
        ActionsEnabled: true,
        OKActions: [],
        AlarmActions: alarm.actions,
        InsufficientDataActions: [],
        StateValue: alarm.state,
        StateReason: alarm.reason,
        StateUpdatedTimestamp: alarm.stateAt,
        StateTransitionedTimestamp: alarm.stateAt,
      })),
      CompositeAlarms: [],
      ...(page.next !== undefined && { NextToken: page.next }),
    };
  }

  #metricData(input: unknown): object {
    const wanted = validate(getMetricData, input, CODE);
    const results = wanted.MetricDataQueries.filter(({ ReturnData }) => ReturnData).map((query) => {
      if (query.MetricStat === undefined) {
        throw new ApiError(CODE, 'This emulator supports no expressions: each query must have a MetricStat.');
      }
      const { Metric, Period, Stat } = query.MetricStat;
      const statistic = STATISTICS.find((name) => name === Stat);
      if (statistic === undefined) throw new ApiError(CODE, `This emulator doesn't support the statistic ${Stat}.`);
      const periods = this.#periods({
        namespace: Metric.Namespace,
        name: Metric.MetricName,
        dimensions: Metric.Dimensions,
        fromMs: wanted.StartTime,
        toMs: wanted.EndTime,
        periodSeconds: Period,
      });
      const ordered = wanted.ScanBy === 'TimestampAscending' ? periods : periods.toReversed();
      return {
        Id: query.Id,
        Label: query.Label ?? Metric.MetricName,
        Timestamps: ordered.map(({ at }) => at),
        Values: ordered.map(({ values }) => aggregate(statistic, values)),
        StatusCode: 'Complete',
      };
    });
    return { MetricDataResults: results, Messages: [] };
  }

  #metricStatistics(input: unknown): object {
    const wanted = validate(getMetricStatistics, input, 'InvalidParameterValue');
    const periods = this.#periods({
      namespace: wanted.Namespace,
      name: wanted.MetricName,
      dimensions: wanted.Dimensions,
      fromMs: wanted.StartTime,
      toMs: wanted.EndTime,
      periodSeconds: wanted.Period,
    });
    return {
      Label: wanted.MetricName,
      Datapoints: periods.map(({ at, values }) => ({
        Timestamp: at,
        ...Object.fromEntries(wanted.Statistics.map((name) => [name, aggregate(name, values)])),
      })),
    };
  }

  /** The values of a metric in its periods, oldest first. A period without a value is absent. */
  #periods(query: MetricQuery): Period[] {
    const { namespace, name, dimensions: wanted, fromMs, toMs, periodSeconds } = query;
    const periods = new Map<number, number[]>(this.#gaugePeriods(query));
    for (const { events } of this.#logs.groups()) {
      for (const { message, timestamp } of events) {
        if (timestamp < fromMs || timestamp >= toMs || !message.includes('"_aws"')) continue;
        for (const value of valuesIn(message, namespace, name, wanted)) {
          const start = Math.floor(timestamp / (periodSeconds * 1000)) * periodSeconds * 1000;
          periods.set(start, [...(periods.get(start) ?? []), value]);
        }
      }
    }
    return [...periods]
      .sort(([one], [other]) => one - other)
      .map(([start, values]) => ({ at: new Date(start), values }));
  }

  /** The periods of the gauges that have begun. */
  #gaugePeriods({
    namespace,
    name,
    dimensions: wanted,
    fromMs,
    toMs,
    periodSeconds,
  }: MetricQuery): [number, number[]][] {
    const gauges = [...this.#gauges].filter(
      (gauge) =>
        gauge.namespace === namespace &&
        gauge.name === name &&
        Object.keys(gauge.dimensions).length === wanted.length &&
        wanted.every(({ Name, Value }) => gauge.dimensions[Name] === Value),
    );
    if (gauges.length === 0) return [];
    const value = gauges.reduce((sum, gauge) => sum + gauge.value(), 0);
    const periodMs = periodSeconds * 1000;
    const periods: [number, number[]][] = [];
    const end = Math.min(toMs, this.#now());
    for (let start = Math.ceil(fromMs / periodMs) * periodMs; start < end; start += periodMs) {
      periods.push([start, [value]]);
    }
    return periods;
  }
}

/** The values of a metric in a log event in the embedded metric format. */
function valuesIn(message: string, namespace: string, name: string, wanted: MetricQuery['dimensions']): number[] {
  let json: unknown;
  try {
    json = JSON.parse(message);
  } catch {
    return [];
  }
  const event = embedded.safeParse(json).data;
  if (event === undefined) return [];
  const isWanted = (names: readonly string[]): boolean =>
    names.length === wanted.length && wanted.every(({ Name, Value }) => names.includes(Name) && event[Name] === Value);
  return event._aws.CloudWatchMetrics.flatMap((directive) => {
    const isMetric = directive.Namespace === namespace && directive.Metrics.some(({ Name }) => Name === name);
    if (!isMetric || !directive.Dimensions.some(isWanted)) return [];
    return z.array(z.number()).catch([]).parse([event[name]].flat());
  });
}

function aggregate(statistic: Statistic, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  switch (statistic) {
    case 'SampleCount':
      return values.length;
    case 'Sum':
      return sum;
    case 'Average':
      return sum / values.length;
    case 'Minimum':
      return Math.min(...values);
    case 'Maximum':
      return Math.max(...values);
  }
}
