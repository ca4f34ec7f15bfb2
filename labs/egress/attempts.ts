/** What is tried in the lab: the ways in which a job, honest or not, may try to leave. */

/** Addresses in the lab, all from ranges that belong to documentation. */
export const LAB = {
  /** The task. */
  client: '10.90.0.10',
  client6: 'fd00:90::10',
  /** The VPC's resolver. */
  resolver: '10.90.0.2',
  /** Where the allowed names live. */
  allowedHost: '198.51.100.10',
  allowedHost6: '2001:db8:100::10',
  /** A stranger, who answers on every port to every name. */
  stranger: '198.51.100.66',
  /** A host that isn't allowed, to which the task offers ECN: its SYN has the flags ECE and CWR as well. */
  strangerByEcn: '198.51.100.67',
  /** A stranger who speaks first, as SSH and mail servers do. */
  talkative: '198.51.100.22',
} as const;

/** A name that is allowed whole, one that is allowed by a wildcard, one that is not. */
export const NAMES = {
  allowed: 'app.terraform.io',
  wildcard: '*.modules.example.com',
  below: 'network.modules.example.com',
  stranger: 'evil.example.net',
} as const;

/** What a client says that only pretends to speak TLS; the stranger answers it at length. */
export const SECRET = 'take this secret';

/** The same, to be answered in a few bytes that begin as a TLS server's do. */
export const BRIEFLY = 'take this, and be brief';

interface To {
  readonly address: string;
  readonly port: number;
}

/** One try, by what is sent. */
export type Try =
  | (To & {
      readonly how: 'tls';
      /** Absent: no server name is sent. */
      readonly serverName?: string;
      readonly version?: 'TLSv1.2' | 'TLSv1.3';
      /** How the client hello is cut: into many TCP segments, or into many TLS records. */
      readonly cut?: 'segments' | 'records';
      /** What is asked for inside TLS. */
      readonly host?: string;
      /** Bytes to send after that. */
      readonly upload?: number;
    })
  | (To & { readonly how: 'tcp'; readonly send: string })
  /** Data in the first packet of a connection (TCP Fast Open), which asks for no handshake. */
  | (To & { readonly how: 'fast-open'; readonly send: string })
  | (To & { readonly how: 'udp'; readonly send: string })
  | { readonly how: 'icmp' | 'gre'; readonly address: string };

export type Verdict = 'reaches' | 'blocked';

export interface Attempt {
  readonly name: string;
  readonly try: Try;
  readonly expected: Verdict;
  /** A way that this engine cannot close; it is listed so that nobody is surprised. */
  readonly gap?: string;
}

const toHost = { address: LAB.allowedHost, port: 443 };
const toStranger = { address: LAB.stranger, port: 443 };
const tls = (name: string, serverName: string | undefined, expected: Verdict, more: object = {}): Attempt => ({
  name,
  try: { how: 'tls', ...(expected === 'reaches' ? toHost : toStranger), ...(serverName && { serverName }), ...more },
  expected,
});
const { allowed, below, stranger } = NAMES;

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
  {
    name: 'an allowed name on another port',
    try: { how: 'tls', address: LAB.stranger, port: 8443, serverName: allowed },
    expected: 'blocked',
  },
  {
    name: 'an allowed name over IPv6',
    try: { how: 'tls', address: LAB.allowedHost6, port: 443, serverName: allowed },
    expected: 'blocked',
  },
  {
    name: 'plain HTTP, allowed Host',
    try: { how: 'tcp', address: LAB.allowedHost, port: 80, send: `GET / HTTP/1.1\r\nHost: ${allowed}\r\n\r\n` },
    expected: 'blocked',
  },
  {
    name: 'plain HTTP, another Host',
    try: { how: 'tcp', address: LAB.stranger, port: 80, send: `GET / HTTP/1.1\r\nHost: ${stranger}\r\n\r\n` },
    expected: 'blocked',
  },
  {
    name: 'plain HTTP on port 443, allowed Host',
    try: { how: 'tcp', ...toStranger, send: `GET / HTTP/1.1\r\nHost: ${allowed}\r\n\r\n` },
    expected: 'blocked',
  },
  { name: 'SSH on port 443', try: { how: 'tcp', ...toStranger, send: 'SSH-2.0-OpenSSH_9.9\r\n' }, expected: 'blocked' },
  {
    name: 'a custom protocol on port 443',
    try: { how: 'tcp', ...toStranger, send: 'take this, and this: 0123456789abcdef' },
    expected: 'blocked',
  },
  {
    name: 'data that begins like TLS on port 443',
    try: { how: 'tcp', ...toStranger, send: `\u0016\u0003\u0001\u0000\u0010${SECRET}` },
    expected: 'blocked',
  },
  {
    name: 'a client hello without an end, with TLS answers',
    try: {
      how: 'tcp',
      ...toStranger,
      send: `\u0016\u0003\u0001\u003f\u00ff\u0001\u0000\u003f\u00fb\u0003\u0003${BRIEFLY}`,
    },
    expected: 'blocked',
  },
  {
    name: 'a server that speaks first on port 443',
    try: { how: 'tcp', address: LAB.talkative, port: 443, send: '' },
    expected: 'blocked',
  },
  {
    name: 'a client hello that never ends, on port 443',
    try: {
      how: 'tcp',
      ...toStranger,
      send: `\u0016\u0003\u0001\u003f\u0000\u0001\u0000\u003e\u0000${'secret'.repeat(2_600)}`,
    },
    expected: 'blocked',
  },
  {
    name: 'data in the first packet (TCP Fast Open)',
    try: { how: 'fast-open', ...toStranger, send: 'take this secret' },
    expected: 'blocked',
  },
  {
    name: 'data in the first packet, which offers ECN',
    try: { how: 'fast-open', address: LAB.strangerByEcn, port: 443, send: 'take this secret' },
    expected: 'blocked',
  },
  {
    name: 'TCP 22',
    try: { how: 'tcp', address: LAB.stranger, port: 22, send: 'SSH-2.0-OpenSSH_9.9\r\n' },
    expected: 'blocked',
  },
  { name: 'TCP 7146', try: { how: 'tcp', address: LAB.stranger, port: 7146, send: 'hello' }, expected: 'blocked' },
  { name: 'UDP 443 (QUIC)', try: { how: 'udp', ...toStranger, send: 'initial' }, expected: 'blocked' },
  {
    name: 'DNS to another resolver, UDP',
    try: { how: 'udp', address: LAB.stranger, port: 53, send: 'question' },
    expected: 'blocked',
  },
  {
    name: 'DNS to another resolver, TCP',
    try: { how: 'tcp', address: LAB.stranger, port: 53, send: 'question' },
    expected: 'blocked',
  },
  { name: 'ping', try: { how: 'icmp', address: LAB.stranger }, expected: 'blocked' },
  { name: 'another IP protocol (GRE)', try: { how: 'gre', address: LAB.stranger }, expected: 'blocked' },
  {
    name: 'the allowed server name, forged, to an unknown host',
    try: { how: 'tls', ...toStranger, serverName: allowed },
    expected: 'reaches',
    gap: 'The firewall does not compare the server name with the address.',
  },
  {
    name: 'domain fronting: allowed server name, another Host inside TLS',
    try: { how: 'tls', ...toHost, serverName: allowed, host: stranger },
    expected: 'reaches',
    gap: 'The firewall sees nothing inside TLS.',
  },
];
