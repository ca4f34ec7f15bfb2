import { DescribeTasksCommand, ECSClient } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ecsTask, taskOf } from '../../../../functions/launcher/adapters/ecs/answers.ts';
import { EcsTasks } from '../../../../functions/launcher/adapters/ecs/client.ts';
import { TASK_TAGS } from '../../../../functions/launcher/contract.ts';
import { supplyOf } from '../../../../functions/launcher/core/supply.ts';
import type { LaunchRequest } from '../../../../functions/launcher/ports.ts';
import { type EcsOptions, type EcsServer, startEcs } from '../../../../local/ecs/server.ts';
import { LANE, LIMITS, minutes, NOW, queuedJob } from '../core/builders.ts';
import { pool } from '../fakes.ts';

const FAMILY = 'launcher-default';
const signal = new AbortController().signal;
let ecs: EcsServer;
let client: ECSClient;
let tasks: EcsTasks;

beforeEach(() => startWith({ provisionMs: 5, pullMs: 5, bootMs: 5, deprovisionMs: 5 }));

afterEach(close);

async function close(): Promise<void> {
  client?.destroy();
  await ecs?.close();
}

async function startWith(phases: NonNullable<EcsOptions['phases']>, quotas: EcsOptions['quotas'] = {}): Promise<void> {
  await close();
  ecs = await startEcs({ phases, quotas, closeGraceMs: 0 });
  ecs.createCluster({ clusterName: 'launcher', capacityProviders: ['FARGATE', 'FARGATE_SPOT'] });
  register(['exec sleep 60']);
  client = new ECSClient({
    endpoint: ecs.url,
    region: ecs.region,
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
    requestHandler: { requestTimeout: 2000, throwOnRequestTimeout: true },
  });
  tasks = new EcsTasks(client, {
    cluster: 'launcher',
    subnets: ecs.subnets.map(({ id }) => id),
    securityGroups: ecs.securityGroups,
    assignPublicIp: 'DISABLED',
  });
}

function register(command: string[], family = FAMILY): void {
  ecs.registerTaskDefinition({
    family,
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: '256',
    memory: '512',
    containerDefinitions: [
      { name: 'agent', image: 'busybox', essential: true, command: ['/bin/sh', '-c', ...command] },
    ],
  });
}

const request = (runId = 'run-1', attempt = 1, taskDefinition = FAMILY): LaunchRequest => ({
  pool: pool('default'),
  lane: { ...LANE, taskDefinition },
  job: queuedJob(runId),
  attempt,
});

async function launchedId(of: LaunchRequest): Promise<string> {
  const answer = await tasks.launch(of, signal);
  if (answer.kind !== 'task') throw new Error(answer.refusal.detail);
  return answer.taskId;
}

const stopped = () => tasks.recentlyStoppedTasks([FAMILY], signal);

describe('a launch without a queued job', () => {
  const job = {
    key: 'warm/0123456789ab/1',
    phase: 'plan',
    queuedAtMs: 0,
    attemptsBefore: 0,
    idleSeconds: 3600,
    once: false,
    isHeld: false,
  } as const;

  it('tells the agent of that task how long to wait, and has no run to name', async () => {
    const answer = await tasks.launch({ ...request(), job }, signal);
    expect(answer.kind).toBe('task');
    const { tasks: described } = await client.send(
      new DescribeTasksCommand({
        cluster: 'launcher',
        tasks: [answer.kind === 'task' ? answer.taskId : ''],
        include: ['TAGS'],
      }),
    );
    expect(described).toMatchObject([
      {
        startedBy: 'warm/0123456789ab/1',
        overrides: {
          containerOverrides: [{ name: 'agent', environment: [{ name: 'AGENT_IDLE_SECONDS', value: '3600' }] }],
        },
      },
    ]);
    expect(described?.[0]?.tags?.map(({ key }) => key)).toEqual([TASK_TAGS.phase, TASK_TAGS.pool, TASK_TAGS.attempt]);
  });
});

