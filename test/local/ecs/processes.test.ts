import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRunning, until, wordsIn } from '../../processes.ts';
import { newFolder } from '../../temporary-folder.ts';
import { only } from './core/virtual-ecs.ts';
import { registerScript, runInput, startLocalEcs, TASK_SIZE } from './local-ecs.ts';

type World = Awaited<ReturnType<typeof startLocalEcs>>;
let world: World;
const scratch = newFolder('ecs-test');

beforeAll(async () => {
  world = await startLocalEcs();
});
afterAll(() => world.close());

async function run(family: string, more: Parameters<typeof runInput>[2] = {}): Promise<string> {
  const { tasks } = await world.ecs.send(new RunTaskCommand(runInput(world.server, family, more)));
  return only(tasks).taskArn ?? '';
}

const reaching = (arn: string, status: string) =>
  until(`${status} of ${arn}`, () => {
    const task = world.server.task(arn);
    return task?.lastStatus === status && task;
  });

const output = (arn: string) => world.server.logs(arn).map(({ text }) => text);
const printed = (arn: string, text: string) => until(text, () => output(arn).includes(text));

it.each([
  ['a NUL in its environment', { environment: [{ name: 'N', value: 'a\0b' }] }],
  ['a NUL in its command', { command: ['/bin/sh', '-c', 'exit\0'] }],
  ['a missing program', { command: ['/does/not/exist'] }],
  ['an empty program name', { command: [''] }],
])(
  'a container that can’t be started because of %s ends its task with the reason, and the server continues',
  async (_what, override) => {
    registerScript(world.server, 'impossible', 'exit 0');
    const arn = await run('impossible', { overrides: { containerOverrides: [{ name: 'main', ...override }] } });
    const task = await reaching(arn, 'STOPPED');
    expect(task.stoppedReason).toMatch(/^CannotStartContainerError/);
  },
);

