/**
 * Which run of a workspace may continue: one at a time, oldest first, and none while the workspace is locked. Speculative and
 * saved plans don't wait in this queue. https://developer.hashicorp.com/terraform/cloud-docs/run/states#the-pending-stage
 */
import { type Platform, runChanged } from './platform.ts';
import type { Workspace } from './records.ts';
import { discard, failOperation, isFinal, queueApply, queuePlan, type Run, skipsWorkspaceQueue } from './runs.ts';
import { executionOf, type World } from './world.ts';

/** The workspace's runs, oldest first. */
export function runsOf(world: World, workspaceId: string): Run[] {
  return [...world.runs.values()].filter((run) => run.workspaceId === workspaceId);
}

/** The run that holds the workspace: no longer pending, not final, and part of the queue. */
export function workingRun(world: World, workspaceId: string): Run | undefined {
  return runsOf(world, workspaceId).find(
    (run) => !skipsWorkspaceQueue(run) && run.status !== 'pending' && !isFinal(run),
  );
}

/** The workspace's `current-run`: the first run of the queue that isn't final, or otherwise the last one. */
export function currentRun(world: World, workspaceId: string): Run | undefined {
  const line = runsOf(world, workspaceId).filter((run) => !skipsWorkspaceQueue(run));
  return line.find((run) => !isFinal(run)) ?? line.at(-1);
}

/** Advances every run of the workspace that nothing blocks any more. */
export function advance(platform: Platform, workspace: Workspace): void {
  const { world } = platform;
  const uploaded = (run: Run) => world.configurationVersions.get(run.configurationVersionId)?.uploadedAt !== undefined;

  for (const run of runsOf(world, workspace.id)) {
    if (run.status === 'pending' && skipsWorkspaceQueue(run) && uploaded(run)) {
      queuePlan(run, platform.now());
      runChanged(platform, run);
    }
  }

  const working = workingRun(world, workspace.id);
  if (working === undefined) {
    if (workspace.lock !== undefined) return;
    const next = runsOf(world, workspace.id).find((run) => run.status === 'pending' && !skipsWorkspaceQueue(run));
    if (next === undefined || !uploaded(next)) return;
    queuePlan(next, platform.now());
    runChanged(platform, next);
  } else if (working.status === 'confirmed') {
    const changedMode = working.plan.executedBy !== undefined && executionOf(world, workspace).mode !== 'agent';
    if (changedMode) {
      const reason = 'The execution mode of the workspace changed between the plan and the apply of this run.';
      failOperation(working, working.apply, reason, platform.now());
    } else {
      queueApply(working, platform.now());
    }
    runChanged(platform, working);
    if (changedMode) advance(platform, workspace);
  }
}

/** When another run changes the state, the platform discards saved plans, because they no longer match. */
export function discardStaleSavedPlans(platform: Platform, workspaceId: string, exceptRunId: string | undefined): void {
  for (const run of runsOf(platform.world, workspaceId)) {
    if (run.status === 'planned_and_saved' && run.id !== exceptRunId) {
      discard(run, undefined, platform.now());
      runChanged(platform, run);
    }
  }
}
