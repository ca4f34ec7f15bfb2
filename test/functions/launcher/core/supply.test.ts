import { describe, expect, it } from 'vitest';
import { isLive } from '../../../../functions/launcher/core/supply.ts';
import { STOP_REASON_PREFIX } from '../../../../functions/launcher/core/task-outcome.ts';
import type { Agent, RunningJob, Task } from '../../../../functions/launcher/core/types.ts';
import { agent, LIMITS, minutes, NOW, seconds, stoppedTask, supplyOfPool, task } from './builders.ts';

function supplyFrom(tasks: readonly Task[], agents: readonly Agent[] | undefined, running: readonly RunningJob[] = []) {
  return supplyOfPool({ tasks, agents, running });
}

const states = (tasks: readonly Task[], agents: readonly Agent[] | undefined, running: readonly RunningJob[] = []) =>
  supplyFrom(tasks, agents, running).live.map(({ state }) => state);

describe('a live task', () => {
  it.each(['PROVISIONING', 'PENDING', 'ACTIVATING', 'RUNNING'])('can have the status %s', (lastStatus) => {
    expect(isLive(task('a', { lastStatus }))).toBe(true);
  });

  it.each(['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED', 'DELETED'])(
    'can’t have the status %s',
    (lastStatus) => {
      expect(isLive(task('a', { lastStatus }))).toBe(false);
    },
  );

  it('can’t have the desired status STOPPED', () => {
    expect(isLive(task('a', { desiredStatus: 'STOPPED' }))).toBe(false);
  });

  it.each([
    ['idle', 'idle'],
    ['busy', 'busy'],
    ['unknown', 'unresponsive'],
    ['errored', 'errored'],
    ['exited', 'leaving'],
  ] as const)('whose agent is %s is %s', (status, state) => {
    expect(states([task('a')], [agent('a', status)])).toEqual([state]);
  });

  it('is starting until its start deadline if it has no agent', () => {
    const stateOf = (createdAtMs: number | undefined) => states([task('a', { createdAtMs })], []);
    expect(stateOf(NOW - LIMITS.startDeadlineMs)).toEqual(['starting']);
    expect(stateOf(NOW - LIMITS.startDeadlineMs - 1)).toEqual(['overdue']);
    expect(stateOf(undefined)).toEqual(['starting']);
  });

  it('is busy if a running job shows its agent, whatever the agent’s status is', () => {
    const running: RunningJob[] = [{ key: 'run-1/plan', phase: 'plan', agentName: 'a' }];
    expect(states([task('a')], [agent('a', 'errored')], running)).toEqual(['busy']);
    expect(states([task('a'), task('b')], undefined, running)).toEqual(['busy', 'starting']);
    expect(states([task('a')], [], [{ key: 'run-1/plan', phase: 'plan' }])).toEqual(['starting']);
  });

  it('is lingering five minutes after the last ping of its exited agent', () => {
    const old = { createdAtMs: NOW - minutes(60) };
    const left = (agoMs: number | undefined) => [
      agent('a', 'exited', { lastPingMs: agoMs === undefined ? undefined : NOW - agoMs }),
    ];
    expect(states([task('a', old)], left(minutes(5)))).toEqual(['leaving']);
    expect(states([task('a', old)], left(minutes(5) + 1))).toEqual(['lingering']);
    // Without a last ping, the launcher knows only that the agent has left.
    expect(states([task('a', old)], left(undefined))).toEqual(['lingering']);
    expect(states([task('a', { createdAtMs: undefined })], left(undefined))).toEqual(['leaving']);
  });

  it('isn’t lingering if an agent registered again with its name', () => {
    const gone = agent('a', 'exited', { id: 'agent-1', lastPingMs: NOW - minutes(20) });
    for (const [status, state] of [
      ['idle', 'idle'],
      ['busy', 'busy'],
      ['unknown', 'unresponsive'],
    ] as const) {
      const again = agent('a', status, { id: 'agent-2', lastPingMs: NOW });
      expect(states([task('a')], [gone, again])).toEqual([state]);
      expect(states([task('a')], [again, gone])).toEqual([state]);
    }
    const goneAgain = agent('a', 'exited', { id: 'agent-2', lastPingMs: NOW - minutes(1) });
    expect(states([task('a')], [gone, goneAgain])).toEqual(['leaving']);
    expect(states([task('a')], [goneAgain, gone])).toEqual(['leaving']);
  });

  it('isn’t lingering if the list lacks a busy agent, or if a running job contradicts the list', () => {
    const gone = [agent('a', 'exited', { lastPingMs: NOW - minutes(20) })];
    const other: RunningJob = { key: 'run-2/plan', phase: 'plan', agentName: 'b' };
    expect(states([task('a'), task('b')], gone, [other])).toEqual(['leaving', 'busy']);
    expect(states([task('a')], gone, [{ key: 'run-1/plan', phase: 'plan', agentName: 'a' }])).toEqual(['busy']);
  });

  it('isn’t errored if the list lacks a busy agent', () => {
    const other: RunningJob = { key: 'run-2/plan', phase: 'plan', agentName: 'b' };
    expect(states([task('a'), task('b')], [agent('a', 'errored')], [other])).toEqual(['unresponsive', 'busy']);
  });

  it.each([0, 1, 75, 137])(
    'is leaving and then lingering if its container ended with exit code %i, whatever its agent’s status is',
    (exitCode) => {
      const ended = (agoMs: number) =>
        task('a', { exitCode, executionStoppedAtMs: NOW - agoMs, createdAtMs: NOW - minutes(60) });
      const running: RunningJob[] = [{ key: 'run-1/plan', phase: 'plan', agentName: 'a' }];
      for (const agents of [[agent('a', 'busy')], [agent('a', 'idle')], [], undefined]) {
        expect(states([ended(minutes(5))], agents, running)).toEqual(['leaving']);
        expect(states([ended(minutes(6))], agents, running)).toEqual(['lingering']);
      }
    },
  );

  it('doesn’t count against the organization agent limit if it is lingering and agents can’t be listed', () => {
    const lingering = task('a', { exitCode: 0, executionStoppedAtMs: NOW - minutes(9) });
    expect(supplyFrom([lingering, task('b', { exitCode: 0 })], undefined).registered).toBe(1);
  });

  it('is neither supply nor overdue after its deadline if agents can’t be listed', () => {
    const { live, unclaimed } = supplyFrom([task('a', { createdAtMs: NOW - minutes(30) })], undefined);
    expect(live[0]?.state).toBe('unobserved');
    expect(unclaimed).toBe(0);
  });
});

