/**
 * Tests builds of the image from a release on a mirror. The mirror serves a good release, and one release for each kind of defect.
 * No image may be built from a defective release.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { elf } from '../../test/agent-image/archives.ts';
import { Keys } from '../../test/agent-image/release-keys.ts';
import { FAULTS, goodRelease, VERSION, whyNoReleases, writeRelease } from '../../test/agent-image/release-mirror.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import {
  buildArgs,
  check,
  checkEach,
  engine,
  engineOk,
  IMAGE_FOLDER,
  inspected,
  NO_ENGINE,
} from './container-engine.ts';
import { mirrorArgs, type ReleaseServer, serveReleases } from './release-server.ts';

const base = process.env['RELEASE_BASE_IMAGE'];
const missing = NO_ENGINE ?? (base === undefined ? 'see labs/containers/with-docker.sh' : whyNoReleases());

describeUnless(missing, 'the image from a release, in a container engine', () => {
  const directory = newFolder('container-release');
  const image = 'agent-release-test:good';
  let keys: Keys;
  let server: ReleaseServer;

  beforeAll(async () => {
    keys = new Keys();
    server = await serveReleases(directory);
    writeRelease(join(directory, 'good'), goodRelease(keys, readFileSync('/bin/true')));
    engineOk(build('good', '--tag', image));
  }, 180_000);
  afterAll(() => {
    server.stop();
    keys.release();
    engine(['rmi', '--force', image]);
  });

  function build(mirror: string, ...more: readonly string[]): string[] {
    const args = {
      ...mirrorArgs(`${server.url}/${mirror}`, keys),
      AGENT_ARCHITECTURE: 'amd64',
      BASE_IMAGE: `${base}`,
      REVISION: 'c0ffee',
    };
    return [
      ...['build', '--no-cache', '--network', 'host', '--file', join(IMAGE_FOLDER, 'Dockerfile.release')],
      ...buildArgs(args),
      ...more,
      IMAGE_FOLDER,
    ];
  }

  check('the image is built from a release that the pinned key signed, and runs its agent', () => {
    const { code, stderr } = engine([
      ...['run', '--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL'],
      ...['--env', 'TFC_AGENT_NAME=given', '--env', 'TFC_AGENT_TOKEN=secret', image],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'entrypoint: agent given starts; idle window 300 s\n' });
    return 'built, and its agent ran';
  });

  check('the agent’s two programs belong to root, and the image has none of the tools that downloaded them', () => {
    const look = 'cd /home/tfc-agent/bin && stat -c "%n %U %a" tfc-* && ls / | grep -c -E "archive|fetch" || true';
    expect(engineOk(['run', '--rm', '--network', 'none', '--entrypoint', '/bin/sh', image, '-c', look])).toBe(
      'tfc-agent root 711\ntfc-agent-core root 711\n0',
    );
    return 'root 711, twice';
  });

  check('the image’s labels contain its version, revision, base and licences', () => {
    expect(inspected(image, '.Config.Labels')).toMatchObject({
      'org.opencontainers.image.version': VERSION,
      'org.opencontainers.image.revision': 'c0ffee',
      'org.opencontainers.image.base.name': base,
      'org.opencontainers.image.licenses': expect.stringContaining('Apache-2.0'),
    });
    return `version ${VERSION}, revision c0ffee, base ${base}`;
  });

  checkEach(FAULTS.filter(({ inLab }) => inLab))(
    'no image is built from a bad release: $name',
    ({ name, files, says }) => {
      const mirror = name.replaceAll(/\W+/g, '-');
      writeRelease(join(directory, mirror), files(keys));
      const { code, stdout, stderr } = engine(build(mirror, '--tag', 'agent-release-test:bad'));
      expect(code).not.toBe(0);
      expect(`${stdout}${stderr}`).toMatch(says);
      expect(engine(['image', 'inspect', 'agent-release-test:bad']).code).not.toBe(0);
      const words = `${says.exec(`${stdout}${stderr}`)?.[0]}`.replace(/http:\S*\//, '').replace(/[0-9a-f]{64}/, '…');
      return `no image: "${words}"`;
    },
  );

  check('no image is built if the base has a different architecture', () => {
    writeRelease(join(directory, 'arm64'), goodRelease(keys, elf('amd64')));
    const { code, stdout, stderr } = engine(build('arm64', '--build-arg', 'AGENT_ARCHITECTURE=arm64'));
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).toMatch(/\/bin\/sh is not a program for arm64, so the base image has another/);
    return 'no image: "/bin/sh is not a program for arm64"';
  });
});
