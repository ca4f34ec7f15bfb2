/**
 * Reads what the network refused: lookups in the DNS query log, and connections in the log of the gateways.
 *
 * The DNS query log has the lookups of everything in the VPC, which includes the gateways. Route 53 doesn't log a lookup that it answers from its cache.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs-format.html
 *
 * Unverified on a live account: the `srcaddr` of a Fargate task is the private address that ECS shows for it. AWS documents it as
 * "the IP address of the instance that the query originated from".
 */
import * as z from 'zod';
import { OUTPUTS } from '../../lib/names.ts';
import { foreignJsonOf } from '../core/json.ts';
import {
  isPublicDomain,
  type LogReading,
  type RefusalLog,
  type Refused,
  type RefusedKind,
} from '../core/refused-domains.ts';
import type { Aws } from './clients.ts';
import type { Deployment } from './deployment.ts';
import { logPages } from './log-events.ts';

/** Limits of one search. CloudWatch Logs answers a request with at most 10,000 events or 1 MB. */
const MOST_PAGES = 20;
const MOST_EVENTS = 10_000;

interface Format {
  /** Matches what was refused. */
  readonly pattern: string;
  /** Field with the address that asked. */
  readonly source: string;
  /** The name in a line; `undefined`: none that matters. */
  readonly nameIn: (line: unknown) => string | undefined;
}

const queryLine = z.looseObject({ query_name: z.string() });
const verdictLine = z.looseObject({ name: z.string() });

const FORMATS: Readonly<Record<RefusedKind, Format>> = {
  // The actions of DNS Firewall's rules: `lib/network/dns-firewall.ts`.
  lookup: {
    pattern: '$.firewall_rule_action = "BLOCK"',
    source: '$.srcaddr',
    nameIn: (line) => {
      const name = queryLine.safeParse(line).data?.query_name;
      return name !== undefined && isPublicDomain(name) ? name : undefined;
    },
  },
  // The lines of the gateways: `lib/gateway/nginx.ts`.
  connection: {
    pattern: '$.verdict = "refused"',
    source: '$.source',
    nameIn: (line) => verdictLine.safeParse(line).data?.name,
  },
};

/** The logs that the stack has. It has none in an existing VPC. */
export function refusalLogsOf({ outputs }: Pick<Deployment, 'outputs'>): RefusalLog[] {
  const groups = { lookup: outputs.get(OUTPUTS.dnsQueryLogGroup), connection: outputs.get(OUTPUTS.gatewayLogGroup) };
  return (['lookup', 'connection'] as const).flatMap((kind) => {
    const group = groups[kind];
    return group === undefined ? [] : [{ kind, group }];
  });
}

export interface RefusalQuery {
  readonly fromMs: number;
  readonly toMs: number;
  /** Address of the task that asked. Default: any. */
  readonly source?: string | undefined;
}

/** What was refused in this time. If there is too much to read, the newest. */
export async function readRefusalLog(
  aws: Aws,
  { kind, group }: RefusalLog,
  { fromMs, toMs, source }: RefusalQuery,
): Promise<LogReading> {
  const format = FORMATS[kind];
  const ofSource = source === undefined ? '' : ` && ${format.source} = ${JSON.stringify(source)}`;
  const pattern = `{ ${format.pattern}${ofSource} }`;
  const refused: Refused[] = [];
  let pages = 0;
  for await (const { events, isLast } of logPages(aws, { group, fromMs, toMs, pattern, newestFirst: true })) {
    for (const { atMs, message } of events) {
      const name = format.nameIn(foreignJsonOf(message));
      if (name !== undefined) refused.push({ atMs, name });
    }
    pages += 1;
    if (!isLast && (pages >= MOST_PAGES || refused.length >= MOST_EVENTS)) return { refused, isCut: true };
  }
  return { refused, isCut: false };
}
