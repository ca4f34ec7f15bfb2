/**
 * Warm agents and sweeps: agents that the launcher starts although no job is queued.
 *
 * The launcher treats both like jobs without a run, so the limits, client tokens and back-off apply to them as well.
 * - A warm agent fills a numbered slot. When the agent takes a job or leaves, the launcher makes the slot's next attempt.
 * - A sweep has one attempt. It takes an unlisted job, or leaves after 90 seconds.
 *
 * Gotchas:
 * - A slot can be filled again and again for days, but ECS shows stopped tasks for only an hour. So the attempts of a slot get new numbers every
 *   hour, and no slot is filled just before they change (decision 16).
 * - Ticks may miss the moment at which a sweep is due, so the launcher can start it for some minutes.
 */
import type {
  Lane,
  LiveState,
  LiveTask,
  Phase,
  QueuedJob,
  Schedule,
  Standing,
  StandingJob,
  WaitingRun,
} from './types.ts';
import {
  DEPROVISIONED_AFTER_MS,
  READ_LAG_MS,
  SETTLED_AFTER_MS,
  STOP_TIMEOUT_MAX_MS,
  STOPPED_TASKS_SHOWN_MS,
  THREE_JOB_REQUESTS_MS,
} from './vendor-timing.ts';

/** The function's schedule: maximum time between two ticks. */
const TICK_EVERY_MS = 60_000;

/**
 * How long after its due time ticks still launch a sweep, because some ticks may be missed. The client token prevents a second task. The time
 * is shorter if the next sweep, which has a different token, would be due before ECS certainly shows the task of this sweep.
 */
const SWEEP_WINDOW_MS = 5 * 60_000;

/**
 * If the agent of a sweep doesn't register, the time from its start deadline until a tick sees the stopped task: until the tick that stops
 * the task, until the task is STOPPED, until ECS shows this, and until the next tick. Together, this takes ten minutes.
 */
const END_SHOWS_AFTER_MS = TICK_EVERY_MS + STOP_TIMEOUT_MAX_MS + DEPROVISIONED_AFTER_MS + READ_LAG_MS + TICK_EVERY_MS;

/** Values that all sweeps share. The agent waits for three requests for a job, which take 90 s. */
const SWEEP = {
  attemptsBefore: 0,
  idleSeconds: THREE_JOB_REQUESTS_MS / 1000,
  singleAttempt: true,
  paused: false,
} as const;

/**
 * How long a run has been in a post-plan status before each of its sweeps. HCP Terraform's own policy checks take seconds (UNVERIFIED), so
 * the first sweep follows them. A run task can take longer, and then the agents leave without a job. So the waits roughly double, and a run
 * has at most eight sweeps.
 */
const RUN_SWEEPS_AFTER_MS = [2, 6, 14, 30, 60, 120, 240, 480].map((minutes) => minutes * 60_000);

/**
 * Maximum time for which a run's sweep is due: ten minutes less than ECS shows a stopped task. If ECS no longer showed the task, each tick
 * would launch the sweep again.
 */
const RUN_SWEEP_WINDOW_MS = STOPPED_TASKS_SHOWN_MS - 10 * 60_000;

/**
 * Maximum number of sweeps for runs at the same time in a lane. A slow run task delays many runs at once, and a sweep can serve any of them.
 * The other runs wait until a sweep has ended.
 */
const RUN_SWEEPS_AT_ONCE = 2;

/** A run's sweep has a number of two digits, the stage and the sweep, because the client token has only two characters left. */
const SWEEPS_A_STAGE = 10;

/** How long the attempt numbers of a slot stay the same: as long as ECS shows a stopped task. */
const HOUR_MS = STOPPED_TASKS_SHOWN_MS;

/** An upper bound for the attempts of a slot in an hour. */
const ATTEMPTS_AN_HOUR = 100_000;

/**
 * The warm agents and sweeps that a lane should have now.
 *
 * @param waiting - runs that may be waiting for an agent to evaluate their policy sets.
 */
export function standingJobs(lane: Lane, nowMs: number, waiting: readonly WaitingRun[] = []): StandingJob[] {
  const { standing, phases, acceptsPolicies = true } = lane;
  const phase = phases.includes('plan') ? 'plan' : 'apply';
  const forRuns = acceptsPolicies ? waiting.flatMap((run) => runSweeps(run, phase, nowMs)) : [];
  return [...(standing === undefined ? [] : settingsJobs(standing, phase, nowMs)), ...forRuns];
}

/** The lane's warm agents, and its sweep if one is due. */
function settingsJobs({ id, warm, sweepMs }: Standing, phase: Phase, nowMs: number): StandingJob[] {
  const jobs: StandingJob[] = [];
  if (warm !== undefined && isWithin(warm.schedule, nowMs)) {
    const { agents, idleSeconds } = warm;
    // If ECS returns a task for a client token but can't describe it, the task may be new or forgotten. With new attempt numbers every hour,
    // it can only be new. Otherwise the slot of a forgotten task would stay empty.
    const hour = Math.floor(nowMs / HOUR_MS);
    const ofThisHour = {
      queuedAtMs: hour * HOUR_MS,
      attemptsBefore: hour * ATTEMPTS_AN_HOUR,
      // Pause before the hour ends: ECS must show the tasks of this hour before the next hour starts with new client tokens.
      paused: nowMs % HOUR_MS >= HOUR_MS - SETTLED_AFTER_MS,
    };
    for (let n = 1; n <= agents; n += 1) {
      const reason = 'below the configured number of warm agents';
      jobs.push({ key: `warm/${id}/${n}`, phase, ...ofThisHour, idleSeconds, singleAttempt: false, reason });
    }
  }
  if (sweepMs !== undefined && nowMs % sweepMs < sweepWindowMs(sweepMs)) {
    const key = `sweep/${id}/${Math.floor(nowMs / sweepMs)}` as const;
    jobs.push({ ...SWEEP, key, phase, queuedAtMs: nowMs - (nowMs % sweepMs), reason: 'a sweep is due' });
  }
  return jobs;
}

