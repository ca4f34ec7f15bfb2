import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  FAULTS,
  type Files,
  goodRelease,
  KEY_PATH,
  Keys,
  terraformRelease,
  VERSION,
  whyNoReleases,
} from './release-mirror.ts';

const SCRIPT = fileURLToPath(new URL('../../agent-image/fetch-release.sh', import.meta.url));
const missing = whyNoReleases();

describe.skipIf(missing !== undefined)(`a release${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'fetch-release-'));
  const served = new Map<string, Files>();
  const server = createServer(({ url = '' }, response) => {
    const [, mirror = '', ...rest] = url.split('/');
    const file = served.get(mirror)?.[rest.join('/')];
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  let keys: Keys;

  beforeAll(async () => {
    keys = new Keys();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
    keys.release();
    rmSync(directory, { recursive: true });
  });

  /** Runs the script on a mirror of these files. */
  async function fetched(files: Files, variables: Record<string, string> = {}) {
    const id = String(served.size);
    served.set(id, files);
    const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${id}`;
    const target = join(directory, id);
    const outcome = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(
        SCRIPT,
        [target],
        {
          env: {
            PATH: process.env['PATH'] ?? '',
            TMPDIR: directory,
            TFC_AGENT_VERSION: VERSION,
            AGENT_ARCHITECTURE: 'amd64',
            RELEASES_URL: mirror,
            KEY_URL: `${mirror}/${KEY_PATH}`,
            KEY_FINGERPRINT: keys.fingerprint,
            ...variables,
          },
        },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
    return { ...outcome, files: existsSync(target) ? readdirSync(target).sort() : [] };
  }

  test.each(['amd64', 'arm64'] as const)('for %s that is right is unpacked', async (architecture) => {
    const { code, stderr, files } = await fetched(goodRelease(keys), { AGENT_ARCHITECTURE: architecture });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(files).toEqual(expect.arrayContaining(['tfc-agent', 'tfc-agent-core']));
    const program = join(directory, String(served.size - 1), 'tfc-agent');
    expect(statSync(program).mode & 0o777).toBe(0o711);
  });

  test('of terraform is unpacked too, and one that somebody else signed is not', async () => {
    const variables = { RELEASE_PRODUCT: 'terraform', TERRAFORM_VERSION: '1.11.4' };
    const good = terraformRelease(keys, '1.11.4');
    expect(await fetched(good, variables)).toMatchObject({
      code: 0,
      stderr: '',
      files: expect.arrayContaining(['terraform']),
    });
    const sums = 'terraform/1.11.4/terraform_1.11.4_SHA256SUMS';
    const forged = { ...good, [`${sums}.sig`]: keys.sign(good[sums] ?? Buffer.of(), [keys.foreign]) };
    const refused = await fetched(forged, variables);
    expect(refused).toMatchObject({ code: 1, files: [] });
    expect(refused.stderr).toContain('is not one valid signature of');
  });

  test.each(FAULTS)('is refused, and nothing unpacked: $name', async ({ files: spoil, says }) => {
    const { code, stderr, files } = await fetched(spoil(keys));
    expect({ code, files }).toEqual({ code: 1, files: [] });
    expect(stderr).toMatch(says);
  });

  test.each([
    ['TFC_AGENT_VERSION', '1.31', 'give a version such as 1.33.0'],
    ['TFC_AGENT_VERSION', '1.33.0/../evil', 'give a version such as 1.33.0'],
    ['TFC_AGENT_VERSION', '1.33.0\nevil', 'give a version such as 1.33.0'],
    ['RELEASE_PRODUCT', 'vault', 'give tfc-agent or terraform'],
    ['RELEASE_PRODUCT', 'terraform', 'TERRAFORM_VERSION is '],
    ['AGENT_ARCHITECTURE', 'x86_64', 'give amd64 or arm64'],
    ['RELEASES_URL', 'file:///etc', 'give an address'],
    ['KEY_URL', '-o/etc/passwd', 'give an address'],
    ['KEY_FINGERPRINT', '72D7468F', 'give the 40 hexadecimal digits'],
  ])('is not even asked for with %s %j', async (name, value, says) => {
    const { code, stderr } = await fetched({}, { [name]: value });
    expect(code).toBe(1);
    expect(stderr).toContain(says);
  });

  test("leaves nothing behind, nor does it read or change the user's own keys", () => {
    expect(readdirSync(directory).filter((name) => !/^\d+$/.test(name))).toEqual([]);
  });
});
