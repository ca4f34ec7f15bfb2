/** Runs `npm start -- --keep` as a process. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { until } from '../../processes.ts';
import { newFolder } from '../../temporary-folder.ts';
import { startProgram } from '../program.ts';

const MAIN = join(import.meta.dirname, '../../../local/start/main.ts');

const readyLine = z.strictObject({
  url: z.string(),
  ca: z.string(),
  organization: z.literal('acme'),
  apiToken: z.string(),
  agentPool: z.strictObject({ id: z.string(), name: z.literal('production') }),
  environment: z.strictObject({
    AWS_ENDPOINT_URL: z.string(),
    AWS_REGION: z.string(),
    AWS_DEFAULT_REGION: z.string(),
    AWS_ACCESS_KEY_ID: z.string(),
    AWS_SECRET_ACCESS_KEY: z.string(),
    NODE_EXTRA_CA_CERTS: z.string(),
    TFE_TOKEN: z.string(),
    AGENT_LAUNCHER_HCP_TERRAFORM_CONNECT_TO: z.string(),
  }),
});

const gatewayLine = readyLine.extend({
  gateway: z.strictObject({ name: z.literal('AgentLauncher/gateway-1'), instance: z.string().regex(/^i-/) }),
});

async function start(args: readonly string[]) {
  const { child, ended, output, ready } = startProgram(process.execPath, [MAIN, ...args]);
  return { child, ended, output, ready: await ready(readyLine) };
}

/** The process of the launcher's function. */
function launcherOf({ pid }: ChildProcess): number | undefined {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .find((candidate) => {
      try {
        const stat = readFileSync(`/proc/${candidate}/stat`, 'utf8');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        return parent === pid && readFileSync(`/proc/${candidate}/cmdline`, 'utf8').includes('lambda/host.ts');
      } catch {
        return false;
      }
    });
}

test('npm start -- --keep starts another launcher process after the first one dies', {
  timeout: 120_000,
}, async (context) => {
  if (process.platform !== 'linux') context.skip('The process is found in /proc, which this system does not have.');
  const { child, ended, output } = await start(['--keep', '--json']);
  const first = await until('a launcher', () => launcherOf(child));
  process.kill(first, 'SIGKILL');
  const note = "note  the launcher's process was killed (SIGKILL); as in AWS,";
  await until('the note', () => output.stderr.includes(note));
  const second = await until('a launcher', () => launcherOf(child));
  expect(second).not.toBe(first);
  child.kill('SIGINT');
  expect((await ended).code).toBe(0);
  expect(launcherOf(child)).toBeUndefined();
});

test('npm start -- --keep has the same port, certificate and token after a restart with the same state folder', {
  timeout: 120_000,
}, async () => {
  const directory = newFolder('start-main');
  const args = ['--keep', '--json', '--state', join(directory, 'state')];
  const one = await start(args);
  one.child.kill('SIGTERM');
  expect((await one.ended).code).toBe(0);
  const two = await start(args);
  const { environment: _, ...kept } = one.ready;
  expect(two.ready).toMatchObject(kept);
  const certificate = readFileSync(one.ready.ca, 'utf8');

  const other = join(directory, 'other');
  const { port } = new URL(one.ready.url);
  const taken = spawnSync(process.execPath, [MAIN, '--keep', '--state', other, '--port', port], { encoding: 'utf8' });
  expect(taken.status).toBe(1);
  expect(taken.stderr).toContain('Something else listens there: end it, or choose another port with --port.');

  two.child.kill('SIGTERM');
  expect((await two.ended).code).toBe(0);
  expect(readFileSync(one.ready.ca, 'utf8')).toBe(certificate);
});

test('npm start -- --keep --egress on-demand has a gateway that sleeps', { timeout: 120_000 }, async () => {
  const { child, ended, output, ready } = startProgram(process.execPath, [
    MAIN,
    '--keep',
    '--json',
    '--egress',
    'on-demand',
  ]);
  await ready(gatewayLine);
  await until('the phase', () => output.stderr.includes('gateway-1 asleep'));
  expect(output.stderr).toContain('Gateway       AgentLauncher/gateway-1, EC2 t4g.nano, stops after 10 min');
  child.kill('SIGINT');
  expect((await ended).code).toBe(0);
});

test('npm start --keep without the separator explains what npm did with the option', () => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], npm_config_keep: 'true' },
  });
  expect(status).toBe(2);
  expect(stderr).toBe('npm kept --keep, because it only forwards options after "--". Write: npm start -- --keep\n');
});

test('npm start ends with 130 after Ctrl-C, without a stack trace', { timeout: 120_000 }, async () => {
  const { child, ended, output } = startProgram(process.execPath, [MAIN]);
  await until('the first launch', () => output.stdout.includes(': launched '));
  child.kill('SIGINT');
  expect((await ended).code).toBe(130);
  expect(output.stderr).toBe('');
});
