/** Workspaces: settings, locks, lists. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces */
import * as z from 'zod';
import { type Answer, added, type Call, created, type Define, document, found, noContent } from '../api.ts';
import { organizationResource, projectResource, userResource } from '../documents/organizations.ts';
import { includedWithRuns, runResource } from '../documents/runs.ts';
import { configurationVersionResource, workspaceResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import {
  conflict,
  distinct,
  includes,
  notFound,
  type Query,
  queryList,
  queryText,
  type Resource,
} from '../json-api.ts';
import { advance, currentRun, runsOf, workingRun } from '../queue.ts';
import type { Workspace, World } from '../world.ts';
import { changeSettings } from './workspace-settings.ts';
import { tagsInBody } from './workspace-tags.ts';

const lockBody = z.object({ reason: z.string().optional() }).optional();

/** Values that `include` accepts for workspaces. Clients can request ingress attributes and a readme, which never exist here. */
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
  const { world } = call;
  const ofRun = [...asked].filter((name) => name.startsWith('current_run'));
  const withRun = new Set(ofRun.map((name) => name.replace('current_run.', '')));
  const resources = workspaces.flatMap((workspace): (Resource | false)[] => {
    const organization = world.organizations.get(workspace.organization);
    const project = world.projects.get(workspace.projectId);
    const run = currentRun(world, workspace.id);
    const version = world.configurationVersions.get(workspace.currentConfigurationVersionId ?? '');
    const locker = world.users.get(workspace.lock?.userId ?? '');
    return [
      asked.has('locked_by') && locker !== undefined && userResource(locker),
      asked.has('organization') && organization !== undefined && organizationResource(call, organization),
      asked.has('project') && project !== undefined && projectResource(call, project),
      ofRun.length > 0 && run !== undefined && runResource(call, run),
      ...(run === undefined ? [] : includedWithRuns(call, [run], withRun)),
      asked.has('current_configuration_version') &&
        version !== undefined &&
        configurationVersionResource(call, version),
    ];
  });
  return distinct(resources.filter((resource) => resource !== false));
}

function workspaceIn(call: Call): Workspace {
  return found(call.world.workspaces, call.id);
}

export function workspaceNamed(world: World, organization: string | undefined, name: string | undefined): Workspace {
  const named = [...world.workspaces.values()].find((each) => each.organization === organization && each.name === name);
  if (named === undefined) throw notFound();
  return named;
}

function create(call: Call): Answer {
  const { name: organization, defaultProjectId } = call.organization();
  const now = call.platform.now();
  const workspace: Workspace = {
    id: newId('ws'),
    organization,
    createdAt: now,
    updatedAt: now,
    name: '',
    projectId: defaultProjectId,
    description: null,
    autoApply: false,
    allowDestroyPlan: true,
    queueAllRuns: false,
    speculativeEnabled: true,
    globalRemoteState: false,
    fileTriggersEnabled: true,
    assessmentsEnabled: false,
    terraformVersion: call.platform.settings.terraformVersion,
    workingDirectory: '',
    sourceName: null,
    sourceUrl: null,
    tags: tagsInBody(call),
    variables: new Map(),
  };
  changeSettings(call, workspace);
  return created(workspaceResource(call, added(call.world.workspaces, workspace)));
}

function update(call: Call, workspace: Workspace): Answer {
  changeSettings(call, workspace);
  workspace.updatedAt = call.platform.now();
  return changed(call, workspace);
}

/** Responds with the workspace. Then advances its runs, because the change may have unblocked them. */
function changed(call: Call, workspace: Workspace): Answer {
  const answer = document(workspaceResource(call, workspace));
  advance(call.platform, workspace);
  return answer;
}

function remove({ world }: Call, workspace: Workspace): Answer {
  for (const run of runsOf(world, workspace.id)) {
    world.runs.delete(run.id);
    world.operations.delete(run.plan.id);
    world.operations.delete(run.apply.id);
  }
  world.workspaces.delete(workspace.id);
  return noContent;
}

function isLocked({ world }: Call, workspace: Workspace): boolean {
  return workspace.lock !== undefined || workingRun(world, workspace.id) !== undefined;
}

/** Matches a pattern without a regular expression, because many stars in it would take exponential time. */
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

