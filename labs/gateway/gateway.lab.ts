/**
 * The gateway of the egress mode `on-demand`, with real nginx, nftables and TLS: a task, a gateway and the world, each in a network namespace.
 * The gateway runs its own user data ({@link startInstance}). Then the lab breaks one rule at a time, and expects other results.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { gatewayUserData } from '../../lib/gateway/user-data.ts';
import { ATTEMPTS, type Attempt, LAB, NAMES } from '../egress/attempts.ts';
import { startServer } from '../egress/lab.ts';
import { Undo } from '../egress/machine.ts';
import { buildNetwork, type Network, within } from '../egress/network.ts';
import { BREAKS, FORWARDING } from './breaks.ts';
import { clientHello } from './hello.ts';
import { type Break, type Instance, startInstance, whyNoGateway } from './instance.ts';
import { INSIDE, REBINDING, SINK, startWorld } from './world.ts';

/** Size of the stream. `GATEWAY_LAB_MEGABYTES=10000` is the long run. */
const MEGABYTES = Number(process.env['GATEWAY_LAB_MEGABYTES'] ?? 300);

const missing = whyNoGateway();
if (missing !== undefined) {
  if (process.env['REQUIRE_NAMESPACES'] === '1') throw new Error(`The gateway lab ${missing}.`);
  console.error(`gateway lab: skipped: ${missing}`);
}

const toStranger = { address: LAB.stranger, port: 443 };
const tls = (name: string, serverName: string, expected: Attempt['expected']): Attempt => ({
  name,
  try: { how: 'tls', ...toStranger, serverName },
  expected,
});

/** What differs from a firewall that believes the server name. */
const OTHERWISE: Readonly<Record<string, Attempt['expected']>> = {
  // nginx removes the dot, and connects to the host of the allowed name.
  'the allowed name with a dot at its end': 'reaches',
};

/** The attempts of the other modes, and those at which only a proxy can fail. */
const ALL: readonly Attempt[] = [
  ...ATTEMPTS.map((attempt) => ({ ...attempt, expected: OTHERWISE[attempt.name] ?? attempt.expected })),
  ...Object.keys(INSIDE).map(
    (name): Attempt => ({
      name: `an allowed name of a private address: ${name}`,
      try: { how: 'tcp', ...toStranger, send: clientHello(name).toString('latin1') },
      expected: 'blocked',
    }),
  ),
  tls('an allowed name with a public and a private address', REBINDING, 'reaches'),
  tls('an address and a port as the server name', `${LAB.stranger}:443.modules.example.com`, 'blocked'),
  tls('an address as the server name', LAB.stranger, 'blocked'),
];

const USER_DATA = gatewayUserData({
  names: [NAMES.allowed, NAMES.wildcard, 'releases.hashicorp.com', REBINDING, SINK.name, ...Object.keys(INSIDE)],
  host: NAMES.allowed,
  port: 443,
  // The gateway has another subnet than the tasks, but the lab's network has one.
  taskRanges: ['10.90.0.8/29'],
  vpcRange: '10.90.0.0/20',
  logGroup: '/agents/gateway',
  service: 'agents',
  region: 'eu-central-1',
  unusedMinutes: 60,
  sessionManager: false,
});

interface Lab {
  readonly network: Network;
  readonly instance: Instance;
  /** Makes the attempts at the same time. @returns those that reached a host */
  attempt(attempts: readonly Attempt[]): Promise<ReadonlySet<string>>;
  /** Bytes that hosts of the world have received so far. */
  arrived(): Promise<number>;
}

async function withLab<T>(use: (lab: Lab) => Promise<T>, changes: readonly Break[] = []): Promise<T> {
  const undo = new Undo();
  try {
    const network = buildNetwork(undo, 'aws:pass');
    const [server] = await Promise.all([startServer(undo, network), startWorld(undo, network)]);
    const instance = await startInstance(undo, network.router, USER_DATA, changes);
    const arrived = async () => Object.values(await server.arrived()).reduce((sum, bytes) => sum + bytes, 0);
    const attempt = async (attempts: readonly Attempt[]) => {
      const answers = z.array(z.object({ reached: z.boolean() })).parse(
        JSON.parse(
          await clientOf(
            network,
            '../egress/client-main.ts',
            attempts.map(({ try: made }) => made),
          ),
        ),
      );
      return new Set(attempts.filter((_, index) => answers[index]?.reached === true).map(({ name }) => name));
    };
    return await use({ network, instance, attempt, arrived });
  } finally {
    await undo.all();
  }
}

