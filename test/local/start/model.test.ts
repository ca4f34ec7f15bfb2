import { describe, expect, test } from 'vitest';
import {
  countsOf,
  type DemoEvent,
  jobName,
  lostJob,
  runSegments,
  runState,
  type Segment,
  taskSegments,
} from '../../../local/start/model.ts';
import { at, modelOf, run, START, STORY, taken, task } from './events.ts';

const stateAfter = (events: readonly DemoEvent[], id = 'run-a') => {
  const model = modelOf(events);
  const found = model.runs.get(id);
  return found === undefined ? undefined : runState(model, found);
};
const spans = (segments: readonly Segment[]) =>
  segments.map(({ kind, from, to }) => [kind, (from - START) / 1000, (to - START) / 1000]);

describe('a run', () => {
  test.each([
    [1, 'pending'],
    [2, 'queued'],
    [3, 'starting'],
    [6, 'busy'],
    [9, 'waiting'],
    [13, 'queued'],
    [14, 'starting'],
    [15, 'busy'],
    [18, 'leaving'],
    [20, 'gone'],
  ])('is, after %i events of its story, %s', (count, state) => {
    expect(stateAfter(STORY.slice(0, count))).toBe(state);
  });

  test('lives without gaps: what it waited for, and what it did', () => {
    const model = modelOf(STORY);
    const [only] = [...model.runs.values()];
    expect(only && spans(runSegments(model, only, at(20)))).toEqual([
      ['pending', 0, 1],
      ['queued', 1, 3],
      ['starting', 3, 5],
      ['busy', 5, 6],
      ['waiting', 6, 9],
      ['queued', 9, 10],
      ['starting', 10, 12],
      ['busy', 12, 15],
    ]);
  });

  test('lasts until now while it is open', () => {
    const model = modelOf(STORY.slice(0, 6));
    const [only] = [...model.runs.values()];
    expect(only && spans(runSegments(model, only, at(5.5))).at(-1)).toEqual(['busy', 5, 5.5]);
  });

  test('whose agent died is lost, not busy, until HCP Terraform gives it up', () => {
    const events = [...STORY.slice(0, 7), task(6, 'task-plan', 'STOPPED', 'run-a/plan', 137)];
    expect(stateAfter(events)).toBe('lost');
    const model = modelOf(events);
    expect(countsOf(model)).toMatchObject({ busy: 0, lost: 1, done: 0, present: 0 });
    expect(lostJob(model, 'task-plan')?.key).toBe('run-a/plan');
    const [only] = [...model.runs.values()];
    expect(only && spans(runSegments(model, only, at(9))).slice(-2)).toEqual([
      ['busy', 5, 6],
      ['lost', 6, 9],
    ]);
    const over = modelOf([...events, run(20, 'a', 'errored')]);
    expect(countsOf(over)).toMatchObject({ busy: 0, lost: 0, done: 1 });
    expect(lostJob(over, 'task-plan')).toBeUndefined();
  });

  test('that is canceled in the queue leaves no open job', () => {
    const model = modelOf([run(0, 'a', 'plan_queued'), run(4, 'a', 'canceled')]);
    expect(countsOf(model)).toMatchObject({ queued: 0, starting: 0, busy: 0, done: 1 });
    const [only] = [...model.runs.values()];
    expect(only && spans(runSegments(model, only, at(9)))).toEqual([['queued', 0, 4]]);
  });

  test('may be served by a container that was launched for another one', () => {
    const events = [
      run(0, 'a', 'plan_queued'),
      run(0, 'b', 'plan_queued'),
      task(1, 'for-a', 'PROVISIONING', 'run-a/plan'),
      run(3, 'b', 'planning'),
      taken(3, 'run-b/plan', 'for-a'),
    ];
    const model = modelOf(events);
    const b = model.runs.get('run-b');
    expect(b && spans(runSegments(model, b, at(4)))).toEqual([
      ['queued', 0, 1],
      ['starting', 1, 3],
      ['busy', 3, 4],
    ]);
    expect(stateAfter(events, 'run-a')).toBe('queued');
    expect(countsOf(model)).toEqual({ queued: 1, starting: 0, busy: 1, lost: 0, done: 0, present: 1, launched: 1 });
  });
});

describe('a container', () => {
  test('is starting until its agent has a job, then busy, then stopping', () => {
    const model = modelOf(STORY);
    const tasks = [...model.tasks.values()].map((each) => spans(taskSegments(model, each, at(20))));
    expect(tasks).toEqual([
      [
        ['starting', 3, 5],
        ['busy', 5, 6],
        ['stopping', 6, 7],
      ],
      [
        ['starting', 10, 12],
        ['busy', 12, 15],
        ['stopping', 15, 16],
      ],
    ]);
  });

  test('that never got a job was only ever starting', () => {
    const model = modelOf([
      task(1, 'spare', 'PROVISIONING', 'run-a/plan'),
      task(9, 'spare', 'STOPPED', 'run-a/plan', 0),
    ]);
    const [only] = [...model.tasks.values()];
    expect(only && spans(taskSegments(model, only, at(20)))).toEqual([['starting', 1, 9]]);
  });
});

test('a job has a name that a person knows', () => {
  const model = modelOf([run(0, 'a', 'plan_queued'), run(0, 'b', 'plan_queued', { workspace: 'dns', title: 'plan' })]);
  expect(jobName(model, 'run-a/plan')).toBe('network apply: plan');
  expect(jobName(model, 'run-a/apply')).toBe('network apply');
  expect(jobName(model, 'run-b/plan')).toBe('dns plan');
  expect(jobName(model, 'run-x/plan')).toBe('run-x/plan');
});
