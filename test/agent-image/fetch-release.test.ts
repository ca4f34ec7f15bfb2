import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoopbackServer, serve } from '../loopback.ts';
import { runProgram } from '../processes.ts';
import { newFolder } from '../temporary-folder.ts';
import { describeUnless } from '../unless.ts';
import { Keys } from './release-keys.ts';
import {
  FAULTS,
  type Files,
  goodRelease,
  KEY_PATH,
  terraformRelease,
  VERSION,
  whyNoReleases,
} from './release-mirror.ts';

const SCRIPT = fileURLToPath(new URL('../../agent-image/fetch-release.sh', import.meta.url));

describeUnless(whyNoReleases(), 'a release', () => {
  const directory = newFolder('fetch-release');
  const served = new Map<string, Files>();
  let server: LoopbackServer;
  let keys: Keys;

  beforeAll(async () => {
    keys = new Keys();
    server = await serve(({ url = '' }, response) => {
      const [, mirror = '', ...rest] = url.split('/');
      const file = served.get(mirror)?.[rest.join('/')];
      response.writeHead(file === undefined ? 404 : 200).end(file);
    });
  });
  afterAll(() => {
    server.close();
    keys.release();
  });

  /** Runs the script against a mirror of these files. */
  async function fetched(files: Files, variables: Record<string, string> = {}) {
    const id = String(served.size);
    served.set(id, files);
    const mirror = `http://${server.host}/${id}`;
    const target = join(directory, id);
    const env = {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: directory,
      TFC_AGENT_VERSION: VERSION,
      AGENT_ARCHITECTURE: 'amd64',
      RELEASES_URL: mirror,
      KEY_URL: `${mirror}/${KEY_PATH}`,
      KEY_FINGERPRINT: keys.fingerprint,
      ...variables,
    };
    return {
      ...(await runProgram(SCRIPT, [target], { env })),
      files: existsSync(target) ? readdirSync(target).sort() : [],
    };
  }

  test.each(['amd64', 'arm64'] as const)('of the agent for %s is unpacked if all checks pass', async (architecture) => {
    const { code, stderr, files } = await fetched(goodRelease(keys), { AGENT_ARCHITECTURE: architecture });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(files).toEqual(expect.arrayContaining(['tfc-agent', 'tfc-agent-core']));
    const program = join(directory, String(served.size - 1), 'tfc-agent');
    expect(statSync(program).mode & 0o777).toBe(0o711);
  });

  test('of Terraform is unpacked only if the pinned key signed it', async () => {
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

  test.each(FAULTS)('a release is refused, and nothing is unpacked: $name', async ({ files: spoil, says }) => {
    const { code, stderr, files } = await fetched(spoil(keys));
    expect({ code, files }).toEqual({ code: 1, files: [] });
    expect(stderr).toMatch(says);
  });

  test.each([
    ['TFC_AGENT_VERSION', '1.31', 'set a version such as 1.33.0'],
    ['TFC_AGENT_VERSION', '1.33.0/../evil', 'set a version such as 1.33.0'],
    ['TFC_AGENT_VERSION', '1.33.0\nevil', 'set a version such as 1.33.0'],
    ['RELEASE_PRODUCT', 'vault', 'set tfc-agent or terraform'],
    ['RELEASE_PRODUCT', 'terraform', 'TERRAFORM_VERSION is '],
    ['AGENT_ARCHITECTURE', 'x86_64', 'set amd64 or arm64'],
    ['RELEASES_URL', 'file:///etc', 'set an address'],
    ['KEY_URL', '-o/etc/passwd', 'set an address'],
    ['KEY_FINGERPRINT', '72D7468F', 'set the 40 hexadecimal digits'],
  ])('a release is not requested if %s is %j', async (name, value, says) => {
    const { code, stderr } = await fetched({}, { [name]: value });
    expect(code).toBe(1);
    expect(stderr).toContain(says);
  });

  test("is fetched without a temporary file left behind, and without access to the user's own keys", () => {
    expect(readdirSync(directory).filter((name) => !/^\d+$/.test(name))).toEqual([]);
  });
});