/** Whether the workspace has all tags in `filter[tagged][INDEX][key]`, each with the value of the same index if there is one. */
function matchesTagged(query: Query, tags: ReadonlyMap<string, string>): boolean {
  return Object.entries(query).every(([parameter, key]) => {
    const index = /^filter\[tagged\]\[(\d+)\]\[key\]$/.exec(parameter)?.[1];
    if (index === undefined || typeof key !== 'string') return true;
    return tags.has(key) && [tags.get(key), undefined].includes(queryText(query, `filter[tagged][${index}][value]`));
  });
}

function matches({ world, query }: Call, { id, name, tags, projectId }: Workspace): boolean {
  const text = queryText(query, 'search[name]');
  const wildcard = queryText(query, 'search[wildcard-name]');
  const project = queryText(query, 'filter[project][id]');
  const statuses = queryList(query, 'filter[current-run][status]');
  return (
    name.includes(text ?? '') &&
    matchesWildcard(name, wildcard ?? '*') &&
    [...(queryList(query, 'search[tags]') ?? [])].every((tag) => tags.has(tag)) &&
    ![...(queryList(query, 'search[exclude-tags]') ?? [])].some((tag) => tags.has(tag)) &&
    matchesTagged(query, tags) &&
    projectId === (project ?? projectId) &&
    (statuses === undefined || statuses.has(currentRun(world, id)?.status ?? ''))
  );
}

export function workspaceRoutes(define: Define): void {
  define('GET', '/organizations/:organization/workspaces', (call) => {
    const { name } = call.organization();
    const workspaces = [...call.world.workspaces.values()]
      .filter((each) => each.organization === name && matches(call, each))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (queryText(call.query, 'sort') === '-name') workspaces.reverse();
    return call.list(workspaces, (each) => workspaceResource(call, each), {
      include: (shown) => includedWithWorkspaces(call, shown),
    });
  });

  define('POST', '/organizations/:organization/workspaces', create);

  const byName = (call: Call) => workspaceNamed(call.world, call.param('organization'), call.param('name'));
  for (const [path, workspaceOf] of [
    ['/organizations/:organization/workspaces/:name', byName],
    ['/workspaces/:id', workspaceIn],
  ] as const) {
    define('GET', path, (call) => {
      const workspace = workspaceOf(call);
      return document(workspaceResource(call, workspace), includedWithWorkspaces(call, [workspace]));
    });
    define('PATCH', path, (call) => update(call, workspaceOf(call)));
    define('DELETE', path, (call) => {
      const workspace = workspaceOf(call);
      if (runsOf(call.world, workspace.id).some(({ status }) => status === 'planning' || status === 'applying')) {
        throw conflict('Workspace has a run in progress and cannot be deleted');
      }
      return remove(call, workspace);
    });
    define('POST', `${path}/actions/safe-delete`, (call) => {
      const workspace = workspaceOf(call);
      if (isLocked(call, workspace)) throw conflict('Workspace is locked and cannot be deleted');
      const state = call.world.stateVersions.get(workspace.currentStateVersionId ?? '');
      if (state?.resources.some(({ count }) => count > 0)) {
        throw conflict('Workspace is managing resources and cannot be deleted safely');
      }
      return remove(call, workspace);
    });
  }

  define('POST', '/workspaces/:id/actions/lock', (call) => {
    const workspace = workspaceIn(call);
    const { reason = '' } = call.parse(lockBody) ?? {};
    if (isLocked(call, workspace)) throw conflict('Unable to lock workspace. The workspace is already locked.');
    workspace.lock = { userId: call.user.id, reason };
    return document(workspaceResource(call, workspace));
  });

  define('POST', '/workspaces/:id/actions/unlock', (call) => {
    const { lock, id } = workspaceIn(call);
    const run = workingRun(call.world, id);
    const holder = lock === undefined ? run && `Run ${run.id}` : `User ${call.world.users.get(lock.userId)?.username}`;
    if (lock?.userId !== call.user.id) {
      const why = holder === undefined ? 'is not locked.' : `is locked by ${holder}`;
      throw conflict(`Unable to unlock workspace. The workspace ${why}`);
    }
    return unlock(call);
  });

  define('POST', '/workspaces/:id/actions/force-unlock', (call) => {
    if (workspaceIn(call).lock === undefined) throw conflict('Unable to unlock workspace. It is not locked.');
    return unlock(call);
  });

  define('GET', '/workspaces/:id/relationships/remote-state-consumers', (call) => {
    workspaceIn(call);
    return call.list([], (each) => workspaceResource(call, each));
  });
}

function unlock(call: Call): Answer {
  const workspace = workspaceIn(call);
  workspace.lock = undefined;
  return changed(call, workspace);
}
