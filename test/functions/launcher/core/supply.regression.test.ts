/** Regression tests for bugs in `supplyOf` that the simulation found. */
import { describe, expect, it } from 'vitest';
import { isQuestionable } from '../../../../functions/launcher/core/task-outcome.ts';
import type { Agent, RunningJob, Task } from '../../../../functions/launcher/core/types.ts';
import { agent, minutes, NOW, queuedJob, seconds, stoppedTask, supplyOfPool, task } from './builders.ts';

interface Seen {
  readonly agents?: readonly Agent[] | undefined;
  readonly running?: readonly RunningJob[];
  readonly waiting?: readonly string[];
}

function supplyFrom(tasks: readonly Task[], { agents, running = [], waiting = [] }: Seen) {
  return supplyOfPool({ tasks, agents, running, queued: waiting.map((runId) => queuedJob(runId)) });
}

const failed = (tasks: readonly Task[], seen: Seen) =>
  supplyFrom(tasks, seen).startFailures.map(({ task: { id } }) => id);
const started = NOW - minutes(4);
/** A start failure that is older than all other tasks. */
const failure = stoppedTask('bad', {
  startedAtMs: undefined,
  createdAtMs: NOW - minutes(9),
  stopCode: 'TaskFailedToStart',
});

describe('a container that ended immediately', () => {
  // The container's run time doesn't include deprovisioning, which takes up to half a minute.
  const wrongImage = stoppedTask('t', {
    startedAtMs: started,
    executionStoppedAtMs: started + seconds(3),
    stoppedAtMs: started + seconds(31),
    exitCode: 0,
  });

  it('is a start failure, however long ECS took to deprovision its task', () => {
    expect(failed([wrongImage], { agents: [] })).toEqual(['t']);
  });

  it('is a start failure even if ECS gives no exit code', () => {
    expect(failed([{ ...wrongImage, stopCode: undefined }], { agents: [] })).toEqual(['t']);
  });

  it('has its agent looked up even if ECS doesn’t say when the container ended', () => {
    expect(isQuestionable(wrongImage)).toBe(true);
    expect(isQuestionable({ ...wrongImage, executionStoppedAtMs: undefined, stoppedAtMs: undefined })).toBe(true);
    expect(isQuestionable(stoppedTask('t', { startedAtMs: undefined }))).toBe(true);
    expect(isQuestionable(stoppedTask('t', { executionStoppedAtMs: started + minutes(2), startedAtMs: started }))).toBe(
      false,
    );
  });
});

describe('a task that exited with 0 and whose agent is in no list', () => {
  const sentAway = stoppedTask('t', { startedBy: 'run-1/plan', executionStoppedAtMs: NOW - minutes(2), exitCode: 0 });

  it('is a start failure while its own job still waits', () => {
    expect(failed([sentAway], { agents: [], waiting: ['run-1'] })).toEqual(['t']);
  });

  it('counts neither as a failure nor as a success if its job no longer waits', () => {
    expect(failed([failure, sentAway], { agents: [], waiting: ['run-2'] })).toEqual(['bad']);
  });
});

it.each([
  'SpotInterruption',
  'TerminationNotice',
  'ServiceSchedulerInitiated',
  'InfrastructureHealth',
  'UserInitiated',
])('a start counts as unknown if AWS or a user ended the task: %s', (stopCode) => {
  const never = { startedAtMs: undefined, exitCode: undefined };
  for (const end of [{ exitCode: 143 }, { exitCode: 137 }, { startedAtMs: undefined, exitCode: 143 }, never]) {
    const ended = stoppedTask('t', { stopCode, stoppedReason: undefined, ...end });
    expect(failed([failure, ended], { agents: [] })).toEqual(['bad']);
  }
});

