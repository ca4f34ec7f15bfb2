/** Suricata rules, read as its documentation defines their keywords. */

/** What of a rule decides about a connection. */
export interface Rule {
  readonly action: string;
  readonly protocol: string;
  readonly ports: string;
  readonly options: string;
}

/** Rules of a rule string, in order. */
export function parsedRules(rules: string): Rule[] {
  return rules.split('\n').map((line) => {
    const [, action = '', protocol = '', ports = '', options = ''] =
      /^(\w+) (\w+) \S+ any -> any (\S+) \((.*)\)$/.exec(line) ?? [];
    if (action === '') throw new Error(`This is no rule: ${line}`);
    return { action, protocol, ports, options };
  });
}

/** A connection as a firewall sees it. */
export interface Seen {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'other';
  readonly port: number;
  /** TLS server name; `null` for TLS without one; absent for what is not TLS. */
  readonly serverName?: string | null;
}

/** The first rule that decides, read as Suricata's documentation defines its keywords. The lab asks Suricata itself. */
export function decision(rules: readonly Rule[], seen: Seen): Rule | undefined {
  return rules.find((rule) => rule.action !== 'alert' && matches(rule, seen));
}

function matches({ protocol, ports, options }: Rule, seen: Seen): boolean {
  if (!portMatches(ports, seen.port)) return false;
  const isTls = seen.serverName !== undefined;
  if (protocol === 'tls') {
    if (!isTls) return false;
    const content = /tls\.sni; content:"([^"]*)";/.exec(options)?.[1];
    if (content === undefined) return options.includes('ssl_state:client_hello');
    const name = seen.serverName?.toLowerCase() ?? '';
    return options.includes('startswith;') ? name === content.toLowerCase() : name.endsWith(content.toLowerCase());
  }
  if (protocol === 'tcp') {
    const sparesTls = options.includes('app-layer-protocol:!tls') || options.includes('flowbits:isnotset');
    return seen.protocol === 'tcp' && !(sparesTls && isTls);
  }
  if (protocol === 'ip') return seen.protocol === 'other' || seen.protocol === 'icmp';
  return protocol === seen.protocol;
}

function portMatches(ports: string, port: number): boolean {
  if (ports === 'any') return true;
  const negated = ports.startsWith('!');
  const list = ports
    .replace(/^!|[[\]]/g, '')
    .replaceAll('[', '')
    .split(',')
    .map(Number);
  return list.includes(port) !== negated;
}
