/** API documents of organizations, projects and users. */
import type { Call } from '../api.ts';
import { allAre, isoTime, type Resource, toOne } from '../json-api.ts';
import type { Organization, Project, User } from '../world.ts';

export function organizationResource({ isOwner }: Call, organization: Organization): Resource {
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
        ...allAre(isOwner, 'can-create-project', 'can-update-agent-pools', 'can-update-api-token', 'can-manage-tags'),
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
