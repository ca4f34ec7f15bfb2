/** Agent pools, their agents, and the tokens agents register with. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/agents */
import * as z from 'zod';
import { endAgent, statusOf, sweepAgents } from '../agents.ts';
import { type Call, collection, created, type Define, document, found, noContent } from '../api.ts';
import { agentPoolResource, agentResource, agentTokenResource } from '../documents/agents.ts';
import { newId, newToken } from '../ids.ts';
import { failure, fullPage, invalid, notFound, parseBody, queryText, toMany } from '../json-api.ts';
import type { AgentPool } from '../records.ts';
import { executionOf } from '../world.ts';

const NAME = /^[A-Za-z0-9_-]+$/;

const poolBody = z.object({
  data: z.object({
    type: z.literal('agent-pools'),
    attributes: z.object({ name: z.string().optional(), 'organization-scoped': z.boolean().optional() }).optional(),
    relationships: z
      .object({
        'allowed-workspaces': toMany.optional(),
        'allowed-projects': toMany.optional(),
        'excluded-workspaces': toMany.optional(),
      })
      .optional(),
  }),
});

const tokenBody = z.object({
  data: z.object({
    // The vendor's own client still sends the older type name.
    type: z.enum(['authentication-tokens', 'agent-tokens']),
    attributes: z.object({ description: z.string().optional() }).optional(),
  }),
});

function poolsOf(call: Call, organization: string): AgentPool[] {
  return [...call.platform.world.pools.values()].filter((pool) => pool.organization === organization);
}

function checkName(call: Call, organization: string, name: string | undefined, self?: AgentPool): string {
  if (name === undefined || name === '') throw invalid({ attribute: 'name', detail: "Name can't be blank" });
  if (!NAME.test(name)) {
    throw invalid({ attribute: 'name', detail: 'Name may only contain letters, numbers, "-", and "_"' });
  }
  if (poolsOf(call, organization).some((pool) => pool.name === name && pool !== self)) {
    throw invalid({ attribute: 'name', detail: 'Name has already been taken' });
  }
  return name;
}

function ids(relation: { readonly data: readonly { readonly id: string }[] } | undefined, present: string[]): string[] {
  return relation === undefined ? present : relation.data.map((each) => each.id);
}

function sorted<T>(items: T[], call: Call, keys: Readonly<Record<string, (item: T) => string | number>>): T[] {
  const asked = queryText(call.query, 'sort');
  if (asked === undefined) return items;
  const key = keys[asked.replace(/^-/, '')];
  if (key === undefined) throw failure(400, 'Invalid sort parameter', `sort: ${asked}`);
  const up = items.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return asked.startsWith('-') ? up.reverse() : up;
}

