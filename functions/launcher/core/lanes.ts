import { unclaimed } from './supply.ts';
import type { Demand, Lane, LiveTask, QueuedJob, StartFailure, Supply } from './types.ts';

/** One lane's part of what was seen of its pool. */
export interface LaneView {
  readonly lane: Lane;
  /** Jobs that only this lane's agents accept, oldest first. */
  readonly queued: readonly QueuedJob[];
  readonly live: readonly LiveTask[];
  /** Live tasks of all lanes: they share `maxAgents`. */
  readonly liveOfPool: number;
  readonly unclaimed: number;
  readonly startFailures: readonly StartFailure[];
}

/**
 * A pool lane by lane, in the order in which they are served while room is short: applies before plans, because a run
 * that waits for its apply holds its workspace's lock.
 */
export function laneViews(lanes: readonly Lane[], demand: Demand, supply: Supply): LaneView[] {
  const appliesFirst = lanes.toSorted((a, b) => Number(appliesIn(b)) - Number(appliesIn(a)));
  return appliesFirst.map((lane) => {
    const live = supply.live.filter(({ task }) => task.family === lane.taskDefinition);
    return {
      lane,
      queued: demand.queued.filter(({ phase }) => lane.phases.includes(phase)),
      live,
      liveOfPool: supply.live.length,
      unclaimed: unclaimed(live),
      startFailures: supply.startFailures.filter(({ task }) => task.family === lane.taskDefinition),
    };
  });
}

function appliesIn({ phases }: Lane): boolean {
  return phases.includes('apply');
}
