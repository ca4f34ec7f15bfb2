import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeTasksCommand, ECSClient } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ecsTask, taskOf } from '../../../../functions/launcher/adapters/ecs/answers.ts';
import { EcsTasks } from '../../../../functions/launcher/adapters/ecs/client.ts';
import { TASK_TAGS } from '../../../../functions/launcher/contract.ts';
import type { LaunchRequest } from '../../../../functions/launcher/ports.ts';
import { type EcsOptions, type EcsServer, startEcs } from '../../../../local/ecs/server.ts';
import { clientSettings, registerScript } from '../../../local/ecs/local-ecs.ts';
import { LANE, minutes, NOW, queuedJob, standingJob, supplyOfPool } from '../core/builders.ts';
import { pool } from '../fakes.ts';

const FAMILY = 'launcher-default';
/** No latest time for launches. */
const NEVER_MS = Number.POSITIVE_INFINITY;
const signal = new AbortController().signal;
let ecs: EcsServer;
let client: ECSClient;
let tasks: EcsTasks;
/** The adapter of another function instance. */
let newTasks: () => EcsTasks;

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
  register('exec sleep 60');
  client = new ECSClient({
    ...clientSettings(ecs),
    requestHandler: { requestTimeout: 2000, throwOnRequestTimeout: true },
  });
  newTasks = () =>
    new EcsTasks({
      client,
      launchClient: client,
      placement: {
        cluster: 'launcher',
        subnets: ecs.subnets.map(({ id }) => id),
        securityGroups: ecs.securityGroups,
        assignPublicIp: 'DISABLED',
      },
      clock: {
        now: Date.now,
        sleep: async (ms, until) => {
          await sleep(ms, undefined, { signal: until });
        },
      },
    });
  tasks = newTasks();
}

const register = (script: string, family = FAMILY) =>
  registerScript(ecs, family, script, { name: 'agent', essential: true });

const request = (runId = 'run-1', attempt = 1, taskDefinition = FAMILY): LaunchRequest => ({
  pool: pool('default'),
  lane: { ...LANE, taskDefinition },
  job: queuedJob(runId),
  attempt,
});

const spot = (runId = 'run-1', attempt = 1): LaunchRequest => {
  const { lane, ...rest } = request(runId, attempt);
  return { ...rest, lane: { ...lane, capacity: 'spot' } };
};

const launch = (of = request()) => tasks.launch(of, NEVER_MS, signal);
/** A launch that has no time to be repeated after ECS throttled it. */
const soon = (of = request()) => tasks.launch(of, Date.now() + 50, signal);
const liveTasks = () => tasks.liveTasks(signal);

async function launchedId(of = request()): Promise<string> {
  const answer = await launch(of);
  if (answer.kind !== 'task') throw new Error(JSON.stringify(answer));
  return answer.taskId;
}

const stopped = () => tasks.recentlyStoppedTasks([FAMILY], signal);
/** Waits until a task has stopped, and returns it. */
async function stoppedOne() {
  await expect.poll(async () => (await stopped()).map(({ lastStatus }) => lastStatus)).toEqual(['STOPPED']);
  return stopped();
}

/** Makes the next call fail. */
const failing = (action: string, code: string, message: string, status = 400) =>
  ecs.faults.next(action, { kind: 'error', code, message, status });

/** Makes the next call return this answer. */
const answering = (action: string, body: unknown, status = 200) =>
  ecs.faults.next(action, { kind: 'malformed', status, body: JSON.stringify(body) });

const CONFLICT = { kind: 'error', code: 'ConflictException', message: 'in use', status: 400 } as const;
const onDemand = (input: unknown) => JSON.stringify(input).includes('launchType');
const hasOwnToken = (input: unknown) => JSON.stringify(input).includes('/od"');

const DEFINITION = `arn:aws:ecs:eu-central-1:000000000000:task-definition/${FAMILY}`;
const arnOf = (id: string) => `arn:aws:ecs:eu-central-1:000000000000:task/launcher/${id}`;
/** A task as ECS describes it. */
const described = (id: string, more = {}) => ({
  taskArn: arnOf(id),
  taskDefinitionArn: `${DEFINITION}:17`,
  lastStatus: 'RUNNING',
  desiredStatus: 'RUNNING',
  ...more,
});

