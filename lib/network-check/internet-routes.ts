/** Finds out where a subnet's route table sends traffic to the internet. */
import { type AddressRange, contains, dotted, PRIVATE_RANGES, parseRange } from '../aws/address-range.ts';

/** An IPv4 route. */
export interface Route {
  readonly range: string;
  /** The route's target. Absent if the target was deleted. */
  readonly target?: string | undefined;
}

export interface InternetRoutes {
  /**
   * Targets of the routes that each cover at least 1/256 of all addresses, without duplicates: `nat-…`, `igw-…`, `tgw-…`,
   * `vpce-…`, a core network's ARN, … There can be several, if halves or smaller parts of all addresses have separate routes.
   */
  readonly targets: readonly string[];
  /** Ranges with public addresses that have no route, or a route whose target was deleted. */
  readonly nowhere: readonly string[];
}

/** Maximum prefix length of a route that counts as a part of the default route. Narrower routes lead to particular networks. */
export const LONGEST_DEFAULT_PREFIX = 8;

/** Ranges without internet hosts. https://www.iana.org/assignments/iana-ipv4-special-registry/ */
const NOT_PUBLIC = [...PRIVATE_RANGES, '0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].flatMap(ranges);

/**
 * Evaluates routes as AWS does: for each address, the narrowest route applies, even if its target was deleted. Firewalls and VPNs
 * often split a default route into halves or quarters. If one half is dead, a default route doesn't replace it.
 * https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
 */
export function internetRoutes(given: readonly Route[]): InternetRoutes {
  const routes = given.flatMap((route) => ranges(route.range).map((range) => ({ ...route, parsed: range })));
  const targets = new Set<string>();
  const nowhere = new Set<string>();
  const visit = (part: AddressRange) => {
    if (NOT_PUBLIC.some((range) => contains(range, part))) return;
    if (routes.some(({ parsed }) => parsed.prefix > part.prefix && contains(part, parsed))) {
      for (const half of halves(part)) visit(half);
      return;
    }
    const [narrowest] = routes
      .filter(({ parsed }) => contains(parsed, part))
      .sort((a, b) => b.parsed.prefix - a.parsed.prefix);
    if (narrowest?.target === undefined) nowhere.add(narrowest?.range ?? inWords(part));
    else if (narrowest.parsed.prefix <= LONGEST_DEFAULT_PREFIX) targets.add(narrowest.target);
  };
  visit({ first: 0, last: 2 ** 32 - 1, prefix: 0 });
  return { targets: [...targets], nowhere: [...nowhere] };
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
