/** API documents of organizations, projects and users. */
import type { Call } from '../api.ts';
import { allAre, isoTime, type Resource, toOne } from '../json-api.ts';
import { apiTokenIdOf, type Organization, type Project, type User } from '../world.ts';

export function organizationResource({ isOwner, managesPools }: Call, organization: Organization): Resource {
  return {
    id: organization.name,
    type: 'organizations',
    attributes: {
      'external-id': organization.id,
      'created-at': isoTime(organization.createdAt),
      email: organization.email,
      name: organization.name,
      'collaborator-auth-policy': 'password',
      'plan-identifier': 'free_standard',
      'default-execution-mode': organization.defaultExecutionMode,
      ...allAre(null, 'session-timeout', 'session-remember', 'plan-expires-at', 'owners-team-saml-role-id'),
      ...allAre(false, 'plan-expired', 'plan-is-trial', 'plan-is-enterprise', 'cost-estimation-enabled'),
      ...allAre(false, 'send-passing-statuses-for-untriggered-speculative-plans', 'fair-run-queuing-enabled'),
      ...allAre(false, 'saml-enabled', 'two-factor-conformant', 'assessments-enforced'),
      ...allAre(true, 'aggregated-commit-status-enabled', 'speculative-plan-management-enabled'),
      ...allAre(true, 'allow-force-delete-workspaces'),
      permissions: {
        ...allAre(isOwner, 'can-update', 'can-destroy', 'can-access-via-teams', 'can-create-workspace'),
        ...allAre(isOwner, 'can-create-project', 'can-create-team', 'can-update-api-token', 'can-manage-tags'),
        'can-update-agent-pools': managesPools,
        'can-traverse': true,
      },
    },
    relationships: {
      'default-agent-pool': toOne('agent-pools', organization.defaultAgentPoolId),
      'default-project': toOne('projects', organization.defaultProjectId),
      'entitlement-set': toOne('entitlement-sets', organization.id),
    },
    links: { self: `/api/v2/organizations/${organization.name}` },
  };
}

export function entitlementSetResource(organization: Organization): Resource {
  return {
    id: organization.id,
    type: 'entitlement-sets',
    attributes: {
      ...allAre(true, 'agents', 'operations', 'state-storage', 'teams'),
      ...allAre(false, 'audit-logging', 'configuration-designer', 'cost-estimation', 'global-run-tasks'),
      ...allAre(false, 'module-tests-generation', 'policy-enforcement', 'private-module-registry'),
      ...allAre(false, 'private-policy-agents', 'private-run-tasks', 'private-vcs', 'run-tasks'),
      ...allAre(false, 'self-serve-billing', 'sentinel', 'sso', 'vcs-integrations'),
      'user-limit': null,
    },
    links: { self: `/api/v2/entitlement-sets/${organization.id}` },
  };
}

export function projectResource({ world, isOwner }: Call, project: Project): Resource {
  const workspaces = [...world.workspaces.values()].filter((each) => each.projectId === project.id);
  const organization = world.organizations.get(project.organization);
  return {
    id: project.id,
    type: 'projects',
    attributes: {
      name: project.name,
      description: project.description,
      'created-at': isoTime(project.createdAt),
      'auto-destroy-activity-duration': null,
      'default-execution-mode': organization?.defaultExecutionMode ?? 'remote',
      'setting-overwrites': allAre(false, 'default-execution-mode', 'default-agent-pool'),
      'workspace-count': workspaces.length,
      'team-count': 0,
      permissions: { 'can-read': true, ...allAre(isOwner, 'can-update', 'can-destroy', 'can-create-workspace') },
    },
    relationships: {
      organization: toOne('organizations', project.organization),
      'default-agent-pool': toOne('agent-pools', organization?.defaultAgentPoolId),
    },
    links: { self: `/api/v2/projects/${project.id}` },
  };
}

/** The user of a token. */
export function userResource(user: User): Resource {
  return {
    id: user.id,
    type: 'users',
    attributes: {
      username: user.username,
      'is-service-account': user.isServiceAccount,
      'avatar-url': null,
      'auth-method': 'tfc',
      'v2-only': false,
      'two-factor': allAre(false, 'enabled', 'verified'),
      permissions: { 'can-create-organization': user.access === 'owner' },
    },
    relationships: {
      'authentication-tokens': { links: { related: `/api/v2/users/${user.id}/authentication-tokens` } },
    },
    links: { self: `/api/v2/users/${user.id}` },
  };
}

/**
 * The account of the request. A team token belongs to a service user, and the relationship `authenticated-resource` contains the team.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/account
 */
export function accountResource(user: User): Resource {
  const resource = userResource(user);
  const [type, id] = user.isServiceAccount ? ['teams', teamIdOf(user)] : ['users', user.id];
  const authenticated = { data: { id, type }, links: { related: `/api/v2/${type}/${id}` } };
  return {
    ...resource,
    relationships: { ...resource.relationships, 'authenticated-resource': authenticated },
    links: { ...resource.links, 'auth-token': `/api/v2/authentication-tokens/${apiTokenIdOf(user)}` },
  };
}

/** The token of a user or a team. Only the response that creates a token contains the secret. */
export function apiTokenResource(user: User): Resource {
  const { id, apiTokenExpiresAt } = user;
  return {
    id: apiTokenIdOf(user),
    type: 'authentication-tokens',
    attributes: {
      'created-at': null,
      'last-used-at': null,
      description: null,
      token: null,
      'expired-at': apiTokenExpiresAt === undefined ? null : isoTime(apiTokenExpiresAt),
    },
    relationships: { 'created-by': toOne('users', id) },
  };
}

function teamIdOf(user: User): string {
  return user.id.replace(/^user-/, 'team-');
}

/** The service user of the team with this id. */
export function serviceUserOf(users: Iterable<User>, teamId: string): User | undefined {
  return [...users].find((user) => user.isServiceAccount && teamIdOf(user) === teamId);
}

/** A team that this emulator knows through its service user. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/teams */
export function teamResource(user: User): Resource {
  const id = teamIdOf(user);
  const isOwner = user.access === 'owner';
  return {
    id,
    type: 'teams',
    attributes: {
      name: user.username.replace(/^api-team-/, ''),
      'sso-team-id': null,
      'users-count': 0,
      visibility: 'secret',
      'allow-member-token-management': true,
      permissions: {
        ...allAre(false, 'can-update-membership', 'can-destroy', 'can-update-organization-access'),
        ...allAre(false, 'can-update-api-token', 'can-update-visibility'),
      },
      'organization-access': {
        ...allAre(isOwner, 'manage-policies', 'manage-policy-overrides', 'manage-run-tasks', 'manage-workspaces'),
        ...allAre(isOwner, 'manage-vcs-settings', 'manage-providers', 'manage-modules', 'manage-projects'),
        ...allAre(isOwner, 'manage-membership', 'manage-teams', 'manage-organization-access', 'read-projects'),
        'manage-agent-pools': isOwner || user.access === 'pools',
        'read-workspaces': true,
      },
    },
    relationships: { users: { data: [{ id: user.id, type: 'users' }] } },
    links: { self: `/api/v2/teams/${id}` },
  };
}
