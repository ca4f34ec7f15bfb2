/** Checks what the network refused to jobs. */
import {
  allowingText,
  cutText,
  type ReadLog,
  type Refusals,
  type RefusedKind,
  refusedDomains,
  refusedText,
} from '../refused-domains.ts';
import { capital, countedInWords, listed } from '../sentences.ts';
import { couldNotCheck, type Finding, note, ok } from './findings.ts';

/** Hours whose logs are read. */
export const REFUSALS_HOURS = 24;

const ID = 'network.refused-domains';
const MOST_NAMES = 10;
const TIME = `In the last ${REFUSALS_HOURS} hours`;

/** What refuses. */
const ACTORS: Readonly<Record<RefusedKind, string>> = { lookup: 'DNS Firewall', connection: 'the gateways' };
/** What was refused if it is nothing. The other lookups are not counted. */
const NOTHING: Readonly<Record<RefusedKind, string>> = {
  lookup: 'no lookup of a public domain',
  connection: 'no connection',
};

/** At most a note about what was read: refusing is what the filter is for, and only the user knows what jobs may reach. */
export function checkRefusals(refusals: Refusals, nowMs: number): Finding[] {
  const { read, unread } = refusals;
  return [
    ...unread.map(({ kind, group, failure }) =>
      couldNotCheck(ID, `which ${kind}s ${ACTORS[kind]} refused`, failure, `logs:FilterLogEvents on ${group}`),
    ),
    ...(read.length === 0 ? [] : [checkRead(refusals, nowMs)]),
  ];
}

function checkRead(refusals: Refusals, nowMs: number): Finding {
  const { read } = refusals;
  const some = read.filter(({ count }) => count > 0);
  const tooMany = read.filter(({ count, isCut }) => count === 0 && isCut).map((log) => `${capital(cutText(log))}.`);
  if (some.length > 0) {
    return note(ID, {
      what: [`${TIME}, ${listed(some.map(countText))}: ${refusedText(refusals, nowMs, MOST_NAMES)}.`, ...tooMany].join(
        ' ',
      ),
      why: 'A job that needs one of these hosts fails or waits for it in vain.',
      todo: remedy(refusals),
    });
  }
  if (tooMany.length > 0) {
    return note(ID, {
      what: tooMany.join(' '),
      why: 'The older lines can have the domain that a job couldn’t reach.',
      todo: 'Nothing, unless a job can’t reach a host: see docs/runbook.md, "A job can\'t reach a host".',
    });
  }
  return ok(ID, `${TIME}, ${listed(read.map(({ kind }) => `${ACTORS[kind]} refused ${NOTHING[kind]}`))}.`);
}

function countText({ kind, count, isCut }: ReadLog): string {
  return `${ACTORS[kind]} refused ${isCut ? 'at least ' : ''}${countedInWords(count, kind)}`;
}

function remedy(refusals: Refusals): string {
  if (refusedDomains(refusals).length > 0)
    return `If agents need one of these domains, ${allowingText('it', refusals)}`;
  // Every lookup that is counted has a domain, so only gateways refused something.
  return 'If agents need one of these hosts, configure the job with the host’s domain and TLS: a gateway allows nothing else.';
}
