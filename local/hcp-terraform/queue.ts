/**
 * Which run of a workspace may go on: one at a time, oldest first, none past a lock; speculative and saved plans beside
 * the line. https://developer.hashicorp.com/terraform/cloud-docs/run/states#the-pending-stage
 */
import { type Platform, runChanged } from './platform.ts';
import type { Workspace } from './records.ts';
import { discard, failOperation, isFinal, queueApply, queuePlan, type Run, skipsWorkspaceQueue } from './runs.ts';
import { executionOf, type World } from './world.ts';

/** The workspace's runs, oldest first. */
export function runsOf(world: World, workspaceId: string): Run[] {
  return [...world.runs.values()].filter((run) => run.workspaceId === workspaceId);
}

/** The run that holds the workspace: past pending, not final, in the line. */
export function workingRun(world: World, workspaceId: string): Run | undefined {
  return runsOf(world, workspaceId).find(
    (run) => !skipsWorkspaceQueue(run) && run.status !== 'pending' && !isFinal(run),
  );
}

/** What the workspace's `current-run` names: the first run of the line that is not final, else the last that was. */
export function currentRun(world: World, workspaceId: string): Run | undefined {
  const line = runsOf(world, workspaceId).filter((run) => !skipsWorkspaceQueue(run));
  return line.find((run) => !isFinal(run)) ?? line.at(-1);
}

/** Moves on every run of the workspace that nothing holds back any more. */
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

/** A saved plan is no longer true once another run changed the state: the platform discards it. */
export function discardStaleSavedPlans(platform: Platform, workspaceId: string, exceptRunId: string | undefined): void {
  for (const run of runsOf(platform.world, workspaceId)) {
    if (run.status === 'planned_and_saved' && run.id !== exceptRunId) {
      discard(run, undefined, platform.now());
      runChanged(platform, run);
    }
  }
}