it('a launch of a warm agent or sweep sets how long the agent waits, and has no tag for a run', async () => {
  const job = standingJob('warm/0123456789ab/1', { idleSeconds: 3600 });
  const id = await launchedId({ ...request(), job });
  const { tasks: found } = await client.send(
    new DescribeTasksCommand({ cluster: 'launcher', tasks: [id], include: ['TAGS'] }),
  );
  expect(found).toMatchObject([
    {
      startedBy: 'warm/0123456789ab/1',
      overrides: {
        containerOverrides: [{ name: 'agent', environment: [{ name: 'AGENT_IDLE_SECONDS', value: '3600' }] }],
      },
    },
  ]);
  expect(found?.[0]?.tags?.map(({ key }) => key)).toEqual([TASK_TAGS.phase, TASK_TAGS.pool, TASK_TAGS.attempt]);
});

describe('launching a task', () => {
  it('a launch starts one task with tags for its job, attempt and pool', async () => {
    const id = await launchedId(request('run-1', 2));
    const live = await liveTasks();
    expect(live).toMatchObject([{ id, family: FAMILY, startedBy: 'run-1/plan', attempt: 2 }]);
    expect(Object.fromEntries(ecs.task(id)?.tags.map(({ key, value }) => [key, value]) ?? [])).toEqual({
      'agent-launcher:run': 'run-1',
      'agent-launcher:workspace': 'ws-1',
      'agent-launcher:phase': 'plan',
      'agent-launcher:pool': 'default',
      'agent-launcher:attempt': '2',
    });
  });

  it('a repeated launch starts no second task, even in parallel', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => launchedId()));
    expect(new Set(ids).size).toBe(1);
    expect(await liveTasks()).toHaveLength(1);
  });

  it('a launch with a different attempt starts a different task', async () => {
    expect(await launchedId(request('run-1', 2))).not.toBe(await launchedId(request('run-1', 1)));
  });

  it('a launch is repeated once if its answer is lost, and finds the task', async () => {
    ecs.faults.next('RunTask', { kind: 'lost-response' });
    await launchedId();
    expect(await liveTasks()).toHaveLength(1);
  });

  it('a launch fails if its answer is lost twice, and a later launch finds the task', async () => {
    ecs.faults.next('RunTask', { kind: 'lost-response' });
    ecs.faults.next('RunTask', { kind: 'lost-response' });
    await expect(launch()).rejects.toMatchObject({ system: 'ECS', fault: 'unavailable' });
    await launchedId();
    expect(await liveTasks()).toHaveLength(1);
  });

  it('a throttled launch is repeated as soon as the lower rate allows it, with the same client token', async () => {
    failing('RunTask', 'ThrottlingException', 'Rate exceeded');
    await launchedId();
    expect(ecs.calls().filter(({ action }) => action === 'RunTask')).toHaveLength(2);
    await launchedId();
    expect(await liveTasks()).toHaveLength(1);
  });

  it('a launch returns the existing task if a deployment caused a conflict of its client token', async () => {
    const id = await launchedId();
    register('exec sleep 61');
    expect(await launch()).toMatchObject({ kind: 'task', taskId: id });
    expect(await liveTasks()).toHaveLength(1);
  });

  it('a launch returns family and creation time if its client token belongs to a task of another family', async () => {
    register('exec sleep 60', 'launcher-former');
    const id = await launchedId(request('run-1', 1, 'launcher-former'));
    const [former] = await liveTasks();
    expect(await launch()).toMatchObject({
      kind: 'task',
      taskId: id,
      family: 'launcher-former',
      createdAtMs: former?.createdAtMs,
    });
    expect(former?.createdAtMs).toBeGreaterThan(0);
    expect(await liveTasks()).toHaveLength(1);
  });

  it('a launch returns the status of the task if its client token belongs to a task that has ended', async () => {
    const id = await launchedId();
    await tasks.stop(id, 'by the test', signal);
    // ECS lists a task as stopped while it is still being deprovisioned.
    await expect.poll(async () => (await stopped())[0]?.lastStatus).toBe('STOPPED');
    expect(await launch()).toEqual({ kind: 'task', taskId: id, lastStatus: 'STOPPED' });
  });
});

