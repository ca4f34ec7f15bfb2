/** `status` against the local system, over HTTP. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Status, statusJson } from '../../cli/core/status-json.ts';
import { until } from '../processes.ts';
import { startSystem, type TestSystem } from './system.ts';
import { taskEnded } from './task-ended.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
  // The launcher's first tick.
  const ticks = () => system.ecs.aws.logs.store.group('/AgentLauncher/launcher').events;
  await until('a tick', () => ticks().some(({ message }) => message.includes('"message":"tick')));
}, 60_000);
afterAll(() => system.close());

async function status(env: Record<string, string | undefined> = {}): Promise<Status> {
  const { stdout } = await system.run(['status', '--json'], { env });
  return statusJson.parse(JSON.parse(stdout));
}

const withoutToken = { TFE_TOKEN: undefined, TF_TOKEN_localhost: undefined };

test('a launcher that works has no problem, and its pools are empty', async () => {
  const found = await status();
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({
    stack: { name: 'AgentLauncher', status: 'CREATE_COMPLETE', region: 'eu-central-1' },
    launcher: { state: 'running', schedule: 'rate(1 minute)', lastTick: { errors: 0 } },
    pools: [
      { name: 'production', maxAgents: 4, queued: 0, busy: 0, queueFrom: 'hcp-terraform', agentsFrom: 'hcp-terraform' },
    ],
  });
});

test('the text fits 80 columns of a terminal, and its exit code is 0', async () => {
  const { code, stdout, stderr } = await system.run(['status'], { columns: 80, env: { NO_COLOR: '1' } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Launcher {2}running · last tick (?:under 1 s|\d+ s) ago/m);
  expect(stdout).toMatch(/^production +0 +– +0 +0 +0 +0 +0 +0\/4$/m);
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

test('the tasks of today count once, even if two ticks reported them', async () => {
  const now = Date.now();
  const midnight = Math.floor(now / 86_400_000) * 86_400_000;
  const at = Math.max(midnight + 1, now - 1_000);
  system.addLogEvent({ group: 'launcher', message: taskEnded('a', at), at });
  system.addLogEvent({ group: 'launcher', message: taskEnded('a', at), at });
  system.addLogEvent({ group: 'launcher', message: taskEnded('b', at, { run: 'run-2', outcome: 'failed' }), at });
  system.addLogEvent({ group: 'launcher', message: taskEnded('c', at), at: midnight - 1 });
  expect((await status()).today).toMatchObject({ tasks: 2, runs: 2, failed: 1, dollars: 0.02 });
});

test('a busy agent is shown while its job runs', { timeout: 60_000 }, async () => {
  const configuration = 'resource "terraform_data" "wait" {\n  provisioner "local-exec" { command = "sleep 8" }\n}\n';
  await system.queueRun({ workspace: 'slow', configuration });
  await until('a busy agent', async () => (await status()).pools[0]?.busy === 1, 30_000);
  expect((await status()).pools[0]).toMatchObject({ live: expect.any(Number), foreign: 0 });
});

test('without a token, the status is from the last tick, and says why', async () => {
  system.ecs.faults.next(
    'GetSecretValue',
    {
      kind: 'error',
      code: 'AccessDeniedException',
      message: 'User is not authorized to perform: secretsmanager:GetSecretValue',
    },
    { times: 1 },
  );
  const found = await status(withoutToken);
  expect(found.pools[0]).toMatchObject({ queueFrom: 'log', agentsFrom: 'log' });
  expect(found.notes.join()).toMatch(/no token.*last tick/);
});

test('an alarm that is on is a problem with its section in the runbook', async () => {
  const name = 'AgentLauncher: Agents fail to start (production)';
  const { cloudWatch } = system.ecs.aws;
  cloudWatch.putAlarm({ name: 'AgentLauncher2: Ticks fail', state: 'ALARM' });
  cloudWatch.putAlarm({ name, state: 'ALARM' });
  const { code, stdout } = await system.run(['status']);
  cloudWatch.putAlarm({ name, state: 'OK' });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^Alarms {4}1 of \d+ is on$/m);
  expect(stdout).toContain(`✗ The alarm is on: ${name}.`);
  expect(stdout).toContain('→ Runbook: docs/runbook.md, "Agents fail to start".');
});

test('what AWS refuses is a problem, and the rest is shown', async () => {
  // The launcher doesn't send this request.
  system.ecs.faults.next('DescribeAlarms', {
    kind: 'error',
    code: 'AccessDeniedException',
    message: 'User: arn:aws:iam::000000000000:user/x is not authorized to perform: cloudwatch:DescribeAlarms',
  });
  const { code, stdout } = await system.run(['status']);
  expect(code).toBe(1);
  expect(stdout).toContain('Part of the status could not be read.');
  expect(stdout).toContain('cloudwatch:DescribeAlarms');
  expect(stdout).toContain('POOL');
});

test('--interval without --watch is a wrong command line', async () => {
  const { code, stderr } = await system.run(['status', '--interval', '5']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('--interval has no effect without --watch.')]);
});

test('--watch prints one block per interval to a pipe, and ends with Ctrl-C', { timeout: 30_000 }, async () => {
  const interrupt = new AbortController();
  let blocks = 0;
  const { code, stdout } = await system.run(['status', '--watch', '--interval', '2'], {
    interrupted: interrupt.signal,
    sleep: async () => {
      blocks += 1;
      if (blocks === 3) interrupt.abort();
    },
  });
  expect(code).toBe(0);
  expect(stdout.match(/^AgentLauncher in /gm)).toHaveLength(3);
  expect(stdout).not.toContain('\u001b');
});

test('--watch leaves HCP Terraform’s lists of runs to the launcher while it ticks', async () => {
  const interrupt = new AbortController();
  const { stdout } = await system.run(['status', '--watch', '--json'], {
    interrupted: interrupt.signal,
    sleep: async () => interrupt.abort(),
  });
  const [first = ''] = stdout.split('\n');
  expect(statusJson.parse(JSON.parse(first)).pools[0]).toMatchObject({ queueFrom: 'log', agentsFrom: 'hcp-terraform' });
});

test('--watch shows a fault that passes, and goes on', async () => {
  const interrupt = new AbortController();
  let blocks = 0;
  const { code, stdout } = await system.run(['status', '--watch'], {
    interrupted: interrupt.signal,
    // Each reading is a minute after the previous one, so each reads the stack again.
    now: () => Date.now() + blocks * 60_000,
    sleep: async () => {
      blocks += 1;
      if (blocks === 1) {
        system.ecs.faults.next('DescribeStacks', { kind: 'error', code: 'AccessDenied', message: 'no' }, { times: 1 });
      }
      if (blocks === 3) interrupt.abort();
    },
  });
  expect(code).toBe(0);
  expect(stdout).toMatch(/AgentLauncher in [\s\S]*Could not read the stack AgentLauncher[\s\S]*AgentLauncher in /);
});

test('--watch ends with an error if the stack does not exist', async () => {
  const { code, stderr } = await system.run(['status', '--watch', '--stack', 'Other']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('There is no stack Other')]);
});
