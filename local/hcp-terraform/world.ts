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

export class World {
  readonly seeds: Seeds;
  readonly users = new Map<string, User>();
  /** By name. All other records are found by their id. */
  readonly organizations = new Map<string, Organization>();
  readonly projects = new Map<string, Project>();
  readonly pools = new Map<string, AgentPool>();
  readonly agentTokens = new Map<string, AgentToken>();
  readonly agents = new Map<string, Agent>();
  readonly internalJobs = new Map<string, InternalJob>();
  readonly workspaces = new Map<string, Workspace>();
  readonly configurationVersions = new Map<string, ConfigurationVersion>();
  readonly runs = new Map<string, Run>();
  readonly operations = new Map<string, Operation>();
  readonly stateVersions = new Map<string, StateVersion>();
  /** By the secret in their URL. */
  readonly blobs = new Map<string, Blob>();
  readonly blobSecrets = new Map<string, string>();
  sequence = 0;

  constructor(seeds: Seeds, now: number) {
    this.seeds = seeds;
    plantSeeds(this, now);
  }
}

/** Resets the world to its seeds: the same organization, pool and tokens, and nothing else. */
export function resetWorld(world: World, now: number): void {
  for (const part of Object.values(world)) if (part instanceof Map) part.clear();
  world.sequence = 0;
  plantSeeds(world, now);
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

function plantSeeds(world: World, now: number): void {
  const { owner, launcher, pool, organization: name } = world.seeds;
  for (const user of [owner, launcher]) world.users.set(user.id, user);
  const organization = addOrganization(world, name, now);
  organization.defaultExecutionMode = 'agent';
  organization.defaultAgentPoolId = pool.id;
  world.pools.set(pool.id, {
    id: pool.id,
    organization: name,
    createdAt: now,
    name: pool.name,
    organizationScoped: true,
    allowedWorkspaceIds: [],
    allowedProjectIds: [],
    excludedWorkspaceIds: [],
  });
  world.agentTokens.set(pool.tokenId, {
    id: pool.tokenId,
    poolId: pool.id,
    description: 'default',
    createdAt: now,
    createdById: owner.id,
    secret: pool.token,
    lastUsedAt: undefined,
  });
}

export function addOrganization(world: World, name: string, now: number): Organization {
  const projectId = newId('prj');
  world.projects.set(projectId, {
    id: projectId,
    organization: name,
    createdAt: now,
    name: 'Default Project',
    description: '',
  });
  const organization: Organization = {
    id: newId('org'),
    name,
    createdAt: now,
    email: `owner@${name}.example`,
    defaultExecutionMode: 'remote',
    defaultAgentPoolId: undefined,
    defaultProjectId: projectId,
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
  const poolId = mode === 'agent' ? (workspace.agentPoolId ?? organization?.defaultAgentPoolId) : undefined;
  return { mode, pool: world.pools.get(poolId ?? '') };
}

/** A plan or an apply with its run and its workspace; `undefined` if the job is not a phase of a run. */
export function phaseOf(
  world: World,
  jobId: string | undefined,
): { readonly operation: Operation; readonly run: Run; readonly workspace: Workspace } | undefined {
  const operation = world.operations.get(jobId ?? '');
  const run = world.runs.get(operation?.runId ?? '');
  const workspace = world.workspaces.get(run?.workspaceId ?? '');
  return operation && run && workspace && { operation, run, workspace };
}

/** Path of a blob URL. A blob keeps the same secret for the lifetime of the world. */
export function blobPath(world: World, blob: Blob): string {
  const key = `${blob.kind}/${blob.id}`;
  const secret = world.blobSecrets.get(key) ?? newBlobSecret();
  world.blobSecrets.set(key, secret);
  world.blobs.set(secret, blob);
  return `/v1/object/${secret}`;
}

const JOB_ID_PREFIXES = { assessment: 'asmt', policy: 'poleval', test: 'trun' } as const;

/** Queues a job that no list of runs shows, and that keeps the agent that takes it busy for `durationMs`. */
export function enqueueInternalJob(
  world: World,
  job: Pick<InternalJob, 'poolId' | 'type' | 'durationMs' | 'runId'>,
  now: number,
): InternalJob {
  const id = newId(JOB_ID_PREFIXES[job.type]);
  const queued: InternalJob = { ...job, id, queuedAt: now, agentId: undefined, status: 'queued' };
  world.internalJobs.set(id, queued);
  return queued;
}
