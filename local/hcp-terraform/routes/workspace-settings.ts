/** The workspace settings in a request, and what the vendor rejects. */
import * as z from 'zod';
import type { Call } from '../api.ts';
import { invalid, toOne } from '../json-api.ts';
import type { AgentPool, Workspace } from '../records.ts';
import { executionOf } from '../world.ts';

const NAME = /^[A-Za-z0-9_-]{1,90}$/;

const attributes = z.object({
  name: z.string().optional(),
  description: z.string().nullish(),
  'agent-pool-id': z.string().nullish(),
  'allow-destroy-plan': z.boolean().optional(),
  'assessments-enabled': z.boolean().optional(),
  'auto-apply': z.boolean().optional(),
  'execution-mode': z.enum(['remote', 'local', 'agent']).optional(),
  'file-triggers-enabled': z.boolean().optional(),
  'global-remote-state': z.boolean().optional(),
  operations: z.boolean().optional(),
  'queue-all-runs': z.boolean().optional(),
  'setting-overwrites': z
    .object({ 'execution-mode': z.boolean().optional(), 'agent-pool': z.boolean().optional() })
    .optional(),
  'source-name': z.string().nullish(),
  'source-url': z.string().nullish(),
  'speculative-enabled': z.boolean().optional(),
  'terraform-version': z.string().optional(),
  'working-directory': z.string().nullish(),
});
type Attributes = z.infer<typeof attributes>;

export const workspaceBody = z.object({
  data: z.object({
    type: z.literal('workspaces').optional(),
    attributes: attributes.default({}),
    relationships: z.object({ project: toOne.optional() }).loose().optional(),
  }),
});

function checkPool(call: Call, workspace: Workspace, poolId: string): void {
  const pool: AgentPool | undefined = call.platform.world.pools.get(poolId);
  if (pool === undefined || pool.organization !== workspace.organization) {
    throw invalid({ attribute: 'agent-pool-id', detail: 'Agent pool must exist' });
  }
  const scoped =
    pool.organizationScoped ||
    pool.allowedWorkspaceIds.includes(workspace.id) ||
    pool.allowedProjectIds.includes(workspace.projectId);
  if (!scoped || pool.excludedWorkspaceIds.includes(workspace.id)) {
    throw invalid({ attribute: 'agent-pool-id', detail: 'Agent pool is not available to this workspace' });
  }
}

/** The settings that decide where runs execute. Rejects every combination that the vendor rejects. */
export function changeExecution(call: Call, workspace: Workspace, wanted: Attributes): void {
  const poolId = wanted['agent-pool-id'] ?? undefined;
  if (wanted.operations !== undefined && wanted['execution-mode'] !== undefined) {
    throw invalid({ attribute: 'operations', detail: 'Operations cannot be set together with execution mode' });
  }
  const mode =
    wanted['execution-mode'] ?? (wanted.operations === undefined ? undefined : wanted.operations ? 'remote' : 'local');
  if (wanted['setting-overwrites']?.['execution-mode'] === false) {
    workspace.executionMode = undefined;
    workspace.agentPoolId = undefined;
    return;
  }
  if (mode === undefined && poolId === undefined) return;
  const present = executionOf(call.platform.world, workspace);
  const next = mode ?? present.mode;
  if (next !== 'agent') {
    if (poolId !== undefined) {
      throw invalid({
        attribute: 'agent-pool-id',
        detail: "Agent pool must not be specified unless using 'agent' execution mode",
      });
    }
    workspace.executionMode = next;
    workspace.agentPoolId = undefined;
    return;
  }
  const nextPool = poolId ?? workspace.agentPoolId;
  if (nextPool === undefined) {
    throw invalid({ attribute: 'agent-pool-id', detail: 'Agent pool must be present when using agent execution mode' });
  }
  checkPool(call, workspace, nextPool);
  workspace.executionMode = 'agent';
  workspace.agentPoolId = nextPool;
}

/** The name, if it is valid and not taken. */
export function checkName(call: Call, organization: string, name: string | undefined, self?: Workspace): string {
  if (name === undefined || name === '') throw invalid({ attribute: 'name', detail: "Name can't be blank" });
  if (!NAME.test(name)) {
    throw invalid({
      attribute: 'name',
      detail: 'Name can only include letters, numbers, "-", and "_", and must be at most 90 characters',
    });
  }
  const taken = [...call.platform.world.workspaces.values()].some(
    (each) => each.organization === organization && each.name === name && each !== self,
  );
  if (taken) throw invalid({ attribute: 'name', detail: 'Name has already been taken' });
  return name;
}

/** The settings without further rules. */
export function changeSettings(workspace: Workspace, wanted: Attributes): void {
  workspace.autoApply = wanted['auto-apply'] ?? workspace.autoApply;
  workspace.allowDestroyPlan = wanted['allow-destroy-plan'] ?? workspace.allowDestroyPlan;
  workspace.assessmentsEnabled = wanted['assessments-enabled'] ?? workspace.assessmentsEnabled;
  workspace.fileTriggersEnabled = wanted['file-triggers-enabled'] ?? workspace.fileTriggersEnabled;
  workspace.globalRemoteState = wanted['global-remote-state'] ?? workspace.globalRemoteState;
  workspace.queueAllRuns = wanted['queue-all-runs'] ?? workspace.queueAllRuns;
  workspace.speculativeEnabled = wanted['speculative-enabled'] ?? workspace.speculativeEnabled;
  workspace.terraformVersion = wanted['terraform-version'] ?? workspace.terraformVersion;
  if (wanted['working-directory'] !== undefined) workspace.workingDirectory = wanted['working-directory'] ?? '';
  if (wanted.description !== undefined) workspace.description = wanted.description ?? undefined;
  if (wanted['source-name'] !== undefined) workspace.sourceName = wanted['source-name'] ?? undefined;
  if (wanted['source-url'] !== undefined) workspace.sourceUrl = wanted['source-url'] ?? undefined;
}
