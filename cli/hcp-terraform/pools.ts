/** Reads agent pools: their agents, and the jobs that wait for one. */
import * as z from 'zod';
import { CommandError } from '../io.ts';
import { type HcpTerraform, paginationMeta, time } from './client.ts';

/** Default: `idle`. HCP Terraform may add a status; it then counts as `unknown`. */
const AGENT_STATUSES = ['idle', 'busy', 'unknown', 'errored', 'exited'] as const;

export interface PoolAgent {
  /** The agents of this launcher are named after their task. */
  readonly name: string;
  readonly status: (typeof AGENT_STATUSES)[number];
}

export interface PoolQueue {
  readonly count: number;
  /** Milliseconds since the epoch: when the job that waits longest was queued. */
  readonly oldestAtMs: number | undefined;
}

/** Agents that haven't pinged for this long have ended. HCP Terraform lists them for weeks. */
const PINGED_WITHIN_MS = 60 * 60_000;

/**
 * All operations, because the default of this endpoint isn't documented.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization
 */
export const OPERATIONS = 'plan_and_apply,plan_only,save_plan,refresh_only,destroy,empty_apply,action_only';

const poolsPage = z.object({
  data: z.array(z.looseObject({ id: z.string(), attributes: z.looseObject({ name: z.string() }) })),
  meta: paginationMeta,
});

const agentsPage = z.object({
  data: z.array(
    z.looseObject({
      attributes: z.looseObject({
        name: z.string().nullish(),
        status: z.enum(AGENT_STATUSES).catch('unknown'),
      }),
    }),
  ),
  meta: paginationMeta,
});

const queuedAttributes = z.looseObject({
  status: z.string(),
  'created-at': time,
  'status-timestamps': z.looseObject({ 'plan-queued-at': time.nullish(), 'apply-queued-at': time.nullish() }).nullish(),
});
const queuePage = z.object({ data: z.array(z.looseObject({ attributes: queuedAttributes })), meta: paginationMeta });
const queuedRunsPage = z.object({
  data: z.array(
    z.looseObject({
      id: z.string(),
      attributes: queuedAttributes,
      relationships: z.looseObject({ workspace: z.looseObject({ data: z.looseObject({ id: z.string() }) }) }),
    }),
  ),
});
const workspaceDocument = z.object({
  data: z.looseObject({
    attributes: z.looseObject({ name: z.string() }),
    relationships: z
      .looseObject({ 'agent-pool': z.looseObject({ data: z.looseObject({ id: z.string() }).nullish() }).optional() })
      .default({}),
  }),
});

/** Rejects with a `CommandError` if the token can't see the pool. */
export async function poolIdOf(client: HcpTerraform, organization: string, name: string): Promise<string> {
  const path = `/api/v2/organizations/${encodeURIComponent(organization)}/agent-pools?q=${encodeURIComponent(name)}`;
  const pools = await client.list(path, poolsPage);
  const found = pools.find(({ attributes }) => attributes.name === name);
  if (found !== undefined) return found.id;
  throw new CommandError(`The token can see no agent pool ${name} in the organization ${organization}.`);
}

/** The agents of a pool that pinged in the last hour. */
export async function agentsOf(client: HcpTerraform, poolId: string, nowMs: number): Promise<PoolAgent[]> {
  const since = encodeURIComponent(new Date(nowMs - PINGED_WITHIN_MS).toISOString());
  const path = `/api/v2/agent-pools/${encodeURIComponent(poolId)}/agents?filter[last-ping-since]=${since}`;
  const agents = await client.list(path, agentsPage);
  return agents.map(({ attributes: { name, status } }) => ({ name: name ?? '', status }));
}

/** The plans and applies that wait for an agent of the pool. */
export async function queueOf(client: HcpTerraform, organization: string, pool: string): Promise<PoolQueue> {
  const queuedAt = (await client.list(queuePath(organization, [pool]), queuePage)).map(queuedAtMs);
  return {
    count: queuedAt.length,
    oldestAtMs: queuedAt.length === 0 ? undefined : queuedAt.reduce((oldest, at) => Math.min(oldest, at)),
  };
}

/** A run whose plan or apply waits for an agent. */
export interface QueuedRun {
  readonly id: string;
  readonly workspaceId: string;
  /** Milliseconds since the epoch. */
  readonly queuedAtMs: number;
}

/** The newest plans and applies that wait for an agent of any of these pools, at most 100, with one request. */
export async function newestQueuedRuns(
  client: HcpTerraform,
  organization: string,
  pools: readonly string[],
): Promise<QueuedRun[]> {
  const { data } = await client.get(`${queuePath(organization, pools)}&page%5Bsize%5D=100`, queuedRunsPage);
  return data.map((run) => ({
    id: run.id,
    workspaceId: run.relationships.workspace.data.id,
    queuedAtMs: queuedAtMs(run),
  }));
}

export interface WorkspacePool {
  readonly name: string;
  /** The pool that the workspace uses, also one that it inherits; absent: none. */
  readonly poolId?: string;
}

export async function poolOfWorkspace(client: HcpTerraform, workspaceId: string): Promise<WorkspacePool> {
  const { data } = await client.get(`/api/v2/workspaces/${encodeURIComponent(workspaceId)}`, workspaceDocument);
  const poolId = data.relationships['agent-pool']?.data?.id;
  return { name: data.attributes.name, ...(poolId !== undefined && { poolId }) };
}

function queuePath(organization: string, pools: readonly string[]): string {
  const query = new URLSearchParams({
    'filter[agent_pool_names]': pools.join(','),
    'filter[status]': 'plan_queued,apply_queued',
    'filter[operation]': OPERATIONS,
  });
  return `/api/v2/organizations/${encodeURIComponent(organization)}/runs?${query}`;
}

function queuedAtMs({ attributes }: { readonly attributes: z.infer<typeof queuedAttributes> }): number {
  const { status, 'status-timestamps': times, 'created-at': createdAt } = attributes;
  return times?.[status === 'plan_queued' ? 'plan-queued-at' : 'apply-queued-at'] ?? createdAt;
}