describe('a series of start failures', () => {
  const leaving = (id: string) =>
    task(id, { lastStatus: 'DEPROVISIONING', desiredStatus: 'STOPPED', createdAtMs: NOW - minutes(5) });

  it('stays ended while ECS deprovisions the task that ended it', () => {
    expect(failed([failure, leaving('good')], { agents: [agent('good', 'exited')] })).toEqual([]);
  });

  it('is not ended by a task that ECS deprovisions before its agent is known', () => {
    expect(failed([failure, leaving('what')], { agents: [] })).toEqual(['bad']);
  });
});

describe('without a list of agents', () => {
  const short = { startedAtMs: started, executionStoppedAtMs: started + seconds(5) };
  const long = { startedAtMs: started, executionStoppedAtMs: started + minutes(1) };

  it.each([
    ['a short task with an error, whose job waits', { ...short, exitCode: 1 }, true, true],
    ['a short task with an error', { ...short, exitCode: 1 }, false, true],
    ['a short task whose job waits', { ...short, exitCode: 0 }, true, true],
    ['a long task with an error, whose job waits', { ...long, exitCode: 1 }, true, true],
    ['a short task', { ...short, exitCode: 0 }, false, false],
    ['a long task with an error', { ...long, exitCode: 1 }, false, false],
    ['a long task whose job waits', { ...long, exitCode: 0 }, true, false],
  ])('a start failure requires two pieces of evidence: %s', (_, ended, waits, expected) => {
    const one = stoppedTask('t', { startedBy: 'run-1/plan', ...ended });
    expect(failed([one], { agents: undefined, waiting: waits ? ['run-1'] : [] })).toEqual(expected ? ['t'] : []);
  });

  it('only a task without any sign of failure ends a series of start failures', () => {
    const rowAfter = (exitCode: number) =>
      failed([failure, stoppedTask('t', { ...long, exitCode })], { agents: undefined });
    expect(rowAfter(1)).toEqual(['bad']);
    expect(rowAfter(0)).toEqual([]);
  });

  const nameless: RunningJob = { key: 'run-9/plan', phase: 'plan' };
  it('a task without a creation time is treated like any other task', () => {
    const a = task('a', { createdAtMs: undefined });
    const b = task('b', { createdAtMs: undefined });
    const supply = supplyFrom([a, b], { agents: undefined, running: [nameless] });
    expect(supply.live.map(({ state }) => state)).toEqual(['busy', 'starting']);
  });
});

describe('a list of agents that lacks a busy agent', () => {
  const late = task('late', { createdAtMs: NOW - minutes(9) });
  const working = task('working', { createdAtMs: NOW - minutes(9) });
  const running: RunningJob[] = [{ key: 'run-9/plan', phase: 'plan', agentName: 'working' }];
  const statesOf = (agents: readonly Agent[]) =>
    supplyFrom([late, working], { agents, running }).live.map(({ state }) => state);

  it('is not a reason to stop any task', () => {
    expect(statesOf([])).toEqual(['unobserved', 'busy']);
    expect(statesOf([agent('working', 'busy')])).toEqual(['overdue', 'busy']);
  });

  it('does not reduce the count for the organization agent limit', () => {
    const agents = [agent('somebody-elses', 'idle'), agent('gone', 'exited')];
    expect(supplyFrom([working], { agents, running }).registered).toBe(2);
  });

  it('still shows an agent whose task stops, and HCP Terraform counts that agent until it notices', () => {
    const killed = stoppedTask('killed', { lastStatus: 'DEPROVISIONING' });
    expect(supplyFrom([working, killed], { agents: [agent('killed', 'busy')], running }).registered).toBe(2);
  });
});

it.each([
  ['busy', 'errored', 'busy'],
  ['busy', 'idle', 'busy'],
  ['idle', 'unknown', 'idle'],
  ['unknown', 'errored', 'unresponsive'],
  ['errored', 'exited', 'errored'],
] as const)('agents with the same name, %s and %s, make their task %s in any order', (one, other, expected) => {
  for (const agents of [
    [agent('t', one), agent('t', other)],
    [agent('t', other), agent('t', one)],
  ]) {
    expect(supplyFrom([task('t')], { agents }).live).toMatchObject([{ state: expected }]);
  }
});
