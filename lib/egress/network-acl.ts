/** What a network ACL of a VPC lets through, as far as it can be told without an address. */

export interface AclFacts {
  readonly id: string;
  readonly rules: readonly AclRule[];
}

export interface AclRule {
  /** Lower ones are asked first; the first that fits decides. */
  readonly number: number;
  readonly direction: 'in' | 'out';
  readonly allows: boolean;
  /** By its number: `6` is TCP; `-1`: all. */
  readonly protocol: string;
  /** Absent: a rule of IPv6. */
  readonly range?: string;
  /** Absent: all. */
  readonly ports?: Ports;
}

/** Both ends included. */
export interface Ports {
  readonly from: number;
  readonly to: number;
}

/**
 * Whether TCP over IPv4 passes on all of some ports: to or from every address, none, or what lies between.
 *
 * https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
 */
export function passes({ rules }: AclFacts, direction: AclRule['direction'], ports: Ports): 'all' | 'some' | 'none' {
  const asked = rules
    .filter((rule) => rule.direction === direction && concerns(rule, ports))
    .sort((a, b) => a.number - b.number);
  const last = asked.findIndex((rule) => rule.range === '0.0.0.0/0' && holds(rule, ports));
  const verdicts = new Set((last === -1 ? asked : asked.slice(0, last + 1)).map(({ allows }) => allows));
  // What no rule fits is denied.
  if (last === -1) verdicts.add(false);
  if (verdicts.size === 2) return 'some';
  return verdicts.has(true) ? 'all' : 'none';
}

function concerns({ protocol, range, ports: own }: AclRule, { from, to }: Ports): boolean {
  const ofTcp = protocol === '-1' || protocol === '6';
  return ofTcp && range !== undefined && (own === undefined || (own.from <= to && from <= own.to));
}

function holds({ protocol, ports: own }: AclRule, { from, to }: Ports): boolean {
  return protocol === '-1' || own === undefined || (own.from <= from && to <= own.to);
}
