import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../agent-image/newest-version.mjs', import.meta.url));

describe('newest-version.mjs', () => {
  // The form of https://releases.hashicorp.com/tfc-agent/index.json, with the versions only.
  let answer: unknown = {
    name: 'tfc-agent',
    versions: { '1.9.0': {}, '1.33.0': {}, '1.32.0': {}, '1.28.6': {}, '1.34.0-rc1': {}, '1.35.0+ent': {} },
  };
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/tfc-agent/index.json' ? 200 : 404;
    response.end(JSON.stringify(answer));
  });
  let releases = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    releases = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  function report(args: readonly string[], url = releases): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      const env = { ...process.env, RELEASES_URL: url };
      execFile(process.execPath, [SCRIPT, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  }

  test('reports how many releases a version is behind, without pre-releases', async () => {
    const { code, stdout } = await report(['1.28.6']);
    expect(code).toBe(1);
    expect(stdout).toContain('Agent 1.28.6 is 2 releases behind 1.33.0. Set agentImage.version');
  });

  test('reports that a version is the newest', async () => {
    expect(await report(['1.33.0'])).toMatchObject({ code: 0, stdout: 'Agent 1.33.0 is the newest release.\n' });
    expect(await report([])).toMatchObject({ code: 0 });
  });

  test('says why it could not find out', async () => {
    expect(await report(['1.33'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("'1.33' is not a version"),
    });
    expect(await report([], `${releases}/none`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('status 404'),
    });
    answer = {};
    expect(await report([])).toMatchObject({ code: 2, stderr: expect.stringContaining('lists no release') });
  });
});
