/**
 * Creates runs, and decides which run of a workspace may continue. Runs continue one at a time, oldest first, and not while the
 * workspace is locked.
 * Speculative and saved plans don't wait in this queue. https://developer.hashicorp.com/terraform/cloud-docs/run/states#the-pending-stage
 */
import { newId } from './ids.ts';
import { type Platform, runChanged } from './platform.ts';
import { addStages, startStage } from './run-tasks.ts';
import {
  discard,
  failOperation,
  isFinal,
  newOperation,
  queueApply,
  queuePlan,
  type Run,
  type RunRequest,
  record,
  skipsWorkspaceQueue,
} from './runs.ts';
import { type ConfigurationVersion, executionOf, type Workspace, type World } from './world.ts';

/** The workspace's runs, oldest first. */
export function runsOf(world: World, workspaceId: string): Run[] {
  return [...world.runs.values()].filter((run) => run.workspaceId === workspaceId);
}

/** The run of the queue that blocks the workspace: it is neither pending nor in a final status. */
export function workingRun(world: World, workspaceId: string): Run | undefined {
  return runsOf(world, workspaceId).find(
    (run) => !skipsWorkspaceQueue(run) && run.status !== 'pending' && !isFinal(run),
  );
}

/** The workspace's `current-run`: the first run of the queue without a final status, or otherwise the last run. */
export function currentRun(world: World, workspaceId: string): Run | undefined {
  const line = runsOf(world, workspaceId).filter((run) => !skipsWorkspaceQueue(run));
  return line.find((run) => !isFinal(run)) ?? line.at(-1);
}

/** Reports a run's new status, and advances runs that it no longer blocks. */
export function runMoved(platform: Platform, run: Run): void {
  runChanged(platform, run);
  const workspace = platform.world.workspaces.get(run.workspaceId);
  if (workspace !== undefined) advance(platform, workspace);
}

/** Advances all runs of the workspace that are no longer blocked. */
export function advance(platform: Platform, workspace: Workspace): void {
  const { world } = platform;
  const plan = (run: Run): void => {
    if (!startStage(platform, run, 'pre_plan')) queuePlan(run, platform.now());
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
      if (!startStage(platform, working, 'pre_apply')) queueApply(working, platform.now());
      runChanged(platform, working);
    }
  }
}

/** Discards saved plans after another run changed the state, because the plans no longer match. */
export function discardStaleSavedPlans(platform: Platform, workspaceId: string, exceptRunId: string | undefined): void {
  for (const run of runsOf(platform.world, workspaceId)) {
    if (run.status === 'planned_and_saved' && run.id !== exceptRunId) {
      discard(run, undefined, platform.now());
      runChanged(platform, run);
    }
  }
}

/** Creates a pending run. `advance` decides when it continues. */
export function createRun(
  platform: Platform,
  workspace: Workspace,
  version: ConfigurationVersion,
  by: { readonly userId: string; readonly source: string },
  wanted: RunRequest,
): Run {
  const { world } = platform;
  const id = newId('run');
  const now = platform.now();
  world.sequence += 1;
  const planOnly = wanted.planOnly ?? version.speculative;
  const run: Run = {
    ...wanted,
    planOnly,
    autoApply: !planOnly && (wanted.autoApply ?? workspace.autoApply),
    terraformVersion: wanted.terraformVersion ?? workspace.terraformVersion,
    id,
    sequence: world.sequence,
    organization: workspace.organization,
    workspaceId: workspace.id,
    configurationVersionId: version.id,
    createdAt: now,
    createdById: by.userId,
    source: by.source,
    status: 'pending',
    timestamps: new Map(),
    updatedAt: now,
    events: [],
    comments: [],
    plan: newOperation(id, 'plan'),
    apply: newOperation(id, 'apply'),
  };
  record(run, 'queued', now, by.userId);
  world.runs.set(run.id, run);
  for (const operation of [run.plan, run.apply]) world.operations.set(operation.id, operation);
  addStages(world, run, workspace, now);
  workspace.currentConfigurationVersionId = version.id;
  runChanged(platform, run);
  return run;
}
