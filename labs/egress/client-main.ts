/**
 * The task's side of the lab, a process in the task's namespace. It reads a list of attempts from its input, makes all of
 * them at the same time, and prints the outcomes as JSON.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import type { Message, Try } from './attempts.ts';

/** Timeout of an attempt. It is long enough to send a lost packet again twice. */
const PATIENCE_MS = 4_000;

export interface Outcome {
  /** Whether the client got an answer. */
  readonly reached: boolean;
  /** The far side's key for this attempt, such as `tcp:<port>`. Absent if nothing was sent. */
  readonly from?: string;
  readonly detail: string;
}

/** Splits the first chunk that is written, which is the client hello. Forwards later chunks unchanged. */
class Cut extends Duplex {
  #first = true;
  readonly #socket: Socket;
  readonly #into: 'segments' | 'records';

  constructor(socket: Socket, into: 'segments' | 'records') {
    super();
    this.#socket = socket;
    this.#into = into;
    socket.on('data', (data) => this.push(data));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (!this.#first) {
      this.#socket.write(chunk, () => done());
      return;
    }
    this.#first = false;
    void this.#inPieces(this.#into === 'segments' ? segments(chunk) : records(chunk)).then(done);
  }

  /** Waits between the pieces, so that the kernel sends each one in a separate TCP segment. */
  async #inPieces(pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => {
        this.#socket.write(piece, () => setTimeout(resolve, 20));
      });
    }
  }
}

const segments = (hello: Buffer): Buffer[] => slices(hello, 48);

/** Splits the single record of a client hello into many records: each piece gets a copy of the record's header. */
function records(hello: Buffer): Buffer[] {
  const header = hello.subarray(0, 3);
  return slices(hello.subarray(5), 48).map((piece) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(piece.length);
    return Buffer.concat([header, length, piece]);
  });
}

function slices(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

function overTls(attempt: Extract<Try, { how: 'tls' }>): Promise<Outcome> {
  const raw = connectTcp({ host: attempt.address, port: attempt.port, noDelay: true });
  return withPatience(raw, (finish) => {
    raw.once('connect', () => {
      const { version, serverName, cut } = attempt;
      const secure = connectTls({
        socket: cut === undefined ? raw : new Cut(raw, cut),
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
        ...(serverName !== undefined && { servername: serverName }),
        ...(version !== undefined && { minVersion: version, maxVersion: version }),
      });
      secure.once('secureConnect', () => {
        const body = Buffer.alloc(attempt.upload ?? 0, 'x');
        const lines = [
          'POST / HTTP/1.1',
          `Host: ${attempt.host ?? serverName ?? attempt.address}`,
          `Content-Length: ${body.length}`,
          'Connection: close',
        ];
        secure.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
      });
      secure.once('data', (data: Buffer) => finish(data.includes('reached'), secure.getProtocol() ?? 'answered'));
      secure.on('error', (error) => finish(false, error.message));
    });
  });
}

function overTcp({ address, port, send }: Message): Promise<Outcome> {
  const socket = connectTcp({ host: address, port, noDelay: true });
  return withPatience(socket, (finish) => {
    socket.once('connect', () => socket.write(Buffer.from(send, 'latin1')));
    // The answer only counts when it is complete.
    socket.on('data', (data: Buffer) => data.includes('reached') && finish(true, 'answered'));
  });
}

function withPatience(socket: Socket, start: (finish: (reached: boolean, detail: string) => void) => void) {
  return new Promise<Outcome>((resolve) => {
    const finish = (reached: boolean, detail: string) => {
      clearTimeout(timer);
      const port = socket.localPort;
      resolve({ reached, detail, ...(port !== undefined && { from: `tcp:${port}` }) });
      socket.destroy();
    };
    const timer = setTimeout(() => finish(false, 'no answer'), PATIENCE_MS);
    socket.on('error', (error) => finish(false, error.message));
    start(finish);
  });
}

function overUdp({ address, port, send }: Message): Promise<Outcome> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const finish = (reached: boolean, detail: string) => {
      clearTimeout(timer);
      const from = `udp:${socket.address().port}`;
      socket.close();
      resolve({ reached, detail, from });
    };
    const timer = setTimeout(() => finish(false, 'no answer'), PATIENCE_MS);
    socket.once('message', () => finish(true, 'answered'));
    socket.once('error', (error) => finish(false, error.message));
    socket.send(send, port, address);
  });
}

/** Runs a script of the lab, for packets that Node can't send. */
function perl(script: string, ...args: readonly string[]): Promise<string> {
  const child = spawn('perl', [join(import.meta.dirname, script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  return text(child.stdout);
}

/** Sends an ICMP or GRE packet. The far side's kernel answers ICMP. Only the far side can report whether a GRE packet arrived. */
async function asPacket({ how, address }: Extract<Try, { how: 'icmp' | 'gre' }>): Promise<Outcome> {
  const answer = await perl('raw-packet.pl', 'send', how === 'icmp' ? '1' : '47', address);
  return { reached: answer.includes('packet'), from: how, detail: 'sent' };
}

/** Sends data with Fast Open. A Perl script opens the socket, and prints its port before the result. */
async function fastOpen({ address, port, send }: Message): Promise<Outcome> {
  const [from = '', answer = ''] = (await perl('fast-open.pl', address, String(port), send)).split('\n');
  return { reached: answer.includes('reached'), from: `tcp:${from}`, detail: answer || 'no answer' };
}

function outcomeOf(attempt: Try): Promise<Outcome> {
  switch (attempt.how) {
    case 'tls':
      return overTls(attempt);
    case 'tcp':
      return overTcp(attempt);
    case 'fast-open':
      return fastOpen(attempt);
    case 'udp':
      return overUdp(attempt);
    default:
      return asPacket(attempt);
  }
}

const tries: readonly Try[] = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(await Promise.all(tries.map(outcomeOf))));
