/** The platform's data in memory: records in maps, and its initial seeds. */
import { newBlobSecret, newId, newToken } from './ids.ts';
import type {
  Agent,
  AgentPool,
  AgentToken,
  Blob,
  ConfigurationVersion,
  ExecutionMode,
  InternalJob,
  Organization,
  Project,
  StateVersion,
  User,
  Workspace,
} from './records.ts';
import type { Operation, Run } from './runs.ts';

/** An event for observers: a run's or an agent's new status. It never contains a secret. */
export interface WorldEvent {
  readonly at: number;
  readonly kind: 'run' | 'agent';
  readonly id: string;
  readonly status: string;
  readonly detail: string;
}

/** The initial content of a world. It survives a reset, so that tokens continue to work. */
export interface Seeds {
  readonly organization: string;
  readonly owner: User;
  readonly launcher: User;
  readonly pool: { readonly id: string; readonly name: string; readonly tokenId: string; readonly token: string };
}

export interface World {
  readonly seeds: Seeds;
  readonly users: Map<string, User>;
  readonly organizations: Map<string, Organization>;
  readonly projects: Map<string, Project>;
  readonly pools: Map<string, AgentPool>;
  readonly agentTokens: Map<string, AgentToken>;
  readonly agents: Map<string, Agent>;
  readonly internalJobs: Map<string, InternalJob>;
  readonly workspaces: Map<string, Workspace>;
  readonly configurationVersions: Map<string, ConfigurationVersion>;
  readonly runs: Map<string, Run>;
  readonly operations: Map<string, Operation>;
  readonly stateVersions: Map<string, StateVersion>;
  readonly blobs: Map<string, Blob>;
  readonly blobSecrets: Map<string, string>;
  sequence: number;
}

export function newUser(username: string, access: User['access'], isServiceAccount = false): User {
  return { id: newId('user'), username, isServiceAccount, access, apiToken: newToken() };
}

export function newSeeds(organization: string, poolName: string): Seeds {
  return {
    organization,
    owner: newUser('owner', 'owner'),
    launcher: newUser('api-team-launcher', 'read', true),
    pool: { id: newId('apool'), name: poolName, tokenId: newId('at'), token: newToken() },
  };
}

/** Creates a world with its seeds. */
export function createWorld(seeds: Seeds, now: number): World {
  const world: World = {
    seeds,
    users: new Map(),
    organizations: new Map(),
    projects: new Map(),
    pools: new Map(),
    agentTokens: new Map(),
    agents: new Map(),
    internalJobs: new Map(),
    workspaces: new Map(),
    configurationVersions: new Map(),
    runs: new Map(),
    operations: new Map(),
    stateVersions: new Map(),
    blobs: new Map(),
    blobSecrets: new Map(),
    sequence: 0,
  };
  plantSeeds(world, now);
  return world;
}

/** Resets the world to its seeds: the same organization, pool and tokens, and nothing else. */
export function resetWorld(world: World, now: number): void {
  for (const part of Object.values(world)) if (part instanceof Map) part.clear();
  world.sequence = 0;
  plantSeeds(world, now);
}

function plantSeeds(world: World, now: number): void {
  const { seeds } = world;
  for (const user of [seeds.owner, seeds.launcher]) world.users.set(user.id, user);
  addOrganization(world, seeds.organization, now);
  world.pools.set(seeds.pool.id, {
    id: seeds.pool.id,
    organization: seeds.organization,
    createdAt: now,
    name: seeds.pool.name,
    organizationScoped: true,
    allowedWorkspaceIds: [],
    allowedProjectIds: [],
    excludedWorkspaceIds: [],
  });
  world.agentTokens.set(seeds.pool.tokenId, {
    id: seeds.pool.tokenId,
    poolId: seeds.pool.id,
    description: 'default',
    createdAt: now,
    createdById: seeds.owner.id,
    secret: seeds.pool.token,
    lastUsedAt: undefined,
  });
  const organization = world.organizations.get(seeds.organization);
  if (organization !== undefined) {
    organization.defaultExecutionMode = 'agent';
    organization.defaultAgentPoolId = seeds.pool.id;
  }
}

export function addOrganization(world: World, name: string, now: number): Organization {
  const project: Project = {
    id: newId('prj'),
    organization: name,
    createdAt: now,
    name: 'Default Project',
    description: '',
  };
  world.projects.set(project.id, project);
  const organization: Organization = {
    id: newId('org'),
    name,
    createdAt: now,
    email: `owner@${name}.example`,
    defaultExecutionMode: 'remote',
    defaultAgentPoolId: undefined,
    defaultProjectId: project.id,
  };
  world.organizations.set(name, organization);
  return organization;
}

/** Where the workspace's runs execute. Its own settings override the organization's. */
export function executionOf(
  world: World,
  workspace: Workspace,
): { readonly mode: ExecutionMode; readonly pool: AgentPool | undefined } {
  const organization = world.organizations.get(workspace.organization);
  const mode = workspace.executionMode ?? organization?.defaultExecutionMode ?? 'remote';
  if (mode !== 'agent') return { mode, pool: undefined };
  const poolId = workspace.agentPoolId ?? organization?.defaultAgentPoolId;
  return { mode, pool: poolId === undefined ? undefined : world.pools.get(poolId) };
}

/** Path of a blob URL. A blob keeps the same secret for the lifetime of the world. */
export function blobPath(world: World, blob: Blob): string {
  const key = `${blob.kind}/${blob.id}`;
  let secret = world.blobSecrets.get(key);
  if (secret === undefined) {
    secret = newBlobSecret();
    world.blobSecrets.set(key, secret);
    world.blobs.set(secret, blob);
  }
  return `/v1/object/${secret}`;
}

/** Queues a job that no list of runs shows, and that keeps the agent that takes it busy for `durationMs`. */
export function enqueueInternalJob(
  world: World,
  job: Pick<InternalJob, 'poolId' | 'type' | 'durationMs' | 'runId'>,
  now: number,
): InternalJob {
  const queued: InternalJob = {
    id: newId(job.type === 'assessment' ? 'asmt' : job.type === 'policy' ? 'poleval' : 'trun'),
    poolId: job.poolId,
    type: job.type,
    runId: job.runId,
    queuedAt: now,
    durationMs: job.durationMs,
    agentId: undefined,
    status: 'queued',
  };
  world.internalJobs.set(queued.id, queued);
  return queued;
}
