/** The packets of the attempts that the egress lab makes. */
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { LAB, type Try } from '../../../labs/egress/attempts.ts';
import type { Packet } from './reachability/suricata.ts';

/** Captures the first bytes that OpenSSL sends, before they reach a network. */
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

/** Splits the record of a hello into several records, each with its own header. */
const records = (hello: Buffer): Buffer[] =>
  slices(hello.subarray(5), 48).map((piece) =>
    Buffer.concat([hello.subarray(0, 3), Buffer.from([0, piece.length]), piece]),
  );

/** Returns the client's first bytes, by segment. */
async function segmentsOf(attempt: Try): Promise<Buffer[]> {
  if (attempt.how !== 'tls') return 'send' in attempt ? slices(Buffer.from(attempt.send, 'latin1'), 1_460) : [];
  const hello = await clientHello(attempt);
  if (attempt.cut === 'segments') return slices(hello, 48);
  return attempt.cut === 'records' ? records(hello) : slices(hello, 1_460);
}

/** Returns the packets of an attempt if nothing stops them. The server answers at length, or briefly if the client asks for that. */
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
