/** Describes what the live tasks of a full pool do. */
import { duration } from './durations.ts';
import { jobIn } from './executed-jobs.ts';
import { counted, listed } from './sentences.ts';

/** A job that an agent executes, as HCP Terraform shows it. */
export interface BusyJob {
  /** `run-…/plan`. */
  readonly job: string;
  /** Absent on Terraform Enterprise. The agents of this launcher are named after their task. */
  readonly agentName?: string | undefined;
  /** Name of the run's workspace; absent if the token may not see it. */
  readonly workspace?: string | undefined;
  readonly sinceMs?: number | undefined;
}

/** A live task of the pool, which occupies one of its slots. */
export interface Slot {
  readonly taskId: string;
  /** What it was started for: `run-…/plan`, or the key of a warm agent or a sweep. Its agent can have taken another job. */
  readonly startedFor: string;
  readonly createdAtMs?: number | undefined;
}

/** Jobs that a text lists. */
const SHOWN = 5;

/** @param busy the running jobs of the pool, longest first; `undefined` if HCP Terraform could not be read. @returns sentences, or an empty text */
export function slotsText(slots: readonly Slot[], busy: readonly BusyJob[] | undefined, nowMs: number): string {
  if (slots.length === 0) return '';
  const ids = new Set(slots.map(({ taskId }) => taskId));
  // On Terraform Enterprise, nothing shows which agent has a job.
  const jobs = (busy ?? []).filter(({ agentName }) => agentName === undefined || ids.has(agentName));
  const atWork = new Set(jobs.map(({ agentName }) => agentName));
  const others = slots.filter(({ taskId }) => !atWork.has(taskId));
  const left = Math.max(0, slots.length - jobs.length);
  const running = listed(
    jobs.map((job) => jobText(job, nowMs)),
    SHOWN,
  );
  // Without names, an agent that isn't the launcher's looks like the others.
  if (jobs.length > slots.length) {
    return `${counted(jobs.length, 'job')} of this pool run, some perhaps on agents that the launcher didn’t start: ${running}.`;
  }
  const startedFor = listed(
    others.slice(0, left).map((slot) => slotText(slot, nowMs)),
    SHOWN,
  );
  return [
    jobs.length === 0 ? '' : `${counted(jobs.length, 'agent')} ${jobs.length === 1 ? 'is' : 'are'} busy: ${running}.`,
    left === 0
      ? ''
      : `${counted(left, jobs.length === 0 ? 'task' : 'other task')} ${left === 1 ? 'was' : 'were'} started for ${startedFor}; ${left === 1 ? 'its agent may have taken another job' : 'their agents may have taken other jobs'}, because an agent takes any queued job of its pool.`,
  ]
    .filter((text) => text !== '')
    .join(' ');
}

function jobText({ job, workspace, sinceMs }: BusyJob, nowMs: number): string {
  const found = jobIn(job);
  return [
    found === undefined ? job : `${found.phase} of ${found.run}`,
    ...(workspace === undefined || workspace === '' ? [] : [`in workspace ${workspace}`]),
    ...(sinceMs === undefined ? [] : [`for ${duration(nowMs - sinceMs)}`]),
  ].join(' ');
}

function slotText({ startedFor, createdAtMs }: Slot, nowMs: number): string {
  const found = jobIn(startedFor);
  const what = found === undefined ? startedFor : `the ${found.phase} of ${found.run}`;
  return createdAtMs === undefined ? what : `${what} ${duration(nowMs - createdAtMs)} ago`;
}
