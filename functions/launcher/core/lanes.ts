import { startCauseOf } from './start-causes.ts';
import { unclaimed } from './supply.ts';
import type { Demand, Lane, LiveTask, QueuedJob, StartFailure, Supply } from './types.ts';

/** What one lane has and needs. */
export interface LaneView {
  /** With the capacity that is due now. */
  readonly lane: Lane;
  /** Jobs that only this lane's agents accept, oldest first. */
  readonly queued: readonly QueuedJob[];
  readonly live: readonly LiveTask[];
  /** Live tasks of all lanes, which share `maxAgents`. */
  readonly liveOfPool: number;
  /** Those of them whose agent left minutes ago. They are being stopped, and can't take a job. */
  readonly lingeringOfPool: number;
  readonly unclaimed: number;
  readonly startFailures: readonly StartFailure[];
}

/**
 * The lanes of a pool, in the order in which limits serve them: applies before plans, because a run that waits for its apply
 * holds its workspace's lock.
 */
export function laneViews(lanes: readonly Lane[], demand: Demand, supply: Supply): LaneView[] {
  const appliesFirst = lanes.toSorted((a, b) => Number(appliesIn(b)) - Number(appliesIn(a)));
  return appliesFirst.map((lane) => {
    const live = supply.live.filter(({ task }) => task.family === lane.taskDefinition);
    const startFailures = supply.startFailures.filter(({ task }) => task.family === lane.taskDefinition);
    return {
      lane: shortOfSpot(lane, startFailures) ? { ...lane, capacity: 'on-demand' } : lane,
      queued: demand.queued.filter(({ phase }) => lane.phases.includes(phase)),
      live,
      liveOfPool: supply.live.length,
      lingeringOfPool: supply.live.filter(({ state }) => state === 'lingering').length,
      unclaimed: unclaimed(live),
      startFailures,
    };
  });
}

/**
 * According to the API reference, RunTask refuses a launch without Spot capacity. The task could also end before it starts: the same message
 * is in https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html. Then the lane uses on-demand capacity
 * until a task has come up.
 */
function shortOfSpot({ capacity }: Lane, startFailures: readonly StartFailure[]): boolean {
  const newest = startFailures.at(-1);
  return capacity === 'spot' && newest !== undefined && startCauseOf(newest.detail).cause === 'capacity';
}

function appliesIn({ phases }: Lane): boolean {
  return phases.includes('apply');
}
