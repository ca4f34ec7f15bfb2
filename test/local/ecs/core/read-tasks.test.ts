import { describe, expect, it } from 'vitest';
import { AGENT_DEFINITION, errorOf, only, PHASES, virtualEcs } from './virtual-ecs.ts';

const HOUR = 3_600_000;

describe('ListTasks', () => {
  it('returns each task on exactly one page', () => {
    const { call, run } = virtualEcs();
    for (let index = 0; index < 12; index += 1) run({ count: 10 });
    const first = call('ListTasks', { cluster: 'agents' });
    expect(first.taskArns).toHaveLength(100);
    const second = call('ListTasks', { cluster: 'agents', nextToken: first.nextToken });
    expect(second.taskArns).toHaveLength(20);
    expect(second.nextToken).toBeUndefined();
    expect(new Set([...(first.taskArns ?? []), ...(second.taskArns ?? [])]).size).toBe(120);
  });

  it('has no empty page after a full last page', () => {
    const { call, run } = virtualEcs();
    run({ count: 4 });
    const first = call('ListTasks', { cluster: 'agents', maxResults: 2 });
    const second = call('ListTasks', { cluster: 'agents', maxResults: 2, nextToken: first.nextToken });
    expect(second.taskArns).toHaveLength(2);
    expect(second.nextToken).toBeUndefined();
  });

  it('shows tasks with the desired status RUNNING, and stopped tasks only on request', () => {
    const { call, run } = virtualEcs();
    const live = only(run().tasks).taskArn;
    const stopped = only(run().tasks).taskArn;
    call('StopTask', { cluster: 'agents', task: stopped });
    expect(call('ListTasks', { cluster: 'agents' }).taskArns).toEqual([live]);
    expect(call('ListTasks', { cluster: 'agents', desiredStatus: 'STOPPED' }).taskArns).toEqual([stopped]);
    expect(call('ListTasks', { cluster: 'agents', desiredStatus: 'PENDING' }).taskArns).toEqual([]);
  });

  it('filters by family, or only by startedBy', () => {
    const { call, run } = virtualEcs();
    call('RegisterTaskDefinition', { ...AGENT_DEFINITION, family: 'other' });
    const one = only(run({ startedBy: 'run-1/plan' }).tasks).taskArn;
    const two = only(run({ taskDefinition: 'other' }).tasks).taskArn;
    expect(call('ListTasks', { cluster: 'agents', family: 'other' }).taskArns).toEqual([two]);
    expect(call('ListTasks', { cluster: 'agents', startedBy: 'run-1/plan' }).taskArns).toEqual([one]);
    for (const filter of [{ desiredStatus: 'RUNNING' }, { family: 'agent' }, { launchType: 'FARGATE' }]) {
      const error = errorOf(() => call('ListTasks', { cluster: 'agents', startedBy: 'run-1/plan', ...filter }));
      expect(error).toMatchObject({ code: 'InvalidParameterException' });
    }
  });

  it.each([
    ['a page of 101', { maxResults: 101 }, 'InvalidParameterException'],
    ['a page of 0', { maxResults: 0 }, 'InvalidParameterException'],
    ['a page token of another kind', { nextToken: 'bm9uc2Vuc2U' }, 'InvalidParameterException'],
    ['an unknown cluster', { cluster: 'nowhere' }, 'ClusterNotFoundException'],
    ['an unknown service', { serviceName: 'web' }, 'ServiceNotFoundException'],
  ])('refuses %s', (_what, change, code) => {
    const { call } = virtualEcs();
    expect(errorOf(() => call('ListTasks', { cluster: 'agents', ...change }))).toMatchObject({ code });
  });

  it('refuses a page token from another cluster', () => {
    const { call, run } = virtualEcs();
    call('CreateCluster', { clusterName: 'others' });
    run({ count: 2 });
    const { nextToken } = call('ListTasks', { cluster: 'agents', maxResults: 1 });
    expect(errorOf(() => call('ListTasks', { cluster: 'others', nextToken }))).toMatchObject({
      code: 'InvalidParameterException',
    });
  });
});

