import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

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
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const server = createServer((request, response) => answer(request, response));
  let host: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    // A registry that wants a token for every repository, as Docker Hub does; the tag tells what it has there.
    answer = (request, response) => {
      const url = new URL(request.url ?? '', `http://${host}`);
      if (url.pathname === '/token') {
        const { service, scope } = Object.fromEntries(url.searchParams);
        response.end(JSON.stringify({ token: `${service}|${scope}` }));
        return;
      }
      const [, repository, kind, name] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(url.pathname) ?? [];
      if (request.headers.authorization !== `Bearer hub|repository:${repository}:pull`) {
        response.setHeader(
          'www-authenticate',
          name === 'private'
            ? 'Basic realm="staff"'
            : `Bearer realm="http://${host}/token",service="hub",scope="repository:${repository}:pull"`,
        );
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
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [SCRIPT, ...args], (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  test('prints the digest of an index, its architectures, and the setting that pins it', async ({ expect }) => {
    const { code, stdout } = await run(`${host}/team/tfc-agent:index`);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      `${host}/team/tfc-agent:index is ${digestOf(INDEX)}`,
      'for linux/amd64, linux/arm64',
      '',
      'As it is, without a build:',
      `  "agentImage": { "registry": "${host}/team/tfc-agent:index@${digestOf(INDEX)}" }`,
      '',
    ]);
  });

  test('computes the digest of an image that the registry gives none for, and asks for its architecture', async ({
    expect,
  }) => {
    const { stdout } = await run(`${host}/tfc-agent:image`);
    expect(stdout).toContain(`is ${digestOf(IMAGE)}\nfor linux/amd64\n`);
  });

  test.each([
    ['liar', /says sha256:[0-9a-f]+, but sent what has the digest sha256:[0-9a-f]+; pin neither/],
    ['page', /answered with no manifest/],
    ['gone', /has no team\/agent:gone/],
    ['broken', /answered 500/],
    ['private', /wants a login/],
  ])('prints no digest for %s', async (tag, says) => {
    const { code, stdout, stderr } = await run(`${host}/team/agent:${tag}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(says);
  });

  test.each(['hashicorp/tfc-agent', 'https://example.com/a:1', ''])(
    'refuses %j, which names no tag',
    async (reference) => {
      const { code, stderr } = await run(reference);
      expect(code).toBe(1);
      expect(stderr).toContain('give one such as hashicorp/tfc-agent:1.33.0');
    },
  );
});