describe('a container', () => {
  it('is a process without the server’s environment, in a fresh directory that is deleted afterwards', async () => {
    process.env['ECS_TEST_LEAK'] = 'leaked';
    registerScript(world.server, 'env', 'env; echo "in $PWD"; touch "$TMPDIR/x" file; ls', {
      environment: [{ name: 'GREETING', value: 'of the definition' }],
    });
    const arn = await run('env', {
      overrides: { containerOverrides: [{ name: 'main', environment: [{ name: 'MORE', value: 'of the override' }] }] },
    });
    await reaching(arn, 'STOPPED');
    delete process.env['ECS_TEST_LEAK'];
    const lines = output(arn);
    const variables = Object.fromEntries(lines.filter((line) => line.includes('=')).map((line) => line.split('=', 2)));
    expect(
      Object.keys(variables)
        .filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))
        .toSorted(),
    ).toEqual([
      'AWS_DEFAULT_REGION',
      'AWS_EXECUTION_ENV',
      'AWS_REGION',
      'ECS_CONTAINER_METADATA_URI',
      'ECS_CONTAINER_METADATA_URI_V4',
      'GREETING',
      'HOME',
      'HOSTNAME',
      'MORE',
      'PATH',
      'TMPDIR',
    ]);
    expect(variables).toMatchObject({
      GREETING: 'of the definition',
      MORE: 'of the override',
      AWS_REGION: 'eu-central-1',
    });
    expect(lines).toContain(`in ${variables['HOME']}`);
    expect(lines).toEqual(expect.arrayContaining(['file', 'tmp']));
    expect(() => readdirSync(variables['HOME'] ?? '')).toThrow(/ENOENT/);
  });

  it('finds its task at the metadata endpoint', async () => {
    registerScript(world.server, 'metadata', 'echo "$ECS_CONTAINER_METADATA_URI_V4"; exec sleep 60');
    const arn = await run('metadata', { tags: [{ key: 'run', value: 'run-1' }] });
    const [uri = ''] = await until('its URI', () => output(arn).length > 0 && output(arn));
    await reaching(arn, 'RUNNING');
    const task: unknown = await (await fetch(`${uri}/task`)).json();
    expect(task).toMatchObject({
      Cluster: `arn:aws:ecs:eu-central-1:000000000000:cluster/agents`,
      TaskARN: arn,
      Family: 'metadata',
      Revision: '1',
      DesiredStatus: 'RUNNING',
      KnownStatus: 'RUNNING',
      Limits: { CPU: 0.25, Memory: 512 },
      LaunchType: 'FARGATE',
      Containers: [{ Name: 'main', Image: 'busybox', Type: 'NORMAL' }],
    });
    expect(await (await fetch(uri)).json()).toMatchObject({ Labels: { 'com.amazonaws.ecs.task-arn': arn } });
    expect(await (await fetch(`${uri}/taskWithTags`)).json()).toMatchObject({ TaskTags: { run: 'run-1' } });
    expect((await fetch(`${uri}/other`)).status).toBe(404);
    await world.ecs.send(new StopTaskCommand({ cluster: 'agents', task: arn }));
  });

  it('gets SIGTERM once, only in its first process, and reports that process’s exit code', async () => {
    const script = `trap 'echo caught; exit 7' TERM; sh -c 'trap "echo child caught" TERM; sleep 60 & wait' & echo ready; wait; wait`;
    registerScript(world.server, 'handler', script);
    const arn = await run('handler');
    await printed(arn, 'ready');
    await world.ecs.send(new StopTaskCommand({ cluster: 'agents', task: arn }));
    const task = await reaching(arn, 'STOPPED');
    expect(task.containers[0]?.exitCode).toBe(7);
    expect(output(arn)).toEqual(['ready', 'caught']);
  });

  it('is killed after stopTimeout with all its processes, even those in another session', async () => {
    const pids = join(scratch, 'pids');
    const script = `trap '' TERM; sleep 61 & echo $! >>${pids}; command -v setsid >/dev/null && { setsid sleep 62 & echo $! >>${pids}; }; echo ready; wait; wait; sleep 60`;
    registerScript(world.server, 'stubborn', script, { stopTimeout: 2 });
    const arn = await run('stubborn');
    await printed(arn, 'ready');
    await world.ecs.send(new StopTaskCommand({ cluster: 'agents', task: arn }));
    const task = await reaching(arn, 'STOPPED');
    expect(task).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 137 }] });
    expect((task.executionStoppedAt ?? 0) - (task.stoppingAt ?? 0)).toBeGreaterThanOrEqual(1990);
    const left = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter(isRunning)).toEqual([]);
  });

  it('leaves no process behind when it ends on its own', async () => {
    const pids = join(scratch, 'background');
    registerScript(world.server, 'background', `sleep 63 & echo $! >${pids}; exit 0`);
    const task = await reaching(await run('background'), 'STOPPED');
    expect(task).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 0 }] });
    expect(isRunning(Number(readFileSync(pids, 'utf8')))).toBe(false);
  });

  it('exits with 137 when it runs out of memory, and with 143 when Spot is interrupted', async () => {
    registerScript(world.server, 'sleeper', 'echo ready; exec sleep 60');
    const [one, two] = [await run('sleeper'), await run('sleeper')];
    await printed(one, 'ready');
    await printed(two, 'ready');
    expect(world.server.outOfMemory(one)).toBe(true);
    expect(world.server.interruptSpot(two)).toBe(true);
    expect(await reaching(one, 'STOPPED')).toMatchObject({
      containers: [{ exitCode: 137, reason: /OutOfMemoryError/ }],
    });
    expect(await reaching(two, 'STOPPED')).toMatchObject({
      stopCode: 'SpotInterruption',
      containers: [{ exitCode: 143 }],
    });
    expect(world.server.interruptSpot(two)).toBe(false);
    expect(world.server.outOfMemory(one)).toBe(false);
  });
});

