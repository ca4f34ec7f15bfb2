/** API documents of workspaces, variables, tags and configuration versions. */
import type { Call } from '../api.ts';
import { allAre, attributesOf, isoTime, type Resource, statusTimestamps, toMany, toOne } from '../json-api.ts';
import { currentRun, runsOf, workingRun } from '../queue.ts';
import { type ConfigurationVersion, executionOf, type Variable, type Workspace, workspaceSettings } from '../world.ts';

export function workspaceResource({ world, isOwner }: Call, workspace: Workspace): Resource {
  const { mode, pool } = executionOf(world, workspace);
  const working = workingRun(world, workspace.id);
  const latest = runsOf(world, workspace.id).findLast((run) => !run.planOnly);
  const current = world.stateVersions.get(workspace.currentStateVersionId ?? '');
  const { lock, currentConfigurationVersionId: versionId } = workspace;
  const path = `/api/v2/workspaces/${workspace.id}`;
  return {
    id: workspace.id,
    type: 'workspaces',
    attributes: {
      ...attributesOf(workspaceSettings.parse(workspace)),
      name: workspace.name,
      environment: 'default',
      'created-at': isoTime(workspace.createdAt),
      'updated-at': isoTime(workspace.updatedAt),
      'latest-change-at': isoTime(current?.createdAt ?? workspace.createdAt),
      'execution-mode': mode,
      operations: mode !== 'local',
      'setting-overwrites': allAre(workspace.executionMode !== undefined, 'execution-mode', 'agent-pool'),
      locked: lock !== undefined || working !== undefined,
      'locked-reason': lock?.reason ?? '',
      'resource-count': current?.resources.reduce((sum, each) => sum + each.count, 0) ?? 0,
      source: 'tfe-api',
      // With plain logs, the CLI prints the log unchanged and doesn't request a redacted plan.
      'structured-run-output-enabled': false,
      'auto-apply-run-trigger': false,
      'tag-names': [...workspace.tags.keys()],
      'trigger-prefixes': [],
      'trigger-patterns': [],
      ...allAre(null, 'auto-destroy-at', 'auto-destroy-activity-duration', 'vcs-repo', 'vcs-repo-identifier'),
      actions: { 'is-destroyable': true },
      permissions: {
        ...allAre(isOwner, 'can-update', 'can-destroy', 'can-force-delete', 'can-manage-tags', 'can-manage-run-tasks'),
        ...allAre(isOwner, 'can-queue-run', 'can-queue-apply', 'can-queue-destroy', 'can-manage-assessments'),
        ...allAre(isOwner, 'can-read-variable', 'can-update-variable', 'can-lock', 'can-unlock', 'can-force-unlock'),
        ...allAre(isOwner, 'can-read-state-versions', 'can-read-state-outputs', 'can-create-state-versions'),
        ...allAre(true, 'can-read-run', 'can-read-settings', 'can-read-assessment-results'),
      },
    },
    relationships: {
      organization: toOne('organizations', workspace.organization),
      project: toOne('projects', workspace.projectId),
      'agent-pool': toOne('agent-pools', pool?.id, `/api/v2/agent-pools/${pool?.id}`),
      'current-run': toOne('runs', currentRun(world, workspace.id)?.id),
      'latest-run': toOne('runs', latest?.id),
      'current-state-version': toOne('state-versions', current?.id, `${path}/current-state-version`),
      'current-configuration-version': toOne(
        'configuration-versions',
        versionId,
        `/api/v2/configuration-versions/${versionId}`,
      ),
      'locked-by':
        lock === undefined ? toOne('runs', working?.id) : toOne('users', lock.userId, `/api/v2/users/${lock.userId}`),
      outputs: toMany('workspace-outputs', current?.outputs ?? []),
      readme: { data: null },
      'ssh-key': { data: null },
      'remote-state-consumers': { links: { related: `${path}/relationships/remote-state-consumers` } },
    },
    links: { self: `/api/v2/organizations/${workspace.organization}/workspaces/${workspace.name}` },
  };
}

export function variableResource(workspace: Workspace, variable: Variable): Resource {
  const workspacePath = `/api/v2/organizations/${workspace.organization}/workspaces/${workspace.name}`;
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
    relationships: { configurable: toOne('workspaces', workspace.id, workspacePath) },
    links: { self: `/api/v2/workspaces/${workspace.id}/vars/${variable.id}` },
  };
}

/** Only the response that creates the version contains the upload URL. */
export function configurationVersionResource(
  call: Call,
  version: ConfigurationVersion,
  { showUploadUrl = false }: { showUploadUrl?: boolean } = {},
): Resource {
  const { uploadedAt } = version;
  const uploaded = uploadedAt !== undefined;
  const self = `/api/v2/configuration-versions/${version.id}`;
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
      'status-timestamps': uploaded ? statusTimestamps(new Map([['uploaded-at', uploadedAt]])) : {},
      ...(showUploadUrl && { 'upload-url': call.blobUrl('configuration-upload', version.id) }),
    },
    relationships: {
      'ingress-attributes': { data: null, links: { related: `${self}/ingress-attributes` } },
    },
    links: { self, ...(uploaded && { download: `${self}/download` }) },
  };
}