describe('unclaimed supply', () => {
  it('consists of the starting and idle tasks; foreign idle agents count separately', () => {
    const tasks = ['starting', 'idle', 'busy', 'unknown', 'errored', 'exited'].map((id) => task(id));
    const agents = [
      ...(['idle', 'busy', 'unknown', 'errored', 'exited'] as const).map((status) => agent(status, status)),
      agent('somebody-elses', 'idle'),
      agent('somebody-elses-busy', 'busy'),
    ];
    expect(supplyFrom(tasks, agents)).toMatchObject({ unclaimed: 2, foreignIdle: 1 });
  });

  it('doesn’t include the agent of a stopped task', () => {
    expect(supplyFrom([stoppedTask('a')], [agent('a', 'idle')])).toMatchObject({ unclaimed: 0, foreignIdle: 0 });
  });
});

describe('running jobs without agents’ names, if agents can’t be listed,', () => {
  const nameless = (n: number): RunningJob[] =>
    Array.from({ length: n }, (_, i) => ({ key: `run-${i + 1}/plan`, phase: 'plan' }));
  const old = (id: string) => task(id, { createdAtMs: NOW - minutes(30) });
  const young = (id: string, agoMs: number, startedAtMs?: number) =>
    task(id, { createdAtMs: NOW - agoMs, startedAtMs });
  const first = young('first', seconds(50), NOW - seconds(20));
  const second = young('second', seconds(45), NOW - seconds(10));
  const unstarted = young('unstarted', seconds(60));

  it('make the oldest started tasks busy, and no task whose container has not started', () => {
    const all = [unstarted, second, first];
    expect(states(all, undefined, nameless(1))).toEqual(['starting', 'starting', 'busy']);
    expect(states(all, undefined, nameless(2))).toEqual(['starting', 'busy', 'busy']);
    expect(states(all, undefined, nameless(3))).toEqual(['starting', 'busy', 'busy']);
    expect(supplyFrom(all, undefined, nameless(1)).unclaimed).toBe(2);
  });

  it('are assigned first to tasks that missed their deadline, which don’t count for queued jobs anyway', () => {
    const all = [old('a'), first, second];
    expect(states(all, undefined, nameless(1))).toEqual(['unobserved', 'starting', 'starting']);
    expect(states(all, undefined, nameless(2))).toEqual(['unobserved', 'busy', 'starting']);
    expect(states(all, undefined, nameless(3))).toEqual(['unobserved', 'busy', 'busy']);
  });
});