describe('a launch on Spot', () => {
  const noSpot = (times?: number) => ecs.refuse({ capacityProvider: 'FARGATE_SPOT', ...(times && { times }) });
  const live = async () => (await liveTasks()).map(({ id }) => ecs.task(id)?.capacityProvider ?? 'on demand');

  it('runs on Spot while Spot has capacity, and starts no second task if it is repeated', async () => {
    const [first, second] = [await launch(spot()), await launch(spot())];
    expect(first).toMatchObject({ kind: 'task' });
    expect(second).toEqual(expect.objectContaining({ taskId: first.kind === 'task' && first.taskId }));
    expect(first).not.toHaveProperty('insteadOfSpot');
    expect(await live()).toEqual(['FARGATE_SPOT']);
  });

  it('runs on demand if Spot has no capacity, reports that, and starts no second task if it is repeated', async () => {
    noSpot();
    const first = await launch(spot());
    expect(first).toMatchObject({ kind: 'task', insteadOfSpot: true });
    // The second time, the client token already belongs to that task. It is reported and counted once.
    const { taskId } = first as { taskId: string };
    const again = await launch(spot());
    expect(again).toMatchObject({ kind: 'task', taskId });
    expect(again).not.toHaveProperty('insteadOfSpot');
    expect(await live()).toEqual(['on demand']);
  });

  it('runs on demand if the Spot quota is used up', async () => {
    await startWith({ provisionMs: 600_000 }, { spotVcpus: 0.25 });
    expect(await launch(spot('run-1'))).not.toHaveProperty('insteadOfSpot');
    expect(await launch(spot('run-2'))).toMatchObject({ kind: 'task', insteadOfSpot: true });
    expect((await live()).sort()).toEqual(['FARGATE_SPOT', 'on demand']);
  });

  it('starts no second task if Spot has capacity again when the launch is repeated', async () => {
    noSpot(1);
    const first = await launch(spot());
    const again = await launch(spot());
    expect(again).toMatchObject({ kind: 'task', taskId: first.kind === 'task' ? first.taskId : '' });
    expect(await live()).toEqual(['on demand']);
  });

  it('starts no second task if an overlapping tick’s attempt on Spot succeeds in between', async () => {
    let asked = false;
    const when = (input: unknown) => {
      asked ||= onDemand(input);
      return onDemand(input);
    };
    ecs.faults.next('RunTask', { kind: 'delay', delayMs: 300 }, { when });
    noSpot(1);
    const refused = launch(spot());
    await expect.poll(() => asked, { interval: 5 }).toBe(true);
    const other = await launch(spot());
    const again = await refused;
    expect(again).toMatchObject({ ...other, lastStatus: expect.any(String) });
    expect(again).not.toHaveProperty('insteadOfSpot');
    expect(await live()).toHaveLength(1);
  });

  it('has a new client token on demand if ECS reports the first one as used although it started no task', async () => {
    noSpot();
    const usedUp = () =>
      ecs.faults.next('RunTask', CONFLICT, { when: (input) => onDemand(input) && !hasOwnToken(input) });
    usedUp();
    const first = await launch(spot());
    expect(first).toMatchObject({ kind: 'task', insteadOfSpot: true });
    usedUp();
    expect(await launch(spot())).toEqual({ ...first, lastStatus: expect.any(String) });
    expect(await live()).toEqual(['on demand']);
  });

  it('is refused with the cause capacity if neither Spot nor on-demand capacity is available', async () => {
    ecs.refuse({});
    const answer = await launch(spot());
    expect(answer).toMatchObject({ kind: 'refused', refusal: { cause: 'capacity' } });
    expect(answer).not.toHaveProperty('insteadOfSpot');
  });

  it('runs on demand if ECS reports the client token on Spot as used although it started no task', async () => {
    ecs.faults.next('RunTask', CONFLICT);
    expect(await launch(spot())).toMatchObject({ kind: 'task', insteadOfSpot: true });
  });

  it('doesn’t fall back to on-demand capacity if the subnets have no free address', async () => {
    ecs.refuse({ reason: 'InsufficientFreeAddressesInSubnet', times: 1 });
    expect(await launch(spot())).toMatchObject({
      kind: 'refused',
      refusal: { cause: 'addresses', remedy: expect.stringContaining('larger or additional subnets') },
    });
    expect(await live()).toEqual([]);
  });

  it('doesn’t fall back to on-demand capacity if ECS throttles it, because the next tick tries again', async () => {
    failing('RunTask', 'ThrottlingException', 'Rate exceeded');
    expect(await soon(spot())).toMatchObject({ kind: 'refused', refusal: { cause: 'throttled' } });
    expect(await live()).toEqual([]);
  });

  it('is refused, and not repeated on demand, if the launcher isn’t permitted to start it', async () => {
    // Real wording: "on resource:" is not the failure reason "RESOURCE:".
    failing(
      'RunTask',
      'AccessDeniedException',
      'User: arn:aws:sts::111122223333:assumed-role/[role]/[function] is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/ecsTaskExecutionRole because no identity-based policy allows the iam:PassRole action',
    );
    expect(await launch(spot())).toMatchObject({ kind: 'refused', refusal: { cause: 'access' } });
    expect(await live()).toEqual([]);
  });

  it('fails if ECS answers each client token with a conflict but no task', async () => {
    ecs.faults.next('RunTask', CONFLICT, { times: 3 });
    expect(await launch(spot())).toMatchObject({
      kind: 'nameless-conflict',
      error: { system: 'ECS', fault: 'rejected', request: 'RunTask' },
    });
  });
});

