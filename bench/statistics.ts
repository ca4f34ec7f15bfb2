/** Numbers from lists of measurements. */

/** The smallest value that at least this share of the values doesn't exceed (nearest rank); `undefined` if there are no values. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function median(values: readonly number[]): number | undefined {
  return percentile(values, 0.5);
}

/**
 * RunTask calls that ECS accepts at once, and per second afterwards. One call launches one job's task, so this bucket and not that of
 * Fargate's launches (100 at once, then 20 per second) limits a burst.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html
 */
const RUN_TASK_CALLS = { burst: 20, perSecond: 20 };

/** The shortest time in which ECS can launch this many jobs with one call each, from the first call to the last. */
export function idealLaunchSeconds(jobs: number): number {
  return Math.max(0, jobs - RUN_TASK_CALLS.burst) / RUN_TASK_CALLS.perSecond;
}

/** How many jobs ECS can have launched this long after the first call. */
export function idealLaunches(seconds: number, jobs: number): number {
  return Math.min(jobs, Math.floor(RUN_TASK_CALLS.burst + seconds * RUN_TASK_CALLS.perSecond));
}