describe('agents that count against the organization agent limit', () => {
  it('are the idle, busy and unknown agents, including foreign ones', () => {
    const all = (['idle', 'busy', 'unknown', 'errored', 'exited'] as const).map((status) => agent(status, status));
    expect(supplyFrom([], all).registered).toBe(3);
  });

  it('are counted by the live tasks that have started if agents can’t be listed', () => {
    const tasks = [task('a'), task('b', { createdAtMs: NOW - minutes(30) })];
    expect(supplyFrom(tasks, undefined).registered).toBe(1);
  });
});

it('the highest attempt of a job is the number of its tasks, or the highest tag if older tasks are no longer listed', () => {
  const tasks = [
    task('a', { startedBy: 'run-1/plan', attempt: 1 }),
    stoppedTask('b', { startedBy: 'run-1/plan', attempt: undefined }),
    task('c', { startedBy: 'run-2/plan', attempt: 4 }),
    task('d', { startedBy: undefined }),
  ];
  expect(supplyFrom(tasks, []).attempts).toEqual(
    new Map([
      ['run-1/plan', 2],
      ['run-2/plan', 4],
    ]),
  );
});

describe('a start failure', () => {
  const failures = (ended: Task, agents: readonly Agent[] = []) => supplyFrom([ended], agents).startFailures;

  it('is a task whose container never started', () => {
    const ended = stoppedTask('a', {
      stopCode: 'TaskFailedToStart',
      startedAtMs: undefined,
      exitCode: undefined,
      stoppedReason: 'CannotPullContainerError: image not found',
    });
    expect(failures(ended)).toMatchObject([{ detail: 'CannotPullContainerError: image not found' }]);
  });

  it('is a task whose agent ended with an error before it registered, for example because of a wrong agent token', () => {
    expect(failures(stoppedTask('a', { exitCode: 1, containerReason: 'Error' }))).toMatchObject([
      { detail: 'Essential container in task exited; Error; exit code 1' },
    ]);
  });

  it('is a task whose container exited with 0 within seconds and without registering, for example because of a wrong image', () => {
    const ended = stoppedTask('a', { startedAtMs: NOW - seconds(63), stoppedAtMs: NOW - seconds(62) });
    expect(failures(ended)).toHaveLength(1);
  });

  it('is a task that the launcher stopped because its agent never registered', () => {
    const ours = { stopCode: 'UserInitiated', stoppedReason: `${STOP_REASON_PREFIX}late`, exitCode: 143 };
    expect(failures(stoppedTask('a', ours))).toHaveLength(1);
  });

  it('is a task that the launcher stopped after its container had failed, but not if the container had exited with 0', () => {
    const lingered = (exitCode: number | undefined) =>
      stoppedTask('a', {
        stopCode: 'UserInitiated',
        stoppedReason: `${STOP_REASON_PREFIX}its agent left: it deregistered more than 5 minutes ago`,
        startedAtMs: NOW - minutes(30),
        exitCode,
      });
    expect(failures(lingered(1))).toHaveLength(1);
    expect(failures(lingered(0))).toEqual([]);
    expect(failures(lingered(0), [agent('a', 'exited')])).toEqual([]);
  });

  it('says that ECS gave no reason, if there is none', () => {
    const silent = { startedAtMs: undefined, stoppedAtMs: undefined, stoppedReason: undefined, exitCode: undefined };
    expect(failures(stoppedTask('a', silent))).toMatchObject([
      { detail: 'ECS gave no reason', stoppedAtMs: NOW - minutes(5) },
    ]);
  });

  it.each([
    ['an agent that registered, whatever its exit code', stoppedTask('a', { exitCode: 1 }), [agent('a', 'exited')]],
    ['a job that lasted longer and exited with 0', stoppedTask('a'), []],
    ['a Spot interruption', stoppedTask('a', { stopCode: 'SpotInterruption', startedAtMs: undefined }), []],
    ['a person’s stop', stoppedTask('a', { stopCode: 'UserInitiated', stoppedReason: 'by hand', exitCode: 143 }), []],
    ['a person’s stop without a reason', stoppedTask('a', { stopCode: 'UserInitiated', stoppedReason: undefined }), []],
    ['a task that is still stopping', stoppedTask('a', { lastStatus: 'STOPPING', exitCode: 1 }), []],
    ['a task without a creation time', stoppedTask('a', { createdAtMs: undefined, exitCode: 1 }), []],
  ] as const)('doesn’t include %s', (_, ended, agents) => {
    expect(failures(ended, [...agents])).toEqual([]);
  });

  it('counts as ended immediately if the task has no end time', () => {
    expect(failures(stoppedTask('a', { stoppedAtMs: undefined }))).toHaveLength(1);
  });
});

