import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoopbackServer, serve } from '../loopback.ts';
import { runProgram } from '../processes.ts';

const SCRIPT = fileURLToPath(new URL('../../agent-image/newest-version.mjs', import.meta.url));

describe('newest-version.mjs', () => {
  // The format of https://releases.hashicorp.com/tfc-agent/index.json, reduced to the versions.
  let answer: unknown = {
    name: 'tfc-agent',
    versions: { '1.9.0': {}, '1.33.0': {}, '1.32.0': {}, '1.28.6': {}, '1.34.0-rc1': {}, '1.35.0+ent': {} },
  };
  let server: LoopbackServer;
  beforeAll(async () => {
    server = await serve((request, response) => {
      response.statusCode = request.url === '/tfc-agent/index.json' ? 200 : 404;
      response.end(JSON.stringify(answer));
    });
  });
  afterAll(() => server.close());

  const report = (args: readonly string[], folder = '') =>
    runProgram(process.execPath, [SCRIPT, ...args], {
      env: { ...process.env, RELEASES_URL: `http://${server.host}${folder}` },
    });

  test('reports how many releases a version is behind, and does not count pre-releases', async () => {
    const { code, stdout } = await report(['1.28.6']);
    expect(code).toBe(1);
    expect(stdout).toContain('Agent 1.28.6 is 2 releases behind 1.33.0. Set agentImage.version');
  });

  test('reports that a version is the newest', async () => {
    expect(await report(['1.33.0'])).toMatchObject({ code: 0, stdout: 'Agent 1.33.0 is the newest release.\n' });
    expect(await report([])).toMatchObject({ code: 0 });
  });

  test('reports why it could not find the newest version', async () => {
    expect(await report(['1.33'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("'1.33' is not a version"),
    });
    expect(await report([], '/none')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('status 404'),
    });
    answer = {};
    expect(await report([])).toMatchObject({ code: 2, stderr: expect.stringContaining('lists no release') });
  });
});
