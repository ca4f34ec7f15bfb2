/** How long the function takes from a queued job to its RunTask, by mode. */
import { setTimeout as delay } from 'node:timers/promises';
import { ENV } from '../../functions/launcher/contract.ts';
import type { Deployment } from '../../test/journey/deployment.ts';
import { System } from './system.ts';
import { waited } from './wait.ts';

const MINUTE_MS = 60_000;

/** The idle mode has one job per system, because a job makes its pool active. The systems run at the same time. */
const IDLE_SYSTEMS = 12;
/** The active mode has all jobs in one system. The times between them are no multiple of the poll interval. */
const ACTIVE_JOBS = 40;
const ACTIVE_EVERY_MS = 1_300;

export interface Reaction {
  readonly mode: string;
  /** Seconds from a queued job to its RunTask, in ascending order. Absent: not measured. */
  readonly seconds?: readonly number[];
  /** Why it was not measured. */
  readonly skipped?: string;
}

/** A mode that is being built. It's measured as soon as this commit's function has its variable, and {@link measure} exists. */
interface FutureMode {
  readonly mode: string;
  readonly variable: string;
  readonly measure?: (deployment: Deployment) => Promise<readonly number[]>;
}

const FUTURE: readonly FutureMode[] = [
  { mode: 'idle pool, `idlePollSeconds: 10`', variable: 'IDLE_POLL_SECONDS' },
  { mode: 'idle pool, nudge', variable: 'WAKE_UPS_QUEUE_URL' },
];

export async function measureReactions(deployment: Deployment): Promise<Reaction[]> {
  const variables = new Set<string>(Object.values(ENV));
  const [idleSeconds, activeSeconds] = await Promise.all([idle(deployment), active(deployment)]);
  const reactions: Reaction[] = [
    { mode: 'idle pool, schedule of one minute', seconds: idleSeconds },
    { mode: 'active pool, poll every 10 s', seconds: activeSeconds },
  ];
  for (const { mode, variable, measure } of FUTURE) {
    if (!variables.has(variable)) reactions.push({ mode, skipped: 'this commit does not have it' });
    else if (measure === undefined) reactions.push({ mode, skipped: 'the benchmark cannot measure it yet' });
    else reactions.push({ mode, seconds: await measure(deployment) });
  }
  return reactions;
}

/** One job per system, at evenly distributed times of the minute between two invocations. */
async function idle(deployment: Deployment): Promise<number[]> {
  const seconds = await Promise.all(
    Array.from({ length: IDLE_SYSTEMS }, async (_, n) => {
      const system = await System.start(deployment);
      try {
        await orFail('the first invocation', 30_000, () => system.invocations.length > 0);
        await delay(((n + 0.5) / IDLE_SYSTEMS) * MINUTE_MS - 2_000);
        return await waitOf(system, 1);
      } finally {
        await system.close();
      }
    }),
  );
  return seconds.flat().sort((a, b) => a - b);
}

async function active(deployment: Deployment): Promise<number[]> {
  const system = await System.start(deployment);
  try {
    system.queue(1);
    await orFail('the first launch', 90_000, () => system.launched.length > 0);
    await delay(2_000);
    const waits = [];
    for (let n = 0; n < ACTIVE_JOBS; n += 1) {
      waits.push(waitOf(system, 1));
      await delay(ACTIVE_EVERY_MS);
    }
    return (await Promise.all(waits)).flat().sort((a, b) => a - b);
  } finally {
    await system.close();
  }
}

/** Queues jobs. @returns the wait of each in seconds */
async function waitOf(system: System, jobs: number): Promise<number[]> {
  const queuedAtMs = Date.now();
  const wanted = system.queue(jobs).map((run) => `${run}/plan`);
  const launchOf = (job: string) => system.launched.find((launch) => launch.job === job);
  await orFail('a launch', 2 * MINUTE_MS, () => wanted.every((job) => launchOf(job) !== undefined));
  return wanted.map((job) => ((launchOf(job)?.atMs ?? Number.NaN) - queuedAtMs) / 1000);
}

async function orFail(what: string, timeoutMs: number, condition: () => boolean): Promise<void> {
  if (!(await waited(timeoutMs, condition))) throw new Error(`The benchmark still waits for ${what}`);
}
