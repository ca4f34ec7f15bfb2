/** Reads the jobs that agents of a pool execute, with one request. */
import * as z from 'zod';
import type { BusyJob } from '../core/slots.ts';
import { type HcpTerraform, time } from './client.ts';
import { OPERATIONS } from './pools.ts';

const reference = z
  .looseObject({ data: z.looseObject({ id: z.string() }).nullish() })
  .nullish()
  .catch(undefined);
const runsPage = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      attributes: z.looseObject({
        status: z.string(),
        'status-timestamps': z
          .looseObject({ 'planning-at': time.nullish(), 'applying-at': time.nullish() })
          .nullish()
          .catch(undefined),
      }),
      relationships: z.looseObject({ workspace: reference, plan: reference, apply: reference }),
    }),
  ),
  included: z
    .array(
      z.looseObject({
        id: z.string(),
        attributes: z
          .looseObject({
            name: z.string().nullish(),
            'execution-details': z.looseObject({ 'agent-name': z.string().nullish() }).nullish(),
          })
          .nullish()
          .catch(undefined),
      }),
    )
    .nullish(),
});

/** The plans and applies that run in the pool, longest first. At most 100, which is one page. */
export async function busyJobs(client: HcpTerraform, organization: string, pool: string): Promise<BusyJob[]> {
  const query = new URLSearchParams({
    'filter[agent_pool_names]': pool,
    'filter[status]': 'planning,applying',
    'filter[operation]': OPERATIONS,
    include: 'plan,apply,workspace',
    'page[size]': '100',
  });
  const path = `/api/v2/organizations/${encodeURIComponent(organization)}/runs?${query}`;
  const { data, included } = await client.get(path, runsPage);
  const resources = new Map((included ?? []).map(({ id, attributes }) => [id, attributes]));
  const jobs = data.map(({ id, attributes, relationships }): BusyJob => {
    const isApply = attributes.status === 'applying';
    const operation = resources.get((isApply ? relationships.apply : relationships.plan)?.data?.id ?? '');
    const times = attributes['status-timestamps'];
    return {
      job: `${id}/${isApply ? 'apply' : 'plan'}`,
      agentName: operation?.['execution-details']?.['agent-name'] ?? undefined,
      workspace: resources.get(relationships.workspace?.data?.id ?? '')?.name ?? undefined,
      sinceMs: times?.[isApply ? 'applying-at' : 'planning-at'] ?? undefined,
    };
  });
  return jobs.sort((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0));
}
