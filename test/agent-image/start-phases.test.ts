import { fileURLToPath } from 'node:url';
import { DescribeTasksCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { registerScript, runInput, startLocalEcs } from '../local/ecs/local-ecs.ts';
import { runSync, until } from '../processes.ts';

const SCRIPT = fileURLToPath(new URL('../../agent-image/start-phases.mjs', import.meta.url));

function phasesOf(input: string) {
  const result = runSync(process.execPath, [SCRIPT], { input });
  return { ...result, lines: result.stdout.trimEnd().split('\n').slice(2) };
}

/** A task with these seconds of provisioning, pull and boot. */
const task = (second: number, [a = 0, b = 0, c = 0]: readonly number[], asText: boolean) => {
  const time = (after: number) => {
    const seconds = second + after;
    return asText ? new Date(seconds * 1000).toISOString().replace('Z', '+00:00') : seconds;
  };
  return { createdAt: time(0), pullStartedAt: time(a), pullStoppedAt: time(a + b), startedAt: time(a + b + c) };
};

test.each([
  ['version 1 of the CLI prints them', false],
  ['version 2 of the CLI prints them', true],
])('computes the phases of starts from ECS’s times, as %s', (_, asText) => {
  const starts = [
    [10, 20, 1],
    [12, 30, 1.5],
    [8, 25, 2],
  ];
  const tasks = starts.map((phases, index) => task(1_787_565_600 + index * 60, phases, asText));
  // A task that never started counts in the phases that it finished.
  const failed = { createdAt: tasks[0]?.createdAt, pullStartedAt: tasks[0]?.pullStartedAt };
  const { code, stdout, lines } = phasesOf(JSON.stringify({ tasks: [...tasks, failed] }));
  expect(code).toBe(0);
  expect(stdout).toContain('of 3 tasks');
  expect(lines).toEqual([
    '| provisioning (a machine, the network interface) | 8.0 | 10.0 | 12.0 | 12.0 |',
    '| pull (the image) | 20.0 | 25.0 | 30.0 | 30.0 |',
    '| boot (unpacked to running) | 1.0 | 1.5 | 2.0 | 2.0 |',
    '| total | 31.0 | 35.0 | 43.5 | 43.5 |',
  ]);
});

test('start-phases computes the phases of tasks that the ECS emulator describes', async () => {
  const phases = { provisionMs: 300, pullMs: 600, bootMs: 0, deprovisionMs: 0 };
  const { server, ecs, close } = await startLocalEcs({ phases });
  try {
    registerScript(server, 'agent', 'exit 0');
    const { tasks } = await ecs.send(new RunTaskCommand(runInput(server, 'agent')));
    const arn = tasks?.[0]?.taskArn ?? '';
    await until('its end', () => server.task(arn)?.lastStatus === 'STOPPED');
    const described = await ecs.send(new DescribeTasksCommand({ cluster: 'agents', tasks: [arn] }));
    const [provisioning = '', pull = ''] = phasesOf(JSON.stringify({ tasks: described.tasks })).lines;
    expect(Number(provisioning.split(' | ')[2])).toBeGreaterThanOrEqual(0.3);
    expect(Number(pull.split(' | ')[2])).toBeGreaterThanOrEqual(0.6);
  } finally {
    await close();
  }
});

test.each(['', 'Unable to locate credentials', '{"tasks":[]}'])(
  'start-phases reports which input it needs if no task has started: %j',
  (input) => {
    expect(phasesOf(input)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('aws ecs describe-tasks'),
    });
  },
);
