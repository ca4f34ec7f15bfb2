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

/** Reports a run's new status, and advances the runs that it blocked. */
export function runMoved(platform: Platform, run: Run): void {
  runChanged(platform, run);
  const workspace = platform.world.workspaces.get(run.workspaceId);
  if (workspace !== undefined) advance(platform, workspace);
}

/** Advances every run of the workspace that nothing blocks any more. */
export function advance(platform: Platform, workspace: Workspace): void {
  const { world } = platform;
  const plan = (run: Run): void => {
    queuePlan(run, platform.now());
    runChanged(platform, run);
  };
  const uploaded = (run: Run) => world.configurationVersions.get(run.configurationVersionId)?.uploadedAt !== undefined;

  const pending = runsOf(world, workspace.id).filter((run) => run.status === 'pending');
  for (const run of pending) if (skipsWorkspaceQueue(run) && uploaded(run)) plan(run);

  const working = workingRun(world, workspace.id);
  if (working === undefined) {
    if (workspace.lock !== undefined) return;
    const next = pending.find((run) => !skipsWorkspaceQueue(run));
    if (next !== undefined && uploaded(next)) plan(next);
  } else if (working.status === 'confirmed') {
    if (working.plan.executedBy !== undefined && executionOf(world, workspace).mode !== 'agent') {
      const reason = 'The execution mode of the workspace changed between the plan and the apply of this run.';
      failOperation(working, working.apply, reason, platform.now());
      runMoved(platform, working);
    } else {
      queueApply(working, platform.now());
      runChanged(platform, working);
    }
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
