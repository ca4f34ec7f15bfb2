/** API documents of agent pools, agents and agent tokens. */
import { hasLeft, statusOf } from '../agents.ts';
import { isoTime, type Resource, toMany, toOne } from '../json-api.ts';
import type { Platform } from '../platform.ts';
import type { Agent, AgentPool, AgentToken } from '../records.ts';
import { executionOf } from '../world.ts';

export function agentPoolResource({ world }: Platform, pool: AgentPool): Resource {
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

export function agentResource(platform: Platform, agent: Agent): Resource {
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
export function agentTokenResource(token: AgentToken, secret: string | null): Resource {
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