describe('a launch', () => {
  it('starts one task that carries its job, attempt and pool', async () => {
    const id = await launchedId(request('run-1', 2));
    const live = await tasks.liveTasks(signal);
    expect(live).toMatchObject([{ id, family: FAMILY, startedBy: 'run-1/plan', attempt: 2 }]);
    expect(Object.fromEntries(ecs.task(id)?.tags.map(({ key, value }) => [key, value]) ?? [])).toEqual({
      'agent-launcher:run': 'run-1',
      'agent-launcher:workspace': 'ws-1',
      'agent-launcher:phase': 'plan',
      'agent-launcher:pool': 'default',
      'agent-launcher:attempt': '2',
    });
  });

  it('repeated starts nothing more, however often and side by side', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => launchedId(request())));
    expect(new Set(ids).size).toBe(1);
    expect(await tasks.liveTasks(signal)).toHaveLength(1);
  });

  it('of another attempt starts another', async () => {
    expect(await launchedId(request('run-1', 2))).not.toBe(await launchedId(request('run-1', 1)));
  });

  it('whose answer is lost is an error, and repeating it finds the task', async () => {
    ecs.faults.next('RunTask', { kind: 'lost-response' });
    await expect(tasks.launch(request(), signal)).rejects.toMatchObject({ system: 'ECS', fault: 'unavailable' });
    await launchedId(request());
    expect(await tasks.liveTasks(signal)).toHaveLength(1);
  });

  it('whose token a deployment turned into a conflict answers with the task it stands for', async () => {
    const id = await launchedId(request());
    register(['exec sleep 61']);
    expect(await tasks.launch(request(), signal)).toMatchObject({ kind: 'task', taskId: id });
    expect(await tasks.liveTasks(signal)).toHaveLength(1);
  });

  it('whose token stands for a task that is over says so', async () => {
    const id = await launchedId(request());
    await tasks.stop(id, 'by the test', signal);
    await expect.poll(async () => (await stopped()).length).toBe(1);
    expect(await tasks.launch(request(), signal)).toEqual({ kind: 'task', taskId: id, lastStatus: 'STOPPED' });
  });
});

describe('a launch on Spot', () => {
  const spot = (runId = 'run-1', attempt = 1): LaunchRequest => ({
    ...request(runId, attempt),
    lane: { phases: ['plan'], taskDefinition: FAMILY, capacity: 'spot' },
  });
  const noSpot = (times?: number) => ecs.refuse({ capacityProvider: 'FARGATE_SPOT', ...(times && { times }) });
  const live = async () =>
    (await tasks.liveTasks(signal)).map(({ id }) => ecs.task(id)?.capacityProvider ?? 'on demand');
  const conflict = { kind: 'error', code: 'ConflictException', message: 'The clientToken is already in use' } as const;
  const onDemand = (input: unknown) => JSON.stringify(input).includes('launchType');

  it('runs there while there is room, and repeated starts nothing more', async () => {
    const [first, second] = [await tasks.launch(spot(), signal), await tasks.launch(spot(), signal)];
    expect(first).toMatchObject({ kind: 'task' });
    expect(second).toEqual(expect.objectContaining({ taskId: first.kind === 'task' && first.taskId }));
    expect(first).not.toHaveProperty('insteadOfSpot');
    expect(await live()).toEqual(['FARGATE_SPOT']);
  });

  it('runs on demand at once when there is none, says so, and repeated starts nothing more', async () => {
    noSpot();
    const first = await tasks.launch(spot(), signal);
    expect(first).toMatchObject({ kind: 'task', insteadOfSpot: true });
    // The second time the token names that task already: told, and counted, once.
    const { taskId } = first as { taskId: string };
    expect(await tasks.launch(spot(), signal)).toEqual({ kind: 'task', taskId, lastStatus: expect.any(String) });
    expect(await live()).toEqual(['on demand']);
  });

  it('runs on demand when the Spot quota is used up', async () => {
    await startWith({ provisionMs: 600_000 }, { spotVcpus: 0.25 });
    expect(await tasks.launch(spot('run-1'), signal)).not.toHaveProperty('insteadOfSpot');
    expect(await tasks.launch(spot('run-2'), signal)).toMatchObject({ kind: 'task', insteadOfSpot: true });
    expect((await live()).sort()).toEqual(['FARGATE_SPOT', 'on demand']);
  });

  it('is not started twice when Spot has room again for the same launch', async () => {
    noSpot(1);
    const first = await tasks.launch(spot(), signal);
    const again = await tasks.launch(spot(), signal);
    expect(again).toMatchObject({ kind: 'task', taskId: first.kind === 'task' ? first.taskId : '' });
    expect(await live()).toEqual(['on demand']);
  });

  it('is not started twice when an overlapping tick’s try on Spot gets through in between', async () => {
    let asked = false;
    const when = (input: unknown) => {
      asked ||= onDemand(input);
      return onDemand(input);
    };
    ecs.faults.next('RunTask', { kind: 'delay', delayMs: 300 }, { when });
    noSpot(1);
    const refused = tasks.launch(spot(), signal);
    await expect.poll(() => asked, { interval: 5 }).toBe(true);
    const other = await tasks.launch(spot(), signal);
    expect(await refused).toEqual({ ...other, lastStatus: expect.any(String) });
    expect(await live()).toHaveLength(1);
  });

  it('has a token of its own on demand, when ECS holds the first one to be used up by a call that started nothing', async () => {
    noSpot();
    const usedUp = () =>
      ecs.faults.next(
        'RunTask',
        { ...conflict, status: 400 },
        { when: (input) => onDemand(input) && !JSON.stringify(input).includes('/od"') },
      );
    usedUp();
    const first = await tasks.launch(spot(), signal);
    expect(first).toMatchObject({ kind: 'task', insteadOfSpot: true });
    usedUp();
    expect(await tasks.launch(spot(), signal)).toEqual({ ...first, lastStatus: expect.any(String) });
    expect(await live()).toEqual(['on demand']);
  });

  it('is refused with the cause when there is no room on demand either', async () => {
    ecs.refuse({});
    expect(await tasks.launch(spot(), signal)).toMatchObject({ kind: 'refused', refusal: { cause: 'capacity' } });
  });

  it('for which the subnets have no free address is no want of Spot: on demand there is none either', async () => {
    ecs.refuse({ reason: 'InsufficientFreeAddressesInSubnet', times: 1 });
    expect(await tasks.launch(spot(), signal)).toMatchObject({
      kind: 'refused',
      refusal: { cause: 'addresses', remedy: expect.stringContaining('larger or further subnets') },
    });
    expect(await live()).toEqual([]);
  });

  it('that ECS throttles is no want of room: the next tick asks again', async () => {
    ecs.faults.next('RunTask', { kind: 'error', code: 'ThrottlingException', message: 'Rate exceeded', status: 400 });
    expect(await tasks.launch(spot(), signal)).toMatchObject({ kind: 'refused', refusal: { cause: 'throttled' } });
    expect(await live()).toEqual([]);
  });

  it('that the launcher may not start is refused for that, and not asked for on demand as well', async () => {
    // Real wording: "on resource:" is not the failure reason "RESOURCE:".
    ecs.faults.next('RunTask', {
      kind: 'error',
      code: 'AccessDeniedException',
      message:
        'User: arn:aws:sts::111122223333:assumed-role/[role]/[function] is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/ecsTaskExecutionRole because no identity-based policy allows the iam:PassRole action',
      status: 400,
    });
    expect(await tasks.launch(spot(), signal)).toMatchObject({ kind: 'refused', refusal: { cause: 'access' } });
    expect(await live()).toEqual([]);
  });

  it('whose tokens all are in conflict without a task is an error, as it is not known what was started', async () => {
    ecs.faults.next('RunTask', { ...conflict, status: 400 }, { times: 3 });
    await expect(tasks.launch(spot(), signal)).rejects.toMatchObject({ system: 'ECS', fault: 'rejected' });
  });
});

