/** Where a subnet's route table leads what is meant for the internet. */
import { type AddressRange, contains, dotted, PRIVATE_RANGES, parseRange } from './address-range.ts';

/** A route of IPv4, by its range. */
export interface Route {
  readonly range: string;
  /** Absent: it leads nowhere, as the route to a gateway that was deleted. */
  readonly target?: string;
}

export interface WaysOut {
  /** Targets, each once, of the routes that each hold at least a 256th of all addresses. */
  readonly ways: readonly string[];
  /** Ranges with public addresses that no route leads anywhere. */
  readonly nowhere: readonly string[];
}

/** Longest prefix of what counts as a default route or a part of one; narrower routes are about somebody's network. */
export const WIDEST_PART = 8;

/** Ranges in which no host of the internet is. https://www.iana.org/assignments/iana-ipv4-special-registry/ */
const NOT_PUBLIC = [...PRIVATE_RANGES, '0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].flatMap(ranges);

/**
 * Reads routes as AWS does: for each address the narrowest route decides, also where it leads nowhere. So firewalls and VPNs
 * may part a default route into halves or quarters, and a dead half is not mended by a default route beside it.
 * https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
 */
export function waysOut(given: readonly Route[]): WaysOut {
  const routes = given.flatMap((route) => ranges(route.range).map((range) => ({ ...route, parsed: range })));
  const ways = new Set<string>();
  const nowhere = new Set<string>();
  const look = (part: AddressRange) => {
    if (NOT_PUBLIC.some((range) => contains(range, part))) return;
    if (routes.some(({ parsed }) => parsed.prefix > part.prefix && contains(part, parsed))) {
      for (const half of halves(part)) look(half);
      return;
    }
    const [narrowest] = routes
      .filter(({ parsed }) => contains(parsed, part))
      .sort((a, b) => b.parsed.prefix - a.parsed.prefix);
    if (narrowest?.target === undefined) nowhere.add(narrowest?.range ?? inWords(part));
    else if (narrowest.parsed.prefix <= WIDEST_PART) ways.add(narrowest.target);
  };
  look({ first: 0, last: 2 ** 32 - 1, prefix: 0 });
  return { ways: [...ways], nowhere: [...nowhere] };
}

function ranges(text: string): AddressRange[] {
  const parsed = parseRange(text);
  return parsed === undefined ? [] : [parsed];
}

function halves({ first, last, prefix }: AddressRange): AddressRange[] {
  const middle = first + (last - first + 1) / 2;
  return [
    { first, last: middle - 1, prefix: prefix + 1 },
    { first: middle, last, prefix: prefix + 1 },
  ];
}

function inWords({ first, prefix }: AddressRange): string {
  return `${dotted(first)}/${prefix}`;
}
