import { describe, expect, it } from 'vitest';
import { TaskEnds, windowMs } from '../../../../functions/launcher/core/task-ends.ts';
import type { RunningJob, Task } from '../../../../functions/launcher/core/types.ts';
import { minutes, NOW, seconds, stoppedTask, task } from './builders.ts';

const MINUTE = minutes(1);
const NONE: ReadonlySet<string> = new Set();

/** A task that stopped at this time. */
const stopped = (id: string, stoppedAtMs: number | undefined, more: Partial<Task> = {}) =>
  stoppedTask(id, { stoppedAtMs, ...more });

/** The ids that a tick logs, and those that it counts in metrics. */
function newsOf(ends: TaskEnds, nowMs: number, tasks: readonly Task[]) {
  ends.tickStarted(nowMs);
  const { logged, counted } = ends.news(tasks, NONE, nowMs);
  return { logged: logged.map((end) => end.task.id), counted: counted.map((end) => end.task.id) };
}

/** The ids that a tick logs. */
const tick = (ends: TaskEnds, nowMs: number, tasks: readonly Task[]): string[] => newsOf(ends, nowMs, tasks).logged;

const job = (agentName: string | undefined, key: RunningJob['key'] = 'run-9/plan'): RunningJob => ({
  key,
  phase: 'plan',
  workspaceId: 'ws-9',
  agentName,
});

describe('the tasks that a function instance reports', () => {
  it('are reported once', () => {
    const ends = new TaskEnds(MINUTE);
    const a = stopped('a', NOW - seconds(10));
    expect(tick(ends, NOW, [a])).toEqual(['a']);
    expect(tick(ends, NOW + seconds(5), [a, stopped('b', NOW)])).toEqual(['b']);
    expect(tick(ends, NOW + seconds(10), [a])).toEqual([]);
  });

  it('have stopped, not only begun to stop', () => {
    const stopping = task('a', { lastStatus: 'DEPROVISIONING', desiredStatus: 'STOPPED', stoppedAtMs: undefined });
    expect(tick(new TaskEnds(MINUTE), NOW, [stopping, task('b')])).toEqual([]);
  });

  it('include a task without a time of its end', () => {
    const ends = new TaskEnds(MINUTE);
    expect(tick(ends, NOW, [stopped('a', undefined)])).toEqual(['a']);
    expect(tick(ends, NOW + seconds(5), [stopped('a', undefined)])).toEqual([]);
  });

  it.each([
    ['one minute', MINUTE, minutes(2)],
    ['ten minutes', minutes(10), minutes(11)],
  ])(
    'begin with all that ECS shows, and count only the window before its first tick, if the schedule is %s',
    (_, schedule, window) => {
      expect(windowMs(schedule)).toBe(window);
      const around = [
        stopped('old', NOW - minutes(59)),
        stopped('older', NOW - window),
        stopped('newer', NOW - window + 1),
      ];
      expect(newsOf(new TaskEnds(schedule), NOW, around)).toEqual({
        logged: ['old', 'older', 'newer'],
        counted: ['newer'],
      });
    },
  );

  it('include a task whose end ECS shows late, if the instance ticked all the time', () => {
    const ends = new TaskEnds(MINUTE);
    for (let n = 0; n <= 5; n += 1) tick(ends, NOW + n * MINUTE, []);
    expect(newsOf(ends, NOW + minutes(6), [stopped('late', NOW + 1), stopped('before', NOW - minutes(2))])).toEqual({
      logged: ['late', 'before'],
      counted: ['late'],
    });
  });

  it('include those that ended during a pause, but count only a new window, because another instance may have counted the others', () => {
    const ends = new TaskEnds(MINUTE);
    tick(ends, NOW, []);
    const tasks = [stopped('then', NOW + minutes(3)), stopped('lately', NOW + minutes(9))];
    expect(newsOf(ends, NOW + minutes(10), tasks)).toEqual({ logged: ['then', 'lately'], counted: ['lately'] });
    expect(newsOf(ends, NOW + minutes(11), tasks)).toEqual({ logged: [], counted: [] });
  });

  it('need no new window after a pause of exactly the window', () => {
    const ends = new TaskEnds(MINUTE);
    tick(ends, NOW, []);
    expect(newsOf(ends, NOW + minutes(2), [stopped('a', NOW - 1)]).counted).toEqual(['a']);
  });

  it('never count what stopped before an earlier window, whatever the clock says', () => {
    const ends = new TaskEnds(MINUTE);
    tick(ends, NOW, []);
    tick(ends, NOW - minutes(30), []);
    expect(newsOf(ends, NOW, [stopped('old', NOW - minutes(10))]).counted).toEqual([]);
  });

  it('are forgotten from the oldest on, and a forgotten task is not reported again', () => {
    const ends = new TaskEnds(MINUTE);
    tick(ends, NOW, []);
    const many = Array.from({ length: 10_001 }, (_, n) => stopped(`t-${n}`, NOW + n));
    expect(tick(ends, NOW + seconds(20), many)).toHaveLength(10_001);
    expect(tick(ends, NOW + seconds(25), many)).toEqual([]);
    expect(tick(ends, NOW + seconds(30), [stopped('early', NOW + 4_999), stopped('next', NOW + 5_000)])).toEqual([
      'next',
    ]);
  });
});

describe('what a report knows', () => {
  it('is the job whose run showed the agent, and the launch', () => {
    const ends = new TaskEnds(MINUTE);
    ends.saw({ running: [job('a'), job(undefined, 'run-8/plan')], launched: [] });
    ends.saw({ running: [], launched: [{ taskId: 'b', queuedAtMs: NOW - minutes(6), workspaceId: 'ws-7' }] });
    ends.tickStarted(NOW);
    const tasks = [stopped('a', NOW), stopped('b', NOW), stopped('c', NOW)];
    const [a, b, c] = ends.news(tasks, new Set(['c']), NOW).logged;
    expect(a).toMatchObject({ job: 'run-9/plan', workspaceId: 'ws-9', outcome: 'ended' });
    expect(b).toMatchObject({ workspaceId: 'ws-7', seconds: { launching: 60 } });
    expect(b).not.toHaveProperty('job');
    expect(c).toMatchObject({ outcome: 'failed-to-start' });
  });

  it('is bounded: the oldest jobs are forgotten, unless a run still shows them', () => {
    const ends = new TaskEnds(MINUTE);
    const jobs = Array.from({ length: 10_000 }, (_, n) => job(`agent-${n}`));
    ends.saw({ running: jobs, launched: [] });
    ends.saw({ running: [job('agent-0'), job('newest')], launched: [] });
    ends.tickStarted(NOW);
    const tasks = ['agent-0', 'agent-1', 'agent-2', 'newest'].map((id) => stopped(id, NOW));
    expect(ends.news(tasks, NONE, NOW).logged.map((end) => end.job !== undefined)).toEqual([true, false, true, true]);
  });
});
