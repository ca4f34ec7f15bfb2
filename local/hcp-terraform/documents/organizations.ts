/** API documents of organizations, projects and users. */
import type { Call } from '../api.ts';
import { isoTime, type Resource } from '../json-api.ts';
import type { Organization, Project, User } from '../records.ts';

export function organizationResource(call: Call, organization: Organization): Resource {
  const mayWrite = call.user.access === 'owner';
  return {
    id: organization.name,
    type: 'organizations',
    attributes: {
      'external-id': organization.id,
      'created-at': isoTime(organization.createdAt),
      email: organization.email,
      name: organization.name,
      'session-timeout': null,
      'session-remember': null,
      'collaborator-auth-policy': 'password',
      'plan-expired': false,
      'plan-expires-at': null,
      'plan-is-trial': false,
      'plan-is-enterprise': false,
      'plan-identifier': 'free_standard',
      'cost-estimation-enabled': false,
      'send-passing-statuses-for-untriggered-speculative-plans': false,
      'aggregated-commit-status-enabled': true,
      'speculative-plan-management-enabled': true,
      'allow-force-delete-workspaces': true,
      'default-execution-mode': organization.defaultExecutionMode,
      'fair-run-queuing-enabled': false,
      'saml-enabled': false,
      'owners-team-saml-role-id': null,
      'two-factor-conformant': false,
      'assessments-enforced': false,
      permissions: {
        'can-update': mayWrite,
        'can-destroy': mayWrite,
        'can-access-via-teams': mayWrite,
        'can-create-workspace': mayWrite,
        'can-create-project': mayWrite,
        'can-update-agent-pools': mayWrite,
        'can-update-api-token': mayWrite,
        'can-manage-tags': mayWrite,
        'can-traverse': true,
      },
    },
    relationships: {
      'default-agent-pool': {
        data:
          organization.defaultAgentPoolId === undefined
            ? null
            : { id: organization.defaultAgentPoolId, type: 'agent-pools' },
      },
      'default-project': { data: { id: organization.defaultProjectId, type: 'projects' } },
      'entitlement-set': { data: { id: organization.id, type: 'entitlement-sets' } },
    },
    links: { self: `/api/v2/organizations/${organization.name}` },
  };
}

export function entitlementSetResource(organization: Organization): Resource {
  return {
    id: organization.id,
    type: 'entitlement-sets',
    attributes: {
      agents: true,
      'audit-logging': false,
      'configuration-designer': false,
      'cost-estimation': false,
      'global-run-tasks': false,
      'module-tests-generation': false,
      operations: true,
      'policy-enforcement': false,
      'private-module-registry': false,
      'private-policy-agents': false,
      'private-run-tasks': false,
      'private-vcs': false,
      'run-tasks': false,
      'self-serve-billing': false,
      sentinel: false,
      sso: false,
      'state-storage': true,
      teams: true,
      'user-limit': null,
      'vcs-integrations': false,
    },
    links: { self: `/api/v2/entitlement-sets/${organization.id}` },
  };
}

export function projectResource(call: Call, project: Project): Resource {
  const mayWrite = call.user.access === 'owner';
  const workspaces = [...call.platform.world.workspaces.values()].filter((each) => each.projectId === project.id);
  const organization = call.platform.world.organizations.get(project.organization);
  const defaultPool = organization?.defaultAgentPoolId;
  return {
    id: project.id,
    type: 'projects',
    attributes: {
      name: project.name,
      description: project.description,
      'created-at': isoTime(project.createdAt),
      'auto-destroy-activity-duration': null,
      'default-execution-mode': organization?.defaultExecutionMode ?? 'remote',
      'setting-overwrites': { 'default-execution-mode': false, 'default-agent-pool': false },
      'workspace-count': workspaces.length,
      'team-count': 0,
      permissions: {
        'can-read': true,
        'can-update': mayWrite,
        'can-destroy': mayWrite,
        'can-create-workspace': mayWrite,
      },
    },
    relationships: {
      organization: { data: { id: project.organization, type: 'organizations' } },
      'default-agent-pool': { data: defaultPool === undefined ? null : { id: defaultPool, type: 'agent-pools' } },
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
      'two-factor': { enabled: false, verified: false },
      permissions: { 'can-create-organization': user.access === 'owner' },
    },
    relationships: {
      'authentication-tokens': { links: { related: `/api/v2/users/${user.id}/authentication-tokens` } },
    },
    links: { self: `/api/v2/users/${user.id}` },
  };
}
