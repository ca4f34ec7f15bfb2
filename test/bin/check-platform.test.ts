import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'platform-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('on Windows', () => {
  const SENTENCE = 'agent-launcher runs on Linux, macOS or WSL.';
  const onPlatform = (platform: string) => {
    const preload = `data:text/javascript,Object.defineProperty(process, 'platform', { value: '${platform}' })`;
    return spawnSync(process.execPath, ['--import', preload, join(root, 'bin', 'check-platform.mjs')], {
      encoding: 'utf8',
    });
  };

  it('the check fails with that sentence, and says nothing elsewhere', () => {
    expect(onPlatform('win32')).toMatchObject({ status: 1, stderr: expect.stringContaining(SENTENCE) });
    for (const platform of ['linux', 'darwin']) {
      expect(onPlatform(platform)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    }
  });

  it('npm start, the emulators and the CDK run the check before anything that cmd.exe cannot run', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const { app } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
    const commands = Object.values<string>(scripts).filter((command) => command.includes('exec '));
    expect(commands.length).toBeGreaterThanOrEqual(3);
    for (const command of [...commands, app]) expect(command).toMatch(/^node bin\/check-platform\.mjs && /);
  });

  it('the README says so in its first lines', () => {
    const first = readFileSync(join(root, 'README.md'), 'utf8').split('\n').slice(0, 10).join('\n');
    expect(first).toContain('Linux, macOS or WSL');
  });

  it('Git keeps the line ends of scripts', () => {
    const origin = join(folder, 'origin');
    mkdirSync(origin);
    copyFileSync(join(root, '.gitattributes'), join(origin, '.gitattributes'));
    copyFileSync(join(root, 'agent-image', 'entrypoint.sh'), join(origin, 'entrypoint.sh'));
    const environment = {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_DIR: undefined,
    };
    const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, env: environment, stdio: 'pipe' });
    git('init', '--quiet', origin);
    git('-C', origin, 'add', '.');
    git('-C', origin, '-c', 'user.name=a', '-c', 'user.email=a@example.com', 'commit', '--quiet', '--message', 'all');
    git(
      '-c',
      'core.autocrlf=true',
      'clone',
      '--quiet',
      '--config',
      'core.autocrlf=true',
      origin,
      join(folder, 'clone'),
    );
    expect(readFileSync(join(folder, 'clone', 'entrypoint.sh'), 'utf8')).not.toContain('\r');
  });
});
