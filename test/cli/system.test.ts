import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  GetScheduleCommand,
  SchedulerClient,
  UpdateScheduleCommand,
  type UpdateScheduleCommandInput,
} from '@aws-sdk/client-scheduler';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientSettings } from '../local/ecs/local-ecs.ts';
import { until } from '../processes.ts';
import { startSystem, type TestSystem } from './system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(() => system.close());

test('status prints the stack that the local AWS shows over HTTP', async () => {
  expect(await system.run(['status'])).toMatchObject({
    stdout: expect.stringContaining('AgentLauncher'),
    stderr: '',
  });
  const actions = system.ecs.calls().map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(['DescribeStacks', 'GetFunctionConfiguration']));
});

test('status prints the same in a separate process', { timeout: 60_000 }, async () => {
  const tablePrintedBy = ({ stdout }: { stdout: string }) => stdout.slice(stdout.indexOf('POOL')).split('\n', 2);
  const inProcess = tablePrintedBy(await system.run(['status']));
  expect(inProcess).toEqual([expect.stringMatching(/^POOL /), expect.stringMatching(/^production /)]);
  expect(tablePrintedBy(await system.runProcess(['status']))).toEqual(inProcess);
});

test('a command for a stack that does not exist says which stack is missing', async () => {
  const { code, stderr } = await system.run(['status', '--stack', 'Other']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('There is no stack Other in this account and region.')]);
});

test('the launcher serves a run, and its lines and those of the agent are in their log groups', {
  timeout: 60_000,
}, async () => {
  const run = await system.queueRun({ workspace: 'network' });
  await until('the run', () => system.hcpTerraform.world.runs.get(run)?.status === 'applied');
  const { events } = system.ecs.aws.logs.store.group('/AgentLauncher/launcher');
  expect(events.some(({ message }) => message.includes(`"${run}/plan"`))).toBe(true);
  const [task] = system.ecs.tasks();
  const agents = system.ecs.aws.logs.store.group('/AgentLauncher/agents/production');
  expect([...agents.streams.keys()]).toContain(`agent/agent/${task?.id}`);
});

test('the launcher obeys the state of its schedule, and an invocation by hand still runs', {
  timeout: 60_000,
}, async () => {
  const scheduler = new SchedulerClient(clientSettings(system.ecs));
  const lambda = new LambdaClient(clientSettings(system.ecs));
  const invoke = () => lambda.send(new InvokeCommand({ FunctionName: 'AgentLauncher-launcher' }));
  const { store } = system.ecs.aws.logs;
  const ticks = () => store.group('/AgentLauncher/launcher').events.filter(({ message }) => message.includes('"tick"'));
  const ticksAfterInvoke = async (): Promise<number> => {
    const before = ticks().length;
    expect((await invoke()).FunctionError).toBeUndefined();
    await until('the line of the tick', () => ticks().length > before);
    return ticks().length - before;
  };
  const schedule = await scheduler.send(new GetScheduleCommand({ Name: 'AgentLauncher' }));
  const setState = (State: 'ENABLED' | 'DISABLED') =>
    scheduler.send(new UpdateScheduleCommand({ ...schedule, State } as UpdateScheduleCommandInput));

  await setState('DISABLED');
  // Until a request adds exactly one tick, the process may still run an invocation by the schedule.
  while ((await ticksAfterInvoke()) !== 1);
  const run = await system.queueRun({ workspace: 'paused', planOnly: true });
  expect(await ticksAfterInvoke()).toBe(1);
  expect(ticks().at(-1)?.message).toContain(`"${run}/plan"`);
  const before = ticks().length;
  await setState('ENABLED');
  await until('a tick by the schedule', () => ticks().length > before);
});
