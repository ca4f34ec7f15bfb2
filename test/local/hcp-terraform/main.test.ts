import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../local/hcp-terraform/main.ts', import.meta.url));

const readyLine = z.strictObject({
  url: z.url(),
  ca: z.string(),
  organization: z.string(),
  apiToken: z.string(),
  agentPool: z.strictObject({ id: z.string(), name: z.string(), token: z.string() }),
  agentCommand: z.string(),
});
type Ready = z.infer<typeof readyLine>;

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  command: string,
  args: readonly string[],
): { child: ChildProcess; ready: Promise<Ready>; finished: Promise<Finished> } {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<Ready>((resolve, reject) => {
    lines.on('line', (line) => {
      stdout += `${line}\n`;
      try {
        resolve(readyLine.parse(JSON.parse(line)));
      } catch (error) {
        reject(error);
      }
    });
    child.once('close', () => reject(new Error(`ended before it was ready: ${stderr}`)));
  });
  ready.catch(() => {});
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ready, finished };
}

async function answers(ready: Ready): Promise<boolean> {
  const dispatcher = new Agent({ connect: { ca: readFileSync(ready.ca, 'utf8') } });
  try {
    const { statusCode } = await request(`${ready.url}/api/v2/ping`, { dispatcher });
    return statusCode === 204;
  } finally {
    await dispatcher.destroy();
  }
}

async function refusesConnections(url: string): Promise<boolean> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    try {
      await request(`${url}/api/v2/ping`);
    } catch (error) {
      // As long as somebody listens it is the certificate that is not liked.
      if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

describe('the emulator on its own', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('prints one line when it is ready, and ends on %s with 0', async (signal) => {
    const { child, ready, finished } = start(process.execPath, [MAIN, '--organization', 'my-org']);
    const line = await ready;
    expect(line).toMatchObject({ organization: 'my-org', url: expect.stringMatching(/^https:\/\/localhost:\d+$/) });
    expect(line.agentCommand).toContain(line.agentPool.token);
    expect(line.agentCommand).toContain('local/tfc-agent/tfc-agent');
    expect(await answers(line)).toBe(true);
    child.kill(signal);
    const { code, stdout } = await finished;
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(existsSync(dirname(line.ca))).toBe(false);
  });

  it('stays silent when a client breaks off an upload', async () => {
    const { child, ready, finished } = start(process.execPath, [MAIN]);
    const line = await ready;
    const upload = httpsRequest(`${line.url}/v1/object/x`, {
      method: 'PUT',
      ca: readFileSync(line.ca),
      headers: { 'content-length': 1000, expect: '100-continue' },
    });
    upload.on('error', () => {});
    upload.flushHeaders();
    await once(upload, 'continue');
    upload.destroy();
    expect(await answers(line)).toBe(true);
    child.kill('SIGTERM');
    expect(await finished).toMatchObject({ code: 0, stderr: '' });
  });

  it('leaves nothing behind when npm is its parent and gets the signal', async () => {
    const { child, ready } = start('npm', ['run', '--silent', 'local:hcp-terraform', '--', '--port', '0']);
    const line = await ready;
    child.kill('SIGTERM');
    expect(await refusesConnections(line.url)).toBe(true);
  });

  it.each([
    [['--port', 'x'], '--port is "x"; it must be an integer from 0 to 65535'],
    [['--agent-poll-ms', '0'], '--agent-poll-ms is "0"'],
    [['--organization', 'a b'], '--organization is "a b"'],
    [['--nonsense'], "'--nonsense'"],
  ])('%j ends with 2 and says what is allowed', async (args, message) => {
    const { code, stdout, stderr } = await start(process.execPath, [MAIN, ...args]).finished;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
  });

  it('says when the port is taken', async () => {
    const { ready } = start(process.execPath, [MAIN]);
    const port = new URL((await ready).url).port;
    const { code, stderr } = await start(process.execPath, [MAIN, '--port', port]).finished;
    expect(code).toBe(1);
    expect(stderr).toContain('EADDRINUSE');
  });
});
