/** The attempts of the lab: the ways in which an honest or malicious job can try to reach another host. */

/** Addresses in the lab, all from documentation ranges. */
export const LAB = {
  /** The task. */
  client: '10.90.0.10',
  client6: 'fd00:90::10',
  /** The VPC's resolver. */
  resolver: '10.90.0.2',
  /** The host of the allowed names. */
  allowedHost: '198.51.100.10',
  allowedHost6: '2001:db8:100::10',
  /** A host that isn't allowed. It responds on every port, for every name. */
  stranger: '198.51.100.66',
  /** A host that isn't allowed. The task offers ECN to it, so the SYN also has the flags ECE and CWR. */
  strangerByEcn: '198.51.100.67',
  /** A host that isn't allowed and sends first, as SSH and mail servers do. */
  talkative: '198.51.100.22',
} as const;

/** A name that is allowed itself, one that a wildcard allows, and one that isn't allowed. */
export const NAMES = {
  allowed: 'app.terraform.io',
  wildcard: '*.modules.example.com',
  below: 'network.modules.example.com',
  stranger: 'evil.example.net',
} as const;

/** Data of a client that only pretends to use TLS. The host that isn't allowed sends a long answer. */
export const SECRET = 'take this secret';

/** Data of a client that only pretends to use TLS. The host answers with a few bytes that begin like those of a TLS server. */
export const BRIEFLY = 'take this, and be brief';

interface To {
  readonly address: string;
  readonly port: number;
}

/** One attempt: the protocol, and what the client sends. */
export type Try =
  | (To & {
      readonly how: 'tls';
      /** If it is absent, the client sends no server name. */
      readonly serverName?: string;
      readonly version?: 'TLSv1.2' | 'TLSv1.3';
      /** Splits the client hello into many TCP segments, or into many TLS records. */
      readonly cut?: 'segments' | 'records';
      /** The Host header inside TLS. */
      readonly host?: string;
      /** Bytes to send after the headers. */
      readonly upload?: number;
    })
  | Message
  | { readonly how: 'icmp' | 'gre'; readonly address: string };

/** Plain data. Fast Open sends it in the first packet of the connection, before any handshake. */
export type Message = To & { readonly how: 'tcp' | 'fast-open' | 'udp'; readonly send: string };

export type Verdict = 'reaches' | 'blocked';

export interface Attempt {
  readonly name: string;
  readonly try: Try;
  readonly expected: Verdict;
  /** A gap that this engine can't close. The page lists it. */
  readonly gap?: string;
}

const { allowed, below, stranger } = NAMES;
const toHost = { address: LAB.allowedHost, port: 443 };
const toStranger = { address: LAB.stranger, port: 443 };
const toStrangerOn = (port: number): To => ({ address: LAB.stranger, port });

const tls = (name: string, serverName: string | undefined, expected: Verdict, more: object = {}): Attempt => ({
  name,
  try: { how: 'tls', ...(expected === 'reaches' ? toHost : toStranger), ...(serverName && { serverName }), ...more },
  expected,
});
const sends =
  (how: Message['how']) =>
  (name: string, send: string, to: To = toStranger): Attempt => ({
    name,
    try: { how, ...to, send },
    expected: 'blocked',
  });
const [tcp, fastOpen, udp] = [sends('tcp'), sends('fast-open'), sends('udp')];
const packet = (name: string, how: 'icmp' | 'gre'): Attempt => ({
  name,
  try: { how, address: LAB.stranger },
  expected: 'blocked',
});
const httpTo = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const SSH = 'SSH-2.0-OpenSSH_9.9\r\n';

