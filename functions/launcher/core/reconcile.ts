import { type LaneView, laneViews } from './lanes.ts';
import { allowance, type Kept, NOTHING_KEPT } from './limits.ts';
import { longJobStop } from './long-jobs.ts';
import type { LimitRoom } from './organization-limit.ts';
import { standingJobs, standingShort } from './standing.ts';
import { AGENT_LEFT } from './task-outcome.ts';
import type {
  Decision,
  Deferral,
  Demand,
  Lane,
  Launch,
  Limits,
  LiveState,
  LiveTask,
  QueuedJob,
  StandingJob,
  Stop,
  Supply,
} from './types.ts';
import { THREE_JOB_REQUESTS_MS } from './vendor-timing.ts';

/** The demand and supply of one pool. */
export interface PoolState {
  readonly lanes: readonly Lane[];
  readonly demand: Demand;
  readonly supply: Supply;
  readonly limitRoom: LimitRoom;
  /** Whether a lane of another pool under the same organization agent limit has no task, so that its next job needs a free slot. */
  readonly othersWait?: boolean;
}

/**
 * Decides about one pool's queued jobs and stops. Each lane launches the agents that its queued jobs still need, within the limits that all lanes
 * share. Tasks that can't be running a job are stopped, and so are those whose job has run for too long.
 *
 * Any agent of a lane can take any of the lane's jobs. So the number of launches depends only on the numbers of jobs and agents.
 */
export function reconcile(state: PoolState, limits: Limits, nowMs: number): Decision {
  const { demand, supply, lanes, limitRoom } = state;
  const launches: Launch[] = [];
  const deferrals: Deferral[] = [];
  let { foreignIdle } = supply;
  for (const view of laneViews(lanes, demand, supply)) {
    const { lane, queuedCount: allQueued } = view;
    const [queued, leftToOthers] = dueJobs(view.queued, limits, nowMs);
    for (const { key } of leftToOthers) deferrals.push({ jobKey: key, ...leftToOtherLauncher(limits) });
    const queuedCount = allQueued - leftToOthers.length;
    // The list of agents doesn't show which lane a foreign agent serves. Count each one once, in the first lane that needs agents.
    const foreign = Math.min(foreignIdle, stillOfferedTo(queued, nowMs));
    const short = Math.max(0, queuedCount - view.unclaimed);
    foreignIdle -= Math.min(foreign, short);
    const inOrder = inOrderOfNeed(queued, supply, demand.unlisted !== undefined);
    const wanted = inOrder.slice(0, Math.max(0, short - foreign));
    const asked = { wanted: wanted.length, view, launches, limits, limitRoom, kept: NOTHING_KEPT };
    const { count, deferral } = allowance(asked, nowMs);
    const counted = `${queuedCount} queued, ${view.unclaimed + foreign} unclaimed`;
    for (const job of wanted.slice(0, count)) launches.push(launchOf(job, lane, supply, counted));
    for (const { key } of wanted.slice(count)) deferrals.push({ jobKey: key, ...deferral });
  }
  const stops = supply.live.flatMap((live) => stopOf(live, limits.startDeadlineMs));
  return { launches, stops: [...stops, ...longJobStops(state, nowMs)], deferrals };
}

/** The stops of tasks whose jobs have run longer than their lane allows. */
function longJobStops({ supply, lanes, demand }: PoolState, nowMs: number): Stop[] {
  return supply.live.flatMap((live) => {
    const lane = lanes.find(({ taskDefinition }) => taskDefinition === live.task.family);
    return (lane && longJobStop(live, lane, demand.running, nowMs)) ?? [];
  });
}

/**
 * Adds the warm agents and sweeps that the limits still allow to the decision about queued jobs.
 *
 * The launcher never stops an idle agent, because the agent can get a job at any moment. So it launches a warm agent only if a slot stays free
 * for the jobs of the other lanes. Otherwise, jobs that are queued later would have to wait for the warm agent to leave. A sweep may use
 * the last slot, because it leaves after 90 seconds.
 *
 * @param state - its `limitRoom` is what the queued jobs of the other pools leave; this pool's launches aren't subtracted yet.
 */
export function withStanding(decision: Decision, state: PoolState, limits: Limits, nowMs: number): Decision {
  const { demand, supply, lanes, limitRoom, othersWait = false } = state;
  const launches = [...decision.launches];
  const deferrals = [...decision.deferrals];
  const views = laneViews(lanes, demand, supply);
  for (const view of views) {
    const launch = (wanted: readonly StandingJob[], kept: Kept): void => {
      const asked = { wanted: wanted.length, view, launches, limits, limitRoom, kept };
      const { count, deferral } = allowance(asked, nowMs);
      for (const job of wanted.slice(0, count)) launches.push(standingLaunchOf(job, view.lane, supply));
      for (const { key } of wanted.slice(count)) deferrals.push({ jobKey: key, ...deferral });
    };
    const free = view.unclaimed - view.queuedCount;
    const wanted = standingShort(standingJobs(view.lane, nowMs, demand.waiting), free, supply.attempts, view.live);
    launch(
      wanted.filter(({ singleAttempt }) => !singleAttempt),
      keptFrom(view, views, launches, othersWait),
    );
    launch(
      wanted.filter(({ singleAttempt }) => singleAttempt),
      NOTHING_KEPT,
    );
  }
  return { ...decision, launches, deferrals };
}

