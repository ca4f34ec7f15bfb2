/**
 * Agent pools and their agent tokens.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/agents and …/agent-tokens
 */
import * as z from 'zod';
import type { AgentToken, PoolAgent } from '../../functions/token-rotation/core/rotation.ts';
import { CALLS, type PoolScope, type Project } from '../core/pool-calls.ts';
import { type HcpTerraform, paginationMeta, time, unlessHidden } from './client.ts';

const references = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })).nullish() }).optional();

const poolData = z.looseObject({
  id: z.string(),
  attributes: z.looseObject({
    name: z.string(),
    'organization-scoped': z.boolean().optional(),
    'agent-count': z.number().nullish(),
  }),
  relationships: z.looseObject({ 'allowed-projects': references }).optional(),
});

export interface Pool {
  readonly id: string;
  readonly name: string;
  readonly organizationScoped: boolean;
  readonly allowedProjectIds: readonly string[];
  /** Idle, busy and unknown agents; `undefined` if the API doesn't show the number. */
  readonly agents: number | undefined;
}

export async function agentPoolsOf(client: HcpTerraform, organization: string): Promise<readonly Pool[]> {
  const page = z.looseObject({ data: z.array(poolData), meta: paginationMeta });
  const path = `/api/v2/organizations/${encodeURIComponent(organization)}/agent-pools`;
  return (await client.list(path, page)).map(poolOf);
}

export async function projectsOf(client: HcpTerraform, organization: string): Promise<readonly Project[]> {
  const data = z.looseObject({ id: z.string(), attributes: z.looseObject({ name: z.string() }) });
  const page = z.looseObject({ data: z.array(data), meta: paginationMeta });
  const path = `/api/v2/organizations/${encodeURIComponent(organization)}/projects`;
  return (await client.list(path, page)).map(({ id, attributes: { name } }) => ({ id, name }));
}

export async function createPool(
  client: HcpTerraform,
  organization: string,
  name: string,
  scope: PoolScope,
): Promise<Pool> {
  const { method, path, body } = CALLS.createPool(organization, name, scope);
  return poolOf((await client.send(method, path, body, z.looseObject({ data: poolData }))).data);
}

export async function scopePool(client: HcpTerraform, poolId: string, name: string, scope: PoolScope): Promise<void> {
  const { method, path, body } = CALLS.scopePool(poolId, name, scope);
  await client.send(method, path, body, z.unknown());
}

export async function deletePool(client: HcpTerraform, poolId: string): Promise<void> {
  await client.delete(`/api/v2/agent-pools/${poolId}`);
}

const tokenAttributes = z.looseObject({
  description: z.string().nullish(),
  'created-at': time,
  'last-used-at': time.nullish(),
});
const tokenData = z.looseObject({ id: z.string(), attributes: tokenAttributes });

/** All agent tokens of the pool, without their values. */
export async function agentTokensOf(client: HcpTerraform, poolId: string): Promise<readonly AgentToken[]> {
  const page = z.looseObject({ data: z.array(tokenData), meta: paginationMeta });
  // A fixed order, so that a page doesn't repeat or omit tokens. Older releases of Terraform Enterprise ignore it.
  const path = `/api/v2/agent-pools/${poolId}/authentication-tokens?sort=-created-at`;
  return (await client.completeList(path, page)).map(tokenOf);
}

/** The value is only in this answer: HCP Terraform never shows it again. */
export async function createAgentToken(
  client: HcpTerraform,
  poolId: string,
  description: string,
): Promise<{ readonly id: string; readonly value: string }> {
  const { method, path, body } = CALLS.createToken(poolId, description);
  const answer = z.looseObject({
    data: z.looseObject({ id: z.string(), attributes: z.looseObject({ token: z.string().min(1) }) }),
  });
  const { data } = await client.send(method, path, body, answer);
  return { id: data.id, value: data.attributes.token };
}

/** Revokes the token. Agents that use it end at once. A token that doesn't exist any more counts as revoked. */
export async function revokeAgentToken(client: HcpTerraform, tokenId: string): Promise<void> {
  await unlessHidden(client.delete(`/api/v2/authentication-tokens/${tokenId}`));
}

/** An agent of a pool, and when it registered. */
export interface ConnectedAgent extends PoolAgent {
  /** Milliseconds since the epoch; `undefined` if the API doesn't show it. */
  readonly createdAtMs: number | undefined;
}

/** The agents of the pool that are still connected. */
export async function connectedAgents(client: HcpTerraform, poolId: string): Promise<readonly ConnectedAgent[]> {
  const data = z.looseObject({
    id: z.string(),
    attributes: z.looseObject({
      name: z.string().nullish(),
      status: z.string(),
      'created-at': time.nullish(),
    }),
  });
  const page = z.looseObject({ data: z.array(data), meta: paginationMeta });
  const all = await client.completeList(`/api/v2/agent-pools/${poolId}/agents`, page);
  return all
    .map(({ id, attributes }) => ({
      name: attributes.name ?? id,
      status: attributes.status,
      createdAtMs: attributes['created-at'] ?? undefined,
    }))
    .filter(({ status }) => status !== 'exited' && status !== 'errored');
}

function poolOf({ id, attributes, relationships }: z.infer<typeof poolData>): Pool {
  return {
    id,
    name: attributes.name,
    // Releases of Terraform Enterprise without scopes let every workspace use the pool.
    organizationScoped: attributes['organization-scoped'] ?? true,
    allowedProjectIds: (relationships?.['allowed-projects']?.data ?? []).map((project) => project.id),
    agents: attributes['agent-count'] ?? undefined,
  };
}

function tokenOf({ id, attributes }: z.infer<typeof tokenData>): AgentToken {
  return {
    id,
    description: attributes.description ?? '',
    createdAtMs: attributes['created-at'],
    lastUsedAtMs: attributes['last-used-at'] ?? undefined,
  };
}
