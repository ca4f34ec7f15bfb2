import { expect, test } from 'vitest';
import { type Job, jobsOf, nameOfJob, type Run } from '../../../local/start/model.ts';
import { containerSegments, runSegments, type Segment } from '../../../local/start/segments.ts';
import { at, modelOf, run, START, STORY, type StoryEvent, task } from './story.ts';

const runAfter = (events: readonly StoryEvent[], id = 'run-a'): Run =>
  modelOf(events).runs.find((candidate) => candidate.id === id) ?? expect.fail(`no run ${id}`);
const jobStates = (events: readonly StoryEvent[]): Job['state'][] => jobsOf(modelOf(events)).map(({ state }) => state);
const spans = (segments: readonly Segment[]) =>
  segments.map(({ kind, from, to }) => [kind, (from - START) / 1000, (to - START) / 1000]);
const lifeOf = (events: readonly StoryEvent[], seconds: number, id?: string) =>
  spans(runSegments(runAfter(events, id), at(seconds)));

test.each([
  [1, 'pending'],
  [2, 'queued'],
  [3, 'starting'],
  [6, 'busy'],
  [8, 'waiting'],
  [12, 'queued'],
  [13, 'starting'],
  [14, 'busy'],
  [16, 'leaving'],
  [18, 'gone'],
])('a run after %i events of its story is %s', (count, state) => {
  expect(runAfter(STORY.slice(0, count)).state).toBe(state);
});

test('the timeline of a run has no gaps between its waits and its work', () => {
  expect(lifeOf(STORY, 20)).toEqual([
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

test('an open run lasts until now', () => {
  expect(lifeOf(STORY.slice(0, 6), 5.5).at(-1)).toEqual(['busy', 5, 5.5]);
});

test('a run counts as lost, not as busy, from its agent’s death until HCP Terraform ends the run', () => {
  const events = [...STORY.slice(0, 6), task(6, 'task-plan', 'STOPPED', 'run-a/plan', 137)];
  expect(runAfter(events).state).toBe('lost');
  expect(jobStates(events)).toEqual(['lost']);
  expect(modelOf(events).containers.map(({ stoppedAt }) => stoppedAt)).toEqual([at(6)]);
  expect(lifeOf(events, 9).slice(-2)).toEqual([
    ['busy', 5, 6],
    ['lost', 6, 9],
  ]);
  expect(jobStates([...events, run(20, 'a', 'errored')])).toEqual(['done']);
});

test('a run has no open job after it was canceled in the queue', () => {
  const events = [run(0, 'a', 'plan_queued'), run(4, 'a', 'canceled')];
  expect(jobStates(events)).toEqual(['done']);
  expect(lifeOf(events, 9)).toEqual([['queued', 0, 4]]);
});

test('a run can be served by a container that was launched for another run', () => {
  const events = [
    run(0, 'a', 'plan_queued'),
    run(0, 'b', 'plan_queued'),
    task(1, 'for-a', 'PROVISIONING', 'run-a/plan'),
    run(3, 'b', 'planning', { container: 'for-a' }),
  ];
  expect(lifeOf(events, 4, 'run-b')).toEqual([
    ['queued', 0, 1],
    ['starting', 1, 3],
    ['busy', 3, 4],
  ]);
  expect(runAfter(events).state).toBe('queued');
  expect(jobStates(events)).toEqual(['queued', 'busy']);
  expect(modelOf(events).containers.map(({ id, stoppedAt }) => [id, stoppedAt])).toEqual([['for-a', undefined]]);
});

const livesOf = (events: readonly StoryEvent[]) => {
  const model = modelOf(events);
  return model.containers.map((container) => {
    const job = jobsOf(model).find((candidate) => candidate.container === container);
    return spans(containerSegments(container, job, at(20)));
  });
};

test('a container is starting until its agent has a job, then busy, then stopping', () => {
  expect(livesOf(STORY)).toEqual([
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

test('a container is only starting if it never gets a job', () => {
  const events = [task(1, 'spare', 'PROVISIONING', 'run-a/plan'), task(9, 'spare', 'STOPPED', 'run-a/plan', 0)];
  expect(livesOf(events)).toEqual([[['starting', 1, 9]]]);
});

test('a job gets a readable name', () => {
  const model = modelOf([run(0, 'a', 'plan_queued'), run(0, 'b', 'plan_queued', { workspace: 'dns', kind: 'plan' })]);
  expect(nameOfJob(model, 'run-a/plan')).toBe('network apply: plan');
  expect(nameOfJob(model, 'run-a/apply')).toBe('network apply');
  expect(nameOfJob(model, 'run-b/plan')).toBe('dns plan');
  expect(nameOfJob(model, 'run-x/plan')).toBe('run-x/plan');
});
