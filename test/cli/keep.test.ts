/** `npm start -- --keep` as a process, and the commands that it explains, as processes too: what a user of a fresh clone types. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { parseSettings } from '../../lib/settings/parse.ts';
import { SETTINGS_HOSTNAME } from '../../local/start/settings-hostname.ts';
import { newFolder } from '../temporary-folder.ts';

const ready = z.object({ environment: z.record(z.string(), z.string()) });

let system: ChildProcess;
let environment: Record<string, string>;
/** As in a fresh clone, with the example settings. */
let folder: string;

beforeAll(async () => {
  folder = newFolder('fresh-clone');
  copyFileSync('cdk.json', join(folder, 'cdk.json'));
  system = spawn(process.execPath, [resolve('local/start/main.ts'), '--keep', '--json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (system.stdout === null) throw new Error('The process has no standard output.');
  const [line] = await once(createInterface(system.stdout), 'line');
  environment = ready.parse(JSON.parse(String(line))).environment;
});
afterAll(async () => {
  if (system.exitCode !== null) return;
  system.kill('SIGINT');
  await once(system, 'exit');
});

interface Result {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command with nothing but the variables that `npm start -- --keep` prints. */
async function run(...args: readonly string[]): Promise<Result> {
  const env = { PATH: process.env['PATH'], HOME: folder, NO_COLOR: '1', ...environment };
  const child = spawn(process.execPath, [resolve('cli/main.ts'), ...args], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  await once(child, 'close');
  return { code: child.exitCode, output };
}

const settings = (): unknown => JSON.parse(readFileSync(join(folder, 'cdk.json'), 'utf8')).context;
const SETUP = ['setup', '--hostname', SETTINGS_HOSTNAME, '--stack', 'Mine', '--all-projects', '--api-token', 'same'];
const NO_INTERNET = ['--offline', '--image', 'build'];

test('setup goes from nothing to settings that synthesis accepts, and changes nothing when it runs again', async () => {
  const dry = await run(...SETUP, ...NO_INTERNET, '--dry-run');
  expect(dry).toMatchObject({ code: 0, output: expect.stringContaining('create the agent pool aws') });
  expect(dry.output).toContain(`POST https://${SETTINGS_HOSTNAME}/api/v2/organizations/acme/agent-pools`);

  const first = await run(...SETUP, ...NO_INTERNET, '--yes');
  expect(first).toMatchObject({ code: 0, output: expect.stringContaining('npx cdk deploy') });
  expect(parseSettings(z.record(z.string(), z.unknown()).parse(settings()))).toMatchObject({
    stackName: 'Mine',
    hostname: SETTINGS_HOSTNAME,
    organization: 'acme',
  });

  const again = await run('setup', '--offline', '--yes');
  expect(again).toMatchObject({ code: 0, output: expect.stringContaining('There is nothing to change.') });
});

test('doctor checks the settings that setup wrote, and finds no error', async () => {
  // Warnings depend on this machine, such as whether Docker answers.
  const { output } = await run('doctor');
  expect(output).toContain('Checked the settings in cdk.json, before the deployment of the stack Mine.');
  expect(output).toMatch(/^Passed: .*secrets 2, token 4, pool 4/m);
  expect(output).not.toMatch(/^error /m);
});

test.each([['status'], ['runs'], ['cost'], ['doctor'], ['pause'], ['resume']])(
  '%s works with the deployed stack',
  async (command) => {
    const { code, output } = await run(command, '--stack', 'AgentLauncher');
    expect(code, output).toBe(0);
  },
);

test('rotate replaces the agent token, and says that the first one is unknown', async () => {
  const { code, output } = await run('rotate', '--stack', 'AgentLauncher');
  expect([code, output]).toEqual([0, expect.stringContaining('The pool production has a new agent token.')]);
});
