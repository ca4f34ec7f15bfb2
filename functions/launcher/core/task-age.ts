/** How long tasks have been at work, for the alarm about jobs that never end. */
import { MOST_WARM_IDLE_MS } from './longest-waits.ts';
import { isWarmKey, warmIdleMs } from './standing.ts';
import type { Lane, LiveTask, RunningJob, Task } from './types.ts';

/** The live task that has been at work longest. */
export interface OldestTask {
  readonly taskId: string;
  readonly ageMs: number;
}

/** The oldest of the live tasks; `undefined` if none is at work. The age of warm agents begins later than that of other tasks. */
export function oldestTask(
  live: readonly LiveTask[],
  running: readonly RunningJob[],
  lanes: readonly Lane[],
  nowMs: number,
): OldestTask | undefined {
  const jobs = new Map(running.map((job) => [job.agentName, job]));
  const ages = live.flatMap(({ task }) => {
    const sinceMs = atWorkSinceMs(task, jobs.get(task.id), lanes);
    return sinceMs === undefined || sinceMs > nowMs ? [] : [{ taskId: task.id, ageMs: nowMs - sinceMs }];
  });
  return ages.toSorted((a, b) => b.ageMs - a.ageMs)[0];
}

/**
 * Since when the task has been at work: since ECS created it. A warm agent waits on purpose, so its work begins with its job. If no run shows its
 * job, its work begins when its idle time is over, because an agent without a job leaves then.
 */
function atWorkSinceMs(task: Task, job: RunningJob | undefined, lanes: readonly Lane[]): number | undefined {
  const { createdAtMs, startedBy } = task;
  if (createdAtMs === undefined || !isWarmKey(startedBy)) return createdAtMs;
  return job?.startedAtMs ?? createdAtMs + (warmIdleMs(lanes, startedBy) ?? MOST_WARM_IDLE_MS);
}
