/** The platform's data in memory: records in maps, and the seeds (initial data). Times are milliseconds since the epoch. */
import * as z from 'zod';
import { newBlobSecret, newId, newToken } from './ids.ts';
import type { Operation, Run } from './runs.ts';
import type { NotificationConfiguration, RunTask, TaskConfig, TaskResult, TaskStage } from './task-records.ts';

export type ExecutionMode = 'remote' | 'local' | 'agent';

/** A user, or the service account behind a team token. Rate limits count per user, not per token. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly isServiceAccount: boolean;
  /**
   * `owner` has all permissions. `read` is a team that can only view all workspaces, and gets 404 for everything else. `pools` is a team
   * that can also manage agent pools.
   */
  readonly access: 'owner' | 'read' | 'pools';
  readonly apiToken: string;
  /** Milliseconds since the epoch: from then on, the API token is rejected. Absent: it doesn't expire. */
  apiTokenExpiresAt?: number;
}

interface Created {
  readonly id: string;
  readonly createdAt: number;
}

export interface Organization extends Created {
  readonly name: string;
  email: string;
  defaultExecutionMode: ExecutionMode;
  defaultAgentPoolId?: string | undefined;
  readonly defaultProjectId: string;
}

export interface Project extends Created {
  readonly organization: string;
  name: string;
  description: string;
}

export interface AgentPool extends Created {
  readonly organization: string;
  name: string;
  organizationScoped: boolean;
  allowedWorkspaceIds: string[];
  allowedProjectIds: string[];
  excludedWorkspaceIds: string[];
}

export interface AgentToken extends Created {
  readonly poolId: string;
  readonly description: string;
  readonly createdById: string;
  readonly secret: string;
  lastUsedAt?: number | undefined;
}

export interface IpRange extends Created {
  readonly range: string;
  readonly enabled: boolean;
  readonly description: string | null;
}

/** An IP allowlist. */
export interface IpAllowList extends Created {
  readonly organization: string;
  readonly name: string;
  readonly description: string | null;
  readonly scope: 'organization' | 'all_agent_pools' | 'selected_agent_pools';
  readonly poolIds: string[];
  readonly ranges: IpRange[];
}

export interface Agent extends Created {
  readonly poolId: string;
  readonly tokenId: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: 'amd64' | 'arm64';
  readonly accept: ReadonlySet<string>;
  readonly single: boolean;
  readonly ipAddress: string;
  lastPingAt: number;
  /** The status that the agent reported, or that the platform set. `unknown` is never stored, because it is computed from the last ping. */
  reported: 'idle' | 'busy' | 'exited' | 'errored';
  /** The agent's current operation or internal job. */
  jobId?: string | undefined;
  jobsTaken: number;
}

/** An unlisted job, such as a health assessment, a policy evaluation or a module test. */
export interface InternalJob {
  readonly id: string;
  readonly poolId: string;
  readonly type: 'policy' | 'assessment' | 'test';
  /** The run that waits for the job, if there is one. */
  readonly runId?: string | undefined;
  readonly queuedAt: number;
  /** How long the job keeps an agent busy. */
  readonly durationMs: number;
  agentId?: string | undefined;
  status: 'queued' | 'running' | 'finished' | 'errored';
}

export interface Variable extends Created {
  key: string;
  value: string;
  description: string;
  category: 'terraform' | 'env';
  hcl: boolean;
  sensitive: boolean;
  versionId: string;
}

/** Workspace settings that a request can change freely and that responses show unchanged. */
export const workspaceSettings = z.object({
  description: z.string().nullable(),
  autoApply: z.boolean(),
  allowDestroyPlan: z.boolean(),
  queueAllRuns: z.boolean(),
  speculativeEnabled: z.boolean(),
  globalRemoteState: z.boolean(),
  fileTriggersEnabled: z.boolean(),
  assessmentsEnabled: z.boolean(),
  terraformVersion: z.string(),
  workingDirectory: z.string(),
  sourceName: z.string().nullable(),
  sourceUrl: z.string().nullable(),
});

export interface Workspace extends Created, z.infer<typeof workspaceSettings> {
  readonly organization: string;
  updatedAt: number;
  name: string;
  projectId: string;
  /** Absent: inherited from the organization. */
  executionMode?: ExecutionMode | undefined;
  /** Absent: inherited from the organization. */
  agentPoolId?: string | undefined;
  /** How long an agent takes to evaluate the workspace's policy sets in agent mode. Absent: no policy sets. */
  agentPolicies?: { readonly durationMs: number } | undefined;
  /** Tags by key. A flat tag has no value. */
  readonly tags: Map<string, string>;
  readonly variables: Map<string, Variable>;
  /** The lock by a user. An active run also locks the workspace, but that isn't stored here. */
  lock?: { readonly userId: string; readonly reason: string } | undefined;
  currentStateVersionId?: string | undefined;
  currentConfigurationVersionId?: string | undefined;
}

