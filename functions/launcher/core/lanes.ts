import { ofLane, unlistedIn } from './runs-need.ts';
import { startCauseOf } from './start-causes.ts';
import { unclaimed } from './supply.ts';
import type { Demand, Lane, LiveTask, QueuedJob, StartFailure, Supply } from './types.ts';

/** One lane with its queued jobs and its tasks. */
export interface LaneView {
  /** The lane, with the capacity to use now. */
  readonly lane: Lane;
  /** Jobs that only this lane's agents accept, oldest first. */
  readonly queued: readonly QueuedJob[];
  /** Number of all queued jobs that only this lane's agents accept, including those that weren't read. */
  readonly queuedCount: number;
  readonly live: readonly LiveTask[];
  /** Live tasks of all lanes, which share `maxAgents`. */
  readonly liveOfPool: number;
  /** Live tasks of all lanes whose agent left minutes ago. The launcher is stopping them, and they can't take a job. */
  readonly lingeringOfPool: number;
  readonly unclaimed: number;
  readonly startFailures: readonly StartFailure[];
}

/**
 * The lanes of a pool, in the order in which they use up the limits. Applies come before plans, because a run that waits for its
 * apply locks its workspace.
 */
export function laneViews(lanes: readonly Lane[], demand: Demand, supply: Supply): LaneView[] {
  const appliesFirst = lanes.toSorted((a, b) => Number(appliesIn(b)) - Number(appliesIn(a)));
  return appliesFirst.map((lane) => {
    const live = supply.live.filter(({ task }) => task.family === lane.taskDefinition);
    const startFailures = supply.startFailures.filter(({ task }) => task.family === lane.taskDefinition);
    const queued = ofLane(demand.queued, lane);
    return {
      lane: shortOfSpot(lane, startFailures) ? { ...lane, capacity: 'on-demand' } : lane,
      queued,
      queuedCount: queued.length + unlistedIn(demand.unlisted ?? [], lane),
      live,
      liveOfPool: supply.live.length,
      lingeringOfPool: supply.live.filter(({ state }) => state === 'lingering').length,
      unclaimed: unclaimed(live),
      startFailures,
    };
  });
}

/**
 * Whether the newest task failed to start because Spot has no capacity. The lane then uses on-demand capacity until a task starts.
 *
 * According to the API reference, RunTask itself refuses a launch without Spot capacity. But
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html lists the same message for a task that
 * ended before it started.
 */
function shortOfSpot({ capacity }: Lane, startFailures: readonly StartFailure[]): boolean {
  const newest = startFailures.at(-1);
  return capacity === 'spot' && newest !== undefined && startCauseOf(newest.detail).cause === 'capacity';
}

function appliesIn({ phases }: Lane): boolean {
  return phases.includes('apply');
}
