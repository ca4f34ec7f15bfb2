/** How long the function takes from a queued job to its RunTask, by mode. */
import { setTimeout as delay } from 'node:timers/promises';
import { ENV } from '../../functions/launcher/contract.ts';
import { DEFAULT_ACTIVE_POLL_SECONDS } from '../../lib/defaults.ts';
import type { Deployment } from '../../test/journey/deployment.ts';
import { textAt } from '../../test/local/hcp-terraform/client.ts';
import { startNudge } from './nudge.ts';
import { SingleAgents } from './single-agents.ts';
import { System, type SystemOptions } from './system.ts';
import { waited } from './wait.ts';

const MINUTE_MS = 60_000;

/** The idle modes have one job per system, because a job makes its pool active. The systems run at the same time. */
const IDLE_SYSTEMS = 12;
/** The times of the jobs are 3.75 s apart, so that they are evenly distributed between two idle polls, too. */
const IDLE_POLL_SYSTEMS = 16;
const IDLE_POLL_SECONDS = 10;
/** The active mode has all jobs in one system. The times between them are no multiple of the poll interval. */
const ACTIVE_JOBS = 40;
const ACTIVE_EVERY_MS = 1_300;

/** A nudge's systems start in batches, so that the machine is idle again when the jobs are queued, one after the other. */
const NUDGE_BATCHES = 3;
const NUDGE_BATCH = 8;
const NUDGE_EVERY_MS = 1_500;
const SETTLE_MS = 3_000;

/** The plans of the auto-applied runs start at the same time, and end evenly distributed between two polls. */
const APPLIES = 24;
const SHORTEST_PLAN_MS = 5_000;
const PLANS_END_EVERY_MS = 830;
const APPLY_MS = 1_000;
const SHORT_PHASES = { provisionMs: 1_000, pullMs: 1_000, bootMs: 500, deprovisionMs: 500 };

export interface Reaction {
  readonly mode: string;
  /** Seconds until the RunTask, in ascending order. */
  readonly seconds: readonly number[];
}

export async function measureReactions(deployment: Deployment): Promise<Reaction[]> {
  const idlePolls = { environment: { [ENV.idlePollSeconds]: String(IDLE_POLL_SECONDS) } };
  const [idleSeconds, idlePollSeconds, activeSeconds, applySeconds] = await Promise.all([
    idle(deployment, IDLE_SYSTEMS),
    idle(deployment, IDLE_POLL_SYSTEMS, idlePolls),
    active(deployment),
    autoApplies(deployment),
  ]);
  // The other systems would make the machine busy.
  const warm = await nudged(deployment, false);
  const cold = await nudged(deployment, true);
  return [
    { mode: 'idle pool, schedule of one minute', seconds: idleSeconds },
    { mode: `idle pool, \`idlePollSeconds: ${IDLE_POLL_SECONDS}\``, seconds: idlePollSeconds },
    { mode: 'idle pool, nudge', seconds: warm.fromQueued },
    { mode: 'idle pool, nudge, from the creation of the run', seconds: warm.fromCreated },
    { mode: 'idle pool, nudge with a cold function, from the creation of the run', seconds: cold.fromCreated },
    { mode: `active pool, poll every ${DEFAULT_ACTIVE_POLL_SECONDS} s`, seconds: activeSeconds },
    { mode: 'active pool, from the end of a plan to the RunTask of its automatic apply', seconds: applySeconds },
  ];
}

/** One job per system, at evenly distributed times of the minute between two invocations. */
async function idle(deployment: Deployment, systems: number, options?: SystemOptions): Promise<number[]> {
  const seconds = await Promise.all(
    Array.from({ length: systems }, async (_, n) => {
      const system = await System.start(deployment, options);
      try {
        await orFail('the first invocation', 30_000, () => system.invocations.length > 0);
        await delay(Math.max(0, ((n + 0.5) / systems) * MINUTE_MS - 2_000));
        return await waitOf(system, 1);
      } finally {
        await system.close();
      }
    }),
  );
  return ascending(seconds.flat());
}

