/** Firewall rules from names: Suricata's language, as AWS Network Firewall takes it in strict order. */

/** The first rule's number; private rules begin at a million. https://docs.suricata.io/en/suricata-7.0.10/rules/meta.html#sid-signature-id */
const FIRST_SID = 1_000_000;

/** A host that listens on another port than 443. */
export interface OtherPort {
  readonly name: string;
  readonly port: number;
}

/** Said of a connection whose client began with a TLS handshake. */
const TLS_BEGUN = 'agent-launcher.tls';

/**
 * Bytes of a client hello after which no name is waited for any longer: how much a connection can carry out before it is
 * judged. With a post-quantum key share OpenSSL's has some 1,540 bytes, and 1,810 when it resumes a session
 * (https://www.mail-archive.com/tls@ietf.org/msg21753.html); the longest name adds 250. The limit is twice that, and of our
 * own choice: a client with more extensions than fit, such as large tickets, is refused.
 */
export const LONGEST_CLIENT_HELLO = 4_096;

/**
 * The rules, one a line, first match wins:
 * 1. a log line for every TLS server name that is asked for, whatever becomes of it, and a mark on connections that
 *    begin as TLS;
 * 2. one `pass` for every allowed name on port 443, and for every host on another port;
 * 3. the rest is dropped, and each drop says which kind it was.
 *
 * What is dropped is dropped here and not by the policy's default action alone, because the default looks at
 * established connections only: a first UDP datagram would leave. Nor may TLS be dropped before its name can be read:
 * today's client hello, with a post-quantum key share, fills two segments. So TLS is judged when its client hello is
 * complete (`ssl_state`), and everything that does not begin as TLS with its first byte, in either direction.
 *
 * @param names allowed names, `*.` for every name below; parts may be what CloudFormation fills in
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
    // A host on another port has a rule of its own, also where a wildcard covers its name.
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
      // A TLS server says nothing before the client hello is there, and by then the connection was judged.
      'flow:established,to_client; dsize:>0;',
    ],
    // By the connection and not by flags: `flags:S` is exactly SYN, and a SYN that offers ECN has two more.
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
 * How a server name is compared. The whole name for a single one: `startswith` and `endswith` on one content leave room
 * for neither `app.terraform.io.evil.example` nor `evil-app.terraform.io`. For a wildcard the end, which begins with a
 * dot, so that `*.example.com` takes neither `notexample.com` nor `example.com`.
 * https://docs.suricata.io/en/suricata-7.0.10/rules/tls-keywords.html#tls-sni
 */
function sniMatch(name: string): string {
  return name.startsWith('*.')
    ? `tls.sni; content:"${name.slice(1)}"; nocase; endswith;`
    : `tls.sni; content:"${name}"; startswith; nocase; endswith;`;
}

/** How many rules a policy may grow to: the capacity of a rule group is fixed when it is made. */
export function ruleCapacity(rules: string): number {
  const needed = rules.split('\n').length;
  return Math.max(100, Math.ceil((needed * 2) / 100) * 100);
}
