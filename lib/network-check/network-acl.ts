/** Evaluates a network ACL without knowing the destination address. */

export interface AclFacts {
  readonly id: string;
  readonly rules: readonly AclRule[];
}

export interface AclRule {
  /** Rules are evaluated in ascending order; the first match decides. */
  readonly number: number;
  readonly direction: 'in' | 'out';
  readonly allows: boolean;
  /** Protocol number: `6` is TCP, `-1` is all. */
  readonly protocol: string;
  /** Absent for an IPv6 rule. */
  readonly range?: string;
  /** Absent if the rule applies to all ports. */
  readonly ports?: Ports;
}

/** A range of ports, including both ends. */
export interface Ports {
  readonly from: number;
  readonly to: number;
}

/**
 * Whether the ACL allows TCP over IPv4 on all given ports: for all addresses, for none, or for some.
 *
 * https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
 */
export function passes({ rules }: AclFacts, direction: AclRule['direction'], ports: Ports): 'all' | 'some' | 'none' {
  const matching = rules
    .filter((rule) => rule.direction === direction && concerns(rule, ports))
    .sort((a, b) => a.number - b.number);
  const last = matching.findIndex((rule) => rule.range === '0.0.0.0/0' && holds(rule, ports));
  const verdicts = new Set((last === -1 ? matching : matching.slice(0, last + 1)).map(({ allows }) => allows));
  // Traffic that matches no rule is denied.
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