export function agentPoolRoutes(define: Define): void {
  define('GET', '/organizations/:organization/agent-pools', (call) => {
    const organization = found(call.platform.world.organizations, call.param('organization'));
    sweepAgents(call.platform);
    const wanted = queryText(call.query, 'q')?.toLowerCase() ?? '';
    const all = poolsOf(call, organization.name);
    const pools = sorted(
      all.filter((pool) => pool.name.toLowerCase().includes(wanted)),
      call,
      { name: (pool) => pool.name, 'created-at': (pool) => pool.createdAt },
    );
    return collection(
      fullPage(pools, call.query, call.url),
      (pool) => agentPoolResource(call.platform, pool),
      undefined,
      { 'status-counts': { total: all.length, matching: pools.length } },
    );
  });

  define('POST', '/organizations/:organization/agent-pools', (call) => {
    const { world } = call.platform;
    const organization = found(world.organizations, call.param('organization'));
    const { attributes, relationships } = parseBody(poolBody, call.body).data;
    const pool: AgentPool = {
      id: newId('apool'),
      organization: organization.name,
      createdAt: call.platform.now(),
      name: checkName(call, organization.name, attributes?.name),
      organizationScoped: attributes?.['organization-scoped'] ?? true,
      allowedWorkspaceIds: ids(relationships?.['allowed-workspaces'], []),
      allowedProjectIds: ids(relationships?.['allowed-projects'], []),
      excludedWorkspaceIds: ids(relationships?.['excluded-workspaces'], []),
    };
    world.pools.set(pool.id, pool);
    return created(agentPoolResource(call.platform, pool));
  });

  define('GET', '/agent-pools/:id', (call) => {
    sweepAgents(call.platform);
    return document(agentPoolResource(call.platform, found(call.platform.world.pools, call.param('id'))));
  });

  define('PATCH', '/agent-pools/:id', (call) => {
    const pool = found(call.platform.world.pools, call.param('id'));
    const { attributes, relationships } = parseBody(poolBody, call.body).data;
    if (attributes?.name !== undefined) pool.name = checkName(call, pool.organization, attributes.name, pool);
    pool.organizationScoped = attributes?.['organization-scoped'] ?? pool.organizationScoped;
    pool.allowedWorkspaceIds = ids(relationships?.['allowed-workspaces'], pool.allowedWorkspaceIds);
    pool.allowedProjectIds = ids(relationships?.['allowed-projects'], pool.allowedProjectIds);
    pool.excludedWorkspaceIds = ids(relationships?.['excluded-workspaces'], pool.excludedWorkspaceIds);
    return document(agentPoolResource(call.platform, pool));
  });

  define('DELETE', '/agent-pools/:id', (call) => {
    const { world } = call.platform;
    const pool = found(world.pools, call.param('id'));
    const users = [...world.workspaces.values()].filter((each) => executionOf(world, each).pool?.id === pool.id);
    const isDefault = [...world.organizations.values()].some((each) => each.defaultAgentPoolId === pool.id);
    if (users.length > 0 || isDefault) {
      throw invalid({ attribute: 'base', detail: 'The agent pool is in use and cannot be deleted' });
    }
    world.pools.delete(pool.id);
    for (const token of world.agentTokens.values()) if (token.poolId === pool.id) world.agentTokens.delete(token.id);
    for (const agent of world.agents.values()) if (agent.poolId === pool.id) world.agents.delete(agent.id);
    return noContent;
  });

  define('GET', '/agent-pools/:id/agents', (call) => {
    const pool = found(call.platform.world.pools, call.param('id'));
    sweepAgents(call.platform);
    const since = queryText(call.query, 'filter[last-ping-since]');
    const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
    if (Number.isNaN(sinceMs)) {
      throw failure(400, 'Invalid filter parameter', `filter[last-ping-since]: ${since} isn't an ISO 8601 date`);
    }
    const agents = sorted(
      [...call.platform.world.agents.values()]
        .filter((agent) => agent.poolId === pool.id && agent.lastPingAt >= sinceMs)
        .reverse(),
      call,
      { 'created-at': (agent) => agent.createdAt },
    );
    return collection(fullPage(agents, call.query, call.url), (agent) => agentResource(call.platform, agent));
  });

  define('GET', '/agents/:id', (call) => {
    sweepAgents(call.platform);
    return document(agentResource(call.platform, found(call.platform.world.agents, call.param('id'))));
  });

  define('DELETE', '/agents/:id', (call) => {
    const { world } = call.platform;
    const agent = found(world.agents, call.param('id'));
    sweepAgents(call.platform);
    const status = statusOf(call.platform, agent);
    if (status === 'idle' || status === 'busy') {
      throw failure(412, 'precondition failed', 'Agent must have a status of unknown, errored, or exited');
    }
    endAgent(call.platform, agent, 'errored');
    world.agents.delete(agent.id);
    return noContent;
  });

  define('GET', '/agent-pools/:id/authentication-tokens', (call) => {
    // Managing pools is a separate permission. A team that can only view workspaces can't see the tokens.
    if (call.user.access !== 'owner') throw notFound();
    const pool = found(call.platform.world.pools, call.param('id'));
    const tokens = sorted(
      [...call.platform.world.agentTokens.values()].filter((token) => token.poolId === pool.id),
      call,
      { 'created-at': (token) => token.createdAt },
    );
    return collection(fullPage(tokens, call.query, call.url), (token) => agentTokenResource(token, null));
  });

  define('POST', '/agent-pools/:id/authentication-tokens', (call) => {
    const { world } = call.platform;
    const pool = found(world.pools, call.param('id'));
    const description = parseBody(tokenBody, call.body).data.attributes?.description ?? '';
    if (description.trim() === '') throw invalid({ attribute: 'description', detail: "Description can't be blank" });
    const token = {
      id: newId('at'),
      poolId: pool.id,
      description,
      createdAt: call.platform.now(),
      createdById: call.user.id,
      secret: newToken(),
      lastUsedAt: undefined,
    };
    world.agentTokens.set(token.id, token);
    return created(agentTokenResource(token, token.secret));
  });

  define('GET', '/authentication-tokens/:id', (call) => {
    if (call.user.access !== 'owner') throw notFound();
    return document(agentTokenResource(found(call.platform.world.agentTokens, call.param('id')), null));
  });

  define('DELETE', '/authentication-tokens/:id', (call) => {
    const token = found(call.platform.world.agentTokens, call.param('id'));
    call.platform.world.agentTokens.delete(token.id);
    return noContent;
  });
}
