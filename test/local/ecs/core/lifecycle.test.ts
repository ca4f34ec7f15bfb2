import { describe, expect, it } from 'vitest';
import { SPOT_INTERRUPTED } from '../../../../local/ecs/core/wording.ts';
import { TASK_SIZE } from '../local-ecs.ts';
import { only, PHASES, RUN, virtualEcs } from './virtual-ecs.ts';

const IN_ALL = PHASES.provisionMs + PHASES.pullMs + PHASES.bootMs;

function running() {
  const world = virtualEcs();
  const { taskArn } = only(world.run().tasks);
  world.time.pass(IN_ALL);
  return { ...world, taskArn, task: () => world.described(taskArn) };
}

describe('the life of a task', () => {
  it('goes through all statuses in order and records their times', () => {
    const { ecs, time, run, runner, call } = virtualEcs();
    const created = only(run().tasks);
    expect(created).toMatchObject({ lastStatus: 'PROVISIONING', desiredStatus: 'RUNNING', version: 1 });
    time.pass(IN_ALL);
    call('StopTask', { cluster: 'agents', task: created.taskArn, reason: 'enough' });
    time.pass(5000);
    runner.container(0).events.exited(143);
    time.pass(PHASES.deprovisionMs);

    const task = ecs.task(created.taskArn);
    expect(task?.history.map(({ lastStatus }) => lastStatus)).toEqual([
      'PROVISIONING',
      'PENDING',
      'ACTIVATING',
      'RUNNING',
      'DEACTIVATING',
      'STOPPING',
      'DEPROVISIONING',
      'STOPPED',
    ]);
    expect(task?.history.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const since = (at: number | undefined) => (at ?? Number.NaN) - (task?.createdAt ?? 0);
    expect(since(task?.connectivityAt)).toBe(1000);
    expect(since(task?.pullStartedAt)).toBe(1000);
    expect(since(task?.pullStoppedAt)).toBe(3000);
    expect(since(task?.startedAt)).toBe(6000);
    expect(since(task?.stoppingAt)).toBe(6000);
    expect(since(task?.executionStoppedAt)).toBe(11_000);
    expect(since(task?.stoppedAt)).toBe(11_500);
    expect(runner.cleaned).toEqual([task?.id]);
  });

  it('ends when its essential container exits', () => {
    const { runner, time, task } = running();
    runner.container(0).events.exited(3);
    time.pass(PHASES.deprovisionMs);
    expect(task()).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [{ exitCode: 3, lastStatus: 'STOPPED' }],
    });
  });

  it('gets SIGTERM once, and SIGKILL only after stopTimeout', () => {
    const { runner, time, task, call, taskArn } = running();
    call('StopTask', { cluster: 'agents', task: taskArn });
    call('StopTask', { cluster: 'agents', task: taskArn });
    time.pass(119_999);
    expect(runner.container(0).signals).toEqual(['SIGTERM']);
    expect(task().lastStatus).toBe('STOPPING');
    time.pass(1 + PHASES.deprovisionMs);
    expect(runner.container(0).signals).toEqual(['SIGTERM', 'SIGKILL']);
    expect(task()).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'UserInitiated', containers: [{ exitCode: 137 }] });
  });

  it('never starts its container if it is stopped during the pull', () => {
    const { runner, time, run, call, described } = virtualEcs();
    const { taskArn } = only(run().tasks);
    time.pass(PHASES.provisionMs + 1);
    call('StopTask', { cluster: 'agents', task: taskArn, reason: 'no longer needed' });
    time.pass(60_000);
    expect(runner.started).toEqual([]);
    expect(described(taskArn)).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'UserInitiated',
      stoppedReason: 'no longer needed',
    });
    expect(described(taskArn).startedAt).toBeUndefined();
    expect(described(taskArn).containers[0]?.exitCode).toBeUndefined();
  });

  it('loses its tags when StopTask stops it', () => {
    const { call, run } = virtualEcs();
    const { taskArn } = only(run({ tags: [{ key: 'run', value: 'run-1' }] }).tasks);
    expect(call('ListTagsForResource', { resourceArn: taskArn }).tags).toEqual([{ key: 'run', value: 'run-1' }]);
    expect(call('StopTask', { cluster: 'agents', task: taskArn }).task?.tags).toEqual([]);
    expect(call('ListTagsForResource', { resourceArn: taskArn }).tags).toEqual([]);
  });

  it('is killed with exit code 137 when it runs out of memory', () => {
    const { ecs, time, task, taskArn } = running();
    const record = ecs.task(taskArn);
    expect(record && ecs.outOfMemory(record)).toBe(true);
    time.pass(PHASES.deprovisionMs);
    expect(task()).toMatchObject({
      stopCode: 'EssentialContainerExited',
      containers: [{ exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' }],
    });
  });

  it('gets SIGTERM when its Spot capacity is interrupted', () => {
    const { ecs, runner, time, task, taskArn } = running();
    const record = ecs.task(taskArn);
    if (record !== undefined) ecs.stop(record, 'SpotInterruption', SPOT_INTERRUPTED);
    runner.container(0).events.exited(0);
    time.pass(PHASES.deprovisionMs);
    expect(runner.container(0).signals).toEqual(['SIGTERM']);
    expect(task()).toMatchObject({ stopCode: 'SpotInterruption', stoppedReason: 'Your Spot Task was interrupted.' });
  });

  it('reports every change to listeners, with an increasing version', () => {
    const { ecs, time, run } = virtualEcs();
    const seen: string[] = [];
    const stop = ecs.onTaskChange(({ version, lastStatus }) => seen.push(`${version} ${lastStatus}`));
    run();
    time.pass(PHASES.provisionMs);
    stop();
    time.pass(IN_ALL);
    expect(seen).toEqual(['1 PROVISIONING', '2 PENDING']);
  });
});

