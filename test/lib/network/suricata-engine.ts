/**
 * Suricata rules judged packet by packet, as the documentation defines every keyword that the rules use; an unknown
 * keyword is an error. A connection goes through SYN, SYN-ACK, ACK, the client's segments and the server's answer, and
 * the first `pass` or `drop` that matches decides. The egress lab asks the real engine the same questions; this model
 * needs neither root nor Debian packages, so that every test run asks them.
 *
 * Gotchas: a rule whose head says `tls` matches only after the protocol is known. `pass` and `drop` hold for the whole
 * connection. What no rule decides is forwarded here, as in the lab, where AWS would drop it.
 * https://docs.suricata.io/en/suricata-7.0.10/rules/index.html
 */
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { LAB, type Try } from '../../../labs/egress/attempts.ts';

/** The number that an IP header has for a protocol. */
const NUMBERS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47 };

export interface Packet {
  readonly to: 'server' | 'client';
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'gre';
  /** Of the server. */
  readonly port: number;
  /** Whether the client's address is one of `$HOME_NET`. */
  readonly isHome: boolean;
  readonly payload: Buffer;
  readonly established: boolean;
  /** TCP flags, as the keyword writes them. */
  readonly flags: string;
}

/** What the engine knows of a connection. */
interface Flow {
  readonly sent: { server: number; client: number };
  readonly bits: Set<string>;
  stream: Buffer;
  tls: 'unknown' | 'yes' | 'no';
  /** Absent until the client hello is complete; `null` without a name. */
  serverName?: string | null;
}

interface EngineRule {
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
    if (action === '') throw new Error(`not a rule: ${line}`);
    const keywords = [...options.matchAll(/([\w.-]+)(?::("[^"]*"|[^;]*))?;/g)].map(
      ([, name = '', value = '']) => [name, value.replaceAll('"', '')] as const,
    );
    const message = keywords.find(([name]) => name === 'msg')?.[1].replace('agent-launcher: ', '') ?? '';
    return { action, protocol, source, port, message, keywords };
  });
}

/** Whether a rule, alone, matches a packet of a new connection. */
export function matchesAlone(rule: EngineRule, packet: Packet): boolean {
  return matches(rule, packet, seen(newFlow(), packet));
}

const newFlow = (): Flow => ({
  sent: { server: 0, client: 0 },
  bits: new Set(),
  stream: Buffer.alloc(0),
  tls: 'unknown',
});

/** What the engine knows after a packet. */
function seen(flow: Flow, packet: Packet): Flow {
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
  // Towards the client the destination is its own port, which is none of those that rules name.
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

/** A content with the modifiers that follow it, up to the next keyword of another kind. */
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

/** The name in a client hello: `undefined` until it is complete, `null` when it has none. */
function serverNameIn(stream: Buffer): string | null | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= stream.length; at += 5 + stream.readUInt16BE(at + 3)) {
    parts.push(stream.subarray(at + 5, at + 5 + stream.readUInt16BE(at + 3)));
  }
  const hello = Buffer.concat(parts);
  if (hello.length < 4 || hello[0] !== 1 || hello.length < 4 + hello.readUIntBE(1, 3)) return undefined;
  let at = 38; // Behind type, length, version and random.
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  for (at += 2; at + 4 <= hello.length; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) === 0) return hello.toString('latin1', at + 9, at + 9 + hello.readUInt16BE(at + 7));
  }
  return null;
}

/** What OpenSSL sends first, captured before it reaches any network. */
function clientHello(options: { serverName?: string; version?: 'TLSv1.2' | 'TLSv1.3' }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        resolve(chunk);
        done();
      },
    });
    connect({
      socket,
      ...(options.serverName !== undefined && { servername: options.serverName }),
      ...(options.version !== undefined && { minVersion: options.version, maxVersion: options.version }),
    }).on('error', reject);
  });
}

function slices(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** A record of the hello's bytes becomes several, each with its own header. */
const records = (hello: Buffer): Buffer[] =>
  slices(hello.subarray(5), 48).map((piece) =>
    Buffer.concat([hello.subarray(0, 3), Buffer.from([0, piece.length]), piece]),
  );

/** The client's first bytes, by segment. */
async function segmentsOf(attempt: Try): Promise<Buffer[]> {
  if (attempt.how !== 'tls') return 'send' in attempt ? slices(Buffer.from(attempt.send, 'latin1'), 1_460) : [];
  const hello = await clientHello(attempt);
  if (attempt.cut === 'segments') return slices(hello, 48);
  return attempt.cut === 'records' ? records(hello) : slices(hello, 1_460);
}

/** The packets of an attempt, if nothing stops them. The far side answers at length, or in a few bytes when asked to. */
export async function packetsOf(attempt: Try): Promise<Packet[]> {
  const { how, address } = attempt;
  const port = 'port' in attempt ? attempt.port : 0;
  const protocol = how === 'tls' || how === 'fast-open' ? 'tcp' : how;
  const syn = address === LAB.strangerByEcn ? 'SEC' : 'S';
  const packet = (to: Packet['to'], payload: Buffer, more: Partial<Packet> = {}): Packet => ({
    to,
    protocol,
    port,
    isHome: !address.includes(':'),
    payload,
    established: true,
    flags: 'A',
    ...more,
  });
  const nothing = Buffer.alloc(0);
  const data = (await segmentsOf(attempt)).map((payload) => packet('server', payload));
  const isBrief = 'send' in attempt && attempt.send.includes('be brief');
  const answer = slices(Buffer.alloc(isBrief ? 30 : 20_000, 'reached'), 1_460).map((each) => packet('client', each));
  if (protocol !== 'tcp') {
    const first = data[0] ?? packet('server', Buffer.from('packet'));
    return [{ ...first, established: false }, packet('client', Buffer.from('reached'))];
  }
  const open = { established: false, flags: syn };
  if (how === 'fast-open') return [{ ...packet('server', data[0]?.payload ?? nothing), ...open }, ...answer];
  const handshake = [
    packet('server', nothing, open),
    packet('client', nothing, { ...open, flags: 'SA' }),
    packet('server', nothing),
  ];
  const later = how === 'tls' ? [packet('server', Buffer.alloc(attempt.upload ?? 500, 'x')), ...answer] : [];
  return [...handshake, ...data, ...answer, ...later];
}

export interface EngineVerdict {
  /** Whether everything arrived, in both directions. */
  readonly reaches: boolean;
  /** The client's bytes that left. */
  readonly leaked: number;
  /** Message of the rule that decided; absent when none did. */
  readonly by?: string;
  /** Messages of the rules that wrote a line, and whether they are silent. */
  readonly logged: readonly string[];
}

/** What the rules make of the packets of one connection. */
export function judge(rules: readonly EngineRule[], packets: readonly Packet[]): EngineVerdict {
  const flow = newFlow();
  const logged = new Set<string>();
  let leaked = 0;
  for (const packet of packets) {
    seen(flow, packet);
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
