import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoopbackServer, serve } from '../loopback.ts';
import { runProgram } from '../processes.ts';

const SCRIPT = fileURLToPath(new URL('../../agent-image/print-digest.mjs', import.meta.url));
const INDEX = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [
    { platform: { os: 'linux', architecture: 'amd64' } },
    { platform: { os: 'linux', architecture: 'arm64' } },
    { platform: { os: 'unknown', architecture: 'unknown' } },
  ],
});
const IMAGE = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
  config: { digest: 'sha256:c0ffee' },
});
const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

describe('print-digest', { concurrent: true }, () => {
  /** A registry that requires a token for every repository, as Docker Hub does. The tag decides what it answers. */
  const registry: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '', `http://${host}`);
    if (url.pathname === '/token') {
      const { service, scope } = Object.fromEntries(url.searchParams);
      response.end(JSON.stringify({ token: `${service}|${scope}` }));
      return;
    }
    const [, repository, kind, name] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(url.pathname) ?? [];
    if (request.headers.authorization !== `Bearer hub|repository:${repository}:pull`) {
      const challenge = `Bearer realm="http://${host}/token",service="hub",scope="repository:${repository}:pull"`;
      response.setHeader('www-authenticate', name === 'private' ? 'Basic realm="staff"' : challenge);
      response.writeHead(401).end();
    } else if (kind === 'blobs') response.end('{"os":"linux","architecture":"amd64"}');
    else if (name === 'index') {
      expect(request.headers.accept).toContain('application/vnd.oci.image.index.v1+json');
      response.setHeader('docker-content-digest', digestOf(INDEX)).end(INDEX);
    } else if (name === 'image') response.end(IMAGE);
    else if (name === 'liar') response.setHeader('docker-content-digest', digestOf('other')).end(INDEX);
    else if (name === 'page') response.end('<html>');
    else response.writeHead(name === 'broken' ? 500 : 404).end();
  };
  let server: LoopbackServer;
  let host: string;
  beforeAll(async () => {
    server = await serve(registry);
    host = server.host;
  });
  afterAll(() => server.close());

  const run = (...args: string[]) => runProgram(process.execPath, [SCRIPT, ...args]);

  test('prints the digest of an index, its architectures, and the setting that pins it', async () => {
    const { code, stdout } = await run(`${host}/team/tfc-agent:index`);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      `${host}/team/tfc-agent:index is ${digestOf(INDEX)}`,
      'for linux/amd64, linux/arm64',
      '',
      'To use it without a build:',
      `  "agentImage": { "registry": "${host}/team/tfc-agent:index@${digestOf(INDEX)}" }`,
      '',
    ]);
  });

  test('computes the digest if the registry reports none, and looks up the architecture of a single image', async () => {
    const { stdout } = await run(`${host}/tfc-agent:image`);
    expect(stdout).toContain(`is ${digestOf(IMAGE)}\nfor linux/amd64\n`);
  });

  test.each([
    ['liar', /reports sha256:[0-9a-f]+, but its response has the digest sha256:[0-9a-f]+\. Don't use either of them/],
    ['page', /did not return a manifest/],
    ['gone', /has no team\/agent:gone/],
    ['broken', /answered 500/],
    ['private', /requires a login/],
  ])('the script prints no digest for %s', async (tag, says) => {
    const { code, stdout, stderr } = await run(`${host}/team/agent:${tag}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(says);
  });

  test.each(['hashicorp/tfc-agent', 'https://example.com/a:1', ''])(
    'refuses %j, which has no tag',
    async (reference) => {
      const { code, stderr } = await run(reference);
      expect(code).toBe(1);
      expect(stderr).toContain('specify one such as hashicorp/tfc-agent:1.33.0');
    },
  );
});