export interface ConfigurationVersion extends Created {
  readonly workspaceId: string;
  readonly createdById: string;
  readonly autoQueueRuns: boolean;
  readonly speculative: boolean;
  readonly provisional: boolean;
  uploadedAt?: number | undefined;
  archive?: Buffer | undefined;
}

export interface StateVersionOutput {
  readonly id: string;
  readonly name: string;
  readonly sensitive: boolean;
  readonly value: unknown;
  readonly detailedType: unknown;
}

export interface StateVersion extends Created {
  readonly workspaceId: string;
  readonly createdById?: string | undefined;
  readonly runId?: string | undefined;
  readonly serial: number;
  readonly lineage?: string | undefined;
  state?: Buffer | undefined;
  jsonState?: Buffer | undefined;
  terraformVersion?: string | undefined;
  formatVersion?: number | undefined;
  resources: readonly { name: string; type: string; count: number; module: string; provider: string }[];
  outputs: readonly StateVersionOutput[];
}

/** The target of a blob URL. */
export interface Blob {
  readonly kind: 'log' | 'plan-json' | `${'configuration' | 'state' | 'json-state'}-${'upload' | 'download'}`;
  /** Id of the configuration version, the plan or apply, or the state version. */
  readonly id: string;
}

/** An event for observers: the new status of a run or an agent. It never contains a secret. */
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
  /** By name. All other records are stored by id. */
  readonly organizations = new Map<string, Organization>();
  readonly projects = new Map<string, Project>();
  readonly pools = new Map<string, AgentPool>();
  readonly agentTokens = new Map<string, AgentToken>();
  readonly agents = new Map<string, Agent>();
  readonly ipAllowLists = new Map<string, IpAllowList>();
  readonly internalJobs = new Map<string, InternalJob>();
  readonly workspaces = new Map<string, Workspace>();
  readonly configurationVersions = new Map<string, ConfigurationVersion>();
  readonly runs = new Map<string, Run>();
  readonly operations = new Map<string, Operation>();
  readonly stateVersions = new Map<string, StateVersion>();
  readonly tasks = new Map<string, RunTask>();
  readonly taskConfigs = new Map<string, TaskConfig>();
  readonly taskStages = new Map<string, TaskStage>();
  readonly taskResults = new Map<string, TaskResult>();
  readonly notifications = new Map<string, NotificationConfiguration>();
  /** By the secret in the URL. */
  readonly blobs = new Map<string, Blob>();
  readonly blobSecrets = new Map<string, string>();
  sequence = 0;

  constructor(seeds: Seeds, now: number) {
    this.seeds = seeds;
    plantSeeds(this, now);
  }
}

/** Resets the data to the seeds: the same organization, pool and tokens, and nothing else. */
export function resetWorld(world: World, now: number): void {
  for (const part of Object.values(world)) if (part instanceof Map) part.clear();
  world.sequence = 0;
  plantSeeds(world, now);
}

export function newUser(username: string, access: User['access'], isServiceAccount = false): User {
  return { id: newId('user'), username, isServiceAccount, access, apiToken: newToken() };
}

/** Id of the user's API token. */
export function apiTokenIdOf(user: User): string {
  return user.id.replace(/^user-/, 'at-');
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
  world.pools.set(pool.id, newPool(pool.id, name, pool.name, now));
  world.agentTokens.set(pool.tokenId, {
    id: pool.tokenId,
    poolId: pool.id,
    description: 'default',
    createdAt: now,
    createdById: owner.id,
    secret: pool.token,
  });
}

/** Adds a pool that all workspaces of its organization can use. */
export function newPool(id: string, organization: string, name: string, createdAt: number): AgentPool {
  const workspaces = { allowedWorkspaceIds: [], allowedProjectIds: [], excludedWorkspaceIds: [] };
  return { id, organization, createdAt, name, organizationScoped: true, ...workspaces };
}

export function addOrganization(world: World, name: string, now: number): Organization {
  const projectId = newId('prj');
  const project = { id: projectId, organization: name, createdAt: now, name: 'Default Project', description: '' };
  world.projects.set(projectId, project);
  const organization: Organization = {
    id: newId('org'),
    name,
    createdAt: now,
    email: `owner@${name}.example`,
    defaultExecutionMode: 'remote',
    defaultProjectId: projectId,
  };
  world.organizations.set(name, organization);
  return organization;
}

/** Where runs of the workspace execute. The workspace's settings override those of the organization. */
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

/** Queues an unlisted job, which keeps an agent busy for `durationMs`. */
export function enqueueInternalJob(
  world: World,
  job: Pick<InternalJob, 'poolId' | 'type' | 'durationMs' | 'runId'>,
  now: number,
): InternalJob {
  const id = newId(JOB_ID_PREFIXES[job.type]);
  const queued: InternalJob = { ...job, id, queuedAt: now, status: 'queued' };
  world.internalJobs.set(id, queued);
  return queued;
}
