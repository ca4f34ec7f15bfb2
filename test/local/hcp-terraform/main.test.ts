import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { startProgram } from '../program.ts';

const MAIN = fileURLToPath(new URL('../../../local/hcp-terraform/main.ts', import.meta.url));
const patience = { timeout: 30_000, interval: 50 };

const readyLine = z.strictObject({
  url: z.url(),
  ca: z.string(),
  organization: z.string(),
  apiToken: z.string(),
  agentPool: z.strictObject({ id: z.string(), name: z.string(), token: z.string() }),
  agentCommand: z.string(),
});
type Ready = z.infer<typeof readyLine>;

const startMain = (...args: readonly string[]) => startProgram(process.execPath, [MAIN, ...args]);

async function pingStatus({ url, ca }: Ready): Promise<number> {
  const dispatcher = new Agent({ connect: { ca: readFileSync(ca, 'utf8') } });
  try {
    return (await request(`${url}/api/v2/ping`, { dispatcher })).statusCode;
  } finally {
    await dispatcher.destroy();
  }
}

describe('the emulator as a program', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'prints one line when it is ready, and exits on %s with 0',
    async (signal) => {
      const { child, ready, ended } = startMain('--organization', 'my-org');
      const line = await ready(readyLine);
      expect(line).toMatchObject({ organization: 'my-org', url: expect.stringMatching(/^https:\/\/localhost:\d+$/) });
      expect(line.agentCommand).toContain(line.agentPool.token);
      expect(line.agentCommand).toContain('local/tfc-agent/tfc-agent');
      expect(await pingStatus(line)).toBe(204);
      child.kill(signal);
      const { code, stdout } = await ended;
      expect(code).toBe(0);
      expect(stdout.trim().split('\n')).toHaveLength(1);
      expect(existsSync(dirname(line.ca))).toBe(false);
    },
  );

  it('prints nothing if a client aborts an upload', async () => {
    const { child, ready, ended } = startMain();
    const line = await ready(readyLine);
    const upload = httpsRequest(`${line.url}/v1/object/x`, {
      method: 'PUT',
      ca: readFileSync(line.ca),
      headers: { 'content-length': 1000, expect: '100-continue' },
    });
    upload.on('error', () => {});
    upload.flushHeaders();
    await once(upload, 'continue');
    upload.destroy();
    expect(await pingStatus(line)).toBe(204);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends if its parent process, npm, gets the signal', async () => {
    const { child, ready } = startProgram('npm', ['run', '--silent', 'local:hcp-terraform', '--', '--port', '0']);
    const { url } = await ready(readyLine);
    child.kill('SIGTERM');
    // While the server listens, the error is that its certificate isn't trusted.
    const attempt = () => request(`${url}/api/v2/ping`).catch(({ code }: NodeJS.ErrnoException) => code);
    await expect.poll(attempt, patience).toBe('ECONNREFUSED');
  });

  it.each([
    [['--port', 'x'], '--port is "x"; it must be an integer from 0 to 65535'],
    [['--agent-poll-ms', '0'], '--agent-poll-ms is "0"'],
    [['--organization', 'a b'], '--organization is "a b"'],
    [['--nonsense'], "'--nonsense'"],
  ])('exits with 2 for the arguments %j, and reports the fault', async (args, message) => {
    const { code, stdout, stderr } = await startMain(...args).ended;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
  });

  it('exits with 1 and reports that the port is in use', async () => {
    const { port } = new URL((await startMain().ready(readyLine)).url);
    const { code, stderr } = await startMain('--port', port).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('EADDRINUSE');
  });
});
