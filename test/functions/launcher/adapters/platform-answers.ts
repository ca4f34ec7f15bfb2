/** Documents as HCP Terraform sends them, cut down to what the launcher reads. */
import type { Pool } from '../../../../functions/launcher/ports.ts';
import { type Answer, json } from './scripted-server.ts';

export const RUNS = '/api/v2/organizations/acme/runs';
export const POOLS = '/api/v2/organizations/acme/agent-pools';

export const pool: Pool = {
  name: 'default',
  organization: 'acme',
  apiTokenSecret: 'acme/api-token',
  lanes: [{ phases: ['plan', 'apply'], taskDefinition: 'launcher-default', capacity: 'on-demand' }],
  maxAgents: 5,
};

/** The same pool with a lane for each phase. */
export const poolWithPhases: Pool = {
  ...pool,
  lanes: [
    { ...pool.lanes[0], phases: ['plan'] },
    { ...pool.lanes[0], phases: ['apply'], taskDefinition: 'launcher-apply' },
  ],
};

export function page(current: number, next: number | null) {
  return { meta: { pagination: { 'current-page': current, 'next-page': next, 'prev-page': null, 'page-size': 100 } } };
}

export function run(id: string, status = 'plan_queued', message = '') {
  return {
    id,
    type: 'runs',
    attributes: {
      status,
      message,
      'created-at': '2026-03-01T11:59:00.000Z',
      'status-timestamps': { 'plan-queued-at': '2026-03-01T11:59:30+00:00' },
    },
    relationships: {
      workspace: { data: { id: 'ws-1', type: 'workspaces' } },
      plan: { data: { id: `plan-${id}`, type: 'plans' } },
      apply: { data: null },
    },
  };
}

type ListedRun = ReturnType<typeof run>;

/** A list of runs as the platform pages and filters it. */
export function listOf(runs: readonly ListedRun[]): Answer {
  return (request, response) => {
    const query = new URL(request.url ?? '', 'https://localhost').searchParams;
    const statuses = query.get('filter[status]')?.split(',') ?? [];
    const found = runs.filter(({ attributes }) => statuses.includes(attributes.status));
    const [size, number] = [Number(query.get('page[size]')), Number(query.get('page[number]'))];
    const data = found.slice(size * (number - 1), size * number);
    json({ data, ...page(number, size * number < found.length ? number + 1 : null) })(request, response);
  };
}
