import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Interrupted, Interruption } from '../../cli/interruption.ts';
import { newFolder } from '../temporary-folder.ts';

const never = () => new Promise<never>(() => undefined);

describe('Interruption', () => {
  it('ends a read that is under way, and aborts its request', async () => {
    const user = new AbortController();
    let request: AbortSignal | undefined;
    const reading = new Interruption(user.signal).read((signal) => {
      request = signal;
      return never();
    });
    user.abort();
    await expect(reading).rejects.toBeInstanceOf(Interrupted);
    expect(request?.aborted).toBe(true);
  });

  it('begins neither a read nor a change after Ctrl-C', async () => {
    const interruption = new Interruption(AbortSignal.abort());
    await expect(interruption.read(async () => 'read')).rejects.toBeInstanceOf(Interrupted);
    await expect(interruption.change(async () => 'changed')).rejects.toBeInstanceOf(Interrupted);
  });

  it('lets a command that has changed something finish', async () => {
    const user = new AbortController();
    const interruption = new Interruption(user.signal);
    await interruption.change(async () => undefined);
    const reading = interruption.read(async () => {
      await delay(10);
      return 'read';
    });
    user.abort();
    expect(await reading).toBe('read');
    expect(await interruption.change(async () => 'revoked')).toBe('revoked');
  });
});

describe('a command that waits for AWS', () => {
  let silent: Server;
  beforeAll(async () => {
    silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    silent.closeAllConnections();
    silent.close();
  });

  const commands = [
    { argv: ['doctor', '--only', 'deployment'], signal: 'SIGINT', code: 130 },
    { argv: ['status', '--json'], signal: 'SIGTERM', code: 143 },
    { argv: ['cost'], signal: 'SIGHUP', code: 129 },
    { argv: ['why', 'run-CZcmD7eagjhyX0vN'], signal: 'SIGINT', code: 130 },
    { argv: ['pause'], signal: 'SIGINT', code: 130 },
  ] as const;

  async function stopped(argv: readonly string[], signal: NodeJS.Signals) {
    const folder = newFolder('interrupted');
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...argv], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'key',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_ENDPOINT_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    const ended = once(child, 'close');
    await Promise.race([once(silent, 'request'), ended]);
    const from = performance.now();
    child.kill(signal);
    await ended;
    return { code: child.exitCode, output, ms: performance.now() - from };
  }

  it.each(commands)('ends at once after $signal: $argv', { timeout: 30_000 }, async ({ argv, signal, code }) => {
    const { ms, ...result } = await stopped(argv, signal);
    expect(result).toEqual({ code, output: '' });
    expect(ms).toBeLessThan(5_000);
  });
});
