/** Defects that the simulation found in how supply is read, each as the row that would have caught it. */
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
/** A start failure before everything else. */
const failure = stoppedTask('bad', {
  startedAtMs: undefined,
  createdAtMs: NOW - minutes(9),
  stopCode: 'TaskFailedToStart',
});

describe('a container that ended at once', () => {
  // Deprovisioning takes up to half a minute, which is not the container's time.
  const wrongImage = stoppedTask('t', {
    startedAtMs: started,
    executionStoppedAtMs: started + seconds(3),
    stoppedAtMs: started + seconds(31),
    exitCode: 0,
  });

  it('is a start failure, however long its task took to be cleared away', () => {
    expect(failed([wrongImage], { agents: [] })).toEqual(['t']);
  });

  it('is a start failure, also when ECS gives no code', () => {
    expect(failed([{ ...wrongImage, stopCode: undefined }], { agents: [] })).toEqual(['t']);
  });

  it('is looked up among the agents, also when ECS does not say when its container ended', () => {
    expect(isQuestionable(wrongImage)).toBe(true);
    expect(isQuestionable({ ...wrongImage, executionStoppedAtMs: undefined, stoppedAtMs: undefined })).toBe(true);
    expect(isQuestionable(stoppedTask('t', { startedAtMs: undefined }))).toBe(true);
    expect(isQuestionable(stoppedTask('t', { executionStoppedAtMs: started + minutes(2), startedAtMs: started }))).toBe(
      false,
    );
  });
});

describe('a task that was sent away by its watchdog without an error, whose agent is in no list', () => {
  const sentAway = stoppedTask('t', { startedBy: 'run-1/plan', executionStoppedAtMs: NOW - minutes(2), exitCode: 0 });

  it('is a start failure while its own job still waits', () => {
    expect(failed([sentAway], { agents: [], waiting: ['run-1'] })).toEqual(['t']);
  });

  it('says nothing when its job has gone: it is neither a failure nor the end of a row of them', () => {
    expect(failed([failure, sentAway], { agents: [], waiting: ['run-2'] })).toEqual(['bad']);
  });
});

describe('an end that others brought about says nothing about the start', () => {
  it.each([
    'SpotInterruption',
    'TerminationNotice',
    'ServiceSchedulerInitiated',
    'InfrastructureHealth',
    'UserInitiated',
  ])('%s', (stopCode) => {
    const never = { startedAtMs: undefined, exitCode: undefined };
    for (const end of [{ exitCode: 143 }, { exitCode: 137 }, { startedAtMs: undefined, exitCode: 143 }, never]) {
      const ended = stoppedTask('t', { stopCode, stoppedReason: undefined, ...end });
      expect(failed([failure, ended], { agents: [] })).toEqual(['bad']);
    }
  });
});

describe('a row of start failures', () => {
  const leaving = (id: string) =>
    task(id, { lastStatus: 'DEPROVISIONING', desiredStatus: 'STOPPED', createdAtMs: NOW - minutes(5) });

  it('stays ended while the task that ended it is being cleared away', () => {
    expect(failed([failure, leaving('good')], { agents: [agent('good', 'exited')] })).toEqual([]);
  });

  it('is not ended by a task that is being cleared away before anything is known of it', () => {
    expect(failed([failure, leaving('what')], { agents: [] })).toEqual(['bad']);
  });
});

describe('a token that can’t list agents', () => {
  const short = { startedAtMs: started, executionStoppedAtMs: started + seconds(5) };
  const long = { startedAtMs: started, executionStoppedAtMs: started + minutes(1) };

  it.each([
    ['a short one, with an error, whose job waits', { ...short, exitCode: 1 }, true, true],
    ['a short one, with an error', { ...short, exitCode: 1 }, false, true],
    ['a short one whose job waits', { ...short, exitCode: 0 }, true, true],
    ['one with an error whose job waits', { ...long, exitCode: 1 }, true, true],
    ['a short one', { ...short, exitCode: 0 }, false, false],
    ['one with an error', { ...long, exitCode: 1 }, false, false],
    ['one whose job waits', { ...long, exitCode: 0 }, true, false],
  ])('needs two witnesses of a start failure: %s', (_, ended, waits, expected) => {
    const one = stoppedTask('t', { startedBy: 'run-1/plan', ...ended });
    expect(failed([one], { agents: undefined, waiting: waits ? ['run-1'] : [] })).toEqual(expected ? ['t'] : []);
  });

  it('takes only one without a doubt for the end of a row of start failures', () => {
    const rowAfter = (exitCode: number) =>
      failed([failure, stoppedTask('t', { ...long, exitCode })], { agents: undefined });
    expect(rowAfter(1)).toEqual(['bad']);
    expect(rowAfter(0)).toEqual([]);
  });

  const nameless: RunningJob = { key: 'run-9/plan', phase: 'plan' };
  it('reads a task without a creation time as any other', () => {
    const a = task('a', { createdAtMs: undefined });
    const b = task('b', { createdAtMs: undefined });
    const supply = supplyFrom([a, b], { agents: undefined, running: [nameless] });
    expect(supply.live.map(({ state }) => state)).toEqual(['busy', 'starting']);
  });
});

describe('a list of agents that lacks one that has a job', () => {
  const late = task('late', { createdAtMs: NOW - minutes(9) });
  const working = task('working', { createdAtMs: NOW - minutes(9) });
  const running: RunningJob[] = [{ key: 'run-9/plan', phase: 'plan', agentName: 'working' }];
  const statesOf = (agents: readonly Agent[]) =>
    supplyFrom([late, working], { agents, running }).live.map(({ state }) => state);

  it('is believed of no other task either: nothing is stopped by its word', () => {
    expect(statesOf([])).toEqual(['unobserved', 'busy']);
    expect(statesOf([agent('working', 'busy')])).toEqual(['overdue', 'busy']);
  });

  it('omits no agent from the count for the organization agent limit', () => {
    const agents = [agent('somebody-elses', 'idle'), agent('gone', 'exited')];
    expect(supplyFrom([working], { agents, running }).registered).toBe(2);
  });
});

describe('agents with one name', () => {
  it.each([
    ['busy', 'errored', 'busy'],
    ['busy', 'idle', 'busy'],
    ['idle', 'unknown', 'idle'],
    ['unknown', 'errored', 'unresponsive'],
    ['errored', 'exited', 'errored'],
  ] as const)('%s and %s, in any order, make their task %s', (one, other, expected) => {
    for (const agents of [
      [agent('t', one), agent('t', other)],
      [agent('t', other), agent('t', one)],
    ]) {
      expect(supplyFrom([task('t')], { agents }).live).toMatchObject([{ state: expected }]);
    }
  });
});
