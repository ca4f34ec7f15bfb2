/**
 * Warm agents and sweeps: agents that are wanted although no job is queued.
 *
 * Both are jobs without a run, so the limits, tokens and back-off of launches apply to them as well.
 * - A warm agent has a numbered slot. If its agent takes a job or leaves, the slot's next attempt follows.
 * - A sweep has one attempt. It looks for jobs that no list of runs shows, and leaves after a minute and a half.
 *
 * Gotchas: a slot can wait for days while ECS shows a stopped task for an hour, so the attempts of a slot change every hour, and no slot is
 * filled just before they change (decision 16). Ticks may miss the moment at which a sweep is due, so it is due for some minutes.
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
import { SETTLED_AFTER_MS, STOPPED_TASKS_SHOWN_MS } from './vendor-timing.ts';

/**
 * How long ticks still launch a sweep after it is due. Some ticks may be missed, and the token makes sure of one task. The time is shorter if
 * the next sweep, with another token, would be due before ECS certainly shows this one's task.
 */
const SWEEP_WINDOW_MS = 5 * 60_000;

/**
 * From the launcher's stop of a task whose agent didn't register until a tick sees its end: a minute to the tick that stops it, `stopTimeout`
 * (two minutes), half a minute of deprovisioning, ECS's reads (up to five minutes late), and a minute to the next tick.
 */
const END_SHOWS_AFTER_MS = 10 * 60_000;

/** What every sweep has. Its agent waits for 90 s: an idle agent asks for a job every 30 s. */
const SWEEP = { attemptsBefore: 0, idleSeconds: 90, singleAttempt: true, paused: false } as const;

/**
 * How long a run waits after its plan before each of its sweeps. HCP Terraform's own policy checks take seconds. A run task may take longer, and
 * these agents then leave without a job. So each wait is about twice the one before, and a run has at most eight sweeps.
 */
const RUN_SWEEPS_AFTER_MS = [2, 6, 14, 30, 60, 120, 240, 480].map((minutes) => minutes * 60_000);

/** A run's sweep isn't due for longer than this: ECS must still show its task, or each tick would launch it again. */
const RUN_SWEEP_WINDOW_MS = 50 * 60_000;

/**
 * Sweeps for runs that a lane has at the same time. A slow run task delays many runs at once, and each sweep serves any of them. Further runs
 * wait for the next tick in which a sweep has ended.
 */
const RUN_SWEEPS_AT_ONCE = 2;

/** Stages are tens in the number of a run's sweep: a token has no more than two characters left for it. */
const SWEEPS_A_STAGE = 10;

/** As long as ECS shows a stopped task. */
const HOUR_MS = STOPPED_TASKS_SHOWN_MS;

/** More attempts than a slot can have in an hour. */
const ATTEMPTS_AN_HOUR = 100_000;

/**
 * The warm agents and sweeps that a lane should have now.
 *
 * @param waiting runs that may wait for an agent to evaluate their policy sets.
 */
export function standingJobs(lane: Lane, nowMs: number, waiting: readonly WaitingRun[] = []): StandingJob[] {
  const { standing, phases, acceptsPolicies = true } = lane;
  const phase = phases.includes('plan') ? 'plan' : 'apply';
  const forRuns = acceptsPolicies ? waiting.flatMap((run) => runSweeps(run, phase, nowMs)) : [];
  return [...(standing === undefined ? [] : settingsJobs(standing, phase, nowMs)), ...forRuns];
}

/** Warm agents, and the sweep of an interval. */
function settingsJobs({ id, warm, sweepMs }: Standing, phase: Phase, nowMs: number): StandingJob[] {
  const jobs: StandingJob[] = [];
  if (warm !== undefined && isWithin(warm.schedule, nowMs)) {
    const { agents, idleSeconds } = warm;
    // With attempts that change every hour, a task that a token of this hour names, and that ECS can't describe, is one that ECS
    // doesn't show yet. Otherwise it could be one that ECS has forgotten, and the slot would stay empty.
    const hour = Math.floor(nowMs / HOUR_MS);
    const ofThisHour = {
      queuedAtMs: hour * HOUR_MS,
      attemptsBefore: hour * ATTEMPTS_AN_HOUR,
      // ECS must show what this hour's attempts launched before the next hour's begin, since their tokens differ.
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

/** How long after it is due a sweep is still launched. */
function sweepWindowMs(sweepMs: number): number {
  return Math.min(SWEEP_WINDOW_MS, sweepMs - SETTLED_AFTER_MS);
}

/**
 * Whether the start of the last sweep may only now turn out to have failed. A pool without work reads its stopped tasks until then: a task
 * whose agent never registers outlives the time in which its sweep is launched.
 */
export function sweepMayFail({ standing }: Lane, nowMs: number, startDeadlineMs: number): boolean {
  const { sweepMs } = standing ?? {};
  if (sweepMs === undefined) return false;
  return nowMs % sweepMs < sweepWindowMs(sweepMs) + startDeadlineMs + END_SHOWS_AFTER_MS;
}

/** The sweep that is due for a run that waits after its plan, if any. Its number makes it the same sweep in every tick. */
function runSweeps({ runId, status, stage, sinceMs }: WaitingRun, phase: Phase, nowMs: number): StandingJob[] {
  const waitedMs = nowMs - sinceMs;
  const sweep = RUN_SWEEPS_AFTER_MS.findLastIndex((afterMs) => waitedMs >= afterMs);
  const queuedAtMs = sinceMs + (RUN_SWEEPS_AFTER_MS[sweep] ?? Number.POSITIVE_INFINITY);
  if (nowMs - queuedAtMs < 0 || nowMs - queuedAtMs >= RUN_SWEEP_WINDOW_MS) return [];
  const key = `sweep/${runId}/${stage * SWEEPS_A_STAGE + sweep}` as const;
  const reason = `${runId} has been ${status} for ${Math.round(waitedMs / 1000)} s, maybe for an agent that evaluates its policy sets`;
  return [{ ...SWEEP, key, phase, queuedAtMs, reason }];
}

/**
 * The jobs for which something must be launched. Tasks that are free beyond the queued jobs serve the others already, and a sweep is never
 * launched again, whatever became of its task.
 *
 * @param free tasks that can take a job, less the jobs that wait for one.
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
  // A waiting agent takes the jobs that a sweep looks for.
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

/** Whether an agent is wanted for one run: for its queued job, or because it waits after its plan. */
export function isForRun({ key }: QueuedJob | StandingJob): boolean {
  return key.startsWith('run-') || key.startsWith('sweep/run-');
}

/** Whether a task with this `startedBy` is a warm agent or a sweep. */
export function isStandingKey(startedBy: string | undefined): boolean {
  return /^(warm|sweep)\//.test(startedBy ?? '');
}

/** Whether a task with this `startedBy` is a sweep. */
export function isSweepKey(startedBy: string | undefined): boolean {
  return startedBy?.startsWith('sweep/') === true;
}

/** How long a warm agent of these lanes waits for a job; `undefined` for other tasks, and for warm agents of an earlier deployment. */
export function warmIdleMs(lanes: readonly Lane[], startedBy = ''): number | undefined {
  const lane = lanes.find(({ standing }) => standing !== undefined && startedBy.startsWith(`warm/${standing.id}/`));
  return lane?.standing?.warm && lane.standing.warm.idleSeconds * 1000;
}

/** Whether this is a warm agent or a sweep. */
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
