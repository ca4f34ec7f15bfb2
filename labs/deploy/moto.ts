/** An AWS emulator for the lab: moto's server, if this machine has it. The project doesn't install it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { outputOf } from '../../test/processes.ts';

const SERVER = join(import.meta.dirname, 'moto_server.py');
/** The Python that has moto: `pip install 'moto[server,cloudformation]'`. */
const PYTHON = process.env['MOTO_PYTHON'] ?? 'python3';

/** @returns why the lab can't run; `undefined` if it can */
export function whyNoMoto(): string | undefined {
  const { status } = spawnSync(PYTHON, ['-c', 'import flask, moto.cloudformation'], { stdio: 'ignore' });
  return status === 0 ? undefined : `${PYTHON} has no moto; install moto[server,cloudformation], or set MOTO_PYTHON`;
}

export interface Moto {
  /** With `localhost`, because the CDK CLI's client of S3 puts the bucket in front of a hostname, but not of an address. */
  readonly url: string;
  /** Types of resources that moto lacks, so that the server has stubs for them. */
  stubs(): string[];
  close(): Promise<void>;
}

export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const child: ChildProcess = spawn(PYTHON, [SERVER, String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = outputOf(child);
  const url = `http://localhost:${port}`;
  const untilMs = Date.now() + 60_000;
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > untilMs)
      throw new Error(`moto did not start: ${output().slice(-2_000)}`);
    await delay(200);
  }
  return {
    url,
    stubs: () => [...output().matchAll(/^stub: (\S+)$/gm)].flatMap(([, type]) => type ?? []).toSorted(),
    async close() {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'close');
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/moto-api/`)).ok;
  } catch {
    return false;
  }
}

/** moto's server can't choose a port itself and report it. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}
