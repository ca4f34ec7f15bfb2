import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Evidence,
  isQuestionable,
  outcomeOf,
  RAN_TOO_LONG,
  STOP_REASON_PREFIX,
  type TaskOutcome,
} from '../../../../functions/launcher/core/task-outcome.ts';
import { type Agent, LEFT_IDLE_EXIT_CODE, type Task } from '../../../../functions/launcher/core/types.ts';
import {
  agent,
  LANE,
  minutes,
  NOW,
  queuedJob,
  REGISTERED,
  ranTask,
  SWEEP,
  seconds,
  stoppedTask,
  supplyOfPool,
  task,
  WARM,
} from './builders.ts';

/** The API token can't list agents. */
const UNLISTED = { agentsObserved: false };

describe('a task whose agent registered', () => {
  it.each<[string, Task, Partial<Evidence>, TaskOutcome]>([
    ['left because it got no job', ranTask(minutes(5), LEFT_IDLE_EXIT_CODE), {}, 'fruitless'],
    ['ended with an error within a minute', ranTask(seconds(59), 1), {}, 'fruitless'],
    ['ended immediately without an error', ranTask(seconds(9), 0), {}, 'fruitless'],
    ['ran for exactly ten seconds, which is enough for a different job', ranTask(seconds(10), 0), {}, 'served'],
    ['failed after exactly a minute, which is enough for a different job', ranTask(seconds(60), 1), {}, 'served'],
    ['had enough time for a different job', ranTask(seconds(20), 0), {}, 'served'],
    ['had enough time for a different job, which failed', ranTask(minutes(2), 1), {}, 'served'],
    ['ended, and its job no longer waits', ranTask(seconds(20), 1), { jobWaits: false }, 'served'],
    [
      'ended, and is being deprovisioned',
      { ...ranTask(seconds(20), 0), lastStatus: 'DEPROVISIONING', stoppedAtMs: undefined },
      {},
      'served',
    ],
    [
      'left because it got no job, and its job no longer waits',
      ranTask(minutes(5), LEFT_IDLE_EXIT_CODE),
      { jobWaits: false },
      'up',
    ],
    ['waited for no job, and ended at once with an error', ranTask(seconds(9), 1), WARM, 'fruitless'],
    [
      'left long before its time as a warm agent was over',
      ranTask(minutes(2), LEFT_IDLE_EXIT_CODE),
      { ...WARM, idleMs: minutes(5) },
      'fruitless',
    ],
    [
      'left when its time as a warm agent was over, by the container’s clock',
      ranTask(minutes(5) - seconds(20), LEFT_IDLE_EXIT_CODE),
      { ...WARM, idleMs: minutes(5) },
      'up',
    ],
    [
      'left after exactly half its time as a warm agent',
      ranTask(minutes(5), LEFT_IDLE_EXIT_CODE),
      { ...WARM, idleMs: minutes(10) },
      'up',
    ],
    ['stopped without an exit code', ranTask(minutes(2), undefined), { jobWaits: false }, 'served'],
    ['swept for a job that ends within seconds', ranTask(seconds(8), 0), SWEEP, 'served'],
    ['swept for a job that failed at once', ranTask(seconds(30), 1), SWEEP, 'served'],
    ['swept and found no job', ranTask(seconds(95), LEFT_IDLE_EXIT_CODE), SWEEP, 'up'],
    ['waited for no job, and got one', ranTask(minutes(2), 0), WARM, 'served'],
    ['was interrupted', stoppedTask('t', { stopCode: 'SpotInterruption', exitCode: 137 }), {}, 'up'],
    ['was stopped by a person', stoppedTask('t', { stopCode: 'UserInitiated', exitCode: 143 }), {}, 'up'],
    ['is idle', task('t'), {}, 'up'],
    ['is busy', task('t'), { busy: true }, 'served'],
  ])('and %s', (_, one, witnesses, expected) => {
    expect(outcomeOf(one, { ...REGISTERED, ...witnesses })).toBe(expected);
  });

  it('is recognized by the exit code for a missing job, even if no list contains its agent any more', () => {
    const sentAway = ranTask(minutes(5), LEFT_IDLE_EXIT_CODE);
    expect(outcomeOf(sentAway, { ...REGISTERED, ...WARM, registered: false })).toBe('up');
    expect(outcomeOf(sentAway, { ...REGISTERED, registered: false })).toBe('fruitless');
  });

  it('must have its agent in the list that goes back to its start, even if it is a warm agent that exits with 0', () => {
    const warm = { ...REGISTERED, ...WARM, registered: false };
    expect(outcomeOf(ranTask(minutes(2), 0), warm)).toBe('failed');
    expect(outcomeOf(ranTask(minutes(2), 0), { ...warm, listedSinceStart: false })).toBe('unknown');
    expect(outcomeOf(ranTask(minutes(2), 0), { ...warm, standing: false })).toBe('unknown');
    expect(outcomeOf(ranTask(minutes(2), 0), { ...warm, agentsObserved: false })).toBe('served');
  });

  it('has a questionable end if it ended within a minute or with an error', () => {
    expect(isQuestionable(ranTask(seconds(60) - 1, 0))).toBe(true);
    expect(isQuestionable(ranTask(seconds(60), 0))).toBe(false);
    expect(isQuestionable(ranTask(minutes(5), 1))).toBe(true);
    expect(isQuestionable(ranTask(minutes(5), LEFT_IDLE_EXIT_CODE))).toBe(false);
  });

  it('has the entrypoint’s exit code if its agent found no job', () => {
    const entrypoint = readFileSync(new URL('../../../../agent-image/entrypoint.sh', import.meta.url), 'utf8');
    expect(entrypoint).toContain(`code=${LEFT_IDLE_EXIT_CODE}`);
  });
});

