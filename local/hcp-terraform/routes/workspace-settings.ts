/** Parses and checks the workspace settings in a request. */
import * as z from 'zod';
import { type Call, found } from '../api.ts';
import { invalid, toOneBody } from '../json-api.ts';
import { executionOf, type Workspace, workspaceSettings } from '../world.ts';

const NAME = /^[A-Za-z0-9_-]{1,90}$/;

const freeSettings = workspaceSettings.partial().extend({
  workingDirectory: z
    .string()
    .nullable()
    .transform((directory) => directory ?? '')
    .optional(),
});

const attributes = z.object({
  name: z.string().optional(),
  agentPoolId: z.string().nullish(),
  executionMode: z.enum(['remote', 'local', 'agent']).optional(),
  operations: z.boolean().optional(),
  settingOverwrites: z
    .object({ 'execution-mode': z.boolean().optional(), 'agent-pool': z.boolean().optional() })
    .optional(),
  ...freeSettings.shape,
});
type Attributes = z.infer<typeof attributes>;

const workspaceBody = z.object({
  data: z.object({
    type: z.literal('workspaces').optional(),
    attributes: attributes.default({}),
    relationships: z.object({ project: toOneBody.optional() }).loose().optional(),
  }),
});

function checkPool({ world }: Call, workspace: Workspace, poolId: string): void {
  const pool = world.pools.get(poolId);
  if (pool === undefined || pool.organization !== workspace.organization) {
    throw invalid('agent-pool-id', 'Agent pool must exist');
  }
  const scoped =
    pool.organizationScoped ||
    pool.allowedWorkspaceIds.includes(workspace.id) ||
    pool.allowedProjectIds.includes(workspace.projectId);
  if (!scoped || pool.excludedWorkspaceIds.includes(workspace.id)) {
    throw invalid('agent-pool-id', 'Agent pool is not available to this workspace');
  }
}

/** The settings that determine where runs execute. Rejects all combinations that HCP Terraform rejects. */
function changeExecution(call: Call, workspace: Workspace, wanted: Attributes): void {
  const { operations, settingOverwrites } = wanted;
  const poolId = wanted.agentPoolId ?? undefined;
  if (operations !== undefined && wanted.executionMode !== undefined) {
    throw invalid('operations', 'Operations cannot be set together with execution mode');
  }
  if (settingOverwrites?.['execution-mode'] === false) {
    workspace.executionMode = undefined;
    workspace.agentPoolId = undefined;
    return;
  }
  const fromOperations = operations === undefined ? undefined : operations ? 'remote' : 'local';
  const wantedMode = wanted.executionMode ?? fromOperations;
  if (wantedMode === undefined && poolId === undefined) return;
  const mode = wantedMode ?? executionOf(call.world, workspace).mode;
  const nextPool = mode === 'agent' ? (poolId ?? workspace.agentPoolId) : undefined;
  if (mode !== 'agent' && poolId !== undefined) {
    throw invalid('agent-pool-id', "Agent pool must not be specified unless using 'agent' execution mode");
  }
  if (mode === 'agent' && nextPool === undefined) {
    throw invalid('agent-pool-id', 'Agent pool must be present when using agent execution mode');
  }
  if (nextPool !== undefined) checkPool(call, workspace, nextPool);
  workspace.executionMode = mode;
  workspace.agentPoolId = nextPool;
}

function checkName({ world }: Call, workspace: Workspace, name: string): void {
  if (name === '') throw invalid('name', "Name can't be blank");
  if (!NAME.test(name)) {
    throw invalid('name', 'Name can only include letters, numbers, "-", and "_", and must be at most 90 characters');
  }
  const isTaken = [...world.workspaces.values()].some(
    (each) => each.organization === workspace.organization && each.name === name && each !== workspace,
  );
  if (isTaken) throw invalid('name', 'Name has already been taken');
}

/** Changes the settings that the request contains. If it contains no name, the workspace must already have one. */
export function changeSettings(call: Call, workspace: Workspace): void {
  const { attributes: wanted, relationships } = call.parse(workspaceBody).data;
  const { name = workspace.name } = wanted;
  checkName(call, workspace, name);
  workspace.name = name;
  const projectId = relationships?.project?.data.id;
  if (projectId !== undefined) workspace.projectId = found(call.world.projects, projectId).id;
  changeExecution(call, workspace, wanted);
  Object.assign(workspace, freeSettings.parse(wanted));
}