describe('consecutive start failures', () => {
  const failed = (id: string, createdAtMs: number) =>
    stoppedTask(id, { createdAtMs, startedAtMs: undefined, exitCode: 1 });
  const rowOf = (...tasks: Task[]) =>
    supplyFrom(tasks, [agent('ok', 'busy')]).startFailures.map(({ task: { id } }) => id);

  it('are sorted with the oldest first', () => {
    expect(rowOf(failed('b', 2), failed('a', 1))).toEqual(['a', 'b']);
  });

  it.each([
    ['a registered live task', task('ok', { createdAtMs: 3 })],
    ['a task that ended and whose agent had registered', stoppedTask('ok', { createdAtMs: 3 })],
  ])('end with %s', (_, good) => {
    expect(rowOf(failed('a', 1), failed('b', 2), good, failed('c', 4))).toEqual(['c']);
  });

  it.each([
    [
      'a task that a person stopped before its container started',
      stoppedTask('x', { createdAtMs: 3, stopCode: 'UserInitiated', startedAtMs: undefined }),
    ],
    ['a task without a creation time', task('ok', { createdAtMs: undefined })],
    ['a task that is still starting', task('x', { createdAtMs: NOW })],
  ])('don’t end with %s', (_, other) => {
    expect(rowOf(failed('a', 1), other)).toEqual(['a']);
  });
});

it('the supply names the agents that are idle, with or without a task', () => {
  const agents = [agent('a', 'idle'), agent('b', 'busy'), agent('c', 'idle'), agent('d', 'exited')];
  expect([...supplyFrom([task('a')], agents).idleAgentNames].sort()).toEqual(['a', 'c']);
  expect(supplyFrom([task('a')], undefined).idleAgentNames.size).toBe(0);
});
