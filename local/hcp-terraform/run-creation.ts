/** Creates runs: on request, or when a configuration with auto-queue is uploaded. */
import { newId } from './ids.ts';
import { type Platform, runChanged } from './platform.ts';
import type { ConfigurationVersion, Workspace } from './records.ts';
import { newOperation, type Run, type RunRequest, record } from './runs.ts';

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
    confirmedById: undefined,
    canceledById: undefined,
    canceledAt: undefined,
    forceCancelAvailableAt: undefined,
    cancelRequest: undefined,
    events: [],
    comments: [],
    plan: newOperation(id, 'plan'),
    apply: newOperation(id, 'apply'),
  };
  record(run, 'queued', now, by.userId);
  world.runs.set(run.id, run);
  for (const operation of [run.plan, run.apply]) world.operations.set(operation.id, operation);
  workspace.currentConfigurationVersionId = version.id;
  runChanged(platform, run);
  return run;
}
