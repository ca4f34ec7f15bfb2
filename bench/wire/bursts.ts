/** Launch rate, and the function's processor time and memory: a number of jobs is queued at once in an active pool. */
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_ACTIVE_POLL_SECONDS } from '../../lib/defaults.ts';
import type { Deployment } from '../../test/journey/deployment.ts';
import { idealLaunchSeconds } from '../statistics.ts';
import { System } from './system.ts';
import { waited } from './wait.ts';

/** The pool's limit. One agent runs already when the jobs are queued. */
export const MAX_AGENTS = 1000;

/** The jobs are queued in the middle between two polls, so that the first launch has the mean wait. */
const HALF_A_POLL_MS = (DEFAULT_ACTIVE_POLL_SECONDS * 1000) / 2;

export interface Burst {
  readonly jobs: number;
  /** Launches that the limit allows. */
  readonly wanted: number;
  readonly launched: number;
  /** Seconds from queueing to the first and the last RunTask. */
  readonly firstSeconds: number;
  readonly lastSeconds: number;
  readonly idealSeconds: number;
  /** Seconds from queueing to each launch. */
  readonly launchSeconds: readonly number[];
  /** Tasks whose job had a task already. Any agent can take any job, so this costs nothing unless there are {@link surplus} tasks. */
  readonly launchedTwice: number;
  /** Tasks in excess of the jobs, which wait for nothing. */
  readonly surplus: number;
  /** Calls that ECS throttled, and requests that HCP Terraform answered with 429. */
  readonly throttled: number;
  readonly tooMany: number;
  readonly failedTicks: number;
  readonly runLists: number;
  readonly otherHcp: number;
  readonly awsCalls: number;
  /** Processor time of the tick that used most. */
  readonly tickCpuSeconds: number;
  readonly peakMiB: number;
  /** Whether the function's process ended on its own. */
  readonly died: boolean;
}

/** @param limitSeconds the burst is over after this time, even if jobs are left */
export async function measureBurst(deployment: Deployment, jobs: number, limitSeconds: number): Promise<Burst> {
  const system = await System.start(deployment);
  try {
    const wanted = Math.min(jobs, MAX_AGENTS - 1);
    system.queue(1);
    await waitedFor('the first launch', () => system.launched.length > 0);
    const ticksThen = system.ticks.length;
    await waitedFor('the end of its tick', () => system.ticks.length > ticksThen);
    await delay(HALF_A_POLL_MS);

    const before = { ...system.hcpRequests, aws: system.awsCalls().all, ticks: system.ticks.length };
    const queuedAtMs = Date.now();
    system.queue(jobs);
    await waited(limitSeconds * 1000, () => system.launched.length > wanted || system.ended);
    const launchesOfBurst = () => system.launched.slice(1);
    const launches = launchesOfBurst();
    // A tick that sees all tasks must end, too.
    const ticksAfter = system.ticks.length;
    await waited(20_000, () => system.ticks.length > ticksAfter + 1 || system.ended);

    const surplus = Math.max(0, launchesOfBurst().length - jobs);
    const launchSeconds = launches.map(({ atMs }) => (atMs - queuedAtMs) / 1000);
    const { all, throttled } = system.awsCalls();
    const ticks = system.ticks.slice(before.ticks);
    const cpu = ticks.map((tick, n) => tick.cpuSeconds - (system.ticks[before.ticks + n - 1]?.cpuSeconds ?? 0));
    return {
      jobs,
      wanted,
      launched: launches.length,
      firstSeconds: launchSeconds[0] ?? Number.NaN,
      lastSeconds: launchSeconds.at(-1) ?? Number.NaN,
      idealSeconds: idealLaunchSeconds(wanted),
      launchSeconds,
      launchedTwice: launches.length - new Set(launches.map(({ job }) => job)).size,
      surplus,
      throttled,
      tooMany: system.hcpRequests.tooMany,
      failedTicks: ticks.filter(({ failed }) => failed).length,
      runLists: system.hcpRequests.runLists - before.runLists,
      otherHcp: system.hcpRequests.others - before.others,
      awsCalls: all - before.aws,
      tickCpuSeconds: Math.max(0, ...cpu),
      peakMiB: system.use().peakMiB,
      died: system.ended,
    };
  } finally {
    await system.close();
  }
}

async function waitedFor(what: string, condition: () => boolean): Promise<void> {
  if (!(await waited(90_000, condition))) throw new Error(`After 90 s, the benchmark still waits for ${what}`);
}
