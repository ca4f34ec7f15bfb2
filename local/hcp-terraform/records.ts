/** The platform's records. Times are milliseconds since the epoch. */
import * as z from 'zod';

export type ExecutionMode = 'remote' | 'local' | 'agent';

/** A user, or the service account behind a team token. Rate limits count per user, not per token. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly isServiceAccount: boolean;
  /** `owner` may do everything; `read` is a team that can only view all workspaces, and gets 404 for everything else. */
  readonly access: 'owner' | 'read';
  readonly apiToken: string;
}

export interface Organization {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  email: string;
  defaultExecutionMode: ExecutionMode;
  defaultAgentPoolId: string | undefined;
  readonly defaultProjectId: string;
}

export interface Project {
  readonly id: string;
  readonly organization: string;
  readonly createdAt: number;
  name: string;
  description: string;
}

export interface AgentPool {
  readonly id: string;
  readonly organization: string;
  readonly createdAt: number;
  name: string;
  organizationScoped: boolean;
  allowedWorkspaceIds: string[];
  allowedProjectIds: string[];
  excludedWorkspaceIds: string[];
}

export interface AgentToken {
  readonly id: string;
  readonly poolId: string;
  readonly description: string;
  readonly createdAt: number;
  readonly createdById: string;
  readonly secret: string;
  lastUsedAt: number | undefined;
}

export interface Agent {
  readonly id: string;
  readonly poolId: string;
  readonly tokenId: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: 'amd64' | 'arm64';
  readonly accept: ReadonlySet<string>;
  readonly single: boolean;
  readonly ipAddress: string;
  readonly createdAt: number;
  lastPingAt: number;
  /** The status that it reported, or that the platform set. `unknown` is never stored; it follows from silence. */
  reported: 'idle' | 'busy' | 'exited' | 'errored';
  /** Its current operation or internal job. */
  jobId: string | undefined;
  jobsTaken: number;
}

/** A job that no runs list shows: a health assessment, a policy evaluation, a module test. */
export interface InternalJob {
  readonly id: string;
  readonly poolId: string;
  readonly type: 'policy' | 'assessment' | 'test';
  /** The run that waits for it, if any. */
  readonly runId?: string | undefined;
  readonly queuedAt: number;
  /** How long it keeps an agent busy. */
  readonly durationMs: number;
  agentId: string | undefined;
  status: 'queued' | 'running' | 'finished' | 'errored';
}

export interface Variable {
  readonly id: string;
  readonly createdAt: number;
  key: string;
  value: string;
  description: string;
  category: 'terraform' | 'env';
  hcl: boolean;
  sensitive: boolean;
  versionId: string;
}

/** The workspace settings that a request changes without further rules, and that a document shows unchanged. */
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

export interface Workspace extends z.infer<typeof workspaceSettings> {
  readonly id: string;
  readonly organization: string;
  readonly createdAt: number;
  updatedAt: number;
  name: string;
  projectId: string;
  /** Absent: inherited from the organization. */
  executionMode: ExecutionMode | undefined;
  /** Absent: inherited from the organization. */
  agentPoolId: string | undefined;
  /** How long an agent takes to evaluate its policy sets in agent mode. Absent: it has no policy sets. */
  agentPolicies?: { readonly durationMs: number } | undefined;
  /** Key-value tags; a tag without a value is a flat one. */
  readonly tags: Map<string, string>;
  readonly variables: Map<string, Variable>;
  /** A user's lock. The lock of an active run follows from the run. */
  lock: { readonly userId: string; readonly reason: string } | undefined;
  currentStateVersionId: string | undefined;
  currentConfigurationVersionId: string | undefined;
}

export interface ConfigurationVersion {
  readonly id: string;
  readonly workspaceId: string;
  readonly createdAt: number;
  readonly createdById: string;
  readonly autoQueueRuns: boolean;
  readonly speculative: boolean;
  readonly provisional: boolean;
  uploadedAt: number | undefined;
  archive: Buffer | undefined;
}

export interface StateVersionOutput {
  readonly id: string;
  readonly name: string;
  readonly sensitive: boolean;
  readonly value: unknown;
  readonly detailedType: unknown;
}

export interface StateVersion {
  readonly id: string;
  readonly workspaceId: string;
  readonly createdAt: number;
  readonly createdById: string | undefined;
  readonly runId: string | undefined;
  readonly serial: number;
  readonly lineage: string | undefined;
  state: Buffer | undefined;
  jsonState: Buffer | undefined;
  terraformVersion: string | undefined;
  formatVersion: number | undefined;
  resources: readonly { name: string; type: string; count: number; module: string; provider: string }[];
  outputs: readonly StateVersionOutput[];
}

/** What a blob URL reads or writes. */
export interface Blob {
  readonly kind:
    | 'configuration-upload'
    | 'configuration-download'
    | 'log'
    | 'plan-json'
    | 'state-upload'
    | 'state-download'
    | 'json-state-upload'
    | 'json-state-download';
  /** Id of the configuration version, the plan or apply, or the state version. */
  readonly id: string;
}
