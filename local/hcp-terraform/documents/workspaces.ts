/** API documents of workspaces, variables, tags and configuration versions. */
import type { Call } from '../api.ts';
import { isoTime, type Relationship, type Resource, statusTimestamps } from '../json-api.ts';
import { currentRun, runsOf, workingRun } from '../queue.ts';
import type { ConfigurationVersion, User, Variable, Workspace } from '../records.ts';
import { blobPath, executionOf } from '../world.ts';

function toOne(type: string, id: string | undefined, related?: string): Relationship {
  return {
    data: id === undefined ? null : { id, type },
    ...(related === undefined || id === undefined ? {} : { links: { related } }),
  };
}

function workspacePermissions(user: User): Record<string, boolean> {
  const write = user.access === 'owner';
  return {
    'can-update': write,
    'can-destroy': write,
    'can-force-delete': write,
    'can-queue-run': write,
    'can-queue-apply': write,
    'can-queue-destroy': write,
    'can-read-run': true,
    'can-read-variable': write,
    'can-update-variable': write,
    'can-read-state-versions': write,
    'can-read-state-outputs': write,
    'can-create-state-versions': write,
    'can-lock': write,
    'can-unlock': write,
    'can-force-unlock': write,
    'can-read-settings': true,
    'can-manage-tags': write,
    'can-manage-run-tasks': write,
    'can-read-assessment-results': true,
    'can-manage-assessments': write,
  };
}

export function workspaceResource(call: Call, workspace: Workspace): Resource {
  const { world } = call.platform;
  const { mode, pool } = executionOf(world, workspace);
  const working = workingRun(world, workspace.id);
  const latest = runsOf(world, workspace.id).findLast((run) => !run.planOnly);
  const state = workspace.currentStateVersionId;
  const lockedBy: Relationship =
    workspace.lock !== undefined
      ? {
          data: { id: workspace.lock.userId, type: 'users' },
          links: { related: `/api/v2/users/${workspace.lock.userId}` },
        }
      : { data: working === undefined ? null : { id: working.id, type: 'runs' } };
  const current = world.stateVersions.get(state ?? '');
  return {
    id: workspace.id,
    type: 'workspaces',
    attributes: {
      name: workspace.name,
      description: workspace.description ?? null,
      environment: 'default',
      'created-at': isoTime(workspace.createdAt),
      'updated-at': isoTime(workspace.updatedAt),
      'latest-change-at': isoTime(current?.createdAt ?? workspace.createdAt),
      'auto-apply': workspace.autoApply,
      'auto-apply-run-trigger': false,
      'allow-destroy-plan': workspace.allowDestroyPlan,
      'assessments-enabled': workspace.assessmentsEnabled,
      'auto-destroy-at': null,
      'auto-destroy-activity-duration': null,
      'execution-mode': mode,
      operations: mode !== 'local',
      'setting-overwrites': {
        'execution-mode': workspace.executionMode !== undefined,
        'agent-pool': workspace.executionMode !== undefined,
      },
      'file-triggers-enabled': workspace.fileTriggersEnabled,
      'global-remote-state': workspace.globalRemoteState,
      locked: workspace.lock !== undefined || working !== undefined,
      'locked-reason': workspace.lock?.reason ?? '',
      'queue-all-runs': workspace.queueAllRuns,
      'resource-count': current?.resources.reduce((sum, each) => sum + each.count, 0) ?? 0,
      source: 'tfe-api',
      'source-name': workspace.sourceName ?? null,
      'source-url': workspace.sourceUrl ?? null,
      'speculative-enabled': workspace.speculativeEnabled,
      // Plain logs, which the CLI prints unchanged without requesting a redacted plan.
      'structured-run-output-enabled': false,
      'tag-names': [...workspace.tags.keys()],
      'terraform-version': workspace.terraformVersion,
      'trigger-prefixes': [],
      'trigger-patterns': [],
      'vcs-repo': null,
      'vcs-repo-identifier': null,
      'working-directory': workspace.workingDirectory,
      actions: { 'is-destroyable': true },
      permissions: workspacePermissions(call.user),
    },
    relationships: {
      organization: { data: { id: workspace.organization, type: 'organizations' } },
      project: { data: { id: workspace.projectId, type: 'projects' } },
      'agent-pool': toOne('agent-pools', pool?.id, pool === undefined ? undefined : `/api/v2/agent-pools/${pool.id}`),
      'current-run': toOne('runs', currentRun(world, workspace.id)?.id),
      'latest-run': toOne('runs', latest?.id),
      'current-state-version': toOne(
        'state-versions',
        state,
        `/api/v2/workspaces/${workspace.id}/current-state-version`,
      ),
      'current-configuration-version': toOne(
        'configuration-versions',
        workspace.currentConfigurationVersionId,
        `/api/v2/configuration-versions/${workspace.currentConfigurationVersionId ?? ''}`,
      ),
      'locked-by': lockedBy,
      outputs: { data: (current?.outputs ?? []).map((output) => ({ id: output.id, type: 'workspace-outputs' })) },
      readme: { data: null },
      'ssh-key': { data: null },
      'remote-state-consumers': {
        links: { related: `/api/v2/workspaces/${workspace.id}/relationships/remote-state-consumers` },
      },
    },
    links: { self: `/api/v2/organizations/${workspace.organization}/workspaces/${workspace.name}` },
  };
}

export function variableResource(workspace: Workspace, variable: Variable): Resource {
  return {
    id: variable.id,
    type: 'vars',
    attributes: {
      key: variable.key,
      // Sensitive values are write-only.
      value: variable.sensitive ? null : variable.value,
      sensitive: variable.sensitive,
      category: variable.category,
      hcl: variable.hcl,
      'created-at': isoTime(variable.createdAt),
      description: variable.description,
      'version-id': variable.versionId,
    },
    relationships: {
      configurable: {
        data: { id: workspace.id, type: 'workspaces' },
        links: { related: `/api/v2/organizations/${workspace.organization}/workspaces/${workspace.name}` },
      },
    },
    links: { self: `/api/v2/workspaces/${workspace.id}/vars/${variable.id}` },
  };
}

/** Only the response that creates the version contains the upload URL. */
export function configurationVersionResource(
  call: Call,
  version: ConfigurationVersion,
  { showUploadUrl = false }: { showUploadUrl?: boolean } = {},
): Resource {
  const uploaded = version.uploadedAt !== undefined;
  const uploadUrl = `${call.origin}${blobPath(call.platform.world, { kind: 'configuration-upload', id: version.id })}`;
  return {
    id: version.id,
    type: 'configuration-versions',
    attributes: {
      'auto-queue-runs': version.autoQueueRuns,
      error: null,
      'error-message': null,
      source: 'tfe-api',
      speculative: version.speculative,
      provisional: version.provisional,
      status: uploaded ? 'uploaded' : 'pending',
      'status-timestamps':
        version.uploadedAt === undefined ? {} : statusTimestamps(new Map([['uploaded-at', version.uploadedAt]])),
      ...(showUploadUrl ? { 'upload-url': uploadUrl } : {}),
    },
    relationships: {
      'ingress-attributes': {
        data: null,
        links: { related: `/api/v2/configuration-versions/${version.id}/ingress-attributes` },
      },
    },
    links: {
      self: `/api/v2/configuration-versions/${version.id}`,
      ...(uploaded ? { download: `/api/v2/configuration-versions/${version.id}/download` } : {}),
    },
  };
}
