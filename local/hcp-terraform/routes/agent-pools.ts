/** Agent pools, their agents and their agent tokens. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/agents */
import * as z from 'zod';
import { endAgent, hasLeft, statusOf } from '../agents.ts';
import { added, type Call, created, type Define, document, found, noContent } from '../api.ts';
import { apiTokenResource } from '../documents/organizations.ts';
import { newId, newToken } from '../ids.ts';
import { failure, invalid, isoTime, queryText, type Resource, toMany, toManyBody, toOne } from '../json-api.ts';
import type { Platform } from '../platform.ts';
import { type Agent, type AgentPool, type AgentToken, apiTokenIdOf, executionOf, newPool } from '../world.ts';

const NAME = /^[A-Za-z0-9_-]+$/;

const poolBody = z.object({
  data: z.object({
    type: z.literal('agent-pools'),
    attributes: z.object({ name: z.string().optional(), organizationScoped: z.boolean().optional() }).default({}),
    relationships: z
      .object({
        'allowed-workspaces': toManyBody.optional(),
        'allowed-projects': toManyBody.optional(),
        'excluded-workspaces': toManyBody.optional(),
      })
      .default({}),
  }),
});

const tokenBody = z.object({
  data: z.object({
    // HashiCorp's own client still sends the older type name.
    type: z.enum(['authentication-tokens', 'agent-tokens']),
    attributes: z.object({ description: z.string().default('') }).prefault({}),
  }),
});

function agentPoolResource({ world }: Platform, pool: AgentPool): Resource {
  const using = [...world.workspaces.values()].filter((each) => executionOf(world, each).pool?.id === pool.id);
  const agents = [...world.agents.values()].filter((agent) => agent.poolId === pool.id && !hasLeft(agent));
  const self = `/api/v2/agent-pools/${pool.id}`;
  return {
    id: pool.id,
    type: 'agent-pools',
    attributes: {
      name: pool.name,
      'created-at': isoTime(pool.createdAt),
      'organization-scoped': pool.organizationScoped,
      'agent-count': agents.length,
    },
    relationships: {
      agents: { links: { related: `${self}/agents` } },
      'authentication-tokens': { links: { related: `${self}/authentication-tokens` } },
      workspaces: toMany('workspaces', using),
      'allowed-workspaces': toMany('workspaces', pool.allowedWorkspaceIds),
      'excluded-workspaces': toMany('workspaces', pool.excludedWorkspaceIds),
      'allowed-projects': toMany('projects', pool.allowedProjectIds),
      organization: toOne('organizations', pool.organization),
    },
    links: { self },
  };
}

function agentResource(platform: Platform, agent: Agent): Resource {
  return {
    id: agent.id,
    type: 'agents',
    attributes: {
      name: agent.name,
      status: statusOf(platform, agent),
      'ip-address': agent.ipAddress,
      'last-ping-at': isoTime(agent.lastPingAt),
      'created-at': isoTime(agent.createdAt),
    },
    links: { self: `/api/v2/agents/${agent.id}` },
  };
}

/** Only the response that creates the token contains the secret. */
function agentTokenResource(token: AgentToken, secret: string | null): Resource {
  return {
    id: token.id,
    type: 'authentication-tokens',
    attributes: {
      'created-at': isoTime(token.createdAt),
      'last-used-at': token.lastUsedAt === undefined ? null : isoTime(token.lastUsedAt),
      description: token.description,
      token: secret,
    },
    relationships: { 'created-by': toOne('users', token.createdById) },
  };
}

function poolsOf(call: Call, organization: string): AgentPool[] {
  return [...call.world.pools.values()].filter((pool) => pool.organization === organization);
}

/** The settings in the request. @param pool the existing pool, or the defaults of a new one */
function settingsIn(call: Call, pool: AgentPool): AgentPool {
  const { attributes, relationships } = call.parse(poolBody).data;
  const { name = pool.name, organizationScoped = pool.organizationScoped } = attributes;
  if (name === '') throw invalid('name', "Name can't be blank");
  if (name !== pool.name && !NAME.test(name))
    throw invalid('name', 'Name may only contain letters, numbers, "-", and "_"');
  if (poolsOf(call, pool.organization).some((each) => each.name === name && each.id !== pool.id)) {
    throw invalid('name', 'Name has already been taken');
  }
  const ids = (relationship: keyof typeof relationships, present: string[]) =>
    relationships[relationship]?.data.map(({ id }) => id) ?? present;
  return {
    ...pool,
    name,
    organizationScoped,
    allowedWorkspaceIds: ids('allowed-workspaces', pool.allowedWorkspaceIds),
    allowedProjectIds: ids('allowed-projects', pool.allowedProjectIds),
    excludedWorkspaceIds: ids('excluded-workspaces', pool.excludedWorkspaceIds),
  };
}

type Keys<T> = Readonly<Record<string, (item: T) => string | number>>;

