import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { emulatorDockerfile } from '../../../../local/ecs/container/agent-image.ts';
import { EngineError, findEngine } from '../../../../local/ecs/container/engine.ts';
import { linuxProgram } from '../../../../local/ecs/container/linux-program.ts';
import { isGone, ownerOf } from '../../../../local/ecs/container/owner.ts';
import { newFolder } from '../../../temporary-folder.ts';

const directory = newFolder('engine-test');

function program(name: string, script: string): string {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

describe('a container engine', () => {
  it.each([
    ['docker', { Client: { Version: '28.0.0', Os: 'linux' }, Server: { Version: '20.10.24' } }, '20.10.24'],
    ['podman', { Client: { Version: '4.3.1', OsArch: 'linux/amd64' } }, '4.3.1'],
  ])('is recognized as %s by its response, not by its name', async (kind, answer, version) => {
    const command = program(`a-${kind}`, `echo '${JSON.stringify(answer)}'`);
    expect(await findEngine(command)).toMatchObject({ command, kind, version });
  });

  it('isn’t found if its daemon doesn’t respond, or if there is no such program', async () => {
    const mute = program(
      'mute',
      `echo '{"Client":{"Version":"28.0.0"},"Server":null}'; echo 'Cannot connect' >&2; exit 1`,
    );
    await expect(findEngine(mute)).rejects.toThrow(new RegExp(`${mute}: Cannot connect`));
    await expect(findEngine('no-such-engine')).rejects.toThrow(EngineError);
    await expect(findEngine('no-such-engine')).rejects.toThrow(/no such program on the PATH\n.*--engine NAME/s);
  });

  it('makes npm start exit with 2 and explain what to do, if it is missing', () => {
    const main = fileURLToPath(new URL('../../../../local/start/main.ts', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--containers'], {
      encoding: 'utf8',
      env: { PATH: directory },
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      /^No container engine answers\.\n {2}docker: there is no such program on the PATH\n {2}podman: /,
    );
    expect(stderr).toMatch(/Without --containers every task is a process/);
  });
});

describe('an owner of containers', () => {
  it('is gone if its process has ended, even if another process has the same id now', () => {
    expect(isGone(ownerOf(process.pid))).toBe(false);
    const { pid } = spawnSync('true');
    expect(isGone(`${hostname()}/${pid}/1`)).toBe(true);
    expect(isGone(`${hostname()}/${process.pid}/1`)).toBe(true);
  });

  it('counts as alive if it is on another host', () => {
    expect(isGone('elsewhere/1/1')).toBe(false);
    expect(isGone('nonsense')).toBe(false);
  });
});

it('the Terraform on the PATH is mounted into containers only if it is a Linux executable and not a script', () => {
  program('terraform', 'exec tfenv-terraform "$@"');
  expect(linuxProgram('terraform', directory)).toBeUndefined();
  expect(linuxProgram('terraform', '')).toBeUndefined();
  expect(linuxProgram('node', join(process.execPath, '..'))).toBe(
    process.platform === 'linux' ? join(process.execPath, '..', 'node') : undefined,
  );
});

it('the image of the agent emulator contains Node from the build context on Linux, and from the official Node image elsewhere', () => {
  expect(emulatorDockerfile('base:1', undefined)).toMatch(/^FROM base:1\nUSER root\nCOPY node \/opt/);
  expect(emulatorDockerfile('base:1', '24.21.0')).toContain(
    'COPY --from=docker.io/library/node:24.21.0-bookworm-slim ',
  );
});
