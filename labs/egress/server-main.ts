/**
 * The far side of the lab, a process in the world's namespace: hosts that answer on every port to every name, HCP Terraform
 * among them. It prints one JSON line when it is ready. For each line of input, it prints a line with the number of
 * bytes that arrived so far, by the client's port.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttps, request } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { generate } from 'selfsigned';
import { startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { listen } from '../../test/loopback.ts';
import { BRIEFLY, LAB, NAMES, SECRET } from './attempts.ts';

const hcp = await startHcpTerraform({ agentPollMs: 100, rateLimits: 'off', hosts: ['app.terraform.io'] });
const certificate = await generate([{ name: 'commonName', value: NAMES.allowed }], {
  keyType: 'ec',
  curve: 'P-256',
  algorithm: 'sha256',
  extensions: [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: NAMES.allowed }] },
  ],
});
const folder = mkdtempSync(join(tmpdir(), 'egress-lab-server-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, certificate.cert);

/** Received bytes, by keys such as `tcp:<port of the client>`. */
const arrived = new Map<string, number>();
const count = (from: string, bytes: number) => arrived.set(from, (arrived.get(from) ?? 0) + bytes);

/** The server behind TLS: HCP Terraform for its own hostname, and a greeting for all other hostnames. */
const web = createHttps({ key: certificate.private, cert: certificate.cert }, (incoming, outgoing) => {
  if (incoming.headers.host !== NAMES.allowed || incoming.url === '/') {
    incoming.resume().on('end', () => outgoing.end('reached'));
    return;
  }
  const onward = request(
    hcp.url + (incoming.url ?? '/'),
    { method: incoming.method ?? 'GET', headers: incoming.headers, ca: hcp.certPem, servername: 'localhost' },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  onward.on('error', () => outgoing.destroy());
  incoming.pipe(onward);
});

/** Forwards TLS to the web server, and answers anything else immediately. */
function answerAnything(socket: Socket): void {
  let behind: Socket | undefined;
  socket.on('error', () => socket.destroy());
  socket.on('close', () => behind?.destroy());
  socket.on('data', (data: Buffer) => {
    count(`tcp:${socket.remotePort}`, data.length);
    if (behind !== undefined) {
      behind.write(data);
    } else if (data.includes(BRIEFLY)) {
      // A short answer that begins like a server hello.
      socket.end(Buffer.from('\u0016\u0003\u0003\u003f\u00ff\u0002\u0000\u003f\u00fb\u0003\u0003reached', 'latin1'));
    } else if (data.includes(SECRET)) {
      // A long answer that begins like TLS. A firewall that only checks the beginning would pass it.
      socket.end(Buffer.from(`\u0016\u0003\u0003\u0040\u0000${'x'.repeat(100_000)}reached`, 'latin1'));
    } else if (data[0] === 0x16) {
      behind = connect(webPort, '127.0.0.1');
      behind.on('error', () => socket.destroy());
      behind.on('close', () => socket.end());
      behind.on('data', (answer) => socket.write(answer));
      behind.write(data);
    } else {
      socket.end('reached');
    }
  });
}

const webPort = await listen(web);
const servers = [
  ...[LAB.allowedHost, LAB.allowedHost6, LAB.stranger, LAB.strangerByEcn].flatMap((host) =>
    [443, 8443, 80, 22, 53, 7146].map((port) => ({ server: createServer(answerAnything), port, host })),
  ),
  {
    server: createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.write('220 reached\r\n');
    }),
    port: 443,
    host: LAB.talkative,
  },
];
await Promise.all(servers.map(({ server, port, host }) => listen(server, host, port)));
await Promise.all(
  [443, 53].map((port) => {
    const socket = createSocket('udp4', (message, from) => {
      count(`udp:${from.port}`, message.length);
      socket.send('reached', from.port, from.address);
    });
    return new Promise<void>((resolve) => {
      socket.bind(port, LAB.stranger, () => resolve());
    });
  }),
);
/** Receives GRE packets, because Node can't. The script ends when its input ends. */
const gre = spawn('perl', [join(import.meta.dirname, 'raw-packet.pl'), 'listen', '47'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
await once(gre.stdout, 'data');
gre.stdout.on('data', (data: Buffer) => count('gre', data.length));

const lines = createInterface({ input: process.stdin });
lines.on('line', () => process.stdout.write(`${JSON.stringify(Object.fromEntries(arrived))}\n`));
let ending = false;
function end(): void {
  if (ending) return;
  ending = true;
  gre.stdin.end();
  rmSync(folder, { recursive: true, force: true });
  void hcp.close().finally(() => process.exit(0));
}
lines.on('close', end);
process.on('SIGTERM', end);
const { organization, apiToken, agentPool } = hcp;
process.stdout.write(`${JSON.stringify({ ca, organization, apiToken, agentToken: agentPool.token })}\n`);