describe('an image', () => {
  it('provides the entry point, the command, variables and programs', async () => {
    writeFileSync(join(scratch, 'greet'), '#!/bin/sh\necho "greet $* $TONE"\n', { mode: 0o755 });
    writeFileSync(join(scratch, 'entry'), '#!/bin/sh\ngreet "$@"\n', { mode: 0o755 });
    world.server.registerImage('example.com/team/greeter', {
      entryPoint: [join(scratch, 'entry')],
      command: ['all'],
      environment: { TONE: 'warmly' },
      path: [scratch],
    });
    const family = (name: string, container: object) =>
      world.server.registerTaskDefinition({
        family: name,
        ...TASK_SIZE,
        containerDefinitions: [{ name: 'main', image: 'example.com/team/greeter:1.2', ...container }],
      });
    family('greeter', {});
    family('greeter-command', { command: ['you'] });
    family('greeter-entry', { entryPoint: ['/bin/sh', '-c', 'greet nobody'] });
    const arns = [await run('greeter'), await run('greeter-command'), await run('greeter-entry')];
    for (const arn of arns) await reaching(arn, 'STOPPED');
    expect(arns.map((arn) => output(arn).join())).toEqual([
      'greet all warmly',
      'greet you warmly',
      'greet nobody warmly',
    ]);
  });

  it.each([
    [
      'does not exist',
      { image: 'nothing/here:1' },
      /^CannotPullContainerError: .*docker\.io\/nothing\/here:1: not found/,
    ],
    [
      'does not contain the program',
      { command: ['no-such-program'] },
      /^CannotStartContainerError: .*"no-such-program": executable file not found in \$PATH/,
    ],
    [
      'has an entry point that can not be executed',
      { entryPoint: ['/etc/passwd'] },
      /^CannotStartContainerError: .*permission denied/,
    ],
    ['has nothing to run', { image: 'empty' }, /^CannotStartContainerError: .*no command specified/],
  ])('that %s fails to start', async (what, container, reason) => {
    world.server.registerImage('empty', {});
    const family = what.replaceAll(' ', '-');
    world.server.registerTaskDefinition({
      family,
      ...TASK_SIZE,
      containerDefinitions: [{ name: 'main', image: 'busybox', ...container }],
    });
    const task = await reaching(await run(family), 'STOPPED');
    expect(task.stopCode).toBe('TaskFailedToStart');
    expect(task.stoppedReason).toMatch(reason);
    expect(task.containers[0]?.reason).toMatch(reason);
  });
});

describe('a secret', () => {
  const secretFamily = (family: string, valueFrom: string) =>
    world.server.registerTaskDefinition({
      family,
      ...TASK_SIZE,
      executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      containerDefinitions: [
        {
          name: 'main',
          image: 'busybox',
          command: ['/bin/sh', '-c', 'test "$TOKEN" = s3cr3t'],
          secrets: [{ name: 'TOKEN', valueFrom }],
        },
      ],
    });

  it('is passed to the container if the execution role can read it', async () => {
    const arn = world.server.putSecret('agent-token', 'old');
    expect(world.server.putSecret('agent-token', 's3cr3t')).toBe(arn);
    secretFamily('with-secret', arn);
    expect((await reaching(await run('with-secret'), 'STOPPED')).containers[0]?.exitCode).toBe(0);
    const allow = world.server.denySecret('agent-token');
    const denied = await reaching(await run('with-secret'), 'STOPPED');
    expect(denied).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: /AccessDeniedException/ });
    allow();
    expect((await reaching(await run('with-secret'), 'STOPPED')).containers[0]?.exitCode).toBe(0);
  });

  it('prevents the task’s start if it is missing', async () => {
    secretFamily('without-secret', 'no-such-secret');
    const task = await reaching(await run('without-secret'), 'STOPPED');
    expect(task.stoppedReason).toMatch(
      /^ResourceInitializationError: unable to pull secrets or registry auth.*no-such-secret/,
    );
  });
});

it('a server that closes ends all processes, even those that ignore SIGTERM, and removes its directories', async () => {
  const closing = await startLocalEcs({ closeGraceMs: 100 });
  const pids = join(scratch, 'closing');
  registerScript(closing.server, 'stubborn', `trap '' TERM; echo "$$ $PWD" >${pids}; while :; do sleep 1; done`);
  await closing.ecs.send(new RunTaskCommand(runInput(closing.server, 'stubborn')));
  const [pid = '', directory = ''] = await wordsIn(pids);
  await closing.close();
  expect(isRunning(Number(pid))).toBe(false);
  expect(() => readdirSync(join(directory, '..', '..'))).toThrow(/ENOENT/);
});
