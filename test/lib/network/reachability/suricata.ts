/**
 * Suricata rules applied packet by packet, as the documentation defines every keyword that the rules use. An unknown
 * keyword is an error. A connection consists of SYN, SYN-ACK, ACK, the client's segments and the server's answer, and the
 * first `pass` or `drop` that matches decides. The egress lab runs the same attempts in the real engine. This model needs
 * neither root nor Debian packages, so every test run includes it.
 *
 * Gotchas: a rule whose head has `tls` matches only after the protocol is known. `pass` and `drop` apply to the whole
 * connection. A packet that no rule decides about is forwarded here, as in the lab. AWS would drop it.
 * https://docs.suricata.io/en/suricata-7.0.10/rules/index.html
 */

/** The number of a protocol in an IP header. */
const NUMBERS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47 };

export interface Packet {
  readonly to: 'server' | 'client';
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'gre';
  /** Port of the server. */
  readonly port: number;
  /** Whether the client's address is one of `$HOME_NET`. */
  readonly isHome: boolean;
  readonly payload: Buffer;
  readonly established: boolean;
  /** TCP flags, as the keyword writes them. */
  readonly flags: string;
}

/** What the engine knows about a connection. */
interface Flow {
  readonly sent: { server: number; client: number };
  readonly bits: Set<string>;
  stream: Buffer;
  tls: 'unknown' | 'yes' | 'no';
  /** Absent until the client hello is complete; `null` without a name. */
  serverName?: string | null;
}

export interface EngineRule {
  readonly action: string;
  readonly protocol: string;
  readonly source: string;
  readonly port: string;
  readonly message: string;
  readonly keywords: readonly (readonly [name: string, value: string])[];
}

const RULE = /^(alert|pass|drop) (tls|tcp|udp|icmp|ip) (any|\$HOME_NET) any -> any (\S+) \((.*)\)$/;

export function engineRules(rules: string): EngineRule[] {
  return rules.split('\n').map((line) => {
    const [, action = '', protocol = '', source = '', port = '', options = ''] = RULE.exec(line) ?? [];
    if (action === '') throw new Error(`This is not a rule: ${line}`);
    const keywords = [...options.matchAll(/([\w.-]+)(?::("[^"]*"|[^;]*))?;/g)].map(
      ([, name = '', value = '']) => [name, value.replaceAll('"', '')] as const,
    );
    const message = keywords.find(([name]) => name === 'msg')?.[1].replace('agent-launcher: ', '') ?? '';
    return { action, protocol, source, port, message, keywords };
  });
}

/** Returns whether a single rule matches the first packet of a connection. */
export function matchesAlone(rule: EngineRule, packet: Packet): boolean {
  return matches(rule, packet, observe(newFlow(), packet));
}

const newFlow = (): Flow => ({
  sent: { server: 0, client: 0 },
  bits: new Set(),
  stream: Buffer.alloc(0),
  tls: 'unknown',
});

/** Adds a packet to what the engine knows about a connection. */
function observe(flow: Flow, packet: Packet): Flow {
  flow.sent[packet.to === 'server' ? 'client' : 'server'] += packet.payload.length;
  if (packet.to === 'client' || packet.protocol !== 'tcp' || packet.payload.length === 0) return flow;
  flow.stream = Buffer.concat([flow.stream, packet.payload]);
  if (flow.tls === 'unknown' && flow.stream.length >= 3) {
    const [type = 0, major = 0, minor = 0] = flow.stream;
    flow.tls = type === 0x16 && major === 0x03 && minor <= 4 ? 'yes' : 'no';
  }
  const name = flow.tls === 'yes' ? serverNameIn(flow.stream) : undefined;
  if (name !== undefined) flow.serverName = name;
  return flow;
}

function matches(rule: EngineRule, packet: Packet, flow: Flow): boolean {
  if (rule.source === '$HOME_NET' && !(packet.isHome && packet.to === 'server')) return false;
  // The client's port can have any value, because no rule checks it.
  if (!portMatches(rule.port, packet.to === 'server' ? packet.port : 50_000)) return false;
  if (rule.protocol === 'tls' ? flow.tls !== 'yes' : rule.protocol !== 'ip' && rule.protocol !== packet.protocol) {
    return false;
  }
  let buffer: string | null | undefined = packet.payload.toString('latin1');
  for (const [index, [name, value]] of rule.keywords.entries()) {
    if (name === 'tls.sni') {
      buffer = flow.serverName;
      if (buffer === undefined || buffer === null) return false;
    } else if (name === 'content') {
      if (!contentMatches(buffer ?? '', value, rule.keywords.slice(index + 1))) return false;
    } else if (!keywordMatches(name, value, packet, flow)) return false;
  }
  return true;
}

/** Applies a content with its modifiers, up to the next keyword of another kind. */
function contentMatches(buffer: string, content: string, after: EngineRule['keywords']): boolean {
  const end = after.findIndex(([name]) => !MODIFIERS.includes(name));
  const modifiers = after.slice(0, end === -1 ? undefined : end).map(([name]) => name);
  const literal = content.replaceAll(/\|([0-9A-F ]+)\|/g, (_, hex: string) =>
    Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('latin1'),
  );
  const fold = (text: string) => (modifiers.includes('nocase') ? text.toLowerCase() : text);
  const [where, what] = [fold(buffer), fold(literal)];
  if (modifiers.includes('startswith') && modifiers.includes('endswith')) return where === what;
  if (modifiers.includes('startswith')) return where.startsWith(what);
  return modifiers.includes('endswith') ? where.endsWith(what) : where.includes(what);
}

const MODIFIERS = ['startswith', 'endswith', 'nocase'];

function keywordMatches(name: string, value: string, packet: Packet, flow: Flow): boolean {
  switch (name) {
    case 'msg':
    case 'sid':
    case 'rev':
    case 'startswith':
    case 'endswith':
    case 'nocase':
      return true;
    case 'flow':
      return value.split(',').every((part) => flowMatches(part, packet));
    case 'flowbits': {
      const [operation, bit = ''] = value.split(',');
      if (operation === 'set') flow.bits.add(bit);
      return operation === 'isnotset' ? !flow.bits.has(bit) : true;
    }
    case 'ssl_state':
      return value === 'client_hello' && flow.serverName !== undefined;
    case 'app-layer-protocol':
      return value === '!tls' && flow.tls === 'no';
    case 'dsize':
      return packet.payload.length > Number(value.replace('>', ''));
    case 'flags':
      return packet.flags === value;
    case 'ip_proto':
      return NUMBERS[packet.protocol] !== Number(value.replace('!', ''));
    case 'stream_size': {
      const [side, operator, bytes] = value.split(',');
      return operator === '>' && flow.sent[side === 'server' ? 'server' : 'client'] > Number(bytes);
    }
    default:
      throw new Error(`This model does not know the keyword ${name}:${value}`);
  }
}

function flowMatches(part: string, packet: Packet): boolean {
  switch (part) {
    case 'established':
      return packet.established;
    case 'not_established':
      return !packet.established;
    case 'to_server':
    case 'to_client':
      return part === `to_${packet.to}`;
    default:
      throw new Error(`This model does not know flow:${part}`);
  }
}

function portMatches(ports: string, port: number): boolean {
  if (ports === 'any') return true;
  const list = ports.replaceAll(/[![\]]/g, '').split(',');
  return list.includes(String(port)) !== ports.startsWith('!');
}

/** Returns the server name in a client hello: `undefined` until the hello is complete, and `null` if it has no name. */
function serverNameIn(stream: Buffer): string | null | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= stream.length; at += 5 + stream.readUInt16BE(at + 3)) {
    parts.push(stream.subarray(at + 5, at + 5 + stream.readUInt16BE(at + 3)));
  }
  const hello = Buffer.concat(parts);
  if (hello.length < 4 || hello[0] !== 1 || hello.length < 4 + hello.readUIntBE(1, 3)) return undefined;
  let at = 38; // After the type, length, version and random.
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  for (at += 2; at + 4 <= hello.length; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) === 0) return hello.toString('latin1', at + 9, at + 9 + hello.readUInt16BE(at + 7));
  }
  return null;
}