describe('a task whose agent is in no list', () => {
  const neverRegistered = {
    stopCode: 'UserInitiated',
    stoppedReason: `${STOP_REASON_PREFIX}its agent did not register`,
  };

  it.each<[string, Task, Partial<Evidence>, TaskOutcome]>([
    [
      'exited with 0 after exactly ten seconds, and its job no longer waits',
      ranTask(seconds(10), 0),
      { jobWaits: false },
      'unknown',
    ],
    ['exited with 0 while its job waits, if agents can’t be listed', ranTask(seconds(10), 0), UNLISTED, 'unknown'],
    [
      'failed to start according to ECS, although its containers had begun',
      ranTask(minutes(2), undefined, { stopCode: 'TaskFailedToStart' }),
      { ...UNLISTED, jobWaits: false },
      'failed',
    ],
    [
      'was stopped by the launcher because its job ran too long',
      ranTask(minutes(90), 137, {
        stopCode: 'UserInitiated',
        stoppedReason: `${STOP_REASON_PREFIX}${RAN_TOO_LONG}: run-1/plan has run for 1.5 hours, and maxJobHours is 1`,
      }),
      UNLISTED,
      'served',
    ],
    [
      'was stopped by the launcher because its agent never registered',
      ranTask(minutes(6), 0, neverRegistered),
      { ...UNLISTED, jobWaits: false },
      'failed',
    ],
    ['never started', stoppedTask('t', { startedAtMs: undefined }), { ...UNLISTED, jobWaits: false }, 'failed'],
    ['still runs', task('t'), {}, 'unknown'],
  ])('and %s', (_, one, evidence, expected) => {
    expect(outcomeOf(one, { ...REGISTERED, registered: false, ...evidence })).toBe(expected);
  });
});

/** One of several tasks that were launched at intervals of eight minutes. It ran for the given time. */
const round = (n: number, lastedMinutes: number, overrides: Partial<Task> = {}): Task =>
  stoppedTask(`t${n}`, {
    createdAtMs: NOW - minutes(40 - n * 8),
    startedAtMs: NOW - minutes(39 - n * 8),
    stoppedAtMs: NOW - minutes(39 - n * 8 - lastedMinutes),
    ...overrides,
  });
