/**
 * Tests the image for arm64 on a different processor. Buildah builds it and qemu runs it, because the engine of the other labs only
 * runs programs of the host's architecture. `with-arm64.sh` makes the base.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { Keys } from '../../test/agent-image/release-keys.ts';
import { goodRelease, whyNoReleases, writeRelease } from '../../test/agent-image/release-mirror.ts';
import { runSync, runSyncOk } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { buildArgs, check, IMAGE_FOLDER } from './container-engine.ts';
import { mirrorArgs, type ReleaseServer, serveReleases } from './release-server.ts';

const archive = process.env['ARM64_BASE'];
const qemu = process.env['ARM64_QEMU'];
const missing = archive === undefined || qemu === undefined ? 'see labs/containers/with-arm64.sh' : whyNoReleases();
const LAB = import.meta.dirname;
const OFFICIAL = 'localhost/tfc-agent:1.33.0';
const RELEASE_BASE = 'localhost/debian:12';

describeUnless(missing, 'the image for arm64', () => {
  const directory = newFolder('container-arm64');
  let keys: Keys;
  let server: ReleaseServer;

  /** A shell script in which `$B` is Buildah, with its own store and without any registry. */
  function program(script: string): Parameters<typeof runSync> {
    const buildah = `buildah --root ${directory}/store --runroot ${directory}/run --storage-driver overlay`;
    const options = `--signature-policy ${directory}/policy.json --arch arm64 --pull-never`;
    const args = [join(LAB, 'arm64-namespace.py'), `${qemu}`, 'sh', '-c', `B="${buildah}"; U="${options}"\n${script}`];
    const env = { ...process.env, HOME: directory, BUILDAH_ISOLATION: 'chroot' };
    return ['python3', args, { timeout: 300_000, env }];
  }
  const shell = (script: string) => runSync(...program(script));
  const shellOk = (script: string) => runSyncOk(...program(`set -e\n${script}`));

  beforeAll(async () => {
    keys = new Keys();
    writeFileSync(join(directory, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
    const base = join(directory, 'base');
    mkdirSync(base);
    cpSync(join(LAB, 'stand-in-agent.sh'), join(base, 'stand-in-agent.sh'));
    writeFileSync(
      join(base, 'Dockerfile'),
      `FROM ${RELEASE_BASE}
       RUN useradd --create-home --shell /bin/sh tfc-agent && mkdir /home/tfc-agent/bin
       COPY stand-in-agent.sh /home/tfc-agent/bin/tfc-agent
       RUN chmod 0755 /home/tfc-agent/bin/tfc-agent
       USER tfc-agent`,
    );
    shellOk(`
      c=$($B from scratch); $B add -q "$c" ${archive} /; $B config --arch arm64 --os linux "$c"
      $B commit -q "$c" ${RELEASE_BASE}; $B rm "$c"
      $B bud $U --tag ${OFFICIAL} ${base}`);
    const binary = spawnSync('tar', ['--extract', '--to-stdout', '--file', `${archive}`, './usr/bin/true']).stdout;
    writeRelease(join(directory, 'mirror'), goodRelease(keys, undefined, binary));
    server = await serveReleases(join(directory, 'mirror'));
  }, 400_000);
  afterAll(() => {
    server?.stop();
    keys?.release();
    spawnSync('rm', ['-rf', directory]);
  }, 120_000);

  const build = (tag: string, file: string, values: Record<string, string>) =>
    `$B bud $U --file ${IMAGE_FOLDER}/${file} --tag ${tag} ${buildArgs(values).join(' ')} ${IMAGE_FOLDER}`;
  const run = (tag: string, options: string, command: string) =>
    `c=$($B from $U ${tag}); $B run ${options} "$c" -- ${command}`;
  const ENTRYPOINT = '/opt/agent-launcher/sh /opt/agent-launcher/entrypoint.sh';
  const AGENT = '--user tfc-agent --env TFC_AGENT_NAME=given --env TFC_AGENT_TOKEN=secret --env AGENT_IDLE_SECONDS=2';

  check(
    'the image for arm64 is built on a base like the official image, and its agent starts, waits and leaves',
    () => {
      shellOk(build('localhost/agent:official', 'Dockerfile', { BASE_IMAGE: OFFICIAL, AGENT_ARCHITECTURE: 'arm64' }));
      const architecture = shellOk(
        `$B inspect --type image --format '{{.OCIv1.Architecture}}' localhost/agent:official`,
      );
      expect(architecture).toBe('arm64');
      const { stdout, stderr } = shell(run('localhost/agent:official', AGENT, ENTRYPOINT));
      expect(stdout).toContain('Starting: name=given arguments=-single');
      expect(stderr).toContain('exit status 75');
      return 'an image for arm64; exit code 75 at the end of its idle window';
    },
  );

  check('the image for arm64 has no setuid file, and the agent cannot read its shell', () => {
    const look = `/bin/sh -c 'uname -m; find / -xdev -perm /6000 -type f | wc -l; stat -c "%a %U" /opt/agent-launcher/sh'`;
    expect(shellOk(run('localhost/agent:official', '--user 0', look))).toBe('aarch64\n0\n711 root');
    return 'none, and mode 711';
  });

  check('the image for arm64 is built from the release’s archive for arm64', () => {
    // Without AGENT_ARCHITECTURE, the image has the architecture of the base.
    const args = { ...mirrorArgs(server.url, keys), BASE_IMAGE: RELEASE_BASE };
    const { code, stdout, stderr } = shell(build('localhost/agent:release', 'Dockerfile.release', args));
    expect({ code, output: `${stdout}${stderr}` }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/_linux_arm64\.zip, signed by/),
    });
    const ended = shell(run('localhost/agent:release', AGENT, ENTRYPOINT));
    expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('agent given starts'),
    });
    return 'linux_arm64.zip, signed; built, and its agent ran';
  });

  check('no image for arm64 is built for a pool on x86-64', () => {
    const args = { BASE_IMAGE: OFFICIAL, AGENT_ARCHITECTURE: 'amd64' };
    const { code, stdout, stderr } = shell(build('localhost/agent:wrong', 'Dockerfile', args));
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).toContain('/bin/sh is not a program for amd64');
    return 'no image: "/bin/sh is not a program for amd64"';
  });
});
