/** Creates runs: on request, or when a configuration with auto-queue is uploaded. */
import { newId } from './ids.ts';
import { type Platform, runChanged } from './platform.ts';
import type { ConfigurationVersion, Workspace } from './records.ts';
import { newOperation, type Run } from './runs.ts';

export interface RunWishes {
  readonly message?: string | undefined;
  readonly source: string;
  readonly autoApply?: boolean | undefined;
  readonly isDestroy?: boolean | undefined;
  readonly refresh?: boolean | undefined;
  readonly refreshOnly?: boolean | undefined;
  readonly planOnly?: boolean | undefined;
  readonly savePlan?: boolean | undefined;
  readonly allowEmptyApply?: boolean | undefined;
  readonly allowConfigGeneration?: boolean | undefined;
  readonly debuggingMode?: boolean | undefined;
  readonly terraformVersion?: string | undefined;
  readonly targetAddrs?: readonly string[] | undefined;
  readonly replaceAddrs?: readonly string[] | undefined;
  readonly variables?: readonly { readonly key: string; readonly value: string }[] | undefined;
}

/** Creates a pending run. `advance` decides when it continues. */
export function createRun(
  platform: Platform,
  workspace: Workspace,
  version: ConfigurationVersion,
  userId: string,
  wishes: RunWishes,
): Run {
  const { world } = platform;
  const id = newId('run');
  const now = platform.now();
  world.sequence += 1;
  const planOnly = wishes.planOnly ?? version.speculative;
  const run: Run = {
    id,
    sequence: world.sequence,
    organization: workspace.organization,
    workspaceId: workspace.id,
    configurationVersionId: version.id,
    createdAt: now,
    createdById: userId,
    message: wishes.message ?? 'Queued manually via the Terraform Enterprise API',
    source: wishes.source,
    triggerReason: 'manual',
    terraformVersion: wishes.terraformVersion ?? workspace.terraformVersion,
    autoApply: !planOnly && (wishes.autoApply ?? workspace.autoApply),
    isDestroy: wishes.isDestroy ?? false,
    refresh: wishes.refresh ?? true,
    refreshOnly: wishes.refreshOnly ?? false,
    planOnly,
    savePlan: wishes.savePlan ?? false,
    allowEmptyApply: wishes.allowEmptyApply ?? false,
    allowConfigGeneration: wishes.allowConfigGeneration ?? false,
    debuggingMode: wishes.debuggingMode ?? false,
    targetAddrs: wishes.targetAddrs,
    replaceAddrs: wishes.replaceAddrs,
    variables: wishes.variables ?? [],
    status: 'pending',
    timestamps: new Map(),
    updatedAt: now,
    confirmedById: undefined,
    canceledById: undefined,
    canceledAt: undefined,
    forceCancelAvailableAt: undefined,
    cancelRequest: undefined,
    events: [{ id: newId('re'), action: 'queued', at: now, actorId: userId, description: undefined }],
    comments: [],
    plan: newOperation(id, 'plan'),
    apply: newOperation(id, 'apply'),
  };
  world.runs.set(run.id, run);
  world.operations.set(run.plan.id, run.plan);
  world.operations.set(run.apply.id, run.apply);
  workspace.currentConfigurationVersionId = version.id;
  runChanged(platform, run);
  return run;
}