describe('several containers', () => {
  const definition = {
    family: 'pair',
    ...TASK_SIZE,
    containerDefinitions: [
      { name: 'main', image: 'a' },
      { name: 'side', image: 'b', essential: false },
    ],
  };

  function pair() {
    const world = virtualEcs();
    world.call('RegisterTaskDefinition', definition);
    const { taskArn } = only(world.run({ taskDefinition: 'pair' }).tasks);
    world.time.pass(IN_ALL);
    return { ...world, task: () => world.described(taskArn) };
  }

  it('continue if a container that isn’t essential ends', () => {
    const { runner, task } = pair();
    runner.container(1).events.exited(0);
    expect(task()).toMatchObject({
      lastStatus: 'RUNNING',
      containers: [{ lastStatus: 'RUNNING' }, { lastStatus: 'STOPPED' }],
    });
  });

  it('all end when the essential one ends', () => {
    const { runner, time, task } = pair();
    runner.container(0).events.exited(1);
    expect(runner.container(1).signals).toEqual(['SIGTERM']);
    runner.container(1).events.exited(143);
    time.pass(PHASES.deprovisionMs);
    expect(task()).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      containers: [{ exitCode: 1 }, { exitCode: 143 }],
    });
  });
});

describe('a task that fails to start', () => {
  it.each([
    ['provision', 'ENI', 1],
    ['pull', 'ResourceInitializationError: no route', 1],
    ['start', 'CannotStartContainerError', 1],
  ] as const)('in the phase %s has the reason, and the next task starts', (at, reason, times) => {
    const { ecs, time, run, runner, described } = virtualEcs();
    ecs.startFailures.add({ at, reason, times });
    const { taskArn } = only(run().tasks);
    time.pass(60_000);
    expect(described(taskArn)).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'TaskFailedToStart',
      stoppedReason: reason,
    });
    expect(described(taskArn).startedAt).toBeUndefined();
    expect(described(taskArn).executionStoppedAt).toBe(described(taskArn).stoppingAt);
    run();
    time.pass(IN_ALL);
    expect(runner.started).toHaveLength(1);
  });

  it('is only the task with the id in the fault', () => {
    const { ecs, time, run, described } = virtualEcs();
    const [one, other] = run({ count: 2 }).tasks ?? [];
    ecs.startFailures.add({ at: 'pull', reason: 'no route', task: other?.taskArn.split('/').at(-1) ?? '' });
    time.pass(IN_ALL);
    expect(described(one?.taskArn ?? '').lastStatus).toBe('RUNNING');
    expect(described(other?.taskArn ?? '').stopCode).toBe('TaskFailedToStart');
  });

  it('has the same reason as its container if the image is missing', () => {
    const { runner, time, run, described } = virtualEcs();
    runner.missingImages.add('agent');
    const { taskArn } = only(run().tasks);
    time.pass(60_000);
    expect(described(taskArn)).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'CannotPullContainerError: agent',
      containers: [{ reason: 'CannotPullContainerError: agent' }],
    });
  });

  it('has no exit code if the program is missing', () => {
    const { runner, time, run, described } = virtualEcs();
    const { taskArn } = only(run().tasks);
    time.pass(IN_ALL - 1);
    time.pass(0);
    runner.start = (_launch, events) => {
      time.after(0, () => events.failed('CannotStartContainerError: exec: "nope"'));
      return { signal: () => {} };
    };
    time.pass(60_000);
    expect(described(taskArn)).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'CannotStartContainerError: exec: "nope"',
    });
    expect(described(taskArn).containers[0]?.exitCode).toBeUndefined();
  });
});

describe('the environment of a container', () => {
  it('comes from the definition; overrides replace its values, and secrets replace both', () => {
    const { time, runner, run, call } = virtualEcs({ secret: (valueFrom) => ({ value: `value of ${valueFrom}` }) });
    call('RegisterTaskDefinition', {
      family: 'env',
      ...TASK_SIZE,
      executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      containerDefinitions: [
        {
          name: 'main',
          image: 'a',
          command: ['of', 'definition'],
          environment: [
            { name: 'A', value: 'definition' },
            { name: 'B', value: 'definition' },
            { name: 'TOKEN', value: 'definition' },
          ],
          secrets: [{ name: 'TOKEN', valueFrom: 'token' }],
        },
      ],
    });
    run({
      taskDefinition: 'env',
      overrides: {
        containerOverrides: [
          { name: 'main', command: ['x'], environment: [{ name: 'B', value: 'override' }, { name: 'C' }] },
        ],
      },
    });
    time.pass(IN_ALL);
    const { launch } = runner.container(0);
    expect(launch.command).toEqual(['x']);
    expect(launch.environment).toEqual({ A: 'definition', B: 'override', C: '', TOKEN: 'value of token' });
  });

  it('is never created if a secret can’t be read', () => {
    const { time, runner, run, call, described } = virtualEcs({
      secret: () => ({ failure: 'ResourceInitializationError: secret' }),
    });
    call('RegisterTaskDefinition', {
      family: 'env',
      ...TASK_SIZE,
      executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      containerDefinitions: [{ name: 'main', image: 'a', secrets: [{ name: 'TOKEN', valueFrom: 'token' }] }],
    });
    const { taskArn } = only(run({ ...RUN, taskDefinition: 'env' }).tasks);
    time.pass(60_000);
    expect(runner.started).toEqual([]);
    expect(described(taskArn)).toMatchObject({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'ResourceInitializationError: secret',
    });
  });
});
