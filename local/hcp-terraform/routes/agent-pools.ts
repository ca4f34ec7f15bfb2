/** Agent pools, their agents, and the tokens agents register with. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/agents */
import * as z from 'zod';
import { endAgent, statusOf, sweepAgents } from '../agents.ts';
import {
  added,
  type Call,
  created,
  type Define,
  document,
  found,
  list,
  noContent,
  organizationOf,
  requireOwner,
} from '../api.ts';
import { agentPoolResource, agentResource, agentTokenResource } from '../documents/agents.ts';
import { newId, newToken } from '../ids.ts';
import { failure, invalid, parseBody, queryText, toManyBody } from '../json-api.ts';
import type { AgentPool } from '../records.ts';
import { executionOf } from '../world.ts';

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
    // The vendor's own client still sends the older type name.
    type: z.enum(['authentication-tokens', 'agent-tokens']),
    attributes: z.object({ description: z.string().default('') }).prefault({}),
  }),
});

function poolsOf(call: Call, organization: string): AgentPool[] {
  return [...call.world.pools.values()].filter((pool) => pool.organization === organization);
}

/** The settings in the request. The pool is the present one, or the defaults of a new one. */
function settingsIn(call: Call, pool: AgentPool): AgentPool {
  const { attributes, relationships } = parseBody(poolBody, call.body).data;
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

/** In the order of the parameter `sort`, or unchanged without it. */
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
    const all = poolsOf(call, organizationOf(call).name);
    const wanted = queryText(call.query, 'q')?.toLowerCase() ?? '';
    const matching = all.filter((pool) => pool.name.toLowerCase().includes(wanted));
    const pools = sorted<AgentPool>(matching, call, { ...byCreation, name: ({ name }) => name });
    sweepAgents(call.platform);
    return list(call, pools, (pool) => agentPoolResource(call.platform, pool), {
      meta: { 'status-counts': { total: all.length, matching: pools.length } },
    });
  });

  define('POST', '/organizations/:organization/agent-pools', (call) => {
    const defaults: AgentPool = {
      id: newId('apool'),
      organization: organizationOf(call).name,
      createdAt: call.platform.now(),
      name: '',
      organizationScoped: true,
      allowedWorkspaceIds: [],
      allowedProjectIds: [],
      excludedWorkspaceIds: [],
    };
    const pool = added(call.world.pools, settingsIn(call, defaults));
    return created(agentPoolResource(call.platform, pool));
  });

  define('GET', '/agent-pools/:id', (call) => {
    sweepAgents(call.platform);
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
    sweepAgents(call.platform);
    const since = queryText(call.query, 'filter[last-ping-since]');
    const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
    if (Number.isNaN(sinceMs)) {
      throw failure(400, 'Invalid filter parameter', `filter[last-ping-since]: ${since} isn't an ISO 8601 date`);
    }
    const agents = [...call.world.agents.values()].filter(
      (agent) => agent.poolId === pool.id && agent.lastPingAt >= sinceMs,
    );
    return list(call, sorted(agents.reverse(), call, byCreation), (agent) => agentResource(call.platform, agent));
  });

  define('GET', '/agents/:id', (call) => {
    sweepAgents(call.platform);
    return document(agentResource(call.platform, found(call.world.agents, call.id)));
  });

  define('DELETE', '/agents/:id', ({ world, platform, id }) => {
    const agent = found(world.agents, id);
    sweepAgents(platform);
    if (['idle', 'busy'].includes(statusOf(platform, agent))) {
      throw failure(412, 'precondition failed', 'Agent must have a status of unknown, errored, or exited');
    }
    endAgent(platform, agent, 'errored');
    world.agents.delete(id);
    return noContent;
  });

  define('GET', '/agent-pools/:id/authentication-tokens', (call) => {
    requireOwner(call);
    const pool = found(call.world.pools, call.id);
    const tokens = [...call.world.agentTokens.values()].filter((token) => token.poolId === pool.id);
    return list(call, sorted(tokens, call, byCreation), (token) => agentTokenResource(token, null));
  });

  define('POST', '/agent-pools/:id/authentication-tokens', (call) => {
    const pool = found(call.world.pools, call.id);
    const { description } = parseBody(tokenBody, call.body).data.attributes;
    if (description.trim() === '') throw invalid('description', "Description can't be blank");
    const token = added(call.world.agentTokens, {
      id: newId('at'),
      poolId: pool.id,
      description,
      createdAt: call.platform.now(),
      createdById: call.user.id,
      secret: newToken(),
      lastUsedAt: undefined,
    });
    return created(agentTokenResource(token, token.secret));
  });

  define('GET', '/authentication-tokens/:id', (call) => {
    requireOwner(call);
    return document(agentTokenResource(found(call.world.agentTokens, call.id), null));
  });

  define('DELETE', '/authentication-tokens/:id', ({ world, id }) => {
    found(world.agentTokens, id);
    world.agentTokens.delete(id);
    return noContent;
  });
}
