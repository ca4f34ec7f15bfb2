/** Builds the log line of a task that ended. */
import type { TaskEnd } from './core/task-end.ts';
import type { TaskEndedAttributes } from './log-lines.ts';
import type { Pool } from './ports.ts';

export function describeTaskEnd(pool: Pool, end: TaskEnd): TaskEndedAttributes {
  const { task, launchedFor, job, runId, workspaceId, phase, queuedSeconds, seconds, dollars } = end;
  const { exitCode, stopCode, stoppedReason, ephemeralStorageGiB, createdAtMs, startedAtMs, stoppedAtMs } = task;
  return {
    task: task.id,
    pool: pool.name,
    launchedFor,
    ...(job !== undefined && { job }),
    ...(runId !== undefined && { run: runId }),
    ...(workspaceId !== undefined && { workspace: workspaceId }),
    ...(phase !== undefined && { phase }),
    family: task.family,
    cpu: end.cpu,
    memoryMiB: end.memoryMiB,
    ...(ephemeralStorageGiB !== undefined && { ephemeralStorageGiB }),
    capacity: end.capacity,
    architecture: end.architecture,
    outcome: end.outcome,
    ...(exitCode !== undefined && { exitCode }),
    ...(stopCode !== undefined && { stopCode }),
    ...(stoppedReason !== undefined && { stoppedReason }),
    ...(createdAtMs !== undefined && { createdAt: isoTime(createdAtMs) }),
    ...(startedAtMs !== undefined && { startedAt: isoTime(startedAtMs) }),
    ...(stoppedAtMs !== undefined && { stoppedAt: isoTime(stoppedAtMs) }),
    ...(queuedSeconds !== undefined && { queuedSeconds }),
    seconds,
    dollars: Number(dollars.toPrecision(6)),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
