/** Workspaces: settings, locks, lists. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces */
import * as z from 'zod';
import { type Call, collection, created, type Define, document, found, noContent } from '../api.ts';
import { organizationResource, projectResource } from '../documents/organizations.ts';
import { includedWithRuns, runResource } from '../documents/runs.ts';
import { configurationVersionResource, workspaceResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import {
  distinct,
  failure,
  fullPage,
  includes,
  notFound,
  parseBody,
  queryList,
  queryText,
  type Resource,
} from '../json-api.ts';
import { advance, currentRun, runsOf, workingRun } from '../queue.ts';
import type { Workspace } from '../records.ts';
import { isFinal } from '../runs.ts';
import { changeExecution, changeSettings, checkName, workspaceBody } from './workspace-settings.ts';
import { tagsInBody } from './workspace-tags.ts';

const lockBody = z.object({ reason: z.string().optional() }).optional();

/** Values that `include` accepts for workspaces. Clients may request resources that never exist here (ingress attributes, a readme). */
const WORKSPACE_INCLUDES = [
  'organization',
  'project',
  'current_run',
  'current_run.plan',
  'current_run.configuration_version',
  'current_run.configuration_version.ingress_attributes',
  'current_configuration_version',
  'current_configuration_version.ingress_attributes',
  'current_state_version',
  'effective_tag_bindings',
  'locked_by',
  'outputs',
  'readme',
];

function includedWithWorkspaces(call: Call, workspaces: readonly Workspace[]): Resource[] | undefined {
  const asked = includes(call.query, WORKSPACE_INCLUDES);
  if (asked.size === 0) return undefined;
  const { world } = call.platform;
  const resources: Resource[] = [];
  for (const workspace of workspaces) {
    const organization = world.organizations.get(workspace.organization);
    if (asked.has('organization') && organization !== undefined) {
      resources.push(organizationResource(call, organization));
    }
    const project = world.projects.get(workspace.projectId);
    if (asked.has('project') && project !== undefined) resources.push(projectResource(call, project));
    const run = currentRun(world, workspace.id);
    if (run !== undefined && [...asked].some((name) => name.startsWith('current_run'))) {
      resources.push(runResource(call, run));
      const related = [...asked].filter((name) => name.startsWith('current_run.')).map((name) => name.slice(12));
      for (const resource of includedWithRuns(call, [run], new Set(related))) resources.push(resource);
    }
    const version = world.configurationVersions.get(workspace.currentConfigurationVersionId ?? '');
    if (asked.has('current_configuration_version') && version !== undefined) {
      resources.push(configurationVersionResource(call, version));
    }
  }
  return distinct(resources);
}

function workspaceCalled(call: Call): Workspace {
  const { world } = call.platform;
  const id = call.param('id');
  return found(world.workspaces, id);
}

function workspaceNamed(call: Call): Workspace {
  const [organization, name] = [call.param('organization'), call.param('name')];
  const workspace = [...call.platform.world.workspaces.values()].find(
    (each) => each.organization === organization && each.name === name,
  );
  if (workspace === undefined) throw notFound();
  return workspace;
}

function update(call: Call, workspace: Workspace) {
  const { attributes: wanted, relationships } = parseBody(workspaceBody, call.body).data;
  const { world } = call.platform;
  if (wanted.name !== undefined) workspace.name = checkName(call, workspace.organization, wanted.name, workspace);
  const project = relationships?.project;
  if (project !== undefined) workspace.projectId = found(world.projects, project.data.id).id;
  changeExecution(call, workspace, wanted);
  changeSettings(workspace, wanted);
  workspace.updatedAt = call.platform.now();
  const answer = document(workspaceResource(call, workspace));
  advance(call.platform, workspace);
  return answer;
}

function remove(call: Call, workspace: Workspace, { onlySafely }: { onlySafely: boolean }) {
  const { world } = call.platform;
  if (onlySafely) {
    if (workspace.lock !== undefined || workingRun(world, workspace.id) !== undefined) {
      throw failure(409, 'conflict', 'Workspace is locked and cannot be deleted');
    }
    const state = world.stateVersions.get(workspace.currentStateVersionId ?? '');
    if (state?.resources.some((resource) => resource.count > 0)) {
      throw failure(409, 'conflict', 'Workspace is managing resources and cannot be deleted safely');
    }
  } else if (runsOf(world, workspace.id).some((run) => run.status === 'planning' || run.status === 'applying')) {
    throw failure(409, 'conflict', 'Workspace has a run in progress and cannot be deleted');
  }
  for (const run of runsOf(world, workspace.id)) {
    world.runs.delete(run.id);
    world.operations.delete(run.plan.id);
    world.operations.delete(run.apply.id);
  }
  world.workspaces.delete(workspace.id);
  return noContent;
}

/** Without a regular expression, because a pattern with many stars would take exponential time. */
function matchesWildcard(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.endsWith(last) && name.length - last.length >= at;
}

function matches(call: Call, workspace: Workspace): boolean {
  const { query } = call;
  const name = queryText(query, 'search[name]');
  if (name !== undefined && !workspace.name.includes(name)) return false;
  const wildcard = queryText(query, 'search[wildcard-name]');
  if (wildcard !== undefined) {
    if (!matchesWildcard(workspace.name, wildcard)) return false;
  }
  const tags = queryList(query, 'search[tags]');
  if (tags !== undefined && ![...tags].every((tag) => workspace.tags.has(tag))) return false;
  const excluded = queryList(query, 'search[exclude-tags]');
  if (excluded !== undefined && [...excluded].some((tag) => workspace.tags.has(tag))) return false;
  for (const [key, value] of Object.entries(query)) {
    const index = /^filter\[tagged\]\[(\d+)\]\[key\]$/.exec(key)?.[1];
    if (index === undefined || typeof value !== 'string') continue;
    const wanted = queryText(query, `filter[tagged][${index}][value]`);
    if (!workspace.tags.has(value) || (wanted !== undefined && workspace.tags.get(value) !== wanted)) return false;
  }
  const project = queryText(query, 'filter[project][id]');
  if (project !== undefined && workspace.projectId !== project) return false;
  const statuses = queryList(query, 'filter[current-run][status]');
  if (statuses === undefined) return true;
  const run = currentRun(call.platform.world, workspace.id);
  return run !== undefined && statuses.has(run.status);
}

export function workspaceRoutes(define: Define): void {
  define('GET', '/organizations/:organization/workspaces', (call) => {
    const { world } = call.platform;
    const organization = found(world.organizations, call.param('organization'));
    const workspaces = [...world.workspaces.values()]
      .filter((each) => each.organization === organization.name && matches(call, each))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (queryText(call.query, 'sort') === '-name') workspaces.reverse();
    const page = fullPage(workspaces, call.query, call.url);
    const included = includedWithWorkspaces(call, page.items);
    return collection(page, (each) => workspaceResource(call, each), included);
  });

  define('POST', '/organizations/:organization/workspaces', (call) => {
    const { world, settings } = call.platform;
    const organization = found(world.organizations, call.param('organization'));
    const { attributes: wanted, relationships } = parseBody(workspaceBody, call.body).data;
    const now = call.platform.now();
    const project = relationships?.project;
    const workspace: Workspace = {
      id: newId('ws'),
      organization: organization.name,
      createdAt: now,
      updatedAt: now,
      name: checkName(call, organization.name, wanted.name),
      projectId: project === undefined ? organization.defaultProjectId : found(world.projects, project.data.id).id,
      description: undefined,
      executionMode: undefined,
      agentPoolId: undefined,
      autoApply: false,
      allowDestroyPlan: true,
      queueAllRuns: false,
      speculativeEnabled: true,
      globalRemoteState: false,
      fileTriggersEnabled: true,
      assessmentsEnabled: false,
      terraformVersion: settings.terraformVersion,
      workingDirectory: '',
      sourceName: undefined,
      sourceUrl: undefined,
      tags: tagsInBody(call.body),
      variables: new Map(),
      lock: undefined,
      currentStateVersionId: undefined,
      currentConfigurationVersionId: undefined,
    };
    changeExecution(call, workspace, wanted);
    changeSettings(workspace, wanted);
    world.workspaces.set(workspace.id, workspace);
    return created(workspaceResource(call, workspace));
  });

  for (const [path, workspaceOf] of [
    ['/organizations/:organization/workspaces/:name', workspaceNamed],
    ['/workspaces/:id', workspaceCalled],
  ] as const) {
    define('GET', path, (call) => {
      const workspace = workspaceOf(call);
      return document(workspaceResource(call, workspace), includedWithWorkspaces(call, [workspace]));
    });
    define('PATCH', path, (call) => update(call, workspaceOf(call)));
    define('DELETE', path, (call) => remove(call, workspaceOf(call), { onlySafely: false }));
    define('POST', `${path}/actions/safe-delete`, (call) => remove(call, workspaceOf(call), { onlySafely: true }));
  }

  define('POST', '/workspaces/:id/actions/lock', (call) => {
    const workspace = workspaceCalled(call);
    const { reason } = parseBody(lockBody, call.body) ?? {};
    if (workspace.lock !== undefined || workingRun(call.platform.world, workspace.id) !== undefined) {
      throw failure(409, 'conflict', 'Unable to lock workspace. The workspace is already locked.');
    }
    workspace.lock = { userId: call.user.id, reason: reason ?? '' };
    return document(workspaceResource(call, workspace));
  });

  define('POST', '/workspaces/:id/actions/unlock', (call) => {
    const workspace = workspaceCalled(call);
    if (workspace.lock === undefined) {
      const run = workingRun(call.platform.world, workspace.id);
      const detail =
        run === undefined
          ? 'Unable to unlock workspace. The workspace is not locked.'
          : `Unable to unlock workspace. The workspace is locked by Run ${run.id}`;
      throw failure(409, 'conflict', detail);
    }
    if (workspace.lock.userId !== call.user.id) {
      const holder = call.platform.world.users.get(workspace.lock.userId)?.username ?? '';
      throw failure(409, 'conflict', `Unable to unlock workspace. The workspace is locked by User ${holder}`);
    }
    return unlock(call, workspace);
  });

  define('POST', '/workspaces/:id/actions/force-unlock', (call) => {
    const workspace = workspaceCalled(call);
    if (workspace.lock === undefined) throw failure(409, 'conflict', 'Unable to unlock workspace. It is not locked.');
    return unlock(call, workspace);
  });

  define('GET', '/workspaces/:id/relationships/remote-state-consumers', (call) => {
    workspaceCalled(call);
    const none: readonly Workspace[] = [];
    return collection(fullPage(none, call.query, call.url), (each) => workspaceResource(call, each));
  });
}

function unlock(call: Call, workspace: Workspace) {
  workspace.lock = undefined;
  const waiting = runsOf(call.platform.world, workspace.id).some((run) => !isFinal(run));
  const answer = document(workspaceResource(call, workspace));
  if (waiting) advance(call.platform, workspace);
  return answer;
}