describe('a launch is refused with a remedy', () => {
  it('if the answer contains failures[]', async () => {
    ecs.refuse({ family: FAMILY });
    expect(await launch()).toMatchObject({
      kind: 'refused',
      refusal: { cause: 'capacity', remedy: expect.stringContaining('subnets') },
    });
    // It is final, since repeating the call would not help.
    expect(ecs.calls().filter(({ action }) => action === 'RunTask')).toHaveLength(1);
  });

  it('if ECS doesn’t know the family', async () => {
    const answer = await launch(request('run-1', 1, 'nobody'));
    expect(answer).toMatchObject({ kind: 'refused', refusal: { cause: 'misconfiguration' } });
  });

  it.each([
    ['if ECS throttles it with status 400', 400],
    ['if ECS throttles it with status 503, which starts nothing', 503],
  ])('%s', async (_, status) => {
    failing('RunTask', 'ThrottlingException', 'Rate exceeded', status);
    expect(await soon()).toMatchObject({ kind: 'refused', refusal: { cause: 'throttled' } });
  });

  it('unless ECS returns a server error: the launch then fails, because ECS may have started a task', async () => {
    failing('RunTask', 'ServerException', 'sorry', 500);
    failing('RunTask', 'ServerException', 'sorry', 500);
    await expect(launch()).rejects.toMatchObject({ fault: 'unavailable' });
  });
});

