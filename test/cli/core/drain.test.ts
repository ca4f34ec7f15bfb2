import { expect, it } from 'vitest';
import { type DrainInput, drainStep, type RemainingTask } from '../../../cli/core/drain.ts';

const TASK: RemainingTask = {
  id: 'a',
  pool: 'default',
  lastStatus: 'RUNNING',
  createdAtMs: 0,
  launchedFor: 'run-1/plan',
};

it.each<[string, DrainInput, object]>([
  [
    'drained if no task is left a minute after the pause',
    { nowMs: 60_000, pausedAtMs: 0, deadlineMs: 100_000, tasks: [] },
    { kind: 'drained' },
  ],
  [
    'settling within a minute after the pause, because an invocation may still launch a task',
    { nowMs: 59_999, pausedAtMs: 0, deadlineMs: 100_000, tasks: [] },
    { kind: 'settling', untilMs: 60_000 },
  ],
  [
    'running while a task is left',
    { nowMs: 90_000, pausedAtMs: 0, deadlineMs: 100_000, tasks: [TASK] },
    { kind: 'running', tasks: [TASK] },
  ],
  [
    'at its deadline with a task left',
    { nowMs: 100_000, pausedAtMs: 0, deadlineMs: 100_000, tasks: [TASK] },
    { kind: 'deadline' },
  ],
  [
    'drained at its deadline if no task is left',
    { nowMs: 100_000, pausedAtMs: 0, deadlineMs: 100_000, tasks: [] },
    { kind: 'drained' },
  ],
  [
    'at its deadline if an invocation could still launch a task',
    { nowMs: 30_000, pausedAtMs: 0, deadlineMs: 30_000, tasks: [] },
    { kind: 'deadline' },
  ],
])('a drain is %s', (_, input, expected) => {
  expect(drainStep(input)).toEqual(expected);
});