/** Sorts by the parameter `sort`, if there is one. */
function sorted<T>(items: T[], call: Call, keys: Keys<T>): T[] {
  const asked = queryText(call.query, 'sort');
  if (asked === undefined) return items;
  const key = keys[asked.replace(/^-/, '')];
  if (key === undefined) throw failure(400, 'Invalid sort parameter', `sort: ${asked}`);
  const up = items.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return asked.startsWith('-') ? up.reverse() : up;
}

const byCreation: Keys<{ readonly createdAt: number }> = { 'created-at': ({ createdAt }) => createdAt };

export function agentPoolRoutes(define: Define): void {
  define('GET', '/organizations/:organization/agent-pools', (call) => {
    const all = poolsOf(call, call.organization().name);
    const wanted = queryText(call.query, 'q')?.toLowerCase() ?? '';
    const matching = all.filter((pool) => pool.name.toLowerCase().includes(wanted));
    const pools = sorted<AgentPool>(matching, call, { ...byCreation, name: ({ name }) => name });
    return call.list(pools, (pool) => agentPoolResource(call.platform, pool), {
      meta: { 'status-counts': { total: all.length, matching: pools.length } },
    });
  });

  define('POST', '/organizations/:organization/agent-pools', (call) => {
    const defaults = newPool(newId('apool'), call.organization().name, '', call.platform.now());
    const pool = added(call.world.pools, settingsIn(call, defaults));
    return created(agentPoolResource(call.platform, pool));
  });

  define('GET', '/agent-pools/:id', (call) => {
    return document(agentPoolResource(call.platform, found(call.world.pools, call.id)));
  });

  define('PATCH', '/agent-pools/:id', (call) => {
    const pool = found(call.world.pools, call.id);
    Object.assign(pool, settingsIn(call, pool));
    return document(agentPoolResource(call.platform, pool));
  });

  define('DELETE', '/agent-pools/:id', ({ world, id }) => {
    found(world.pools, id);
    const isUsed = [...world.workspaces.values()].some((each) => executionOf(world, each).pool?.id === id);
    const isDefault = [...world.organizations.values()].some((each) => each.defaultAgentPoolId === id);
    if (isUsed || isDefault) throw invalid('base', 'The agent pool is in use and cannot be deleted');
    world.pools.delete(id);
    for (const token of world.agentTokens.values()) if (token.poolId === id) world.agentTokens.delete(token.id);
    for (const agent of world.agents.values()) if (agent.poolId === id) world.agents.delete(agent.id);
    return noContent;
  });

  define('GET', '/agent-pools/:id/agents', (call) => {
    const pool = found(call.world.pools, call.id);
    const since = queryText(call.query, 'filter[last-ping-since]');
    const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
    if (Number.isNaN(sinceMs)) {
      throw failure(400, 'Invalid filter parameter', `filter[last-ping-since]: ${since} isn't an ISO 8601 date`);
    }
    const agents = [...call.world.agents.values()].filter(
      (agent) => agent.poolId === pool.id && agent.lastPingAt >= sinceMs,
    );
    return call.list(sorted(agents.reverse(), call, byCreation), (agent) => agentResource(call.platform, agent));
  });

  define('GET', '/agents/:id', (call) => {
    return document(agentResource(call.platform, found(call.world.agents, call.id)));
  });

  define('DELETE', '/agents/:id', ({ world, platform, id }) => {
    const agent = found(world.agents, id);
    if (['idle', 'busy'].includes(statusOf(platform, agent))) {
      throw failure(412, 'precondition failed', 'Agent must have a status of unknown, errored, or exited');
    }
    endAgent(platform, agent, 'errored');
    world.agents.delete(id);
    return noContent;
  });

  define('GET', '/agent-pools/:id/authentication-tokens', (call) => {
    call.requirePoolManager();
    const pool = found(call.world.pools, call.id);
    const tokens = [...call.world.agentTokens.values()].filter((token) => token.poolId === pool.id);
    return call.list(sorted(tokens, call, byCreation), (token) => agentTokenResource(token, null));
  });

  define('POST', '/agent-pools/:id/authentication-tokens', (call) => {
    const pool = found(call.world.pools, call.id);
    const { description } = call.parse(tokenBody).data.attributes;
    if (description.trim() === '') throw invalid('description', "Description can't be blank");
    const token = added(call.world.agentTokens, {
      id: newId('at'),
      poolId: pool.id,
      description,
      createdAt: call.platform.now(),
      createdById: call.user.id,
      secret: newToken(),
    });
    return created(agentTokenResource(token, token.secret));
  });

  define('GET', '/authentication-tokens/:id', (call) => {
    // A token can see its own record: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/user-tokens
    if (call.id === apiTokenIdOf(call.user)) return document(apiTokenResource(call.user));
    call.requirePoolManager();
    return document(agentTokenResource(found(call.world.agentTokens, call.id), null));
  });

  define('DELETE', '/authentication-tokens/:id', ({ world, id }) => {
    found(world.agentTokens, id);
    world.agentTokens.delete(id);
    return noContent;
  });
}
