/** The launcher's costs in docs/costs.md, from the same prices as the stack's outputs. */
import { type CostLine, HOURS, launcherCost } from '../../lib/aws/costs.ts';
import { PRICES } from '../../lib/aws/prices.ts';

/** The parts of the launcher that cost money while nothing is queued. */
interface IdleLauncher {
  readonly secrets: number;
  readonly alarms: number;
}

/** Invocations per month, at one per minute. */
const INVOCATIONS = HOURS * 60;

/** Number of metrics that a pool writes in an hour with jobs: four gauges, its launches and their start latency. */
const METRICS_OF_AN_ACTIVE_POOL = 6;

/** Returns the monthly cost of the launcher and its monitoring while nothing is queued. */
export function idleLauncherCost({ secrets, alarms }: IdleLauncher): CostLine[] {
  const { logGb, secretMonth, secretCall, alarmMonth, customMetricMonth } = PRICES;
  const invocations = INVOCATIONS.toLocaleString('en');
  return [
    {
      item: 'launcher',
      formula: `${invocations} invocations with 256 MB that take one second each, on arm64, without Lambda's free tier`,
      usd: launcherCost(INVOCATIONS, 1),
    },
    {
      item: "launcher's log",
      formula: `${invocations} lines of 1 kB × $${logGb.usd} per GB`,
      usd: (INVOCATIONS / 1_000_000) * logGb.usd,
    },
    { item: 'secrets', formula: `${secrets} × $${secretMonth.usd}`, usd: secrets * secretMonth.usd },
    {
      // "Lambda terminates execution environments every few hours", even of functions that are invoked continuously:
      // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
      item: 'reading the API token',
      formula:
        'one read per hour, which is a high estimate: the function keeps the token in memory until Lambda starts a new instance, every few hours',
      usd: HOURS * secretCall.usd,
    },
    { item: 'alarms', formula: `${alarms} × $${alarmMonth.usd}`, usd: alarms * alarmMonth.usd },
    {
      item: 'custom metrics',
      formula: `1 × $${customMetricMonth.usd}: an idle launcher writes only the heartbeat metric`,
      usd: customMetricMonth.usd,
    },
  ];
}

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