/** Keeps one slot of a limit free while another lane under the same limit has no task, so that the other lane's next job finds a slot. */
function keptFrom(own: LaneView, views: readonly LaneView[], launches: readonly Launch[], othersWait: boolean): Kept {
  const isOther = ({ lane }: LaneView): boolean => lane.taskDefinition !== own.lane.taskDefinition;
  const without = (holds: (state: LiveState) => boolean): boolean =>
    views.some((view) => isOther(view) && !hasTask(view, launches, holds));
  const ofMaxAgents = without((state) => state !== 'lingering') ? 1 : 0;
  return { ofMaxAgents, ofOrganization: othersWait || without(holdsAgent) ? 1 : 0 };
}

/** Whether the lane has a task that counts against the limit, or this tick launches one. */
function hasTask({ lane, live }: LaneView, launches: readonly Launch[], holds: (state: LiveState) => boolean): boolean {
  return (
    live.some(({ state }) => holds(state)) ||
    launches.some((launch) => launch.lane.taskDefinition === lane.taskDefinition)
  );
}

/**
 * Whether a task in this state counts against the organization agent limit, because its agent has registered or is about to. If the agent
 * left, errored or never registered, the task counts only against `maxAgents`.
 */
export function holdsAgent(state: LiveState): boolean {
  return ['starting', 'idle', 'busy', 'unresponsive', 'unobserved'].includes(state);
}

function launchOf(job: QueuedJob, lane: Lane, supply: Supply, counted: string): Launch {
  const earlier = supply.attempts.get(job.key) ?? 0;
  const reason = earlier === 0 ? counted : `${counted}; earlier tasks for this job took other jobs or ended`;
  return { job, lane, attempt: earlier + 1, reason };
}

function standingLaunchOf(job: StandingJob, lane: Lane, supply: Supply): Launch {
  if (job.singleAttempt) return { job, lane, attempt: 1, reason: job.reason };
  const attempt = Math.max(supply.attempts.get(job.key) ?? 0, job.attemptsBefore) + 1;
  return { job, lane, attempt, reason: job.reason };
}

/** The jobs that have waited long enough for an agent of this launcher, and those that another launcher gets the first chance to serve. */
function dueJobs(
  queued: readonly QueuedJob[],
  { standbyMs }: Limits,
  nowMs: number,
): [due: readonly QueuedJob[], leftToOthers: readonly QueuedJob[]] {
  // Don't compare times without need: HCP Terraform's clock can be ahead.
  if (standbyMs === undefined) return [queued, []];
  const isDue = (job: QueuedJob): boolean => nowMs - job.queuedAtMs >= standbyMs;
  return [queued.filter(isDue), queued.filter((job) => !isDue(job))];
}

function leftToOtherLauncher({ standbyMs = 0 }: Limits): Omit<Deferral, 'jobKey'> {
  const reason = `this launcher is a standby: it starts an agent for a job only after the job has waited ${standbyMs / 1000} s`;
  return { cause: 'standby', reason };
}

/** The number of these jobs that an idle agent of another launcher may still take. */
function stillOfferedTo(queued: readonly QueuedJob[], nowMs: number): number {
  return queued.filter((job) => nowMs - job.queuedAtMs < THREE_JOB_REQUESTS_MS).length;
}

/**
 * Sorts jobs: those without a live task come first, and older jobs come before newer ones.
 *
 * If only a part of the queue was read, newer jobs come before older ones. The next tick skips as many of the newest jobs as agents are free, so
 * the jobs that have no task yet are among those that it reads. Any agent takes any job, so the order delays no job.
 */
function inOrderOfNeed(queued: readonly QueuedJob[], supply: Supply, isPart: boolean): QueuedJob[] {
  const served = new Set(supply.live.map(({ task }) => task.startedBy));
  const jobs = isPart ? queued.toReversed() : queued;
  return [...jobs.filter((job) => !served.has(job.key)), ...jobs.filter((job) => served.has(job.key))];
}

function stopOf({ task, state }: LiveTask, startDeadlineMs: number): Stop[] {
  if (state === 'overdue') {
    const reason = `its agent did not register within ${Math.round(startDeadlineMs / 1000)} s`;
    return [{ taskId: task.id, cause: 'agent-never-registered', reason }];
  }
  if (state === 'errored') {
    return [{ taskId: task.id, cause: 'agent-errored', reason: 'HCP Terraform reports its agent as errored' }];
  }
  if (state === 'lingering') {
    const how = task.exitCode === undefined ? 'it deregistered' : `its container ended with exit code ${task.exitCode}`;
    const reason = `${AGENT_LEFT}: ${how} more than 5 minutes ago, and ECS has not stopped the task`;
    return [{ taskId: task.id, cause: 'agent-left', reason }];
  }
  return [];
}
