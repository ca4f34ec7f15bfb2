/** Reads the names of workspaces, and the status and the times of runs. What the token may not see is absent. */
import * as z from 'zod';
import type { RunAgents } from '../core/executed-jobs.ts';
import { type HcpTerraform, unlessHidden } from './client.ts';

const workspaceDocument = z.looseObject({ data: z.looseObject({ attributes: z.looseObject({ name: z.string() }) }) });
const reference = z
  .looseObject({ data: z.looseObject({ id: z.string() }).nullish() })
  .nullish()
  .catch(undefined);
/** A plan or an apply. `execution-details` is null until an agent takes it, and can be absent on Terraform Enterprise. */
const operation = z.looseObject({
  id: z.string(),
  attributes: z
    .looseObject({ 'execution-details': z.looseObject({ 'agent-name': z.string().nullish() }).nullish() })
    .nullish()
    .catch(undefined),
});
const runDocument = z.looseObject({
  data: z.looseObject({
    attributes: z.looseObject({
      status: z.string(),
      'status-timestamps': z.record(z.string(), z.string().nullable()).nullish(),
    }),
    relationships: z
      .looseObject({ workspace: reference, plan: reference, apply: reference })
      .nullish()
      .catch(undefined),
  }),
  included: z.array(operation).nullish().catch(undefined),
});

/** A run as HCP Terraform shows it now. */
export interface RunNow extends RunAgents {
  readonly status: string;
  /** Seconds from queued to started, by HCP Terraform's clock, of each phase that an agent took. */
  readonly queuedSeconds: Readonly<Partial<Record<'plan' | 'apply', number>>>;
}

/** HCP Terraform allows 30 requests per second: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#rate-limiting */
const REQUESTS_AT_ONCE = 5;

export async function workspaceNames(
  client: HcpTerraform,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  return eachOf(ids, async (id) => {
    const path = `/api/v2/workspaces/${encodeURIComponent(id)}`;
    return (await client.get(path, workspaceDocument)).data.attributes.name;
  });
}

export async function runsNow(client: HcpTerraform, ids: readonly string[]): Promise<ReadonlyMap<string, RunNow>> {
  return eachOf(ids, async (id) => {
    const path = `/api/v2/runs/${encodeURIComponent(id)}?include=plan,apply`;
    const { data, included } = await client.get(path, runDocument);
    const { attributes, relationships } = data;
    const agentOf = (of: z.infer<typeof reference>): string | undefined => {
      const found = of?.data == null ? undefined : included?.find((one) => one.id === of.data?.id);
      return found?.attributes?.['execution-details']?.['agent-name'] ?? undefined;
    };
    const planAgent = agentOf(relationships?.plan);
    const applyAgent = agentOf(relationships?.apply);
    const times = attributes['status-timestamps'] ?? {};
    const between = (from: string, to: string): number | undefined => {
      const ms = Date.parse(times[to] ?? '') - Date.parse(times[from] ?? '');
      return Number.isNaN(ms) ? undefined : Math.max(0, ms / 1000);
    };
    const plan = between('plan-queued-at', 'planning-at');
    const apply = between('apply-queued-at', 'applying-at');
    return {
      status: attributes.status,
      workspaceId: relationships?.workspace?.data?.id,
      agents: {
        ...(planAgent !== undefined && { plan: planAgent }),
        ...(applyAgent !== undefined && { apply: applyAgent }),
      },
      queuedSeconds: { ...(plan !== undefined && { plan }), ...(apply !== undefined && { apply }) },
    };
  });
}

async function eachOf<T>(ids: readonly string[], read: (id: string) => Promise<T>): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  const queue = [...new Set(ids)].values();
  const work = async (): Promise<void> => {
    for (const id of queue) {
      const value = await unlessHidden(read(id));
      if (value !== undefined) found.set(id, value);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work));
  return found;
}