export interface EngineVerdict {
  /** Whether everything arrived, in both directions. */
  readonly reaches: boolean;
  /** Bytes of the client that left the network. */
  readonly leaked: number;
  /** Message of the rule that decided. Absent if none did. */
  readonly by?: string;
  /** Messages of the rules that wrote a log line. */
  readonly logged: readonly string[];
}

/** Applies the rules to the packets of one connection. */
export function judge(rules: readonly EngineRule[], packets: readonly Packet[]): EngineVerdict {
  const flow = newFlow();
  const logged = new Set<string>();
  let leaked = 0;
  for (const packet of packets) {
    observe(flow, packet);
    for (const rule of rules) {
      if (!matches(rule, packet, flow)) continue;
      if (rule.action === 'pass') return { reaches: true, leaked, by: rule.message, logged: [...logged] };
      if (rule.action === 'drop') return { reaches: false, leaked, by: rule.message, logged: [...logged] };
      const isSilent = rule.keywords.some(([name, value]) => name === 'flowbits' && value === 'noalert');
      if (!isSilent) logged.add(rule.message);
    }
    if (packet.to === 'server') leaked += packet.payload.length;
  }
  return { reaches: true, leaked, logged: [...logged] };
}

/** What a firewall knows about a connection after the client sent its first data. */
export interface Connection {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'gre';
  readonly port: number;
  /** TLS server name. It is `null` for TLS without a name, and absent without TLS. */
  readonly serverName?: string | null;
}

/** Returns the rule that decides about a connection. */
export function decision(rules: readonly EngineRule[], connection: Connection): EngineRule | undefined {
  const { protocol, port, serverName } = connection;
  const isTls = serverName !== undefined;
  const payload = Buffer.from(isTls ? '\u0016\u0003\u0001' : 'data', 'latin1');
  const packet: Packet = { to: 'server', protocol, port, isHome: true, payload, established: true, flags: 'A' };
  const flow: Flow = { ...newFlow(), stream: payload, tls: isTls ? 'yes' : 'no', ...(isTls && { serverName }) };
  // An `alert` rule decides nothing, but it can set a flow bit.
  return rules.find((rule) => matches(rule, packet, flow) && rule.action !== 'alert');
}
