/** The stages of continuous integration as tests of Node's runner, so that its closing line counts them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';

/** Runs a command with its output going through; fails with its exit code. Resolves with its standard output if asked. */
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

test('the tests of the README', () => run('npm', ['test']));

test('format, lint, types, tests with coverage, synth', () => run('npm', ['run', 'check']));

test('the package builds', () => run('npm', ['run', 'build']));

test('the package in somebody’s app, and every way out by CloudFormation’s own rules', () =>
  run('npm', ['run', 'lab:synth']));

test('the demo: every job served in a container of its own, no agent left', async () => {
  const summary = JSON.parse(await run('npm', ['start', '--silent', '--', '--json'], { capture: true }));
  assert.equal(summary.ok, true, summary.problems?.join('; '));
  assert.equal(summary.jobs.served, summary.jobs.total);
  assert.equal(summary.agentsLeft + summary.tasksLeft, 0);
});

test('the real terraform against the local HCP Terraform, where it is installed', () =>
  run('npm', ['run', 'lab:terraform']));

test('every profile of simulated worlds, and mutants that they must catch', () =>
  run('npm', ['run', 'lab:simulation']));

test('random and hostile input', () => run('npm', ['run', 'lab:fuzz']));

test('two thousand simulated worlds, no promise broken', () =>
  run('npm', ['run', 'simulate', '--', '--worlds', '2000']));

test('worlds in which rare things are common', async () => {
  for (const profile of ['forgotten', 'lanes', 'failing', 'unseen', 'long-jobs', 'policies', 'lingering']) {
    await run('npm', ['run', 'simulate', '--', '--worlds', '200', '--profile', profile]);
  }
  // These worlds last for hours, or change a deployment in the middle.
  for (const profile of ['warm', 'sweeps', 'rephased']) {
    await run('npm', ['run', 'simulate', '--', '--worlds', '60', '--profile', profile]);
  }
});

test('faults over the wire', () => run('npm', ['run', 'lab:wire']));

// As root everything that containers need was installed before, so that skipping would be a fault.
const containers = { env: process.getuid() === 0 ? { REQUIRE_CONTAINERS: '1' } : {} };

test('the image in a real container engine', () => run('npm', ['run', 'lab:containers'], containers));

test('the demo and the local ECS with tasks in real containers', () =>
  run('npm', ['run', 'lab:local-containers'], containers));

test('the egress rules in a real firewall engine', () => run('npm', ['run', 'lab:egress']));
