/**
 * The protocol between the agent emulator and the HCP Terraform emulator.
 *
 * The real agent's protocol isn't public, so this one is the project's own. The agent's variables, tokens, statuses, job types
 * and signals are those of HashiCorp. All requests go to `${TFC_ADDRESS}/api/agent/v1`
 * with `Authorization: Bearer <agent token>`. A rejected or revoked token gets 401 for every request.
 * Bodies are JSON unless the table says otherwise. After its registration, an agent sends its id in the header
 * {@link AGENT_ID_HEADER} with every `/jobs/:id` request, because several agents can share a token.
 *
 * | request | body | response |
 * |---|---|---|
 * | `POST /agents` | {@link Registration} | 201 {@link Registered} |
 * | `POST /agents/:id/poll` | – | 200 {@link Job} or {@link InternalJob} when one was assigned, 204 when nothing is queued; counts as a ping |
 * | `POST /agents/:id/status` | {@link AgentStatus} | 200 {@link Instruction}; counts as a ping; `exited` deregisters |
 * | `GET /jobs/:id/configuration` | – | 200 gzipped tar of the configuration version |
 * | `GET /jobs/:id/state` | – | 200 the workspace's current state, 204 if it has none |
 * | `PUT /jobs/:id/state` | a Terraform state file | 204; becomes the workspace's current state version |
 * | `PUT /jobs/:id/filesystem` | gzipped tar | 204; the plan's files for the apply |
 * | `GET /jobs/:id/filesystem` | – | 200 gzipped tar with the plan's files |
 * | `POST /jobs/:id/log` | raw text | 204; appended to the plan's or apply's log |
 * | `POST /jobs/:id/result` | {@link JobResult} | 204; ends the job |
 *
 * An agent gets 409 for every `/jobs/:id` request about a job that it doesn't have.
 *
 * Errors have the body `{"errors":[{"status","title","detail"}]}`; `detail` is readable for users.
 *
 * | status | when | what the agent does |
 * |---|---|---|
 * | 401 | the token is wrong or revoked | exits, even during a job |
 * | 403 | registration above the organization agent limit | exits |
 * | 409 | registration with a different architecture than the pool's, or a job of another agent | exits, or drops the job |
 * | 410 | the agent was declared errored, has exited, or was deleted | exits |
 * | 5xx, no response | a fault of the platform or the network | tries again |
 *
 * A poll whose response was lost is harmless: the next one returns the same job.
 */
import * as z from 'zod';

/** Request header with the agent's id, on every `/jobs/:id` request. */
export const AGENT_ID_HEADER = 'tfc-agent-id';

export const registration = z.object({
  /** `TFC_AGENT_NAME`. Default: the agent's id. */
  name: z.string().min(1).optional(),
  version: z.string(),
  architecture: z.enum(['amd64', 'arm64']),
  /** `TFC_AGENT_ACCEPT`. */
  accept: z.array(z.string()),
  /** `TFC_AGENT_SINGLE`. */
  single: z.boolean(),
});
export type Registration = z.infer<typeof registration>;

export const registered = z.object({
  agentId: z.string(),
  agentPoolId: z.string(),
  agentPoolName: z.string(),
  organization: z.string(),
  /** How long an idle agent waits between polls. The real HCP Terraform uses 30 s. */
  pollIntervalMs: z.number().int().positive(),
});
export type Registered = z.infer<typeof registered>;

export const job = z.object({
  /** `run-…`, the run's id. */
  jobId: z.string(),
  jobType: z.enum(['plan', 'apply']),
  /** The ID of the plan or apply. It is the `:id` in `/jobs/:id` requests. */
  operationId: z.string(),
  organization: z.string(),
  workspaceId: z.string(),
  workspaceName: z.string(),
  /** Relative directory of the root module in the configuration. An empty string means the top directory. */
  workingDirectory: z.string(),
  isDestroy: z.boolean(),
  refreshOnly: z.boolean(),
  refresh: z.boolean(),
  planOnly: z.boolean(),
  targets: z.array(z.string()),
  replace: z.array(z.string()),
  variables: z.array(
    z.object({
      key: z.string(),
      value: z.string(),
      category: z.enum(['terraform', 'env']),
      /** The value is an HCL expression, not a string. */
      hcl: z.boolean(),
    }),
  ),
});
export type Job = z.infer<typeof job>;

/**
 * An unlisted job, which isn't a phase of a run, such as a health assessment, a policy evaluation or a module test. The agent is busy
 * for `durationMs`, and then posts the result as for any other job.
 */
export const internalJob = z.object({
  jobId: z.string(),
  jobType: z.enum(['policy', 'assessment', 'test']),
  /** The `:id` of its `/jobs/:id` requests. */
  operationId: z.string(),
  organization: z.string(),
  durationMs: z.number().int().nonnegative(),
});
export type InternalJob = z.infer<typeof internalJob>;

/** Possible responses of a poll. */
export const polledJob = z.union([job, internalJob]);
export type PolledJob = z.infer<typeof polledJob>;

export const agentStatus = z.object({ status: z.enum(['idle', 'busy', 'exited', 'errored']) });
export type AgentStatus = z.infer<typeof agentStatus>;

export const instruction = z.object({
  /** `cancel`: interrupt Terraform, like a single Ctrl-C. `force-cancel`: kill Terraform. */
  job: z.enum(['continue', 'cancel', 'force-cancel']),
});
export type Instruction = z.infer<typeof instruction>;

export const jobResult = z.object({
  status: z.enum(['finished', 'errored', 'canceled']),
  /** Only for plans: whether there is anything to apply. */
  hasChanges: z.boolean().optional(),
  resourceAdditions: z.number().int().nonnegative().optional(),
  resourceChanges: z.number().int().nonnegative().optional(),
  resourceDestructions: z.number().int().nonnegative().optional(),
  resourceImports: z.number().int().nonnegative().optional(),
  /** Only for plans: the output of `terraform show -json` of the plan file. */
  planJson: z.string().optional(),
  /** Only for plans: the output of `terraform providers schema -json`, which a redacted plan needs. */
  providerSchemasJson: z.string().optional(),
});
export type JobResult = z.infer<typeof jobResult>;
