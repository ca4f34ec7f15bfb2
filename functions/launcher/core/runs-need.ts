/**
 * How many of a pool's queued jobs a tick needs to know.
 *
 * Run lists are the scarcest resource: HCP Terraform allows 30 requests per minute. A tick only needs as many queued jobs as it can start agents for,
 * in addition to the jobs for which agents are free. So it stops reading there. If many agents are free, it skips the pages in front: page 8 of a
 * list of queued jobs proves that at least 700 jobs are queued.
 */
import { unclaimed } from './supply.ts';
import type { Lane, Phase, QueuedJob, Supply, UnlistedJobs } from './types.ts';

/** Number of launches for which a tick reads queued jobs: about what ECS's launch rate allows while a tick launches. */
export const LAUNCHES_TO_READ_FOR = 200;

/** What a tick needs to know about one lane's queued jobs. */
export interface LaneNeed {
  readonly phases: readonly Phase[];
  /** Number of the lane's tasks that can take a job. */
  readonly unclaimed: number;
}

export interface RunsNeed {
  readonly lanes: readonly LaneNeed[];
  /** Number of launches for which the tick reads queued jobs. */
  readonly launches: number;
  /** False for a tick in addition to the usual ones: another tick reads everything. */
  readonly mayReadAll?: boolean;
}

/** @param supply - the pool's supply, before the runs are known. */
export function runsNeedOf(lanes: readonly Lane[], maxAgents: number, supply: Supply): RunsNeed {
  const occupied = supply.live.filter(({ state }) => state !== 'lingering').length;
  return {
    lanes: lanes.map(({ phases, taskDefinition }) => ({
      phases,
      unclaimed: unclaimed(supply.live.filter(({ task }) => task.family === taskDefinition)),
    })),
    launches: Math.max(0, Math.min(LAUNCHES_TO_READ_FOR, maxAgents - occupied)),
  };
}

/** Whether a tick needs to know more than this number of queued jobs of the lane. */
export function needsMore(lane: LaneNeed, { launches }: RunsNeed, known: number): boolean {
  return launches > 0 && known < lane.unclaimed + launches;
}

/** The lane's jobs among these. */
export function ofLane(queued: readonly QueuedJob[], { phases }: Pick<LaneNeed, 'phases'>): readonly QueuedJob[] {
  return queued.filter(({ phase }) => phases.includes(phase));
}

/** The number of queued jobs of a lane that are known to exist, but weren't read. */
export function unlistedIn(unlisted: readonly UnlistedJobs[], { phases }: Pick<Lane, 'phases'>): number {
  const ofPhases = unlisted.filter((jobs) => jobs.phases.every((phase) => phases.includes(phase)));
  return ofPhases.reduce((sum, { count }) => sum + count, 0);
}
