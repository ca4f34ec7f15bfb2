/** The stages of continuous integration as tests of Node's runner, so that its closing line counts them. */
import { spawn } from 'node:child_process';
import { test } from 'node:test';

/** Runs a command with its output going through, and fails with its exit code. */
function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

test('the tests of the README', () => run('npm', ['test']));
test('format, lint, types, tests with coverage, synth', () => run('npm', ['run', 'check']));
test('the demo: every job served, no agent left', () => run('npm', ['start', '--', '--json']));
