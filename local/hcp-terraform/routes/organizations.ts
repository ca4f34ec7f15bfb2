/** Organizations, their projects, and the user account of a token. */
import * as z from 'zod';
import { added, created, type Define, document, found, noContent } from '../api.ts';
import {
  accountResource,
  entitlementSetResource,
  organizationResource,
  projectResource,
  serviceUserOf,
  teamResource,
  userResource,
} from '../documents/organizations.ts';
import { newId } from '../ids.ts';
import { invalid, notFound, queryList, queryText, toOneBody } from '../json-api.ts';
import { isFinal } from '../runs.ts';
import { addOrganization } from '../world.ts';

const NAME = /^[A-Za-z0-9_-]+$/;

const organizationBody = z.object({
  data: z.object({
    attributes: z.object({
      name: z.string().optional(),
      email: z.string().optional(),
      defaultExecutionMode: z.enum(['remote', 'local', 'agent']).optional(),
    }),
    relationships: z
      .object({ 'default-agent-pool': z.union([toOneBody, z.object({ data: z.null() })]).optional() })
      .optional(),
  }),
});

const projectBody = z.object({
  data: z.object({ attributes: z.object({ name: z.string().optional(), description: z.string().optional() }) }),
});

export function organizationRoutes(define: Define): void {
  define('GET', '/account/details', ({ user }) => document(accountResource(user)));
  define('GET', '/teams/:id', ({ world, user, isOwner, id }) => {
    const member = serviceUserOf(world.users.values(), id);
    // Secret teams are visible to their members and to owners.
    if (member === undefined || (member !== user && !isOwner)) throw notFound();
    return document(teamResource(member));
  });
  define('GET', '/users/:id', ({ world, id }) => document(userResource(found(world.users, id))));

  define('GET', '/organizations', (call) => {
    const wanted = queryText(call.query, 'q') ?? '';
    const organizations = [...call.world.organizations.values()].filter(({ name }) => name.includes(wanted));
    return call.list(organizations, (each) => organizationResource(call, each));
  });

  define('POST', '/organizations', (call) => {
    const { name = '', email } = call.parse(organizationBody).data.attributes;
    if (!NAME.test(name)) throw invalid('name', 'Name is invalid');
    if (call.world.organizations.has(name)) throw invalid('name', 'Name has already been taken');
    const organization = addOrganization(call.world, name, call.platform.now());
    organization.email = email ?? organization.email;
    return created(organizationResource(call, organization));
  });

  define('GET', '/organizations/:organization', (call) => document(organizationResource(call, call.organization())));

  define('PATCH', '/organizations/:organization', (call) => {
    const organization = call.organization();
    const { attributes, relationships } = call.parse(organizationBody).data;
    const pool = relationships?.['default-agent-pool'];
    if (pool?.data != null && call.world.pools.get(pool.data.id)?.organization !== organization.name) {
      throw invalid('default-agent-pool', 'Default agent pool must exist');
    }
    const poolId = pool === undefined ? organization.defaultAgentPoolId : pool.data?.id;
    const mode = attributes.defaultExecutionMode ?? organization.defaultExecutionMode;
    if (mode === 'agent' && poolId === undefined) {
      throw invalid('default-agent-pool', "Default agent pool can't be blank");
    }
    organization.defaultExecutionMode = mode;
    organization.defaultAgentPoolId = poolId;
    organization.email = attributes.email ?? organization.email;
    return document(organizationResource(call, organization));
  });

  define('GET', '/organizations/:organization/entitlement-set', (call) =>
    document(entitlementSetResource(call.organization())),
  );

  // This route isn't documented. The CLI requests it while it waits for its run.
  define('GET', '/organizations/:organization/capacity', (call) => {
    const { name } = call.organization();
    const active = [...call.world.runs.values()].filter((run) => run.organization === name && !isFinal(run));
    const pending = active.filter(({ status }) => status === 'pending').length;
    const attributes = { pending, running: active.length - pending };
    return document({ id: name, type: 'organization-capacity', attributes });
  });

  define('GET', '/organizations/:organization/projects', (call) => {
    const { name: organization } = call.organization();
    const names = queryList(call.query, 'filter[names]');
    const wanted = queryText(call.query, 'q') ?? '';
    const projects = [...call.world.projects.values()].filter(
      (each) => each.organization === organization && (names?.has(each.name) ?? true) && each.name.includes(wanted),
    );
    return call.list(projects, (each) => projectResource(call, each));
  });

  define('POST', '/organizations/:organization/projects', (call) => {
    const { projects } = call.world;
    const { name: organization } = call.organization();
    const { name = '', description = '' } = call.parse(projectBody).data.attributes;
    if (name.trim() === '') throw invalid('name', "Name can't be blank");
    const isTaken = [...projects.values()].some((each) => each.organization === organization && each.name === name);
    if (isTaken) throw invalid('name', 'Name has already been taken');
    const createdAt = call.platform.now();
    const project = added(projects, { id: newId('prj'), organization, createdAt, name, description });
    return created(projectResource(call, project));
  });

  define('GET', '/projects/:id', (call) => document(projectResource(call, found(call.world.projects, call.id))));

  define('PATCH', '/projects/:id', (call) => {
    const project = found(call.world.projects, call.id);
    Object.assign(project, call.parse(projectBody).data.attributes);
    return document(projectResource(call, project));
  });

  define('DELETE', '/projects/:id', ({ world, id }) => {
    const { organization } = found(world.projects, id);
    const isUsed = [...world.workspaces.values()].some(({ projectId }) => projectId === id);
    const isDefault = world.organizations.get(organization)?.defaultProjectId === id;
    if (isUsed || isDefault) throw invalid('base', 'The project cannot be deleted');
    world.projects.delete(id);
    return noContent;
  });
}
