import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { elf } from '../../test/agent-image/archives.ts';
import { Keys } from '../../test/agent-image/release-keys.ts';
import {
  FAULTS,
  goodRelease,
  KEY_PATH,
  VERSION,
  whyNoReleases,
  writeRelease,
} from '../../test/agent-image/release-mirror.ts';
import { ENGINE, engine, engineOk, IMAGE_FOLDER } from './container-engine.ts';

const base = process.env['RELEASE_BASE_IMAGE'];
const missing = ENGINE === undefined || base === undefined ? 'see labs/containers/with-docker.sh' : whyNoReleases();

const SERVER = `
  import { createServer } from 'node:http';
  import { createReadStream, existsSync } from 'node:fs';
  const server = createServer(({ url }, response) => {
    const file = process.argv[1] + url;
    if (existsSync(file)) createReadStream(file).pipe(response.writeHead(200));
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;

describe.skipIf(missing !== undefined)(
  `the image from a release, in a container engine${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'container-release-'));
    const image = 'agent-release-test:good';
    let keys: Keys;
    let server: ChildProcess;
    let port: string;

    beforeAll(async () => {
      keys = new Keys();
      // A separate process, since this one waits for the engine. This network has no egress, so nothing else can answer.
      server = spawn(process.execPath, ['--input-type=module', '-e', SERVER, directory]);
      port = await new Promise((resolve) => server.stdout?.once('data', (line: Buffer) => resolve(`${line}`.trim())));
      writeRelease(join(directory, 'good'), goodRelease(keys, readFileSync('/bin/true')));
      engineOk(build('good', '--tag', image));
    }, 180_000);
    afterAll(() => {
      server.kill();
      keys.release();
      engine(['rmi', '--force', image]);
      rmSync(directory, { recursive: true });
    });

    function build(mirror: string, ...more: readonly string[]): string[] {
      const args = {
        RELEASES_URL: `http://127.0.0.1:${port}/${mirror}`,
        KEY_URL: `http://127.0.0.1:${port}/${mirror}/${KEY_PATH}`,
        KEY_FINGERPRINT: keys.fingerprint,
        AGENT_ARCHITECTURE: 'amd64',
        BASE_IMAGE: `${base}`,
        PACKAGES: '',
        REVISION: 'c0ffee',
      };
      return [
        ...['build', '--no-cache', '--network', 'host', '--file', join(IMAGE_FOLDER, 'Dockerfile.release')],
        ...Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
        ...more,
        IMAGE_FOLDER,
      ];
    }

    test('is built from a release that the pinned key signed, and runs its agent', async ({ annotate }) => {
      const { code, stderr } = engine([
        ...['run', '--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL'],
        ...['--env', 'TFC_AGENT_NAME=given', '--env', 'TFC_AGENT_TOKEN=secret', image],
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: 'entrypoint: agent given starts; idle window 300 s\n' });
      await annotate('built, and its agent ran');
    });

    test('has the agent’s two programs, root’s and not writable by the agent, and none of the tools that fetched them', async ({
      annotate,
    }) => {
      const look = 'cd /home/tfc-agent/bin && stat -c "%n %U %a" tfc-* && ls / | grep -c -E "archive|fetch" || true';
      expect(engineOk(['run', '--rm', '--network', 'none', '--entrypoint', '/bin/sh', image, '-c', look])).toBe(
        'tfc-agent root 711\ntfc-agent-core root 711\n0',
      );
      await annotate('root 711, twice');
    });

    test('names its source, version, revision and base in labels', async ({ annotate }) => {
      const labels = JSON.parse(engineOk(['image', 'inspect', '--format', '{{json .Config.Labels}}', image]));
      expect(labels).toMatchObject({
        'org.opencontainers.image.version': VERSION,
        'org.opencontainers.image.revision': 'c0ffee',
        'org.opencontainers.image.base.name': base,
        'org.opencontainers.image.licenses': expect.stringContaining('Apache-2.0'),
      });
      await annotate(`version ${VERSION}, revision c0ffee, base ${base}`);
    });

    test.for(FAULTS.filter(({ inLab }) => inLab))(
      'is not built: $name',
      async ({ name, files, says }, { annotate }) => {
        const mirror = name.replaceAll(/\W+/g, '-');
        writeRelease(join(directory, mirror), files(keys));
        const { code, stdout, stderr } = engine(build(mirror, '--tag', 'agent-release-test:bad'));
        expect(code).not.toBe(0);
        expect(`${stdout}${stderr}`).toMatch(says);
        expect(engine(['image', 'inspect', 'agent-release-test:bad']).code).not.toBe(0);
        const words = `${says.exec(`${stdout}${stderr}`)?.[0]}`.replace(/http:\S*\//, '').replace(/[0-9a-f]{64}/, '…');
        await annotate(`no image: "${words}"`);
      },
    );

    test('is not built for another architecture than that of its base', async ({ annotate }) => {
      writeRelease(join(directory, 'arm64'), goodRelease(keys, elf('amd64')));
      const { code, stdout, stderr } = engine(build('arm64', '--build-arg', 'AGENT_ARCHITECTURE=arm64'));
      expect(code).not.toBe(0);
      expect(`${stdout}${stderr}`).toMatch(/\/bin\/sh is no program for arm64, so the base image is of another/);
      await annotate('no image: "/bin/sh is no program for arm64"');
    });
  },
);
