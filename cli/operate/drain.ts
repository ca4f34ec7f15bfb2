/** Waits until the cluster has no task. */

import { clusterTasks } from '../aws/cluster-tasks.ts';
import type { Deployment } from '../aws/deployment.ts';
import type { Context } from '../context.ts';
import { type DrainStep, drainStep, type RemainingTask } from '../core/drain.ts';

const POLL_MS = 5_000;

export interface DrainOptions {
  readonly pausedAtMs: number;
  readonly deadlineMs: number;
  /** Called after each look at the cluster. */
  readonly report: (step: DrainStep) => void;
}

export interface Drained {
  readonly end: 'drained' | 'deadline' | 'interrupted';
  readonly remaining: readonly RemainingTask[];
}

export async function drainCluster(
  { aws, io }: Context,
  deployment: Deployment,
  { pausedAtMs, deadlineMs, report }: DrainOptions,
): Promise<Drained> {
  const pools = new Map(
    deployment.pools.flatMap(({ name, lanes }) => lanes.map(({ taskDefinition }) => [taskDefinition, name] as const)),
  );
  for (;;) {
    const { live } = await clusterTasks(aws, deployment.name);
    const tasks = live.map(({ id, family, lastStatus, createdAtMs, startedBy }) => {
      return { id, pool: pools.get(family), lastStatus, createdAtMs, launchedFor: startedBy };
    });
    const nowMs = io.now();
    const step = drainStep({ nowMs, pausedAtMs, deadlineMs, tasks });
    report(step);
    if (step.kind === 'drained' || step.kind === 'deadline') return { end: step.kind, remaining: tasks };
    const waitMs = Math.min(POLL_MS, Math.max(1, (step.kind === 'settling' ? step.untilMs : deadlineMs) - nowMs));
    try {
      await io.sleep(waitMs, io.interrupted);
    } catch (error) {
      if (!io.interrupted.aborted) throw error;
      return { end: 'interrupted', remaining: tasks };
    }
  }
}