/** How long after its due time a sweep is still launched. */
function sweepWindowMs(sweepMs: number): number {
  return Math.min(SWEEP_WINDOW_MS, sweepMs - SETTLED_AFTER_MS);
}

/**
 * Whether the last sweep may still turn out to have failed. Until that is certain, the launcher reads the stopped tasks even of an idle pool.
 * A task whose agent never registers ends after the time in which its sweep is launched.
 */
export function sweepMayFail({ standing }: Lane, nowMs: number, startDeadlineMs: number): boolean {
  const { sweepMs } = standing ?? {};
  if (sweepMs === undefined) return false;
  return nowMs % sweepMs < sweepWindowMs(sweepMs) + startDeadlineMs + END_SHOWS_AFTER_MS;
}

/** The sweep that is due for a run in a post-plan status, if any. Its number stays the same in every tick. */
function runSweeps({ runId, status, stage, sinceMs }: WaitingRun, phase: Phase, nowMs: number): StandingJob[] {
  const waitedMs = nowMs - sinceMs;
  const sweep = RUN_SWEEPS_AFTER_MS.findLastIndex((afterMs) => waitedMs >= afterMs);
  const queuedAtMs = sinceMs + (RUN_SWEEPS_AFTER_MS[sweep] ?? Number.POSITIVE_INFINITY);
  if (nowMs - queuedAtMs < 0 || nowMs - queuedAtMs >= RUN_SWEEP_WINDOW_MS) return [];
  const key = `sweep/${runId}/${stage * SWEEPS_A_STAGE + sweep}` as const;
  const reason = `${runId} has been ${status} for ${Math.round(waitedMs / 1000)} s, and may be waiting for an agent to evaluate its policy sets`;
  return [{ ...SWEEP, key, phase, queuedAtMs, reason }];
}

/**
 * The warm agents and sweeps that still need a launch. A free task counts as one that is launched already. A sweep is never launched
 * again, whatever happened to its task.
 *
 * @param free - number of tasks that can take a job, minus the queued jobs.
 */
export function standingShort(
  jobs: readonly StandingJob[],
  free: number,
  attempts: ReadonlyMap<string, number>,
  live: readonly LiveTask[],
): StandingJob[] {
  const tasksOf = (states: (state: LiveState) => boolean) =>
    new Set(live.flatMap(({ task, state }) => (states(state) ? task.startedBy : [])));
  // An agent that can't be observed may still be waiting. Replacing it would add another one every few minutes.
  const unseen = tasksOf((state) => state === 'unobserved');
  // If an agent is waiting already, no sweep is necessary.
  const due = jobs.filter(
    ({ key, singleAttempt, paused }) =>
      !paused && !unseen.has(key) && !(singleAttempt && (free > 0 || attempts.has(key))),
  );
  const taken = tasksOf(() => true);
  const sweeping = live.filter(({ task }) => task.startedBy?.startsWith('sweep/run-')).length;
  const forRuns = due.filter(isForRun).toSorted((a, b) => a.queuedAtMs - b.queuedAtMs);
  const beyond = new Set(forRuns.slice(Math.max(0, RUN_SWEEPS_AT_ONCE - sweeping)));
  const allowed = due.filter((job) => !beyond.has(job));
  const unserved = [...allowed.filter(({ key }) => !taken.has(key)), ...allowed.filter(({ key }) => taken.has(key))];
  return unserved.slice(0, Math.max(0, allowed.length - Math.max(0, free)));
}

/** Whether the launcher wants this agent for one particular run, which has a queued job or is in a post-plan status. */
export function isForRun({ key }: QueuedJob | StandingJob): boolean {
  return key.startsWith('run-') || key.startsWith('sweep/run-');
}

/** Whether a task with this `startedBy` is a warm agent or a sweep. */
export function isStandingKey(startedBy: string | undefined): boolean {
  return /^(warm|sweep)\//.test(startedBy ?? '');
}

/** Whether a task with this `startedBy` was started as a warm agent. */
export function isWarmKey(startedBy: string | undefined): boolean {
  return startedBy?.startsWith('warm/') === true;
}

/** Whether a task with this `startedBy` is a sweep. */
export function isSweepKey(startedBy: string | undefined): boolean {
  return startedBy?.startsWith('sweep/') === true;
}

/** The idle window of a warm agent in these lanes; `undefined` for other tasks, and for warm agents of an earlier deployment. */
export function warmIdleMs(lanes: readonly Lane[], startedBy = ''): number | undefined {
  const lane = lanes.find(({ standing }) => standing !== undefined && startedBy.startsWith(`warm/${standing.id}/`));
  return lane?.standing?.warm && lane.standing.warm.idleSeconds * 1000;
}

/** Whether the job is a warm agent or a sweep. */
export function isStanding(job: QueuedJob | StandingJob): job is StandingJob {
  return 'idleSeconds' in job;
}

function isWithin(schedule: Schedule | undefined, nowMs: number): boolean {
  if (schedule === undefined) return true;
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: schedule.timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(nowMs);
  const { weekday, hour, minute } = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  const minuteOfDay = Number(hour) * 60 + Number(minute);
  const today = schedule.days.some((day) => day === weekday);
  return today && minuteOfDay >= schedule.fromMinute && minuteOfDay < schedule.toMinute;
}
