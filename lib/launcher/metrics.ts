/** The metrics that the launcher writes, as alarms and the dashboard refer to them. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import {
  GATEWAY_METRICS,
  METRICS,
  METRICS_NAMESPACE,
  POOL_DIMENSION,
  SERVICE_DIMENSION,
} from '../../functions/launcher/contract.ts';

export const MINUTE = Duration.minutes(1);

/** The launcher reports the days until an expiry at least twice in this time. */
export const EXPIRY_PERIOD = Duration.days(1);

export interface LauncherMetricOptions extends cloudwatch.MetricOptions {
  /** Default: the metric has no value for a pool. */
  readonly pool?: string;
}

/** A metric of the launcher, by its name in the contract. @param service the launcher's name */
export function launcherMetric(
  service: string,
  name: keyof typeof METRICS,
  { pool, ...options }: LauncherMetricOptions = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName: METRICS[name],
    dimensionsMap: { [SERVICE_DIMENSION]: service, ...(pool !== undefined && { [POOL_DIMENSION]: pool }) },
    period: MINUTE,
    statistic: cloudwatch.Stats.MAXIMUM,
    ...options,
  });
}

/** A metric of the gateways. @param service the launcher's name; for what the gateways report themselves, theirs */
export function gatewayMetric(
  service: string,
  name: keyof typeof GATEWAY_METRICS,
  options: cloudwatch.MetricOptions,
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName: GATEWAY_METRICS[name],
    dimensionsMap: { [SERVICE_DIMENSION]: service },
    statistic: cloudwatch.Stats.MAXIMUM,
    ...options,
  });
}