const exited = (tasks: readonly Task[]): Agent[] => tasks.map(({ id }) => agent(id, 'exited'));

describe('agents that register and end without a job', () => {
  const idle = (n: number) => round(n, 5, { exitCode: LEFT_IDLE_EXIT_CODE });
  const rounds = [idle(0), idle(1), idle(2)];
  const failures = (tasks: readonly Task[], agents: readonly Agent[] = exited(tasks)) =>
    supplyOfPool({ tasks, agents, queued: [queuedJob('run-1')] }).startFailures;

  it('count as start failures from the third round on', () => {
    expect(failures(rounds.slice(0, 2))).toEqual([]);
    // ECS can list the tasks in any order.
    expect(failures([idle(2), idle(0), idle(1)])).toMatchObject(
      ['t0', 't1', 't2'].map((id) => ({
        task: { id },
        detail: expect.stringContaining('its agent registered and ended without a job'),
      })),
    );
  });

  it('count as one round if they ran at the same time, even while they are being deprovisioned', () => {
    const cleared = ['d', 'e', 'f'].map((id, n) => ({
      ...idle(0),
      id,
      createdAtMs: NOW - minutes(6) + n,
      executionStoppedAtMs: NOW - seconds(9),
      stoppedAtMs: undefined,
      lastStatus: 'DEPROVISIONING',
    }));
    expect(failures(cleared)).toEqual([]);
    const side = ['a', 'b', 'c'].map((id) => ({ ...idle(0), id }));
    expect(failures(side)).toEqual([]);
  });

  it('don’t count as start failures if an agent in between had a job', () => {
    const busy = task('busy', { createdAtMs: NOW - minutes(26) });
    const agents = [...exited(rounds), agent('busy', 'busy')];
    expect(failures([idle(0), idle(1), busy, idle(2)], agents)).toEqual([]);
  });

  it('still count as start failures after an agent that only registered', () => {
    const probe = task('probe');
    expect(failures([...rounds, probe], [...exited(rounds), agent('probe', 'idle')])).toHaveLength(3);
  });
});

describe('warm agents that end without a job', () => {
  const lane = { ...LANE, standing: { id: 'id', warm: { agents: 2, idleSeconds: 600 } } };
  const rounds = (overrides: Partial<Task>) =>
    [0, 1, 2].map((n) => round(n, 2, { startedBy: 'warm/id/1', ...overrides }));
  const failures = (tasks: readonly Task[], agents: readonly Agent[], agentsSinceMs?: number) =>
    supplyOfPool({ lanes: [lane], tasks, agents, agentsSinceMs }).startFailures.length;

  it('long before their idle time is over count as start failures from the third round on', () => {
    const early = rounds({ exitCode: LEFT_IDLE_EXIT_CODE });
    expect(failures(early, exited(early))).toBe(3);
    expect(failures(early.slice(1), exited(early))).toBe(0);
  });

  it('don’t count as start failures if they had a different idle time or are sweeps', () => {
    for (const startedBy of ['warm/before-a-deployment/1', 'sweep/id/77'] as const) {
      const early = rounds({ exitCode: LEFT_IDLE_EXIT_CODE, startedBy });
      expect(failures(early, exited(early))).toBe(0);
    }
  });

  it('count as start failures immediately if they never registered, for example because of a wrong image', () => {
    const well = rounds({ exitCode: 0 });
    expect(failures(well, [])).toBe(3);
    expect(failures(well, exited(well))).toBe(0);
  });

  it('count as unknown if the list doesn’t go back to their start, or their start is unknown', () => {
    const well = rounds({ exitCode: 0 });
    expect(failures(well, [], NOW - minutes(11))).toBe(0);
    expect(failures(well, [], NOW - minutes(30))).toBe(1);
    expect(failures(rounds({ exitCode: 0, createdAtMs: undefined }), [])).toBe(0);
  });
});
