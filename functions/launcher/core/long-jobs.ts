/**
 * Which tasks run a job for longer than `maxJobHours` allows.
 *
 * - If a run shows the task's agent, the run also shows the phase of its job, and since when the job runs (by HCP Terraform's clock).
 * - Otherwise it is an unlisted job, or HCP Terraform doesn't show the agents of runs. Then the job can be any that the lane accepts, and its age is the
 *   task's age without the longest time that the agent can have waited.
 * - If one of the possible phases has no limit, the task is never stopped. So an apply is safe unless applies have their own limit.
 * - A job is never younger than its container, and clocks differ. Both make the launcher stop a job later, not earlier.
 */
import { MOST_IDLE_WINDOW_MS, MOST_WARM_IDLE_MS } from './longest-waits.ts';
import { isWarmKey, warmIdleMs } from './standing.ts';
import { RAN_TOO_LONG } from './task-outcome.ts';
import type { Lane, LiveTask, Phase, RunningJob, Stop, Task } from './types.ts';
import { CLOCK_SKEW_MS } from './vendor-timing.ts';

const HOUR_MS = 60 * 60_000;

/** The stop of a task whose job has run for too long; `undefined` if the job may continue, or if nobody knows what the task does. */
export function longJobStop(
  { task, state }: LiveTask,
  lane: Lane,
  running: readonly RunningJob[],
  nowMs: number,
): Stop | undefined {
  if (state !== 'busy' || lane.maxJobMs === undefined) return undefined;
  const jobs = running.filter(({ agentName }) => agentName === task.id);
  const phases = jobs.length > 0 ? jobs.map(({ phase }) => phase) : lane.phases;
  const limitMs = limitOf(phases, lane.maxJobMs);
  const sinceMs = jobSinceMs(task, jobs, lane);
  if (limitMs === undefined || sinceMs === undefined || nowMs - sinceMs <= limitMs + CLOCK_SKEW_MS) return undefined;
  const ageMs = nowMs - (jobs.length > 0 ? sinceMs : (task.createdAtMs ?? sinceMs));
  const what = jobs[0] === undefined ? 'its task is' : `${jobs[0].key} has run for`;
  const old = jobs[0] === undefined ? ' old' : '';
  const setting = phases.includes('apply') ? 'phases.apply.maxJobHours' : 'maxJobHours';
  const reason = `${RAN_TOO_LONG}: ${what} ${(ageMs / HOUR_MS).toFixed(1)} hours${old}, and ${setting} is ${limitMs / HOUR_MS}`;
  return { taskId: task.id, cause: 'job-too-long', reason };
}

/** The limit for a job of any of these phases; `undefined` if one of them has none. */
function limitOf(phases: readonly Phase[], limits: NonNullable<Lane['maxJobMs']>): number | undefined {
  return phases.reduce<number | undefined>((most, phase) => {
    const limit = limits[phase];
    return most === undefined || limit === undefined ? undefined : Math.max(most, limit);
  }, 0);
}

/** Since when the task's job certainly runs; `undefined` if that is unknown. */
function jobSinceMs(task: Task, jobs: readonly RunningJob[], lane: Lane): number | undefined {
  const upMs = task.startedAtMs ?? task.createdAtMs;
  if (upMs === undefined) return undefined;
  const waitMs = isWarmKey(task.startedBy)
    ? (warmIdleMs([lane], task.startedBy) ?? MOST_WARM_IDLE_MS)
    : MOST_IDLE_WINDOW_MS;
  const starts = jobs.map(({ startedAtMs }) => startedAtMs ?? upMs + waitMs);
  return starts.length === 0 ? upMs + waitMs : starts.reduce((a, b) => Math.max(a, b), upMs);
}
