import { expect, it } from 'vitest';
import { oldestTask } from '../../../../functions/launcher/core/task-age.ts';
import type { Lane } from '../../../../functions/launcher/core/types.ts';
import { LANE, live, minutes, NOW, seconds } from './builders.ts';

const WARM_LANE: Lane = { ...LANE, standing: { id: 'abc', warm: { agents: 1, idleSeconds: 3600 } } };
const oldestOf = (tasks: Parameters<typeof oldestTask>[0], running: Parameters<typeof oldestTask>[1] = []) =>
  oldestTask(tasks, running, [WARM_LANE], NOW);
const runs = (agentName: string, startedAtMs?: number) =>
  ({ key: 'run-1/plan', phase: 'plan', agentName, startedAtMs }) as const;

it('the oldest task is the one that ECS created first, whatever its agent does', () => {
  const tasks = [
    live('young', 'busy', { createdAtMs: NOW - minutes(2) }),
    live('old', 'unobserved', { createdAtMs: NOW - minutes(90) }),
    live('unborn', 'starting', { createdAtMs: undefined }),
  ];
  expect(oldestOf(tasks)).toEqual({ taskId: 'old', ageMs: minutes(90) });
});

it('no task is the oldest if there are none, or if ECS’s clock is ahead', () => {
  expect(oldestOf([])).toBeUndefined();
  expect(oldestOf([live('ahead', 'starting', { createdAtMs: NOW + seconds(3) })])).toBeUndefined();
});

it('a warm agent that waits for a job is not at work, until its idle time is over', () => {
  const warm = (createdAtMs: number) => [live('w', 'idle', { startedBy: 'warm/abc/1', createdAtMs })];
  expect(oldestOf(warm(NOW - minutes(59)))).toBeUndefined();
  expect(oldestOf(warm(NOW - minutes(75)))).toEqual({ taskId: 'w', ageMs: minutes(15) });
});

it('a warm agent of an earlier deployment is not at work for the longest idle time that the settings allow', () => {
  const earlier = (createdAtMs: number) => [live('w', 'busy', { startedBy: 'warm/xyz/1', createdAtMs })];
  expect(oldestOf(earlier(NOW - minutes(23 * 60)))).toBeUndefined();
  expect(oldestOf(earlier(NOW - minutes(25 * 60)))).toEqual({ taskId: 'w', ageMs: minutes(60) });
});

it('the work of a warm agent begins with its job, if a run shows it', () => {
  const warm = [live('w', 'busy', { startedBy: 'warm/abc/1', createdAtMs: NOW - minutes(50) })];
  expect(oldestOf(warm, [runs('w', NOW - minutes(20))])).toEqual({ taskId: 'w', ageMs: minutes(20) });
  expect(oldestOf(warm, [runs('other', NOW - minutes(20))])).toBeUndefined();
});
