/**
 * Sends hostile and broken responses over TLS to a process with the heap of the launcher's function. No response to one pool's requests
 * may end the process. The error of the pool must explain the problem, and the other pool must be served.
 */
import { spawn } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type LoopbackCertificate, loopbackCertificate } from '../../local/hcp-terraform/certificate.ts';
import { page, run } from '../../test/functions/launcher/adapters/platform-answers.ts';
import { listen } from '../../test/loopback.ts';
import { outputOf } from '../../test/processes.ts';

const MAIN = fileURLToPath(new URL('hostile-main.ts', import.meta.url));
const FUNCTION_MIB = 256;
/** The heap size that Node uses with the function's memory. */
const HEAP_MIB = 96;

const outcome = z.object({
  launched: z.array(z.string()),
  errors: z.array(z.object({ pool: z.string(), fault: z.string(), message: z.string() })),
  durationMs: z.number(),
  residentMiB: z.number(),
});

/** Writes the response about a hostile pool's runs. */
type Hostile = (response: ServerResponse, query: URLSearchParams) => void;

let certificate: LoopbackCertificate;
let server: Server;
let host: string;
let hostile: Hostile;

beforeAll(async () => {
  certificate = await loopbackCertificate();
  server = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
    const url = new URL(request.url ?? '', 'https://localhost');
    const send = (body: unknown) => response.end(JSON.stringify(body));
    const poolName = url.searchParams.get('filter[agent_pool_names]');
    if (poolName === 'good') return send({ data: [run('run-good')], ...page(1, null) });
    if (poolName !== null) return hostile(response, url.searchParams);
    if (url.pathname.endsWith('/agents')) return send({ data: [], ...page(1, null) });
    return send({ data: { attributes: { name: url.pathname.replace(/^.*apool-/, '') } } });
  });
  host = `localhost:${await listen(server, 'localhost')}`;
});

afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await certificate?.remove();
});

async function tickOf(pools: readonly string[]): Promise<z.infer<typeof outcome>> {
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, '--max-semi-space-size=4', MAIN], {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_EXTRA_CA_CERTS: certificate.file,
      HOST: host,
      POOLS: pools.join(','),
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const output = outputOf(child);
  let report: unknown;
  child.on('message', (message) => (report = message));
  await new Promise((resolve) => child.on('close', resolve));
  if (report === undefined)
    throw new Error(`The process ended with ${child.exitCode ?? child.signalCode}: ${output()}`);
  return outcome.parse(report);
}

const meta = JSON.stringify(page(1, null).meta);
const text =
  (body: string): Hostile =>
  (response) =>
    void response.end(body);
const list = (items: string): Hostile => text(`{"data":[${items}],"meta":${meta}}`);
/** Copies of the item, separated by commas, with about this many bytes in total. */
const filled = (item: string, bytes: number): string =>
  Array(Math.floor(bytes / (item.length + 1)))
    .fill(item)
    .join(',');
const MIB = 2 ** 20;

/** As many runs as requested, each with the message. */
const runsWith =
  (message: string): Hostile =>
  (response, query) => {
    const [size, number] = [Number(query.get('page[size]')), Number(query.get('page[number]'))];
    const data = Array.from({ length: Math.min(size, 100) }, (_, n) =>
      run(`run-${size}x${number}x${n}`, 'planning', message),
    );
    response.end(JSON.stringify({ data, ...page(number, size * number < 100 ? number + 1 : null) }));
  };

/** Sends the chunk repeatedly until the client closes the connection. */
const endless =
  (chunk: string): Hostile =>
  (response) => {
    const write = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', write).on('error', () => {});
    write();
  };

const TOO_LARGE = /too large for each page size \(100, 20, 5, 1\); the launcher reads at most 4 MiB/;

const CASES: readonly [string, Hostile, RegExp][] = [
  ['1 MB of zeros', list(filled('0', MIB)), TOO_LARGE],
  ['200,000 characters of zeros', list(filled('0', 200_000)), /100000 entries in "data"; one page has at most 100/],
  ['4 MB of empty objects', list(filled('{}', 3.9 * MIB)), TOO_LARGE],
  ['4 MB of empty lists inside each other', text('['.repeat(3.9 * MIB)), TOO_LARGE],
  ['40,000 runs in one page', list(filled(JSON.stringify(run('run-1')), 16 * MIB)), TOO_LARGE],
  ['an object of 300,000 members', text(`{${Array.from({ length: 300_000 }, (_, n) => `"${n}":0`)}}`), TOO_LARGE],
  [
    '90,000 included zeros',
    text(`{"data":[],"included":[${filled('0', 180_000)}],"meta":${meta}}`),
    /90000 entries in "included"/,
  ],
  [
    '100 runs of which each is wrong in every member',
    list(filled('{"attributes":{},"relationships":{}}', 3_600)),
    /match the expected schema/,
  ],
  ['a body without an end', endless('0,'.repeat(32 * 1024)), TOO_LARGE],
  ['a string without an end', endless('x'.repeat(64 * 1024)), TOO_LARGE],
  ['a status of 3 MB', list(JSON.stringify(run('run-1', 's'.repeat(3 * MIB)))), /^$/],
];

/** Runs a tick that must launch the good pool's agent within the function's memory. @returns the errors of the others */
async function errorsOf(answer: Hostile, pools: readonly string[]) {
  hostile = answer;
  const { launched, residentMiB, errors } = await tickOf([...pools, 'good']);
  expect(launched).toEqual(['good run-good/plan']);
  expect(residentMiB).toBeLessThan(FUNCTION_MIB);
  return errors;
}

describe('a hostile answer about one pool’s runs', () => {
  it.each(CASES)(
    'a hostile response ends neither the process nor the other pool’s launches: %s',
    async (_, answer, message) => {
      const errors = await errorsOf(answer, ['hostile']);
      expect(errors.map((error) => error.message).join()).toMatch(message);
      expect(errors.every(({ pool }) => pool === 'hostile')).toBe(true);
    },
  );

  it('in ten pools at the same time does not exhaust the function’s memory', async () => {
    const pools = Array.from({ length: 10 }, (_, n) => `hostile-${n}`);
    expect(await errorsOf(list(filled('{}', 3.9 * MIB)), pools)).toHaveLength(10);
  });
});

it('100 runs with 200 KB messages are served like any others, in smaller pages', async () => {
  expect(await errorsOf(runsWith('m'.repeat(200_000)), ['large'])).toEqual([]);
});
