/** Checks what the gateways of `network.egress: on-demand` refused. */
import { allowingText, type Refusals, refusedDomains, refusedText } from '../refused-domains.ts';
import { countedInWords } from '../sentences.ts';
import { couldNotCheck, type Finding, note, type Observed, ok } from './findings.ts';

/** Hours whose connections are read. */
export const REFUSALS_HOURS = 24;

const ID = 'network.refused-domains';
const MOST_NAMES = 10;

/** A note: refusing is what the filter is for, and only the user knows what jobs may reach. */
export function checkRefusals(refusals: Observed<Refusals>, nowMs: number): Finding {
  if ('failure' in refusals) {
    return couldNotCheck(ID, 'which domains the gateways refused', refusals.failure, 'logs:FilterLogEvents');
  }
  const { connections, isCut } = refusals.value;
  const time = `in the last ${REFUSALS_HOURS} hours`;
  if (connections === 0 && !isCut) return ok(ID, `The gateways refused no connection ${time}.`);
  const domains = refusedDomains(refusals.value);
  const count = `${isCut ? 'at least ' : ''}${countedInWords(connections, 'connection')}`;
  return note(ID, {
    what: `The gateways refused ${count} ${time}: ${refusedText(refusals.value, nowMs, MOST_NAMES)}.`,
    why: 'A job that needs one of these hosts fails or waits for it in vain.',
    todo:
      domains.length > 0
        ? `If agents need one of these domains, ${allowingText('it')}`
        : 'If agents need one of these hosts, they must connect to its domain with TLS: a gateway can’t allow anything else.',
  });
}
