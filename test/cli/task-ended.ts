/** A line of the launcher's log about a task that ended. */
import type { TaskEndedLine } from '../../functions/launcher/log-lines.ts';

export function taskEnded(task: string, endedAtMs: number, more: Partial<TaskEndedLine> = {}): TaskEndedLine {
  return {
    message: 'task ended',
    timestamp: new Date(endedAtMs + 5_000).toISOString(),
    task,
    pool: 'production',
    launchedFor: 'run-1/plan',
    run: 'run-1',
    workspace: 'ws-network',
    phase: 'plan',
    family: 'AgentLauncher_all_production',
    cpu: 1024,
    memoryMiB: 2048,
    capacity: 'on-demand',
    architecture: 'x86_64',
    outcome: 'ended',
    createdAt: new Date(endedAtMs - 620_000).toISOString(),
    stoppedAt: new Date(endedAtMs).toISOString(),
    seconds: { billed: 600 },
    dollars: 0.01,
    ...more,
  };
}