/** Runs a program in the task's namespace, with JSON as its input. */
async function clientOf({ client }: Network, program: string, input: unknown): Promise<string> {
  const [file = '', ...args] = within(client, process.execPath, join(import.meta.dirname, program));
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(`${JSON.stringify(input)}\n`);
  const output = await text(child.stdout);
  if (output === '') throw new Error(`${program} failed`);
  return output;
}

interface Raw {
  readonly chunks: readonly Buffer[];
  readonly to?: { readonly address: string; readonly port: number };
  readonly everyMs?: number;
  readonly count?: number;
  readonly patienceMs?: number;
}

/** Sends bytes, and returns how many connections got an answer. */
async function answered({ network }: Pick<Lab, 'network'>, raw: Raw): Promise<number> {
  const { chunks, to = toStranger, everyMs = 0, count = 1, patienceMs = 5_000 } = raw;
  const encoded = chunks.map((chunk) => chunk.toString('base64'));
  return Number(await clientOf(network, 'raw-main.ts', { to, chunks: encoded, everyMs, count, patienceMs }));
}

const pieces = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

describe.skipIf(missing !== undefined)('the gateway', () => {
  it('lets through what it should, and nothing of the rest leaves', async () => {
    await withLab(async (lab) => {
      const [open, closed] = [
        ALL.filter(({ expected }) => expected === 'reaches'),
        ALL.filter(({ expected }) => expected === 'blocked'),
      ];
      expect([...(await lab.attempt(open))].sort()).toEqual(open.map(({ name }) => name).sort());
      const before = await lab.arrived();
      expect([...(await lab.attempt(closed))]).toEqual([]);
      expect((await lab.arrived()) - before).toBe(0);
      const verdicts = lab.instance.verdicts();
      // Also for the forged server names: the task asked for the stranger's address.
      const passed = verdicts.filter(({ verdict }) => verdict === 'passed');
      expect(new Set(passed.map(({ address }) => address.split(', ').at(-1)))).toEqual(
        new Set([`${LAB.allowedHost}:443`]),
      );
      const refused = new Set(verdicts.filter(({ verdict }) => verdict === 'refused').map(({ name }) => name));
      for (const name of [NAMES.stranger, `x.${NAMES.allowed}`, 'modules.example.com', ''])
        expect(refused).toContain(name);
      const failed = new Set(verdicts.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name));
      expect([...failed].sort()).toEqual(Object.keys(INSIDE).sort());
    });
  });

  it('reads hellos that are slow, in pieces, or followed by another one', async () => {
    await withLab(async (lab) => {
      const [allowed, stranger] = [clientHello(NAMES.allowed), clientHello(NAMES.stranger)];
      expect(await answered(lab, { chunks: [allowed] })).toBe(1);
      expect(await answered(lab, { chunks: pieces(allowed, 20), everyMs: 100 })).toBe(1);
      expect(await answered(lab, { chunks: pieces(stranger, 20), everyMs: 100 })).toBe(0);
      // It takes longer than the gateway waits for a hello.
      expect(await answered(lab, { chunks: pieces(allowed, 20), everyMs: 2_000, patienceMs: 30_000 })).toBe(0);
      const before = await lab.arrived();
      // The first name decides where the connection leads. Only that host sees the second hello.
      expect(await answered(lab, { chunks: [stranger, allowed], everyMs: 200 })).toBe(0);
      expect(await lab.arrived()).toBe(before);
      await answered(lab, { chunks: [allowed, stranger], everyMs: 200 });
      // nginx writes the line when the connection ends.
      await expect
        .poll(() => lab.instance.verdicts().at(-1), { timeout: 5_000 })
        .toMatchObject({ name: NAMES.allowed, address: `${LAB.allowedHost}:443` });
    });
  }, 60_000);

  it('connects to the host of the outer name if the hello is encrypted (ECH)', async () => {
    await withLab(async (lab) => {
      expect(await answered(lab, { chunks: [clientHello(NAMES.allowed, { ech: true })] })).toBe(1);
      expect(await answered(lab, { chunks: [clientHello(NAMES.stranger, { ech: true })] })).toBe(0);
      await expect
        .poll(() => lab.instance.verdicts().map(({ name, verdict, address }) => [name, verdict, address]), {
          timeout: 5_000,
        })
        .toEqual([
          [NAMES.allowed, 'passed', `${LAB.allowedHost}:443`],
          [NAMES.stranger, 'refused', ''],
        ]);
    });
  });

  it('serves 4,096 connections at the same time, with the memory of a t4g.nano', async () => {
    await withLab(async (lab) => {
      const idle = lab.instance.memoryMiB();
      let most = 0;
      const timer = setInterval(() => {
        most = Math.max(most, lab.instance.memoryMiB());
      }, 500);
      const served = await answered(lab, { chunks: [clientHello(NAMES.allowed)], count: 4_096, patienceMs: 60_000 });
      clearInterval(timer);
      console.error(
        `gateway lab: 4,096 connections: nginx ${idle.toFixed(0)} MiB idle, at most ${most.toFixed(0)} MiB`,
      );
      expect(served).toBe(4_096);
      expect(most).toBeLessThan(256);
    });
  }, 120_000);

  it(`forwards ${MEGABYTES} MB with little memory`, async () => {
    const stream = async ({ network }: Lab) => {
      const hello = clientHello(SINK.name).toString('base64');
      return Number(await clientOf(network, 'stream-main.ts', { address: SINK.address, hello, megabytes: MEGABYTES }));
    };
    let most = 0;
    const filtered = await withLab(async (lab) => {
      const timer = setInterval(() => {
        most = Math.max(most, lab.instance.memoryMiB());
      }, 200);
      const seconds = await stream(lab);
      clearInterval(timer);
      return seconds;
    });
    const forwarded = await withLab(stream, FORWARDING);
    const rate = (seconds: number) => `${((MEGABYTES * 8) / seconds / 1000).toFixed(1)} Gbit/s`;
    console.error(
      `gateway lab: ${MEGABYTES} MB: through the filter ${rate(filtered)}, forwarded by the kernel ${rate(forwarded)}, ratio ${(forwarded / filtered).toFixed(2)}; nginx at most ${most.toFixed(0)} MiB`,
    );
    expect(most).toBeLessThan(64);
  }, 600_000);

  it('refuses everything while nginx is down, and works again when it is back', async () => {
    await withLab(async (lab) => {
      const [allowed, stranger] = [clientHello(NAMES.allowed), clientHello(NAMES.stranger)];
      const hello = { chunks: [allowed] };
      const start = await lab.arrived();
      const burst = Promise.all([
        answered(lab, { ...hello, count: 200 }),
        answered(lab, { chunks: [stranger], count: 200 }),
      ]);
      await lab.instance.restart();
      const [served, forwarded] = await burst;
      expect(forwarded).toBe(0);
      // Allowed connections may end, but what arrived is theirs only: a whole hello for each answer, and never two for one connection.
      const arrived = (await lab.arrived()) - start;
      expect(arrived).toBeGreaterThanOrEqual(served * allowed.length);
      expect(arrived).toBeLessThanOrEqual(200 * allowed.length);
      const before = await lab.arrived();
      expect(await answered(lab, { chunks: [stranger], count: 50 })).toBe(0);
      expect(await lab.arrived()).toBe(before);
      expect(await answered(lab, { ...hello, count: 200 })).toBe(200);
    });
  }, 60_000);

  it.each(BREAKS.map((each) => [each.name, each] as const))(
    'shows that %s',
    async (_, { changes, shows }) => {
      const attempts = ALL.filter(({ name }) => shows.includes(name));
      expect(attempts).toHaveLength(shows.length);
      await withLab(async (lab) => {
        const reached = await lab.attempt(attempts);
        const different = attempts.filter(({ name, expected }) => reached.has(name) !== (expected === 'reaches'));
        expect(different.map(({ name }) => name)).toEqual(attempts.map(({ name }) => name));
      }, changes);
    },
    60_000,
  );
});