describe('a refusal is a value with a remedy', () => {
  it('in failures[] of a good answer', async () => {
    ecs.refuse({ family: FAMILY });
    expect(await tasks.launch(request(), signal)).toMatchObject({
      kind: 'refused',
      refusal: { cause: 'capacity', remedy: expect.stringContaining('subnets') },
    });
  });

  it('for an unknown family', async () => {
    expect(await tasks.launch(request('run-1', 1, 'nobody'), signal)).toMatchObject({
      kind: 'refused',
      refusal: { cause: 'misconfiguration' },
    });
  });

  it('as an exception', async () => {
    ecs.faults.next('RunTask', { kind: 'error', code: 'ThrottlingException', message: 'Rate exceeded', status: 400 });
    expect(await tasks.launch(request(), signal)).toMatchObject({ kind: 'refused', refusal: { cause: 'throttled' } });
  });

  it('but an error of the server may have started a task, and is none', async () => {
    ecs.faults.next('RunTask', { kind: 'error', code: 'ServerException', message: 'sorry', status: 500 });
    await expect(tasks.launch(request(), signal)).rejects.toMatchObject({ fault: 'unavailable' });
  });
});

describe('tasks', () => {
  it('that stopped are told with their end', async () => {
    register(['exit 3']);
    const id = await launchedId(request());
    await expect.poll(async () => (await stopped()).length).toBe(1);
    expect(await stopped()).toMatchObject([
      { id, lastStatus: 'STOPPED', stopCode: 'EssentialContainerExited', exitCode: 3, startedAtMs: expect.any(Number) },
    ]);
    expect(await tasks.liveTasks(signal)).toEqual([]);
  });

  it('that could not start are told with ECS’s words', async () => {
    ecs.failStart({ at: 'pull', reason: 'CannotPullContainerError: no route' });
    await launchedId(request());
    await expect.poll(async () => (await stopped()).length).toBe(1);
    expect(await stopped()).toMatchObject([
      { stopCode: 'TaskFailedToStart', stoppedReason: 'CannotPullContainerError: no route', startedAtMs: undefined },
    ]);
  });

  it('that ran out of memory are told with ECS’s word for it, and with what they had', async () => {
    const id = await launchedId(request());
    await expect.poll(() => ecs.outOfMemory(id)).toBe(true);
    await expect.poll(async () => (await stopped()).length).toBe(1);
    expect(await stopped()).toMatchObject([
      { id, exitCode: 137, containerReason: expect.stringContaining('OutOfMemoryError'), memoryMiB: 512 },
    ]);
  });

  it('come from all pages, and are described 100 at a time', async () => {
    // They never get beyond their network interface, so that no process is started for any.
    await startWith({ provisionMs: 600_000 });
    const ids: string[] = [];
    for (let i = 0; i < 105; i += 1) ids.push(await launchedId(request(`run-${i}`)));
    expect((await tasks.liveTasks(signal)).map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  it('that nobody runs cost one call', async () => {
    const before = ecs.calls().length;
    expect(await tasks.liveTasks(signal)).toEqual([]);
    expect(
      ecs
        .calls()
        .slice(before)
        .map(({ action }) => action),
    ).toEqual(['ListTasks']);
  });

  it('that are gone already may be stopped', async () => {
    await expect(tasks.stop('0'.repeat(32), 'late', signal)).resolves.toBeUndefined();
  });

  it.each([
    ['ListTasks', () => tasks.liveTasks(signal)],
    ['DescribeTasks', () => tasks.liveTasks(signal)],
    ['StopTask', () => tasks.stop('0'.repeat(32), 'x', signal)],
  ])('cannot be told when %s is denied, with the action and the remedy', async (action, ask) => {
    await launchedId(request());
    ecs.faults.next(action, { kind: 'error', code: 'AccessDeniedException', message: 'not authorized', status: 400 });
    await expect(ask()).rejects.toMatchObject({
      fault: 'rejected',
      request: action,
      message: expect.stringContaining('deploy the stack again'),
    });
  });

  it.each([
    ['malformed', { kind: 'malformed', body: '{"taskArns":[' }],
    ['of another shape', { kind: 'malformed', body: '{"taskArns":"none"}' }],
    ['empty', { kind: 'malformed', body: '{}' }],
    ['reset', { kind: 'reset' }],
    ['late', { kind: 'hang' }],
  ] as const)('are never taken for none when the answer is %s', async (_, fault) => {
    ecs.faults.next('ListTasks', fault);
    await expect(tasks.liveTasks(signal)).rejects.toMatchObject({ name: 'UpstreamError', system: 'ECS' });
  });
});

describe('a task of which ECS does not say when it was created', () => {
  const agoOf = (n: number) => new Date(NOW - minutes(n));
  const described = (lastStatus: string, times: Record<string, Date>, more = {}) =>
    taskOf(
      ecsTask.parse({
        taskArn: 'arn:aws:ecs:eu-central-1:000000000000:task/launcher/t',
        taskDefinitionArn: `arn:aws:ecs:eu-central-1:000000000000:task-definition/${LANE.taskDefinition}:1`,
        desiredStatus: lastStatus === 'STOPPED' ? 'STOPPED' : 'RUNNING',
        lastStatus,
        ...times,
        ...more,
      }),
      'agent',
    );
  const seen = (one: ReturnType<typeof described>) =>
    supplyOf({ lanes: [LANE], tasks: [one], agents: [], running: [], queued: [] }, LIMITS.startDeadlineMs, NOW);

  it.each([
    ['created', { createdAt: agoOf(9), startedAt: agoOf(10) }, 9],
    ['connected', { connectivityAt: agoOf(9), pullStartedAt: agoOf(8), startedAt: agoOf(7) }, 9],
    ['pulling', { pullStartedAt: agoOf(8) }, 8],
    ['started', { startedAt: agoOf(7), stoppedAt: agoOf(1) }, 7],
    ['ended', { executionStoppedAt: agoOf(2), stoppedAt: agoOf(1) }, 2],
  ])('counts from when it was %s', (_, times, ago) => {
    expect(described('RUNNING', times).createdAtMs).toBe(NOW - minutes(ago));
  });

  it('is a start failure when it never started', () => {
    const failed = described('STOPPED', { stoppedAt: agoOf(2) }, { stopCode: 'TaskFailedToStart' });
    expect(seen(failed).startFailures).toMatchObject([{ task: { id: 't' }, stoppedAtMs: NOW - minutes(2) }]);
  });

  it('is not for ever a starting one', () => {
    expect(seen(described('PENDING', { pullStartedAt: agoOf(6) })).live).toMatchObject([{ state: 'overdue' }]);
    expect(seen(described('PROVISIONING', {})).live).toMatchObject([{ state: 'starting' }]);
  });
});
