/** Organizations, their projects, and the account behind a token. */
import * as z from 'zod';
import { collection, created, type Define, document, found, noContent } from '../api.ts';
import {
  entitlementSetResource,
  organizationResource,
  projectResource,
  userResource,
} from '../documents/organizations.ts';
import { newId } from '../ids.ts';
import { fullPage, invalid, parseBody, queryList, queryText, toOne } from '../json-api.ts';
import type { Project } from '../records.ts';
import { isFinal } from '../runs.ts';
import { addOrganization } from '../world.ts';

const NAME = /^[A-Za-z0-9_-]+$/;

const organizationBody = z.object({
  data: z.object({
    attributes: z.object({
      name: z.string().optional(),
      email: z.string().optional(),
      'default-execution-mode': z.enum(['remote', 'local', 'agent']).optional(),
    }),
    relationships: z
      .object({ 'default-agent-pool': z.union([toOne, z.object({ data: z.null() })]).optional() })
      .optional(),
  }),
});

const projectBody = z.object({
  data: z.object({ attributes: z.object({ name: z.string().optional(), description: z.string().optional() }) }),
});

export function organizationRoutes(define: Define): void {
  define('GET', '/account/details', (call) => document(userResource(call.user)));
  define('GET', '/users/:id', (call) => document(userResource(found(call.platform.world.users, call.param('id')))));

  define('GET', '/organizations', (call) => {
    const wanted = queryText(call.query, 'q') ?? '';
    const organizations = [...call.platform.world.organizations.values()].filter((each) => each.name.includes(wanted));
    return collection(fullPage(organizations, call.query, call.url), (each) => organizationResource(call, each));
  });

  define('POST', '/organizations', (call) => {
    const { attributes } = parseBody(organizationBody, call.body).data;
    const { world } = call.platform;
    const name = attributes.name ?? '';
    if (!NAME.test(name)) throw invalid({ attribute: 'name', detail: 'Name is invalid' });
    if (world.organizations.has(name)) throw invalid({ attribute: 'name', detail: 'Name has already been taken' });
    const organization = addOrganization(world, name, call.platform.now());
    organization.email = attributes.email ?? organization.email;
    return created(organizationResource(call, organization));
  });

  define('GET', '/organizations/:organization', (call) =>
    document(organizationResource(call, found(call.platform.world.organizations, call.param('organization')))),
  );

  define('PATCH', '/organizations/:organization', (call) => {
    const { world } = call.platform;
    const organization = found(world.organizations, call.param('organization'));
    const { attributes, relationships } = parseBody(organizationBody, call.body).data;
    const pool = relationships?.['default-agent-pool'];
    if (pool !== undefined && pool.data !== null && world.pools.get(pool.data.id)?.organization !== organization.name) {
      throw invalid({ attribute: 'default-agent-pool', detail: 'Default agent pool must exist' });
    }
    const poolId = pool === undefined ? organization.defaultAgentPoolId : (pool.data?.id ?? undefined);
    const mode = attributes['default-execution-mode'] ?? organization.defaultExecutionMode;
    if (mode === 'agent' && poolId === undefined) {
      throw invalid({ attribute: 'default-agent-pool', detail: "Default agent pool can't be blank" });
    }
    organization.defaultExecutionMode = mode;
    organization.defaultAgentPoolId = poolId;
    organization.email = attributes.email ?? organization.email;
    return document(organizationResource(call, organization));
  });

  define('GET', '/organizations/:organization/entitlement-set', (call) =>
    document(entitlementSetResource(found(call.platform.world.organizations, call.param('organization')))),
  );

  // Neither route is documented. The CLI requests them while it waits for its run.
  define('GET', '/organizations/:organization/capacity', (call) => {
    const organization = found(call.platform.world.organizations, call.param('organization'));
    const runs = [...call.platform.world.runs.values()].filter((run) => run.organization === organization.name);
    return document({
      id: organization.name,
      type: 'organization-capacity',
      attributes: {
        pending: runs.filter((run) => run.status === 'pending').length,
        running: runs.filter((run) => !isFinal(run) && run.status !== 'pending').length,
      },
    });
  });

  define('GET', '/organizations/:organization/projects', (call) => {
    const organization = found(call.platform.world.organizations, call.param('organization'));
    const names = queryList(call.query, 'filter[names]');
    const wanted = queryText(call.query, 'q') ?? '';
    const projects = [...call.platform.world.projects.values()].filter(
      (each) =>
        each.organization === organization.name &&
        (names === undefined || names.has(each.name)) &&
        each.name.includes(wanted),
    );
    return collection(fullPage(projects, call.query, call.url), (each) => projectResource(call, each));
  });

  define('POST', '/organizations/:organization/projects', (call) => {
    const { world } = call.platform;
    const organization = found(world.organizations, call.param('organization'));
    const { attributes } = parseBody(projectBody, call.body).data;
    const name = attributes.name ?? '';
    if (name.trim() === '') throw invalid({ attribute: 'name', detail: "Name can't be blank" });
    const taken = [...world.projects.values()].some(
      (each) => each.organization === organization.name && each.name === name,
    );
    if (taken) throw invalid({ attribute: 'name', detail: 'Name has already been taken' });
    const project: Project = {
      id: newId('prj'),
      organization: organization.name,
      createdAt: call.platform.now(),
      name,
      description: attributes.description ?? '',
    };
    world.projects.set(project.id, project);
    return created(projectResource(call, project));
  });

  define('GET', '/projects/:id', (call) =>
    document(projectResource(call, found(call.platform.world.projects, call.param('id')))),
  );

  define('PATCH', '/projects/:id', (call) => {
    const project = found(call.platform.world.projects, call.param('id'));
    const { attributes } = parseBody(projectBody, call.body).data;
    project.name = attributes.name ?? project.name;
    project.description = attributes.description ?? project.description;
    return document(projectResource(call, project));
  });

  define('DELETE', '/projects/:id', (call) => {
    const { world } = call.platform;
    const project = found(world.projects, call.param('id'));
    const inUse = [...world.workspaces.values()].some((each) => each.projectId === project.id);
    const isDefault = world.organizations.get(project.organization)?.defaultProjectId === project.id;
    if (inUse || isDefault) throw invalid({ attribute: 'base', detail: 'The project cannot be deleted' });
    world.projects.delete(project.id);
    return noContent;
  });
}
