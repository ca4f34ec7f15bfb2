/** The launcher's decisions, read from its log. */
import * as z from 'zod';

const tickLine = z.object({
  message: z.string(),
  pools: z.array(
    z.object({
      pool: z.string(),
      launches: z.array(z.object({ job: z.string(), outcome: z.string(), task: z.string().default('') })).default([]),
      stops: z.array(z.object({ task: z.string(), cause: z.string() })).default([]),
      deferrals: z.array(z.object({ jobKey: z.string(), cause: z.string() })).default([]),
      errors: z.array(z.object({ message: z.string() })).default([]),
    }),
  ),
});

/**
 * The decisions in one line of the launcher's log, as sentences. Empty for other lines, and for lines without a decision.
 * @param nameOf the readable name of the job with that key
 */
export function decisionsOf(line: string, nameOf: (key: string) => string): string[] {
  const tick = tickLine.safeParse(parsedJson(line));
  if (!tick.success) return [];
  return tick.data.pools.flatMap(({ pool, launches, stops, deferrals, errors }) => [
    ...launches.map(({ job, outcome, task }) => {
      const container = task === '' ? '' : ` ${task.slice(0, 8)}`;
      return `${pool}: ${outcome}${container} for ${nameOf(job)}`;
    }),
    ...stops.map(({ task, cause }) => `${pool}: stopped ${task.slice(0, 8)}, ${cause}`),
    ...deferrals.map(({ jobKey, cause }) => `${pool}: not now (${cause}): ${nameOf(jobKey)}`),
    ...errors.map(({ message }) => `${pool}: ${message}`),
  ]);
}

/** The keys of the jobs whose launch ECS refused, in one line of the launcher's log. */
export function refusedIn(line: string): string[] {
  const tick = tickLine.safeParse(parsedJson(line));
  const launches = tick.success ? tick.data.pools.flatMap((pool) => pool.launches) : [];
  return launches.filter(({ outcome }) => outcome === 'refused').map(({ job }) => job);
}

function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
