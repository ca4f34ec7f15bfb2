/** The stages of continuous integration. Each stage is a test of Node's test runner, so the runner's summary counts the stages. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';

/**
 * Runs a command and shows its output. Rejects if the command fails.
 * With `capture`, resolves with the standard output of the command and doesn't show it.
 */
function run(command, args, { env = {}, capture = false } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', capture ? 'pipe' : 'inherit', 'inherit'];
    const child = spawn(command, args, { stdio, env: { ...process.env, ...env } });
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(chunks).toString());
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

test('the unit tests pass as the README runs them', () => run('npm', ['test']));

test('the slow tests pass: the commands over HTTP, programs as processes, simulated worlds', () =>
  run('npm', ['run', 'test:slow']));

test('format, lint, types, tests with coverage and synth pass', () => run('npm', ['run', 'check']));

test('npm knows no serious vulnerability in a dependency, if the registry offers audits', () =>
  run('node', ['.ci/audit.mjs']));

test('the package builds', () => run('npm', ['run', 'build']));

test('the package works in another CDK app, and the templates of all egress modes are valid for CloudFormation', () =>
  run('npm', ['run', 'lab:synth']));

test('the real CDK CLI deploys and destroys every egress mode in an emulated account, if the emulator is installed', () =>
  run('npm', ['run', 'lab:deploy']));

test('the demo serves every job in its own container and leaves no agent', async () => {
  const summary = JSON.parse(await run('npm', ['start', '--silent', '--', '--json'], { capture: true }));
  assert.equal(summary.ok, true, summary.problems?.join('; '));
  assert.equal(summary.jobs.served, summary.jobs.total);
  assert.equal(summary.agentsLeft + summary.tasksLeft, 0);
});

test('the real Terraform CLI works with the local HCP Terraform, if the CLI is installed', () =>
  run('npm', ['run', 'lab:terraform']));

test('the simulation keeps its promises in every profile and catches its mutants', () =>
  run('npm', ['run', 'lab:simulation']));

test('with idlePollSeconds 10, a job in an idle pool waits 6 s or less in the median', () =>
  run('npm', ['run', 'lab:reaction']));

test('the launcher and the emulators handle random and hostile input', () => run('npm', ['run', 'lab:fuzz']));

test('the launcher keeps its promises in two thousand simulated worlds', () =>
  run('npm', ['run', 'simulate', '--', '--worlds', '2000']));

test('the launcher keeps its promises in worlds where rare events are frequent', async () => {
  for (const profile of [
    'forgotten',
    'lanes',
    'failing',
    'unseen',
    'long-jobs',
    'policies',
    'lingering',
    'idle-polls',
    'nudges',
    'stacks',
    'slow',
    'throttled',
  ]) {
    await run('npm', ['run', 'simulate', '--', '--worlds', '200', '--profile', profile]);
  }
  // Worlds of these profiles last for hours, or change a deployment while it runs.
  for (const profile of ['warm', 'sweeps', 'rephased', 'slow-burst', 'gateways', 'gateway-faults']) {
    await run('npm', ['run', 'simulate', '--', '--worlds', '60', '--profile', profile]);
  }
});

test('the launcher handles faults of real HTTP connections', () => run('npm', ['run', 'lab:wire']));

// As root, `.ci/run` has installed everything that the container tests need, so skipping them would be a fault.
const containers = { env: process.getuid() === 0 ? { REQUIRE_CONTAINERS: '1' } : {} };

test('the image works in a real container engine', () => run('npm', ['run', 'lab:containers'], containers));

test('the demo and the local ECS work with tasks in real containers', () =>
  run('npm', ['run', 'lab:local-containers'], containers));

// The same applies to the packages of this lab.
const namespaces = { env: process.getuid() === 0 ? { REQUIRE_NAMESPACES: '1' } : {} };

test('the launcher works behind a proxy and with a private authority, in network namespaces', () =>
  run('npm', ['run', 'lab:enterprise'], namespaces));

test('the filter of the gateway works with the real nginx and nftables, in network namespaces', () =>
  run('npm', ['run', 'lab:gateway'], namespaces));

test('the egress rules work in a real firewall engine', () => run('npm', ['run', 'lab:egress']));
