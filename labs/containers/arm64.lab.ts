import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Keys } from '../../test/agent-image/release-keys.ts';
import { goodRelease, KEY_PATH, whyNoReleases, writeRelease } from '../../test/agent-image/release-mirror.ts';
import { IMAGE_FOLDER, type Outcome } from './container-engine.ts';

const archive = process.env['ARM64_BASE'];
const qemu = process.env['ARM64_QEMU'];
const missing = archive === undefined || qemu === undefined ? 'see container/with-arm64.sh' : whyNoReleases();
const LAB = import.meta.dirname;
const OFFICIAL = 'localhost/tfc-agent:1.33.0';
const RELEASE_BASE = 'localhost/debian:12';

/** Builds with Buildah and runs by qemu, since the engine of the other tests only runs programs of the host's architecture. */
describe.skipIf(missing !== undefined)(
  `the image for arm64${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'container-arm64-'));
    const keys = missing === undefined ? new Keys() : undefined;
    let server: ChildProcess | undefined;
    let port = '';

    /** A shell script in which `$B` is Buildah, with a separate store and without any registry. */
    function shell(script: string): Outcome {
      const place = `--root ${directory}/store --runroot ${directory}/run --storage-driver overlay`;
      const words = [
        `B="buildah ${place}"; U="--signature-policy ${directory}/policy.json --arch arm64 --pull-never"`,
        script,
      ];
      const args = [join(LAB, 'arm64-namespace.py'), `${qemu}`, 'sh', '-c', words.join('\n')];
      const { status, stdout, stderr, error } = spawnSync('python3', args, {
        encoding: 'utf8',
        timeout: 300_000,
        env: { ...process.env, HOME: directory, BUILDAH_ISOLATION: 'chroot' },
      });
      if (error !== undefined) throw error;
      return { code: status, stdout, stderr };
    }
    function shellOk(script: string): string {
      const { code, stdout, stderr } = shell(`set -e\n${script}`);
      if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`);
      return stdout.trimEnd();
    }

    beforeAll(async () => {
      writeFileSync(join(directory, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
      mkdirSync(join(directory, 'base'));
      cpSync(join(LAB, 'stand-in-agent.sh'), join(directory, 'base', 'stand-in-agent.sh'));
      writeFileSync(
        join(directory, 'base', 'Dockerfile'),
        `FROM ${RELEASE_BASE}
         RUN useradd --create-home --shell /bin/sh tfc-agent && mkdir /home/tfc-agent/bin
         COPY stand-in-agent.sh /home/tfc-agent/bin/tfc-agent
         RUN chmod 0755 /home/tfc-agent/bin/tfc-agent
         USER tfc-agent`,
      );
      shellOk(`
        c=$($B from scratch); $B add -q "$c" ${archive} /; $B config --arch arm64 --os linux "$c"
        $B commit -q "$c" ${RELEASE_BASE}; $B rm "$c"
        $B bud $U --tag ${OFFICIAL} ${directory}/base`);
      const program = spawnSync('tar', ['--extract', '--to-stdout', '--file', `${archive}`, './usr/bin/true']).stdout;
      if (keys !== undefined) writeRelease(join(directory, 'mirror'), goodRelease(keys, undefined, program));
      const serve = ['-m', 'http.server', '--bind', '127.0.0.1', '--directory', join(directory, 'mirror'), '0'];
      server = spawn('python3', ['-u', ...serve], { stdio: ['ignore', 'pipe', 'ignore'] });
      port = await new Promise((resolve) =>
        server?.stdout?.once('data', (line: Buffer) => resolve(/port (\d+)/.exec(`${line}`)?.[1] ?? '')),
      );
    }, 400_000);
    afterAll(() => {
      server?.kill();
      keys?.release();
      spawnSync('rm', ['-rf', directory]);
    }, 120_000);

    const build = (tag: string, file: string, args: Record<string, string>) =>
      `$B bud $U --file ${IMAGE_FOLDER}/${file} --tag ${tag} ${Object.entries(args)
        .map(([name, value]) => `--build-arg ${name}=${value}`)
        .join(' ')} ${IMAGE_FOLDER}`;
    const run = (tag: string, options: string, command: string) =>
      `c=$($B from $U ${tag}); $B run ${options} "$c" -- ${command}`;
    const ENTRYPOINT = '/opt/agent-launcher/sh /opt/agent-launcher/entrypoint.sh';
    const AGENT = '--user tfc-agent --env TFC_AGENT_NAME=given --env TFC_AGENT_TOKEN=secret --env AGENT_IDLE_SECONDS=2';

    test('is built on a base like the official image, and its agent comes up, waits and leaves', async ({
      annotate,
    }) => {
      shellOk(build('localhost/agent:official', 'Dockerfile', { BASE_IMAGE: OFFICIAL, AGENT_ARCHITECTURE: 'arm64' }));
      expect(shellOk(`$B inspect --type image --format '{{.OCIv1.Architecture}}' localhost/agent:official`)).toBe(
        'arm64',
      );
      const { stdout, stderr } = shell(run('localhost/agent:official', AGENT, ENTRYPOINT));
      expect(stdout).toContain('Starting: name=given arguments=-single');
      expect(stderr).toContain('exit status 75');
      await annotate('an image for arm64; exit code 75 once its idle window was over');
    }, 300_000);

    test('has no setuid file, and a shell that the agent may not read', async ({ annotate }) => {
      const look = `/bin/sh -c 'uname -m; find / -xdev -perm /6000 -type f | wc -l; stat -c "%a %U" /opt/agent-launcher/sh'`;
      expect(shellOk(run('localhost/agent:official', '--user 0', look))).toBe('aarch64\n0\n711 root');
      await annotate('none, and mode 711');
    }, 300_000);

    test('is built from the release, which takes the archive for arm64', async ({ annotate }) => {
      const args = {
        RELEASES_URL: `http://127.0.0.1:${port}`,
        KEY_URL: `http://127.0.0.1:${port}/${KEY_PATH}`,
        KEY_FINGERPRINT: `${keys?.fingerprint}`,
        BASE_IMAGE: RELEASE_BASE,
        PACKAGES: '',
      };
      // The architecture is that of the base, as nobody named one.
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
      await annotate('linux_arm64.zip, signed; built, and its agent ran');
    }, 300_000);

    test('is not built on arm64 for a pool on x86-64', async ({ annotate }) => {
      const args = { BASE_IMAGE: OFFICIAL, AGENT_ARCHITECTURE: 'amd64' };
      const { code, stdout, stderr } = shell(build('localhost/agent:wrong', 'Dockerfile', args));
      expect(code).not.toBe(0);
      expect(`${stdout}${stderr}`).toContain('/bin/sh is no program for amd64');
      await annotate('no image: "/bin/sh is no program for amd64"');
    }, 300_000);
  },
);
