/** Reads which connections the gateways refused. Their filter writes one line per connection: `lib/gateway/nginx.ts`. */
import * as z from 'zod';
import { foreignJsonOf } from '../core/json.ts';
import { type Refusals, type RefusedConnection, refusalsIn } from '../core/refused-domains.ts';
import type { Aws } from './clients.ts';
import { logPages } from './log-events.ts';

/** Limits of one search. CloudWatch Logs answers a request with at most 10,000 events or 1 MB. */
const MOST_PAGES = 20;
const MOST_CONNECTIONS = 10_000;

const verdictLine = z.looseObject({ name: z.string() });

export interface RefusalQuery {
  readonly group: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Address of the task that connected. Default: any. */
  readonly source?: string | undefined;
}

/** What the gateways refused in this time. If there is too much to read, the newest. */
export async function refusals(aws: Aws, { group, fromMs, toMs, source }: RefusalQuery): Promise<Refusals> {
  const ofSource = source === undefined ? '' : ` && $.source = ${JSON.stringify(source)}`;
  const pattern = `{ $.verdict = "refused"${ofSource} }`;
  const connections: RefusedConnection[] = [];
  let pages = 0;
  for await (const { events, isLast } of logPages(aws, { group, fromMs, toMs, pattern, newestFirst: true })) {
    for (const { atMs, message } of events) {
      const name = verdictLine.safeParse(foreignJsonOf(message)).data?.name;
      if (name !== undefined) connections.push({ atMs, name });
    }
    pages += 1;
    if (!isLast && (pages >= MOST_PAGES || connections.length >= MOST_CONNECTIONS)) {
      return refusalsIn(connections, true);
    }
  }
  return refusalsIn(connections, false);
}
