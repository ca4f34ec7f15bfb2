/** Who a token belongs to, and what HCP Terraform's API shows about its permissions. */
import * as z from 'zod';
import { type HcpTerraform, paginationMeta, unlessHidden } from './client.ts';

/** The account of a token. A team or organization token belongs to a service user. */
export interface Account {
  readonly kind: 'user' | 'team' | 'organization';
  /** Name of the user; of a service user such as `api-team_123`, if the token belongs to a team or an organization. */
  readonly username: string;
  readonly isService: boolean;
  /** Id of the team or the organization that the token belongs to; absent for a user. */
  readonly ownerId?: string;
  /** Path of the token's own record; absent if HCP Terraform doesn't show it. */
  readonly tokenPath?: string;
}

const KINDS: Readonly<Record<string, Account['kind']>> = { teams: 'team', organizations: 'organization' };

/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs/account */
const accountDocument = z.looseObject({
  data: z.looseObject({
    attributes: z.looseObject({ username: z.string(), 'is-service-account': z.boolean().default(false) }),
    relationships: z
      .looseObject({
        // Terraform Enterprise before 2023-11 doesn't have it.
        'authenticated-resource': z
          .looseObject({ data: z.looseObject({ id: z.string(), type: z.string() }).nullish() })
          .optional(),
      })
      .optional(),
    links: z.looseObject({ 'auth-token': z.string().optional() }).optional(),
  }),
});

export async function accountOf(client: HcpTerraform): Promise<Account> {
  const { data } = await client.get('/api/v2/account/details', accountDocument);
  const resource = data.relationships?.['authenticated-resource']?.data;
  const kind = KINDS[resource?.type ?? ''] ?? 'user';
  const { username, 'is-service-account': isService } = data.attributes;
  const tokenPath = data.links?.['auth-token'];
  return {
    kind,
    username,
    isService,
    ...(kind !== 'user' && resource != null && { ownerId: resource.id }),
    ...(tokenPath !== undefined && { tokenPath }),
  };
}

const permissions = z.record(z.string(), z.unknown());

const organizationData = z.looseObject({
  attributes: z.looseObject({ name: z.string(), permissions: permissions.default({}) }),
});

export interface Organization {
  readonly name: string;
  /** What the token may do, such as `can-update-agent-pools`. */
  readonly permissions: Readonly<Record<string, unknown>>;
}

/** The organizations that the token can see. */
export async function organizationsOf(client: HcpTerraform): Promise<readonly Organization[]> {
  const page = z.looseObject({ data: z.array(organizationData), meta: paginationMeta });
  return (await client.list('/api/v2/organizations', page)).map(({ attributes }) => attributes);
}

/** `undefined` if there is no such organization, or the token can't see it. */
export async function organizationOf(client: HcpTerraform, name: string): Promise<Organization | undefined> {
  const path = `/api/v2/organizations/${encodeURIComponent(name)}`;
  return (await unlessHidden(client.get(path, z.looseObject({ data: organizationData }))))?.data.attributes;
}

export interface Team {
  readonly name: string;
  /** The team's permissions in the organization, such as `read-workspaces`; `undefined` if HCP Terraform doesn't show them. */
  readonly access: Readonly<Record<string, unknown>> | undefined;
}

/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs/teams; `undefined` if the token can't see the team. */
export async function teamOf(client: HcpTerraform, teamId: string): Promise<Team | undefined> {
  const document = z.looseObject({
    data: z.looseObject({
      attributes: z.looseObject({ name: z.string().default(''), 'organization-access': permissions.nullish() }),
    }),
  });
  const team = await unlessHidden(client.get(`/api/v2/teams/${encodeURIComponent(teamId)}`, document));
  if (team === undefined) return undefined;
  const { name, 'organization-access': access } = team.data.attributes;
  return { name, access: access ?? undefined };
}

const anything = z.looseObject({ data: z.array(z.unknown()) });

/** Whether the list of the organization's runs answers. An answer doesn't prove that the list includes every workspace. */
export async function listsRuns(client: HcpTerraform, organization: string): Promise<boolean> {
  const path = `/api/v2/organizations/${encodeURIComponent(organization)}/runs?page%5Bsize%5D=1`;
  return (await unlessHidden(client.get(path, anything))) !== undefined;
}

export async function listsAgents(client: HcpTerraform, poolId: string): Promise<boolean> {
  const path = `/api/v2/agent-pools/${encodeURIComponent(poolId)}/agents?page%5Bsize%5D=1`;
  return (await unlessHidden(client.get(path, anything))) !== undefined;
}
