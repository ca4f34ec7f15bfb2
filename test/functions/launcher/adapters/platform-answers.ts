/** Answers of HCP Terraform, reduced to the parts that the launcher reads. */

import type { IncomingMessage } from 'node:http';
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

/** The query of a request, or of its address. */
export const queryOf = (of: IncomingMessage | string | undefined) =>
  new URLSearchParams((typeof of === 'string' ? of : of?.url)?.split('?')[1]);

/** A list of one page. */
export const list = (data: unknown, more: object = {}): Answer => json({ data, ...more, ...page(1, null) });

/** A list with endlessly many pages. The test sets the entries of each page. */
export const endless =
  (entriesOf: (number: number) => unknown[] = () => []): Answer =>
  (request, response) => {
    const number = Number(queryOf(request).get('page[number]'));
    json({ data: entriesOf(number), ...page(number, number + 1) })(request, response);
  };

/** An agent pool that was looked up by its id. */
export const poolNamed = (name: string): Answer => json({ data: { attributes: { name } } });

type ListedRun = ReturnType<typeof run>;

/** A list with HCP Terraform's pagination. */
export function pagesOf(entries: readonly unknown[]): Answer {
  return (request, response) => {
    const query = queryOf(request);
    const [size, number] = [Number(query.get('page[size]')), Number(query.get('page[number]'))];
    const data = entries.slice(size * (number - 1), size * number);
    json({ data, ...page(number, size * number < entries.length ? number + 1 : null) })(request, response);
  };
}

/** A list of runs with HCP Terraform's pagination and filters. */
export function listOf(runs: readonly ListedRun[]): Answer {
  return (request, response) => {
    const statuses = queryOf(request).get('filter[status]')?.split(',') ?? [];
    pagesOf(runs.filter(({ attributes }) => statuses.includes(attributes.status)))(request, response);
  };
}
