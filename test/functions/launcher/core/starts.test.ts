import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LEFT_IDLE_EXIT_CODE, startOf, type Witnesses } from '../../../../functions/launcher/core/starts.ts';
import { supplyOf } from '../../../../functions/launcher/core/supply.ts';
import type { Agent, Task } from '../../../../functions/launcher/core/types.ts';
import { agent, LANE, LIMITS, minutes, NOW, queuedJob, seconds, stoppedTask, task } from './builders.ts';

const REGISTERED: Witnesses = { registered: true, busy: false, agentsObserved: true, jobWaits: true, standing: false };
const ran = (ms: number, exitCode: number) => {
  const startedAtMs = NOW - minutes(10);
  return stoppedTask('t', { startedAtMs, executionStoppedAtMs: startedAtMs + ms, exitCode });
};

describe('a task whose agent registered', () => {
  it.each([
    ['was sent away idle', ran(minutes(5), LEFT_IDLE_EXIT_CODE), {}, 'fruitless'],
    ['ended with an error within a minute', ran(seconds(59), 1), {}, 'fruitless'],
    ['ended at once, with no error', ran(seconds(9), 0), {}, 'fruitless'],
    ['had the time for another’s job', ran(seconds(20), 0), {}, 'served'],
    ['had the time for another’s job, which failed', ran(minutes(2), 1), {}, 'served'],
    ['ended, and its job waits no more', ran(seconds(20), 1), { jobWaits: false }, 'served'],
    [
      'ended, and is being cleared away',
      { ...ran(seconds(20), 0), lastStatus: 'DEPROVISIONING', stoppedAtMs: undefined },
      {},
      'served',
    ],
    ['was sent away idle, and waited for no job', ran(minutes(5), LEFT_IDLE_EXIT_CODE), { jobWaits: false }, 'up'],
    [
      'waited for no job, and ended at once with an error',
      ran(seconds(9), 1),
      { jobWaits: false, standing: true },
      'fruitless',
    ],
    ['waited for no job, and got one', ran(minutes(2), 0), { jobWaits: false, standing: true }, 'served'],
    ['was interrupted', stoppedTask('t', { stopCode: 'SpotInterruption', exitCode: 137 }), {}, 'up'],
    ['was stopped by a person', stoppedTask('t', { stopCode: 'UserInitiated', exitCode: 143 }), {}, 'up'],
    ['is idle', task('t'), {}, 'up'],
    ['is busy', task('t'), { busy: true }, 'served'],
  ] as const)('and %s', (_, one, witnesses, expected) => {
    expect(startOf(one, { ...REGISTERED, ...witnesses })).toBe(expected);
  });

  it('that was sent away idle is known by that, also when no list has it any more', () => {
    const sentAway = ran(minutes(5), LEFT_IDLE_EXIT_CODE);
    expect(startOf(sentAway, { ...REGISTERED, registered: false, jobWaits: false, standing: true })).toBe('up');
    expect(startOf(sentAway, { ...REGISTERED, registered: false })).toBe('fruitless');
  });

  it('is told from others by the exit code that the entrypoint gives', () => {
    const entrypoint = readFileSync(new URL('../../../../agent-image/entrypoint.sh', import.meta.url), 'utf8');
    expect(entrypoint).toContain(`code=${LEFT_IDLE_EXIT_CODE}`);
  });
});

describe('agents that come up and end without a job', () => {
  const round = (n: number): Task =>
    stoppedTask(`t${n}`, {
      createdAtMs: NOW - minutes(40 - n * 8),
      startedAtMs: NOW - minutes(39 - n * 8),
      stoppedAtMs: NOW - minutes(34 - n * 8),
      exitCode: LEFT_IDLE_EXIT_CODE,
    });
  const exited = (tasks: readonly Task[]): Agent[] => tasks.map(({ id }) => agent(id, 'exited'));
  const failures = (tasks: readonly Task[], agents: readonly Agent[] = exited(tasks)) =>
    supplyOf({ lanes: [LANE], tasks, agents, running: [], queued: [queuedJob('run-1')] }, LIMITS.startDeadlineMs, NOW)
      .startFailures;

  it('may be chance once and twice, and are a start failure of the pool from the third round on', () => {
    const rounds = [round(0), round(1), round(2)];
    expect(failures(rounds.slice(0, 2))).toEqual([]);
    // The order in which ECS lists them is its own.
    expect(failures([rounds[2], rounds[0], rounds[1]] as Task[])).toMatchObject(
      ['t0', 't1', 't2'].map((id) => ({
        task: { id },
        detail: expect.stringContaining('its agent registered and ended without a job'),
      })),
    );
  });

  it('count one round when they were there side by side, also while they are being cleared away', () => {
    const cleared = ['d', 'e', 'f'].map((id, n) => ({
      ...round(0),
      id,
      createdAtMs: NOW - minutes(6) + n,
      executionStoppedAtMs: NOW - seconds(9),
      stoppedAtMs: undefined,
      lastStatus: 'DEPROVISIONING',
    }));
    expect(failures(cleared)).toEqual([]);
    const side = ['a', 'b', 'c'].map((id) => ({ ...round(0), id }));
    expect(failures(side)).toEqual([]);
  });

  it('are chance when one between them had a job', () => {
    const busy = task('busy', { createdAtMs: NOW - minutes(26) });
    const tasks = [round(0), round(1), busy, round(2)];
    expect(failures(tasks, [...exited(tasks.slice(0, 2)), agent('busy', 'busy'), agent('t2', 'exited')])).toEqual([]);
  });

  it('say nothing by one that has only registered', () => {
    const probe = task('probe');
    const rounds = [round(0), round(1), round(2)];
    expect(failures([...rounds, probe], [...exited(rounds), agent('probe', 'idle')])).toHaveLength(3);
  });
});
