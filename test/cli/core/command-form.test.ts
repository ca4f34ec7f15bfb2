import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { commandForm, withCommands } from '../../../cli/core/command-form.ts';
import { PACKAGE_ROOT } from '../../../lib/package-root.ts';

test.for([
  ['agent-launcher', 'npm run --silent agent-launcher -- doctor --settings'],
  ['npx', 'npx agent-launcher doctor --settings'],
  ['deploy', 'agent-launcher doctor --settings'],
  [undefined, 'agent-launcher doctor --settings'],
] as const)('writes a command line for a user who started the script %s as %s', ([event, expected]) => {
  expect(commandForm({ npm_lifecycle_event: event }, 'doctor --settings')).toBe(expected);
});

test('the script of the clone has the name that the command line contains', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'agent-launcher', '--', '--version'], {
    cwd: PACKAGE_ROOT,
  });

  expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
});

test('npx reports itself as the event', async () => {
  const { stdout } = await promisify(execFile)('npx', ['--no', '-c', 'node -p process.env.npm_lifecycle_event'], {
    cwd: PACKAGE_ROOT,
  });

  expect(stdout.trim()).toBe('npx');
});

test('writes the commands of a text, and nothing else, in another form', () => {
  const text = 'Run `agent-launcher why run-1`, or read the secret agent-launcher/api-token.';
  expect(withCommands(text, (command) => `npx x ${command}`)).toBe(
    'Run `npx x why run-1`, or read the secret agent-launcher/api-token.',
  );
});