describe('DescribeTasks', () => {
  it('accepts ids and ARNs, and reports unknown ones as MISSING', () => {
    const { call, run } = virtualEcs();
    const { taskArn } = only(run().tasks);
    const id = taskArn.split('/').at(-1) ?? '';
    expect(only(call('DescribeTasks', { cluster: 'agents', tasks: [id] }).tasks).taskArn).toBe(taskArn);
    const unknown = 'f'.repeat(32);
    expect(call('DescribeTasks', { cluster: 'agents', tasks: [taskArn, unknown] })).toMatchObject({
      tasks: [{ taskArn }],
      failures: [{ arn: `arn:aws:ecs:eu-central-1:000000000000:task/agents/${unknown}`, reason: 'MISSING' }],
    });
  });

  it('shows tags only if the request includes them', () => {
    const { call, run } = virtualEcs();
    const tags = [{ key: 'run', value: 'run-1' }];
    const { taskArn } = only(run({ tags }).tasks);
    expect(only(call('DescribeTasks', { cluster: 'agents', tasks: [taskArn] }).tasks).tags).toEqual([]);
    expect(only(call('DescribeTasks', { cluster: 'agents', tasks: [taskArn], include: ['TAGS'] }).tasks).tags).toEqual(
      tags,
    );
  });

  it('shows a stopped task for an hour', () => {
    const { call, run, time, runner, described } = virtualEcs();
    const { taskArn } = only(run().tasks);
    time.pass(10_000);
    runner.container(0).events.exited(0);
    time.pass(PHASES.deprovisionMs + HOUR);
    expect(described(taskArn).lastStatus).toBe('STOPPED');
    time.pass(1);
    expect(call('DescribeTasks', { cluster: 'agents', tasks: [taskArn] }).failures).toEqual([
      { arn: taskArn, reason: 'MISSING' },
    ]);
  });

  it.each([
    ['no task', { tasks: [] }],
    ['101 tasks', { tasks: Array.from({ length: 101 }, (_, index) => String(index)) }],
    ['a task of another cluster', { tasks: ['arn:aws:ecs:eu-central-1:000000000000:task/others/1234'] }],
    ['the ARN of a cluster', { tasks: ['arn:aws:ecs:eu-central-1:000000000000:cluster/agents'] }],
    ['an unknown value of include', { tasks: ['1'], include: ['EVERYTHING'] }],
  ])('refuses %s', (_what, change) => {
    const { call } = virtualEcs();
    const error = errorOf(() => call('DescribeTasks', { cluster: 'agents', ...change }));
    expect(error).toMatchObject({ code: 'InvalidParameterException' });
  });
});

it('a late read doesn’t show a new task, although StopTask can already stop it', () => {
  const { call, run, time } = virtualEcs({ readLagMs: 3000 });
  const { taskArn } = only(run().tasks);
  expect(call('ListTasks', { cluster: 'agents' }).taskArns).toEqual([]);
  expect(call('DescribeTasks', { cluster: 'agents', tasks: [taskArn] }).failures).toEqual([
    { arn: taskArn, reason: 'MISSING' },
  ]);
  time.pass(2999);
  expect(call('ListTasks', { cluster: 'agents' }).taskArns).toEqual([]);
  time.pass(1);
  expect(call('ListTasks', { cluster: 'agents' }).taskArns).toEqual([taskArn]);
});

describe('StopTask', () => {
  it('doesn’t change a stopped task', () => {
    const { call, run, time, runner } = virtualEcs();
    const { taskArn } = only(run().tasks);
    time.pass(10_000);
    runner.container(0).events.exited(0);
    time.pass(PHASES.deprovisionMs);
    expect(call('StopTask', { cluster: 'agents', task: taskArn, reason: 'late' }).task).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
    });
  });

  it.each([
    ['an unknown task', { task: 'f'.repeat(32) }, /referenced task was not found/],
    [
      'a task of another cluster',
      { task: 'arn:aws:ecs:eu-central-1:000000000000:task/others/1' },
      /is for cluster others/,
    ],
    ['no task', {}, /taskId can not be blank/],
  ])('refuses %s', (_what, change, message) => {
    const { call } = virtualEcs();
    expect(String(errorOf(() => call('StopTask', { cluster: 'agents', ...change })))).toMatch(message);
  });
});