export const ATTEMPTS: readonly Attempt[] = [
  tls('an allowed name', allowed, 'reaches'),
  tls('an allowed name, TLS 1.2', allowed, 'reaches', { version: 'TLSv1.2' }),
  tls('an allowed name, TLS 1.3', allowed, 'reaches', { version: 'TLSv1.3' }),
  tls('an allowed name in upper case', allowed.toUpperCase(), 'reaches'),
  tls('an allowed name in mixed case', 'App.Terraform.IO', 'reaches'),
  tls('a name below a wildcard', below, 'reaches'),
  tls('a name far below a wildcard', `a.b.${below}`, 'reaches'),
  tls('an allowed name, client hello in many TCP segments', allowed, 'reaches', { cut: 'segments' }),
  tls('an allowed name, with much data to send', allowed, 'reaches', { upload: 1_000_000 }),
  tls('another name', stranger, 'blocked'),
  tls('another name, TLS 1.2', stranger, 'blocked', { version: 'TLSv1.2' }),
  tls('another name, client hello in many TCP segments', stranger, 'blocked', { cut: 'segments' }),
  tls('another name, client hello in many TLS records', stranger, 'blocked', { cut: 'records' }),
  tls('an allowed name, client hello in many TLS records', allowed, 'reaches', { cut: 'records' }),
  tls('a sub-domain of an allowed name', `x.${allowed}`, 'blocked'),
  tls('the domain above an allowed name', 'terraform.io', 'blocked'),
  tls('the domain of a wildcard itself', 'modules.example.com', 'blocked'),
  tls('prefix trick: the allowed name, then another domain', `${allowed}.${stranger}`, 'blocked'),
  tls('prefix trick: without a dot', `${allowed}x.example.net`, 'blocked'),
  tls('suffix trick: another name that ends like the allowed one', `evil${allowed}`, 'blocked'),
  tls('suffix trick: with a dash', `evil-${allowed}`, 'blocked'),
  tls('suffix trick: a wildcard without its dot', 'evilmodules.example.com', 'blocked'),
  tls('the allowed name with a dot at its end', `${allowed}.`, 'blocked'),
  tls('no server name, to an address', undefined, 'blocked'),
  tls('no server name, TLS 1.2', undefined, 'blocked', { version: 'TLSv1.2' }),
  tls('an allowed name on another port', allowed, 'blocked', { port: 8443 }),
  tls('an allowed name over IPv6', allowed, 'blocked', { address: LAB.allowedHost6 }),
  tcp('plain HTTP, allowed Host', httpTo(allowed), { address: LAB.allowedHost, port: 80 }),
  tcp('plain HTTP, another Host', httpTo(stranger), toStrangerOn(80)),
  tcp('plain HTTP on port 443, allowed Host', httpTo(allowed)),
  tcp('SSH on port 443', SSH),
  tcp('a custom protocol on port 443', 'take this, and this: 0123456789abcdef'),
  tcp('data that begins like TLS on port 443', `\u0016\u0003\u0001\u0000\u0010${SECRET}`),
  tcp(
    'an unfinished client hello, and a server that answers in TLS',
    `\u0016\u0003\u0001\u003f\u00ff\u0001\u0000\u003f\u00fb\u0003\u0003${BRIEFLY}`,
  ),
  tcp('a server that speaks first on port 443', '', { address: LAB.talkative, port: 443 }),
  tcp(
    'a client hello that never ends, on port 443',
    `\u0016\u0003\u0001\u003f\u0000\u0001\u0000\u003e\u0000${'secret'.repeat(2_600)}`,
  ),
  fastOpen('data in the first packet (TCP Fast Open)', 'take this secret'),
  fastOpen('data in the first packet, which offers ECN', 'take this secret', { address: LAB.strangerByEcn, port: 443 }),
  tcp('TCP 22', SSH, toStrangerOn(22)),
  tcp('TCP 7146', 'hello', toStrangerOn(7146)),
  udp('UDP 443 (QUIC)', 'initial'),
  udp('DNS to another resolver, UDP', 'question', toStrangerOn(53)),
  tcp('DNS to another resolver, TCP', 'question', toStrangerOn(53)),
  packet('ping', 'icmp'),
  packet('another IP protocol (GRE)', 'gre'),
  {
    ...tls('the allowed server name, forged, to an unknown host', allowed, 'reaches', toStranger),
    gap: 'The firewall does not compare the server name with the address.',
  },
  {
    ...tls('domain fronting: allowed server name, another Host inside TLS', allowed, 'reaches', { host: stranger }),
    gap: 'The firewall sees nothing inside TLS.',
  },
];
