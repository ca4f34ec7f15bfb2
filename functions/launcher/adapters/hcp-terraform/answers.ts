import * as z from 'zod';
import type { Agent, Run } from '../../core/types.ts';
import { UpstreamError } from '../../errors.ts';

/**
 * Schemas for the parts of HCP Terraform's answers that the launcher reads.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run, …/agents, …/agent-pools
 */

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** Ids become part of ECS's `clientToken` and `startedBy`, so only characters that ECS allows there are accepted. */
const runId = z.string().regex(/^run-[A-Za-z0-9]{1,46}$/);
const workspaceId = z.string().regex(/^ws-[A-Za-z0-9]{1,60}$/);

/**
 * Text that the launcher keeps or logs. Text that is too long is replaced, not cut off, because a substring would keep the whole string
 * in memory.
 */
const bounded = (text: z.ZodString, most: number) =>
  text.transform((given) => (given.length <= most ? given : `a text of ${given.length} characters`));
const status = bounded(z.string().min(1), 64);
const name = bounded(z.string(), 255);

/** The pagination of a page. HCP Terraform sends it with or without totals. */
const pagination = z.object({
  pagination: z.object({
    'current-page': z.number().int().positive(),
    'next-page': z.number().int().positive().nullable(),
    'total-pages': z.number().nullish(),
  }),
});

const reference = z.object({ data: z.object({ id: z.string() }).nullish() }).optional();

const run = z.object({
  id: runId,
  attributes: z.object({
    status,
    'created-at': time,
    'status-timestamps': z
      .looseObject({
        'plan-queued-at': time.nullish(),
        'planning-at': time.nullish(),
        'apply-queued-at': time.nullish(),
        'applying-at': time.nullish(),
      })
      .nullish(),
  }),
  relationships: z.object({
    workspace: z.object({ data: z.object({ id: workspaceId }) }),
    plan: reference,
    apply: reference,
  }),
});

/** An included plan or apply. `execution-details` is null until an agent takes the job, and can be absent on Terraform Enterprise. */
const operation = z.object({
  type: z.string(),
  id: z.string(),
  attributes: z.object({ 'execution-details': z.object({ 'agent-name': name.nullish() }).nullish() }).nullish(),
});

export const runsPage = z.object({
  data: z.array(run),
  included: z.array(operation).optional(),
  meta: pagination,
});

/** A run among the included resources. A malformed run must cause an error instead of being skipped. */
const includedRun = run.extend({ type: z.literal('runs') });
const includedOther = z.object({ type: z.string().refine((type) => type !== 'runs') });

/**
 * Workspaces with their current run, for Terraform Enterprise before v202409-1. The list is filtered by the current run's status, but
 * can still contain workspaces without a current run.
 */
export const workspacesPage = z.object({
  data: z.array(
    z.object({
      id: workspaceId,
      relationships: z.object({
        'agent-pool': reference,
        'current-run': z.object({ data: z.object({ id: runId }).nullish() }).nullish(),
      }),
    }),
  ),
  included: z.array(z.union([includedRun, includedOther])),
  meta: pagination,
});

export const agentPoolsPage = z.object({
  data: z.array(z.object({ id: z.string().regex(/^apool-/), attributes: z.object({ name }) })),
  meta: pagination,
});

export const agentPool = z.object({ data: z.object({ attributes: z.object({ name }) }) });

const agentStatus = z.enum(['idle', 'busy', 'unknown', 'errored', 'exited']);

export const agentsPage = z.object({
  data: z.array(
    z.object({
      id: bounded(z.string().min(1), 64),
      attributes: z.object({
        name: name.nullish(),
        status: status.pipe(agentStatus.catch('unknown')),
        'last-ping-at': time.nullish().catch(undefined),
      }),
    }),
  ),
  meta: pagination,
});

type RunAnswer = z.infer<typeof run>;

/** The runs of one page, with the agents of their plans and applies. */
export function runsOf(page: z.infer<typeof runsPage>): Run[] {
  const agentNames = new Map(
    (page.included ?? []).map((item) => [item.id, item.attributes?.['execution-details']?.['agent-name']]),
  );
  return page.data.map((answer) =>
    runOf(answer, (reference) => agentNames.get(reference?.data?.id ?? '') ?? undefined),
  );
}

/** The current runs of the workspaces that use the pool. */
export function currentRunsOf(page: z.infer<typeof workspacesPage>, poolId: string): Run[] {
  const included = new Map(page.included.flatMap((item) => ('attributes' in item ? [[item.id, item]] : [])));
  return page.data
    .filter(({ relationships }) => relationships['agent-pool']?.data?.id === poolId)
    .flatMap(({ relationships }) => relationships['current-run']?.data?.id ?? [])
    .map((id) => {
      const currentRun = included.get(id);
      if (currentRun !== undefined) return runOf(currentRun, () => undefined);
      throw new UpstreamError({
        system: 'HCP Terraform',
        fault: 'unexpected-answer',
        what: `the answer does not include the current run ${id} of a workspace`,
      });
    });
}

function runOf(answer: RunAnswer, agentName: (plan: RunAnswer['relationships']['plan']) => string | undefined): Run {
  const at = answer.attributes['status-timestamps'] ?? {};
  return {
    id: answer.id,
    workspaceId: answer.relationships.workspace.data.id,
    status: answer.attributes.status,
    createdAtMs: answer.attributes['created-at'],
    statusSinceMs: statusSinceMs(answer.attributes.status, at),
    planQueuedAtMs: at['plan-queued-at'] ?? undefined,
    planningAtMs: at['planning-at'] ?? undefined,
    applyQueuedAtMs: at['apply-queued-at'] ?? undefined,
    applyingAtMs: at['applying-at'] ?? undefined,
    planAgentName: agentName(answer.relationships.plan),
    applyAgentName: agentName(answer.relationships.apply),
  };
}

/**
 * When a run entered its status. HCP Terraform documents such a timestamp only for some statuses. If it is missing, the run's latest timestamp is
 * used. Values that aren't a time are ignored.
 */
function statusSinceMs(status: string, at: Readonly<Record<string, unknown>>): number | undefined {
  const times = new Map(
    Object.entries(at).flatMap(([key, value]) => {
      if (typeof value === 'number') return [[key, value] as const];
      const parsed = time.safeParse(value);
      return parsed.success ? [[key, parsed.data] as const] : [];
    }),
  );
  const own = times.get(`${status.replaceAll('_', '-')}-at`);
  return own ?? (times.size === 0 ? undefined : [...times.values()].reduce((a, b) => Math.max(a, b)));
}

/** The agents of one page. If an agent has no name, its id is used, as the agent itself does. */
export function agentsOf(page: z.infer<typeof agentsPage>): Agent[] {
  return page.data.map(({ id, attributes }) => ({
    id,
    name: attributes.name ?? id,
    status: attributes.status,
    lastPingMs: attributes['last-ping-at'] ?? undefined,
  }));
}
