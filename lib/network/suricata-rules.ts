/** Generates Suricata rules for the allowed domains, for the strict rule order of AWS Network Firewall. */

/** Number of the first rule (`sid`). Private rules begin at one million. https://docs.suricata.io/en/suricata-7.0.10/rules/meta.html#sid-signature-id */
const FIRST_SID = 1_000_000;

/** A host with a port other than 443. */
export interface OtherPort {
  readonly name: string;
  readonly port: number;
}

/** Flow bit of a connection whose client began with a TLS handshake. */
const TLS_BEGUN = 'agent-launcher.tls';

/**
 * Maximum size of a client hello in bytes. This many bytes can leave on a connection before the rules check the server name.
 *
 * With a post-quantum key share, OpenSSL's client hello has about 1,540 bytes, and 1,810 when it resumes a session
 * (https://www.mail-archive.com/tls@ietf.org/msg21753.html); the longest hostname adds 250. We chose about twice that sum. The rules drop
 * a longer client hello, for example with large session tickets.
 */
export const LONGEST_CLIENT_HELLO = 4_096;

/**
 * The rules, one per line; the first match wins:
 * 1. log every requested TLS server name, and mark connections that begin as TLS;
 * 2. pass every allowed server name on port 443, and every host on another port;
 * 3. drop everything else, and log its kind.
 *
 * The policy's default action alone wouldn't be enough: it applies only to established connections, so the first UDP datagram
 * would leave. The rules must not drop TLS before they can read its server name, and a client hello with a post-quantum key
 * share fills two segments. So the rules check TLS when the client hello is complete (`ssl_state`), and everything else at
 * its first byte, in either direction.
 *
 * @param names allowed domains; `*.` at the beginning includes every subdomain; parts can be CDK tokens
 */
export function suricataRules(names: readonly string[], otherPorts: readonly OtherPort[] = []): string {
  const ports = [443, ...new Set(otherPorts.map(({ port }) => port))];
  const portList = ports.length === 1 ? '443' : `[${ports.join(',')}]`;
  const toServer = 'flow:established,to_server;';
  const everywhere = 'any any -> any any';
  const rules: readonly [head: string, message: string, options: string][] = [
    [`alert tls $HOME_NET any -> any ${portList}`, 'TLS server name', `${toServer} tls.sni; content:".";`],
    [
      `alert tcp $HOME_NET any -> any ${portList}`,
      'TLS begins',
      `${toServer} content:"|16 03|"; startswith; flowbits:set,${TLS_BEGUN}; flowbits:noalert;`,
    ],
    // A host with a port other than 443 has its own rule, even if a wildcard covers its name.
    ...[...names.map((name) => ({ name, port: 443 })), ...otherPorts].map(
      ({ name, port }): [string, string, string] => [
        `pass tls $HOME_NET any -> any ${port}`,
        port === 443 ? name : `${name}:${port}`,
        `${toServer} ${sniMatch(name)}`,
      ],
    ),
    [`drop tls ${everywhere}`, 'TLS server name not allowed, or none', `${toServer} ssl_state:client_hello;`],
    [`drop tcp ${everywhere}`, 'not TLS', `flow:established; dsize:>0; flowbits:isnotset,${TLS_BEGUN};`],
    [`drop tcp ${everywhere}`, 'not TLS after all', 'flow:established; app-layer-protocol:!tls;'],
    [
      `drop tcp ${everywhere}`,
      'client hello without an end',
      `${toServer} stream_size:client,>,${LONGEST_CLIENT_HELLO};`,
    ],
    [
      `drop tcp ${everywhere}`,
      'answer to no client hello',
      // A TLS server sends nothing before the client hello. After a complete client hello, one of the rules above has matched.
      'flow:established,to_client; dsize:>0;',
    ],
    // This rule checks the connection state, not TCP flags: `flags:S` matches exactly SYN, but a SYN with ECN has two more flags.
    // https://docs.suricata.io/en/suricata-7.0.10/rules/header-keywords.html#tcp-flags
    [`drop tcp ${everywhere}`, 'data before the connection', 'flow:not_established; dsize:>0;'],
    [`drop tcp any any -> any !${portList}`, 'TCP port not allowed', 'flow:to_server;'],
    [`drop udp ${everywhere}`, 'UDP', ''],
    [`drop icmp ${everywhere}`, 'ICMP', ''],
    [`drop ip ${everywhere}`, 'neither TCP nor UDP', 'ip_proto:!6; ip_proto:!17;'],
  ];
  return rules
    .map(([head, message, options], index) => {
      const parts = [`msg:"agent-launcher: ${message}";`, options, `sid:${FIRST_SID + index};`, 'rev:1;'];
      return `${head} (${parts.filter((part) => part !== '').join(' ')})`;
    })
    .join('\n');
}

/**
 * Compares a server name. A single domain must match completely: `startswith` and `endswith` on the same content match
 * neither `app.terraform.io.evil.example` nor `evil-app.terraform.io`. For a wildcard, the end must match including its dot, so
 * that `*.example.com` matches neither `notexample.com` nor `example.com`.
 * https://docs.suricata.io/en/suricata-7.0.10/rules/tls-keywords.html#tls-sni
 */
function sniMatch(name: string): string {
  return name.startsWith('*.')
    ? `tls.sni; content:"${name.slice(1)}"; nocase; endswith;`
    : `tls.sni; content:"${name}"; startswith; nocase; endswith;`;
}

/** Capacity of the rule group. It leaves space for more rules, because it can't change after the group is created. */
export function ruleCapacity(rules: string): number {
  const needed = rules.split('\n').length;
  return Math.max(100, Math.ceil((needed * 2) / 100) * 100);
}
