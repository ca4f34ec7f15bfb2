/** The requests with which `setup` changes agent pools. `setup --dry-run` prints the same ones. */

/** Which workspaces can use a pool: all of the organization, or those of some projects. */
export type PoolScope =
  | { readonly kind: 'organization' }
  | { readonly kind: 'projects'; readonly projects: readonly Project[] };

export interface Project {
  readonly id: string;
  readonly name: string;
}

/** Method, path and body of each request. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/agents */
export const CALLS = {
  createPool: (organization: string, name: string, scope: PoolScope) =>
    ({
      method: 'POST',
      path: `/api/v2/organizations/${encodeURIComponent(organization)}/agent-pools`,
      body: { data: { type: 'agent-pools', ...poolBody(scope, name) } },
    }) as const,
  scopePool: (poolId: string, name: string, scope: PoolScope) =>
    ({
      method: 'PATCH',
      path: `/api/v2/agent-pools/${poolId}`,
      body: { data: { type: 'agent-pools', ...poolBody(scope, name) } },
    }) as const,
  createToken: (poolId: string, description: string) =>
    ({
      method: 'POST',
      path: `/api/v2/agent-pools/${poolId}/authentication-tokens`,
      body: { data: { type: 'authentication-tokens', attributes: { description } } },
    }) as const,
};

function poolBody(scope: PoolScope, name: string): object {
  const isOrganization = scope.kind === 'organization';
  const data = isOrganization ? [] : scope.projects.map(({ id }) => ({ id, type: 'projects' }));
  return {
    attributes: { name, 'organization-scoped': isOrganization },
    relationships: { 'allowed-projects': { data } },
  };
}
