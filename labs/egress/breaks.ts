/** Deliberate mistakes in the rules. The lab must fail with each of them. Otherwise its success proves nothing. */
import { LONGEST_CLIENT_HELLO } from '../../lib/network/suricata-rules.ts';
import type { Break } from './try-breaks.ts';
import type { EngineSettings } from './under-test.ts';

interface PolicyBreak extends Break<string> {
  /** Changes to other settings of the policy. */
  readonly settings?: Partial<EngineSettings>;
}

const lines = (rules: string, change: (line: string) => string) => rules.split('\n').map(change).join('\n');
const without = (message: string) => (rules: string) =>
  rules
    .split('\n')
    .filter((line) => !line.includes(`agent-launcher: ${message}"`))
    .join('\n');

export const BREAKS: readonly PolicyBreak[] = [
  {
    name: 'only the end of a name is compared',
    apply: (rules) => rules.replaceAll('; startswith; nocase; endswith;', '; nocase; endswith;'),
    shows: ['suffix trick: another name that ends like the allowed one', 'a sub-domain of an allowed name'],
  },
  {
    name: 'only the beginning of a name is compared',
    apply: (rules) => rules.replaceAll('startswith; nocase; endswith;', 'startswith; nocase;'),
    shows: ['prefix trick: the allowed name, then another domain', 'prefix trick: without a dot'],
  },
  {
    name: 'a wildcard loses its dot',
    apply: (rules) => rules.replaceAll('content:".modules', 'content:"modules'),
    shows: ['suffix trick: a wildcard without its dot', 'the domain of a wildcard itself'],
  },
  {
    name: 'upper and lower case are different',
    apply: (rules) => rules.replaceAll(' nocase;', ''),
    shows: ['an allowed name in upper case', 'an allowed name in mixed case'],
  },
  {
    name: 'other names raise an alert and are not dropped',
    apply: (rules) =>
      lines(rules, (line) => (line.includes('server name not allowed') ? line.replace(/^drop/, 'alert') : line)),
    shows: ['another name', 'no server name, to an address'],
  },
  {
    name: 'TLS is dropped before the firewall can read the server name',
    apply: (rules) => rules.replaceAll(' ssl_state:client_hello;', ''),
    shows: ['an allowed name, client hello in many TCP segments'],
  },
  {
    name: 'connections that are not TLS can begin',
    apply: without('not TLS'),
    shows: ['a custom protocol on port 443'],
  },
  {
    name: 'the length of a client hello is not limited',
    apply: without('client hello without an end'),
    shows: ['a client hello that never ends, on port 443'],
  },
  {
    name: 'data can leave before the connection is established',
    apply: without('data before the connection'),
    shows: ['data in the first packet (TCP Fast Open)', 'data in the first packet, which offers ECN'],
  },
  {
    name: 'only a plain SYN is checked for data',
    apply: (rules) => rules.replace('flow:not_established; dsize:>0;', 'flags:S; dsize:>0;'),
    shows: ['data in the first packet, which offers ECN'],
  },
  {
    name: 'servers can send long answers to data that only begins like TLS',
    apply: without('answer to no client hello'),
    shows: ['data that begins like TLS on port 443', 'an unfinished client hello, and a server that answers in TLS'],
  },
  {
    name: 'servers can send short answers to an unfinished client hello',
    apply: (rules) =>
      rules.replace('flow:established,to_client; dsize:>0;', 'flow:established,to_client; stream_size:server,>,16384;'),
    shows: ['an unfinished client hello, and a server that answers in TLS'],
  },
  {
    name: 'names are allowed on every port',
    apply: (rules) => without('TCP port not allowed')(rules).replaceAll(/^(pass .* )443 \(/gm, '$1any ('),
    shows: ['an allowed name on another port'],
  },
  { name: 'UDP is open', apply: without('UDP'), shows: ['UDP 443 (QUIC)', 'DNS to another resolver, UDP'] },
  {
    name: 'ICMP is open',
    apply: (rules) => without('neither TCP nor UDP')(without('ICMP')(rules)),
    shows: ['ping', 'another IP protocol (GRE)'],
  },
  {
    name: 'the stateless stage passes everything',
    apply: (rules) => rules,
    settings: { stateless: 'aws:pass' },
    shows: ['another name', 'no server name, to an address', 'UDP 443 (QUIC)', 'ping'],
  },
  {
    name: '`$HOME_NET` is the wrong range',
    apply: (rules) => rules,
    settings: { homeNet: ['192.0.2.0/24'] },
    shows: ['an allowed name'],
  },
];

/** Maximum number of bytes of a blocked attempt that may reach the far side: the longest wait for a server name, and one segment. */
export const MOST_LEAKED = LONGEST_CLIENT_HELLO + 1_460;