async function active(deployment: Deployment): Promise<number[]> {
  const system = await System.start(deployment);
  try {
    await makeActive(system);
    await delay(2_000);
    const waits = [];
    for (let n = 0; n < ACTIVE_JOBS; n += 1) {
      waits.push(waitOf(system, 1));
      await delay(ACTIVE_EVERY_MS);
    }
    return ascending((await Promise.all(waits)).flat());
  } finally {
    await system.close();
  }
}

interface Nudged {
  readonly fromQueued: readonly number[];
  readonly fromCreated: readonly number[];
}

/** One job per system. Its run is created through the API, so that HCP Terraform triggers the run task. */
async function nudged(deployment: Deployment, isCold: boolean): Promise<Nudged> {
  const waits = [];
  for (let batch = 0; batch < NUDGE_BATCHES; batch += 1) {
    const opened = await Promise.all(
      Array.from({ length: NUDGE_BATCH }, async () => {
        const system = await System.start(deployment);
        return { system, nudge: await startNudge(system, isCold) };
      }),
    );
    try {
      for (const { system } of opened) {
        await orFail('the first invocation', 30_000, () => system.invocations.length > 0);
      }
      await delay(SETTLE_MS);
      for (const { system } of opened) {
        waits.push(await waitOfNudged(system));
        await delay(NUDGE_EVERY_MS);
      }
    } finally {
      await Promise.all(opened.map(({ system, nudge }) => Promise.all([nudge.close(), system.close()])));
    }
  }
  return {
    fromQueued: ascending(waits.map(({ fromQueued }) => fromQueued)),
    fromCreated: ascending(waits.map(({ fromCreated }) => fromCreated)),
  };
}

async function waitOfNudged(system: System) {
  const { client, workspaceId } = system;
  const version = await client.configurationVersion(workspaceId, { speculative: true });
  const answer = await client.requestRun(workspaceId, { 'plan-only': true }, version);
  const run = textAt(answer.body, 'data', 'id');
  const launchedAtMs = await launchOf(system, `${run}/plan`);
  return {
    fromQueued: secondsBetween(system.timestampOf(run, 'plan-queued-at'), launchedAtMs),
    fromCreated: secondsBetween(system.createdAt(run), launchedAtMs),
  };
}

/** Runs whose applies need no confirmation. From the end of each plan to the RunTask of its apply. */
async function autoApplies(deployment: Deployment): Promise<number[]> {
  // Each apply is shorter than the time until the first plan ends, so the first jobs are the plans.
  const jobMs = (nth: number) => (nth < APPLIES ? SHORTEST_PLAN_MS + nth * PLANS_END_EVERY_MS : APPLY_MS);
  const system = await System.start(deployment, {
    phases: SHORT_PHASES,
    runner: (client) => new SingleAgents(client, jobMs),
  });
  try {
    const runs = await system.queueAutoApplied(APPLIES);
    const waits = runs.map(async (run) => {
      const launchedAtMs = await launchOf(system, `${run}/apply`);
      return secondsBetween(system.timestampOf(run, 'planned-at'), launchedAtMs);
    });
    return ascending(await Promise.all(waits));
  } finally {
    await system.close();
  }
}

async function makeActive(system: System): Promise<void> {
  system.queue(1);
  await orFail('the first launch', 90_000, () => system.launched.length > 0);
}

/** Queues jobs. @returns the wait of each in seconds */
function waitOf(system: System, jobs: number): Promise<number[]> {
  const queuedAtMs = Date.now();
  const runs = system.queue(jobs);
  return Promise.all(runs.map(async (run) => secondsBetween(queuedAtMs, await launchOf(system, `${run}/plan`))));
}

/** Waits for the launch of a job. @returns its time in milliseconds since the epoch */
async function launchOf(system: System, job: string): Promise<number> {
  const launch = () => system.launched.find((launched) => launched.job === job);
  await orFail(`the launch for ${job}`, 2 * MINUTE_MS, () => launch() !== undefined);
  return launch()?.atMs ?? Number.NaN;
}

function secondsBetween(fromMs: number | undefined, toMs: number): number {
  if (fromMs === undefined) throw new Error('A run was launched for, but its timestamp is missing');
  return (toMs - fromMs) / 1000;
}

const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

async function orFail(what: string, timeoutMs: number, condition: () => boolean): Promise<void> {
  if (!(await waited(timeoutMs, condition))) throw new Error(`The benchmark still waits for ${what}`);
}
