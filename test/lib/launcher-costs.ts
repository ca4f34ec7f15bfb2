/** More of the launcher's costs in docs/costs.md, from the same prices as the stack's outputs. */
import { type CostLine, HOURS, idleLauncherCost, launcherCost } from '../../lib/aws/costs.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import { REGISTRY_IMAGE, templateOf } from './synthesis.ts';

/** Returns the monthly costs of an idle launcher with one pool: two secrets, and the alarms that its stack really has. */
export function idleLauncherLines(): CostLine[] {
  const alarms = Object.keys(templateOf(REGISTRY_IMAGE).findResources('AWS::CloudWatch::Alarm')).length;
  return idleLauncherCost({ secrets: 2, alarms });
}

/** Number of metrics that a pool writes in an hour with jobs: four gauges, its launches and their start latency. */
const METRICS_OF_AN_ACTIVE_POOL = 6;

/** Number of metrics that a pool also writes in an hour in which a task ends: its time, its cost and the five steps of its start. */
const METRICS_OF_ENDED_TASKS = 7;

/** Billed duration of a request that the nudge's function refuses. Its work takes less than 0.1 ms, the rest is an estimate. */
const REFUSED_MS = 2;

/** Returns the monthly cost of a flood of forged requests to the nudge's URL, with the reads of the secret that it causes. */
export function nudgeFloodCost(requestsPerSecond: number, concurrency: number): number {
  // https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-throttling
  const accepted = Math.min(requestsPerSecond, 10 * concurrency) * HOURS * 3600;
  const reads = concurrency * HOURS * 60 * PRICES.secretCall.usd;
  return launcherCost(accepted, REFUSED_MS / 1000) + reads;
}

/** Returns the monthly cost if all of the function's environments are always busy: no flood can cost more. */
export function mostNudgeCost(concurrency: number): number {
  const tenths = concurrency * HOURS * 36_000;
  return launcherCost(tenths, 0.1);
}

/** Returns the cost of one minute in which the launcher polls continuously because a pool is active. */
export function activeMinuteCost(): number {
  return launcherCost(1, 58);
}

/** Returns the cost of a pool's metrics in an hour with jobs. */
export function activePoolHourCost(): number {
  return (METRICS_OF_AN_ACTIVE_POOL * PRICES.customMetricMonth.usd) / HOURS;
}

/** Returns the additional cost of a pool's metrics in an hour in which a task ends. */
export function endedTasksHourCost(): number {
  return (METRICS_OF_ENDED_TASKS * PRICES.customMetricMonth.usd) / HOURS;
}