describe('reading and stopping tasks', () => {
  it('a stopped task is described once while the function is warm', async () => {
    register('exit 3');
    await launchedId();
    const observed = async () => {
      await liveTasks();
      return (await stopped()).map(({ lastStatus }) => lastStatus);
    };
    await expect.poll(observed).toEqual(['STOPPED']);
    const before = ecs.calls().length;
    await liveTasks();
    expect(await stopped()).toHaveLength(1);
    expect(
      ecs
        .calls()
        .slice(before)
        .map(({ action }) => action),
    ).toEqual(['ListTasks', 'ListTasks']);
  });

  it('the end of a known task costs one call while its pool is idle, and none once ECS has shown it', async () => {
    register('exit 3');
    await liveTasks();
    const ended = async () => (await tasks.endedTasks([FAMILY], signal)).map(({ id, lastStatus }) => [id, lastStatus]);
    expect(await ended()).toEqual([]);
    const id = await launchedId();
    let calls: string[] = [];
    const idleTick = async () => {
      const before = ecs.calls().length;
      const live = await liveTasks();
      const seen = live.length === 0 ? await ended() : [];
      calls = ecs
        .calls()
        .slice(before)
        .map(({ action }) => action);
      return seen;
    };
    await expect.poll(idleTick).toEqual([[id, 'STOPPED']]);
    expect(calls).toEqual(['ListTasks', 'DescribeTasks']);
    expect(await idleTick()).toEqual([[id, 'STOPPED']]);
    expect(calls).toEqual(['ListTasks']);
  });

  it('a new function instance lists the stopped tasks of an idle pool once', async () => {
    register('exit 3');
    const id = await launchedId();
    await expect.poll(async () => (await stopped()).map(({ lastStatus }) => lastStatus)).toEqual(['STOPPED']);
    const before = ecs.calls().length;
    const another = newTasks();
    await another.liveTasks(signal);
    expect(await another.endedTasks([FAMILY], signal)).toMatchObject([{ id, lastStatus: 'STOPPED' }]);
    await another.liveTasks(signal);
    await another.endedTasks([FAMILY], signal);
    const actions = ecs
      .calls()
      .slice(before)
      .map(({ action }) => action);
    expect(actions).toEqual(['ListTasks', 'ListTasks', 'DescribeTasks', 'ListTasks']);
  });

  it('stopped tasks are returned with the time and reason of their end', async () => {
    register('exit 3');
    const id = await launchedId();
    expect(await stoppedOne()).toMatchObject([
      { id, lastStatus: 'STOPPED', stopCode: 'EssentialContainerExited', exitCode: 3, startedAtMs: expect.any(Number) },
    ]);
    expect(await liveTasks()).toEqual([]);
  });

  it('stopped tasks are listed for the given families only', async () => {
    register('exit 3');
    register('exit 4', 'other');
    const ids = [await launchedId(), await launchedId(request('run-2', 1, 'other'))];
    const both = async () => (await tasks.recentlyStoppedTasks([FAMILY, 'other'], signal)).map(({ id }) => id).sort();
    await expect.poll(both).toEqual(ids.sort());
    expect(await stopped()).toMatchObject([{ family: FAMILY }]);
    expect(await tasks.recentlyStoppedTasks([], signal)).toEqual([]);
  });

  it('tasks that could not start are returned with ECS’s reason', async () => {
    ecs.failStart({ at: 'pull', reason: 'CannotPullContainerError: no route' });
    await launchedId();
    expect(await stoppedOne()).toMatchObject([
      { stopCode: 'TaskFailedToStart', stoppedReason: 'CannotPullContainerError: no route', startedAtMs: undefined },
    ]);
  });

  it('tasks that ran out of memory are returned with ECS’s reason and their memory', async () => {
    const id = await launchedId();
    await expect.poll(() => ecs.outOfMemory(id)).toBe(true);
    expect(await stoppedOne()).toMatchObject([
      { id, exitCode: 137, containerReason: expect.stringContaining('OutOfMemoryError'), memoryMiB: 512 },
    ]);
  });

  it('tasks are read from all pages and described 100 at a time', async () => {
    // The tasks wait for their network interface, so the emulator starts no processes for them.
    await startWith({ provisionMs: 600_000 });
    const ids: string[] = [];
    for (let i = 0; i < 105; i += 1) ids.push(await launchedId(request(`run-${i}`)));
    expect((await liveTasks()).map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  it('one call is enough if there are no tasks', async () => {
    const before = ecs.calls().length;
    expect(await liveTasks()).toEqual([]);
    expect(ecs.calls().slice(before)).toMatchObject([{ action: 'ListTasks' }]);
  });

  it('stopping a task that has already ended is not an error', async () => {
    await expect(tasks.stop('0'.repeat(32), 'late', signal)).resolves.toBeUndefined();
  });

  it.each([
    ['ListTasks', () => liveTasks()],
    ['DescribeTasks', () => liveTasks()],
    ['StopTask', () => tasks.stop('0'.repeat(32), 'x', signal)],
  ])('the error has the action and a remedy if %s is denied', async (action, ask) => {
    await launchedId();
    failing(action, 'AccessDeniedException', 'not authorized');
    await expect(ask()).rejects.toMatchObject({
      fault: 'rejected',
      request: action,
      message: expect.stringContaining('Deploy the stack again'),
    });
  });

  it.each([
    ['malformed', { kind: 'malformed', body: '{"taskArns":[' }],
    ['of another shape', { kind: 'malformed', body: '{"taskArns":"none"}' }],
    ['empty', { kind: 'malformed', body: '{}' }],
    ['reset', { kind: 'reset' }],
    ['late', { kind: 'hang' }],
  ] as const)('live tasks can’t be read, and don’t count as none, if the answer is %s', async (_, fault) => {
    ecs.faults.next('ListTasks', fault);
    await expect(liveTasks()).rejects.toMatchObject({ name: 'UpstreamError', system: 'ECS' });
  });
});

describe('a task without a creation time from ECS', () => {
  const agoOf = (n: number) => new Date(NOW - minutes(n));
  const parsed = (more: object) => taskOf(ecsTask.parse(described('t', more)), 'agent');
  const seen = (one: ReturnType<typeof parsed>) => supplyOfPool({ tasks: [one] });

  it.each([
    ['created', { createdAt: agoOf(9), startedAt: agoOf(10) }, 9],
    ['connected', { connectivityAt: agoOf(9), pullStartedAt: agoOf(8), startedAt: agoOf(7) }, 9],
    ['pulling, before it was connected', { connectivityAt: agoOf(5), pullStartedAt: agoOf(8) }, 8],
    ['pulling', { pullStartedAt: agoOf(8) }, 8],
    ['started', { startedAt: agoOf(7), stoppedAt: agoOf(1) }, 7],
    ['ended', { executionStoppedAt: agoOf(2), stoppedAt: agoOf(1) }, 2],
  ])('has the time at which it was %s as its creation time', (_, times, ago) => {
    expect(parsed(times).createdAtMs).toBe(NOW - minutes(ago));
  });

  it('is a start failure if it never started', () => {
    const ended = { lastStatus: 'STOPPED', desiredStatus: 'STOPPED', stopCode: 'TaskFailedToStart' };
    const failed = parsed({ ...ended, stoppedAt: agoOf(2) });
    expect(seen(failed).startFailures).toMatchObject([{ task: { id: 't' }, stoppedAtMs: NOW - minutes(2) }]);
  });

  it('doesn’t stay in the state starting', () => {
    expect(seen(parsed({ lastStatus: 'PENDING', pullStartedAt: agoOf(6) })).live).toMatchObject([{ state: 'overdue' }]);
    expect(seen(parsed({ lastStatus: 'PROVISIONING' })).live).toMatchObject([{ state: 'starting' }]);
  });
});

describe('the end of the tick', () => {
  it.each<[string, string, (until: AbortSignal) => Promise<unknown>, (() => void)?, ((input: unknown) => boolean)?]>([
    ['the list of live tasks', 'ListTasks', (until) => tasks.liveTasks(until)],
    ['the list of stopped tasks', 'ListTasks', (until) => tasks.recentlyStoppedTasks([FAMILY], until)],
    ['the description of tasks', 'DescribeTasks', (until) => tasks.liveTasks(until)],
    ['a launch', 'RunTask', (until) => tasks.launch(request('run-9'), NEVER_MS, until)],
    [
      'a launch on demand instead of Spot',
      'RunTask',
      (until) => tasks.launch(spot('run-9'), NEVER_MS, until),
      () => ecs.refuse({ capacityProvider: 'FARGATE_SPOT' }),
      onDemand,
    ],
    [
      'a launch on demand whose first client token belongs to no task',
      'RunTask',
      (until) => tasks.launch(spot('run-9'), NEVER_MS, until),
      () => {
        ecs.refuse({ capacityProvider: 'FARGATE_SPOT' });
        ecs.faults.next('RunTask', CONFLICT, { when: (input) => onDemand(input) && !hasOwnToken(input) });
      },
      hasOwnToken,
    ],
    [
      'the description of the task whose ARN is in a conflict',
      'DescribeTasks',
      (until) => tasks.launch(request('run-1'), NEVER_MS, until),
      () => register('exec sleep 61'),
    ],
    ['a stop', 'StopTask', (until) => tasks.stop('0'.repeat(32), 'x', until)],
  ])('aborts %s that gets no answer', async (_, action, ask, prepare, meant = () => true) => {
    await launchedId(request('run-1'));
    prepare?.();
    let arrived = false;
    const when = (input: unknown) => {
      arrived ||= meant(input);
      return meant(input);
    };
    ecs.faults.next(action, { kind: 'hang' }, { when });
    const tick = new AbortController();
    const asked = ask(tick.signal);
    await expect.poll(() => arrived, { interval: 5 }).toBe(true);
    tick.abort();
    await expect(asked).rejects.toMatchObject({
      system: 'ECS',
      fault: 'unavailable',
      request: action,
      message: expect.stringContaining('no answer (AbortError)'),
    });
  });

  it.each<[string, (until: AbortSignal) => Promise<unknown>]>([
    ['liveTasks', (until) => tasks.liveTasks(until)],
    ['recentlyStoppedTasks', (until) => tasks.recentlyStoppedTasks([FAMILY], until)],
    ['launch', (until) => tasks.launch(request('run-9'), NEVER_MS, until)],
    ['launch on Spot', (until) => tasks.launch(spot(), NEVER_MS, until)],
    ['stop', (until) => tasks.stop('0'.repeat(32), 'x', until)],
  ])('prevents further requests of %s', async (_, ask) => {
    const before = ecs.calls().length;
    await expect(ask(AbortSignal.abort())).rejects.toMatchObject({ fault: 'unavailable' });
    expect(ecs.calls().length).toBe(before);
  });
});

describe('an answer of ECS', () => {
  it('live tasks don’t include tasks that started to stop, or disappeared, after they were listed', async () => {
    answering('ListTasks', { taskArns: ['a', 'b', 'c', 'd', 'e'].map(arnOf) });
    answering('DescribeTasks', {
      tasks: [
        described('a'),
        described('b', { desiredStatus: 'STOPPED' }),
        described('c', { lastStatus: 'DEPROVISIONING', desiredStatus: 'STOPPED' }),
        described('d', { lastStatus: 'STOPPED' }),
      ],
      failures: [{ arn: arnOf('e'), reason: 'MISSING' }],
    });
    expect((await liveTasks()).map(({ id }) => id)).toEqual(['a']);
  });

  it.each([
    [{ reason: 'INTERNAL', detail: 'of ECS' }, 'a task could not be described: INTERNAL of ECS (DescribeTasks)'],
    [{ reason: 'INTERNAL' }, 'a task could not be described: INTERNAL (DescribeTasks)'],
    [{}, 'a task could not be described: no reason (DescribeTasks)'],
  ])('live tasks can’t be read if ECS cannot describe one of them: %j', async (failure, message) => {
    answering('ListTasks', { taskArns: [arnOf('a'), arnOf('b')] });
    answering('DescribeTasks', { tasks: [described('a')], failures: [{ reason: 'MISSING' }, failure] });
    await expect(liveTasks()).rejects.toMatchObject({ fault: 'unexpected-answer', message: `ECS: ${message}` });
  });

  it('an answer with an unexpected schema causes an error that lists at most three faults', async () => {
    answering('ListTasks', { taskArns: [arnOf('a')] });
    answering('DescribeTasks', { tasks: [{ taskArn: 'a' }, { ...described('b'), lastStatus: '' }] });
    await expect(liveTasks()).rejects.toMatchObject({
      fault: 'unexpected-answer',
      request: 'DescribeTasks',
      message: expect.stringMatching(/\(0\.taskArn: \w+; 0\.taskDefinitionArn: \w+; 0\.lastStatus: \w+\)/),
    });
    answering('ListTasks', {});
    await expect(liveTasks()).rejects.toThrow(/\(top: invalid_type\) \(ListTasks\)/);
  });

  it.each([{ tasks: [], failures: [] }, {}])(
    'a launch fails if ECS answers %j, because a task may have started',
    async (body) => {
      answering('RunTask', body);
      await expect(launch()).rejects.toMatchObject({
        fault: 'unexpected-answer',
        message: 'ECS: the answer contains neither a task nor a failure (RunTask)',
      });
    },
  );

  it('a launch fails if the task in the answer has an unexpected schema', async () => {
    answering('RunTask', { tasks: [{ taskArn: 'no arn', lastStatus: 'PROVISIONING' }] });
    await expect(launch()).rejects.toMatchObject({ fault: 'unexpected-answer', request: 'RunTask' });
  });

  it('a launch is refused with an unknown cause if ECS reports a failure without a reason', async () => {
    answering('RunTask', { tasks: [], failures: [{}] });
    expect(await launch()).toMatchObject({ kind: 'refused', refusal: { cause: 'unknown' } });
  });

  it('a launch returns no status if ECS can no longer describe the task', async () => {
    const body = { __type: 'ConflictException', message: 'in use', resourceIds: [arnOf('gone')] };
    answering('RunTask', body, 400);
    answering('DescribeTasks', { tasks: [], failures: [{ arn: arnOf('gone'), reason: 'MISSING' }] });
    expect(await launch()).toEqual({ kind: 'task', taskId: 'gone', lastStatus: undefined });
  });

  it('a stop fails on an error of ECS, unless the task has ended', async () => {
    failing('StopTask', 'InvalidParameterException', 'The referenced task was not found.');
    await expect(tasks.stop('a', 'x', signal)).resolves.toBeUndefined();
    failing('StopTask', 'ClusterNotFoundException', 'Cluster not found.');
    const refused = { fault: 'rejected', request: 'StopTask', status: 400 };
    await expect(tasks.stop('a', 'x', signal)).rejects.toMatchObject(refused);
    failing('StopTask', 'ServerException', 'sorry', 500);
    const failed = tasks.stop('a', 'x', signal);
    await expect(failed).rejects.toMatchObject({ fault: 'unavailable', status: 500, requestId: expect.any(String) });
    // The error has no remedy, because the fault is on the server's side.
    await expect(failed).rejects.toThrow(/^ECS: ServerException: sorry \(StopTask, status 500/);
  });

  it('live tasks can’t be read while ECS throttles the request: the error has the fault throttled', async () => {
    failing('ListTasks', 'ThrottlingException', 'Rate exceeded');
    await expect(liveTasks()).rejects.toMatchObject({ fault: 'throttled', request: 'ListTasks' });
  });

  it('live tasks can’t be read if ECS doesn’t answer: the message contains the innermost error code', async () => {
    ecs.faults.next('ListTasks', { kind: 'reset' });
    await expect(liveTasks()).rejects.toThrow(/^ECS: no answer \(ECONNRESET\) \(ListTasks\)$/);
  });
});

describe('a task of an ECS answer', () => {
  const ENDED = { lastStatus: 'STOPPED', desiredStatus: 'STOPPED' };
  const seenAs = (more: object) => taskOf(ecsTask.parse(described('0123', { ...ENDED, ...more })), 'agent');

  it('contains every member of ECS’s answer', () => {
    const at = (second: number) => new Date(second * 1000);
    expect(
      seenAs({
        startedBy: 'run-1/plan',
        createdAt: at(1),
        pullStartedAt: at(1.2),
        pullStoppedAt: at(1.7),
        startedAt: at(2),
        executionStoppedAt: at(3),
        stoppedAt: at(4),
        cpu: '1024',
        ephemeralStorage: { sizeInGiB: 30 },
        capacityProviderName: 'FARGATE_SPOT',
        attributes: [
          { name: 'other', value: 'arm64' },
          { name: 'ecs.cpu-architecture', value: 'x86_64' },
        ],
        stopCode: 'EssentialContainerExited',
        stoppedReason: 'why',
        memory: '2048',
        tags: [
          { key: 'other', value: '9' },
          { key: TASK_TAGS.attempt, value: '2' },
          { key: TASK_TAGS.workspace, value: 'ws-1' },
        ],
        containers: [
          { name: 'volumes', exitCode: 0, reason: 'not this one' },
          { name: 'agent', exitCode: 75, reason: 'this one' },
        ],
      }),
    ).toEqual({
      id: '0123',
      family: 'launcher-default',
      startedBy: 'run-1/plan',
      attempt: 2,
      lastStatus: 'STOPPED',
      desiredStatus: 'STOPPED',
      createdAtMs: 1000,
      pullStartedAtMs: 1200,
      pullStoppedAtMs: 1700,
      startedAtMs: 2000,
      executionStoppedAtMs: 3000,
      stoppedAtMs: 4000,
      cpu: 1024,
      ephemeralStorageGiB: 30,
      capacity: 'spot',
      architecture: 'x86_64',
      workspaceId: 'ws-1',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'why',
      memoryMiB: 2048,
      exitCode: 75,
      containerReason: 'this one',
    });
  });

  it.each([
    ['ended well', { name: 'agent', exitCode: 0 }, 0],
    ['has not ended', { name: 'agent' }, undefined],
  ])("takes nothing from GuardDuty's sidecar when the agent %s", (_, agent, exitCode) => {
    const reason = 'CannotPullContainerError: aws-guardduty-agent-fargate: dial tcp: lookup: no such host';
    const sidecar = { name: 'aws-guardduty-agent-Ab1Cd2E', exitCode: 137, reason };
    for (const containers of [
      [sidecar, agent],
      [agent, sidecar],
    ]) {
      const seen = seenAs({ stopCode: 'EssentialContainerExited', containers });
      expect(seen.exitCode).toBe(exitCode);
      expect(seen.containerReason).toBeUndefined();
    }
  });

  it('contains only the members that ECS sent', () => {
    const { id, family, lastStatus, desiredStatus, ...rest } = seenAs({});
    expect([id, family, lastStatus, desiredStatus]).toEqual(['0123', 'launcher-default', 'STOPPED', 'STOPPED']);
    expect(new Set(Object.values(rest))).toEqual(new Set([undefined]));
  });

  it.each([
    ['1', 1],
    ['4096', 4096],
    ['0', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['many', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads its attempt from its tag (%j → %s)', (value, attempt) => {
    expect(seenAs({ tags: [{ key: TASK_TAGS.attempt, value }] }).attempt).toBe(attempt);
  });

  it.each([
    ['an ARN of something else', { taskArn: 'arn:aws:ecs:eu-central-1:000000000000:service/launcher/0123' }],
    ['text before its ARN', { taskArn: ` ${arnOf('0123')}` }],
    ['an ARN without an id', { taskArn: 'arn:aws:ecs:eu-central-1:000000000000:task/' }],
    ['a task definition without a revision', { taskDefinitionArn: DEFINITION }],
    ['text after its task definition', { taskDefinitionArn: `${DEFINITION}:1x` }],
    ['no status', { lastStatus: '' }],
    ['no desired status', { desiredStatus: '' }],
    ['a time that is text', { createdAt: '2026-03-01T12:00:00Z' }],
  ])('is rejected with %s', (_, wrong) => {
    expect(() => seenAs(wrong)).toThrow();
  });
});

it.each([
  [{ reason: 'AGENT', detail: 'is gone' }, 'AGENT: is gone'],
  [{ reason: 'AGENT' }, 'AGENT'],
  [{ detail: 'is gone' }, 'is gone'],
])('a RunTask answer becomes a refusal with ECS’s words for the failure %j', async (failure, detail) => {
  answering('RunTask', { failures: [failure] });
  expect(await launch()).toMatchObject({ kind: 'refused', refusal: { detail } });
});

describe('a call to ECS without an answer', () => {
  const failingWith = async (error: Error) => {
    const fail = () => () => Promise.reject(error);
    client.middlewareStack.add(fail, { step: 'initialize' });
    return await liveTasks().then(String, String);
  };
  const withCode = (message: string, code: unknown, cause?: unknown) =>
    Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code });

  it.each<[string, Error, string]>([
    [
      'the innermost code',
      Object.assign(new Error('outer', { cause: withCode('inner', 'EPIPE') }), { name: 'TimeoutError' }),
      'EPIPE',
    ],
    ['the error’s own code if its cause has none', withCode('outer', 'ECONNRESET', new Error('inner')), 'ECONNRESET'],
    ['the error’s name if its code is a number', withCode('outer', 7), 'Error'],
    ['the error’s name if it has no code', new TypeError('outer'), 'TypeError'],
  ])('fails, and the message contains %s', async (_, error, word) => {
    expect(await failingWith(error)).toContain(`ECS: no answer (${word}) (ListTasks)`);
  });
});
