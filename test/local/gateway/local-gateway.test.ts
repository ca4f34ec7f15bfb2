/** The gateway of the local system, with the launcher's own adapter as its client. */
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
import { afterEach, expect, test } from 'vitest';
import { Ec2Gateways } from '../../../functions/launcher/adapters/ec2/client.ts';
import { decideGateways } from '../../../functions/launcher/core/gateway.ts';
import type { LaunchPermission } from '../../../functions/launcher/core/gateway-types.ts';
import { readGateways } from '../../../functions/launcher/gateway-reading.ts';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { LocalGateway } from '../../../local/gateway/local-gateway.ts';
import { until } from '../../processes.ts';
import { clientSettings, TASK_SIZE } from '../ecs/local-ecs.ts';

/** EC2 shows times in whole seconds, and the tests should not take long. */
const TIMES = { startMs: 60, stopMs: 40 };
const FILTER_MS = 100;
const IDLE_MS = 10 * 60_000;
const RULES = { idleMs: IDLE_MS, start: 'before-tasks', maxAgeMs: 30 * 24 * 3_600_000 } as const;

let server: EcsServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start() {
  server = await startEcs({
    aws: { instances: { times: TIMES } },
    phases: { provisionMs: 0, pullMs: 5, bootMs: 0, deprovisionMs: 0 },
  });
  const ecs = server;
  const gateway = new LocalGateway(ecs, { stack: 'L', filterMs: FILTER_MS });
  const client = new EC2Client(clientSettings(ecs));
  const names = [gateway.environment.name];
  const ec2 = new Ec2Gateways({ client, endClient: client, names, clock: { now: Date.now } });
  const viewOf = async (wanted: boolean, liveTasks = 0) => {
    const seen = await readGateways(ec2, Date.now(), AbortSignal.timeout(5_000));
    const gateways = [gateway.environment];
    const input = { ...seen, gateways, wanted, liveTasks, rules: RULES, nowMs: Date.now() };
    return decideGateways(input)[0];
  };
  /** What the launcher decides. */
  const decided = async (wanted: boolean, liveTasks = 0) => {
    const view = await viewOf(wanted, liveTasks);
    return {
      launch: view?.launch satisfies LaunchPermission | undefined,
      kinds: view?.actions.map(({ kind }) => kind),
    };
  };
  const id = gateway.instanceId ?? '';
  const signal = AbortSignal.timeout(30_000);
  const wake = async (): Promise<void> => {
    const mark = (await viewOf(true))?.actions.find(({ kind }) => kind === 'mark');
    if (mark?.kind !== 'mark') throw new Error('the launcher does not mark the gateway');
    await ec2.mark(id, mark.usedSinceMs, Date.now(), signal);
    await ec2.start(id, signal);
  };
  return { ecs, gateway, ec2, decided, wake, id, signal };
}

test('the gateway sleeps at first, and the launcher leaves it asleep until a task is wanted', async () => {
  const { gateway, decided } = await start();
  expect(gateway.phase).toBe('asleep');
  expect(await decided(false)).toMatchObject({ kinds: [] });
  expect(await decided(true)).toMatchObject({ kinds: ['mark', 'start'], launch: { kind: 'held', hold: 'asleep' } });
});

test('the launcher may launch when the filter works, and not as soon as the instance runs', async () => {
  const { ecs, gateway, decided, wake, id } = await start();
  await wake();
  await until('the running instance', () => ecs.aws.instances.get(id)?.state === 'running');
  expect(gateway.phase).toBe('starting');
  expect((await decided(true)).launch).toMatchObject({ kind: 'held', hold: 'starting' });
  await until('the filter', () => gateway.phase === 'awake');
  expect((await decided(true)).launch).toMatchObject({ kind: 'allowed' });
});

test('the launcher stops the gateway after the idle time is skipped, and it can start again', async () => {
  const { gateway, decided, wake, ec2, id, signal } = await start();
  await wake();
  await until('the filter', () => gateway.phase === 'awake');
  expect((await decided(false)).kinds).toEqual([]);
  gateway.skip(IDLE_MS);
  expect((await decided(false, 1)).kinds).toEqual(['mark']);
  expect((await decided(false)).kinds).toEqual(['stop']);
  await ec2.stop(id, Date.now() + 1_000, signal);
  await until('its sleep', () => gateway.phase === 'asleep');
  await wake();
  await until('the filter', () => gateway.phase === 'awake');
  expect(gateway.phases.map(({ phase }) => phase)).toEqual([
    'asleep',
    'starting',
    'awake',
    'stopping',
    'asleep',
    'starting',
    'awake',
  ]);
  expect(gateway.skips).toEqual([{ atMs: expect.any(Number), ms: IDLE_MS }]);
});

test('a task that starts without a ready gateway can’t pull its image', async () => {
  const { ecs, gateway, wake } = await start();
  const family = 'agent';
  ecs.createCluster({ clusterName: 'L' });
  ecs.registerTaskDefinition({
    family,
    ...TASK_SIZE,
    containerDefinitions: [{ name: 'agent', image: 'busybox', command: ['sh', '-c', 'exit 0'] }],
  });
  ecs.registerImage('busybox', {});
  const client = new ECSClient(clientSettings(ecs));
  const awsvpcConfiguration = { subnets: ['subnet-1'] };
  const run = async () => {
    const command = new RunTaskCommand({
      cluster: 'L',
      taskDefinition: family,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration },
    });
    const { tasks: [started] = [] } = await client.send(command);
    const task = () => ecs.task(started?.taskArn ?? '');
    await until('the end of the task', () => task()?.lastStatus === 'STOPPED');
    return task();
  };
  const first = await run();
  expect(first?.stopCode).toBe('TaskFailedToStart');
  expect(first?.stoppedReason).toContain('i/o timeout');
  await wake();
  await until('the filter', () => gateway.phase === 'awake');
  expect((await run())?.stopCode).toBe('EssentialContainerExited');
});

test('a gateway that is closed never becomes ready', async () => {
  const { ecs, gateway, wake, id } = await start();
  await wake();
  await until('the running instance', () => ecs.aws.instances.get(id)?.state === 'running');
  gateway.close();
  const before = Date.now();
  await until('more than the time of the filter', () => Date.now() - before > 2 * FILTER_MS);
  expect(gateway.phase).toBe('starting');
});
