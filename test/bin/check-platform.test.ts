import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newFolder } from '../temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
it.each([
  ['win32', 1, 'agent-launcher runs on Linux, macOS or WSL.'],
  ['linux', 0, ''],
  ['darwin', 0, ''],
])('check-platform on %s ends with exit code %i and the message "%s"', (platform, status, message) => {
  const preload = `data:text/javascript,Object.defineProperty(process, 'platform', { value: '${platform}' })`;
  const run = spawnSync(process.execPath, ['--import', preload, join(root, 'bin', 'check-platform.mjs')], {
    encoding: 'utf8',
  });
  expect(run).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(message) });
  expect(run.stderr === '').toBe(message === '');
});

it('npm start, the emulators and the CDK check the platform before they run anything else', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { app } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  const commands = Object.values<string>(scripts).filter((command) => command.includes('exec '));
  expect(commands.length).toBeGreaterThanOrEqual(3);
  for (const command of [...commands, app]) expect(command).toMatch(/^node bin\/check-platform\.mjs && /);
});

it('the README names the platforms in its first ten lines', () => {
  const first = readFileSync(join(root, 'README.md'), 'utf8').split('\n').slice(0, 10).join('\n');
  expect(first).toContain('Linux, macOS or WSL');
});

it('Git keeps the line endings of scripts on Windows', () => {
  const folder = newFolder('clone');
  const origin = join(folder, 'origin');
  mkdirSync(origin);
  copyFileSync(join(root, '.gitattributes'), join(origin, '.gitattributes'));
  copyFileSync(join(root, 'agent-image', 'entrypoint.sh'), join(origin, 'entrypoint.sh'));
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_DIR: undefined };
  const git = (command: string) => execFileSync('git', command.split(' '), { cwd: folder, env, stdio: 'pipe' });
  git('init --quiet origin');
  git('-C origin add .');
  git('-C origin -c user.name=a -c user.email=a@example.com commit --quiet --message all');
  git('-c core.autocrlf=true clone --quiet --config core.autocrlf=true origin clone');
  expect(readFileSync(join(folder, 'clone', 'entrypoint.sh'), 'utf8')).not.toContain('\r');
});
