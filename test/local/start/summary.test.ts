import { expect, test } from 'vitest';
import { type Facts, latencyOf, summarize, summaryLines } from '../../../local/start/summary.ts';
import { agent, GATEWAY, gateway, modelOf, run, STORY, task } from './story.ts';

const facts: Facts = {
  durationMs: 20_000,
  terraform: '1.11.4',
  invocations: { total: 3, failed: 0 },
  expected: new Map([['run-a', 'applied']]),
  recoveries: [],
  trouble: undefined,
};

test('the summary counts the runs, jobs and containers of a successful story', () => {
  expect(summarize(modelOf(STORY), facts)).toEqual({
    ok: true,
    problems: [],
    durationMs: 20_000,
    terraform: '1.11.4',
    runs: { total: 1, byOutcome: { applied: 1 } },
    jobs: { total: 2, served: 2, plan: 1, apply: 1 },
    containers: { launched: 2, reused: 0, withoutJob: 0 },
    startLatency: { samples: 2, p50Ms: 3000, p95Ms: 4000, maxMs: 4000 },
    recoveries: [],
    launcher: { invocations: 3, failed: 0 },
    agentsLeft: 0,
    tasksLeft: 0,
  });
});

test('the summary reports a job that no agent took and a run that did not end', () => {
  const { ok, problems } = summarize(modelOf([run(0, 'b', 'plan_queued')]), facts);
  expect(ok).toBe(false);
  expect(problems).toEqual([
    'No agent took the job run-b/plan.',
    'The run run-b of network did not end: it is plan_queued.',
  ]);
});

test('the summary reports a run that ended unexpectedly', () => {
  const { problems } = summarize(modelOf([run(0, 'a', 'plan_queued'), run(1, 'a', 'errored')]), facts);
  expect(problems).toEqual(['The run run-a of network ended as errored, not as applied.']);
});

test('the summary reports agents and tasks that are left, and a container that was used twice', () => {
  const model = modelOf([
    ...STORY.slice(0, -2),
    run(16, 'b', 'plan_queued', { kind: 'plan' }),
    run(17, 'b', 'planning', { container: 'task-apply' }),
    run(18, 'b', 'planned_and_finished'),
    task(19, 'spare', 'RUNNING', 'run-c/plan'),
    agent('spare', 'idle'),
  ]);
  const summary = summarize(model, facts);
  expect(summary.problems).toEqual([
    '2 of the agents did not exit.',
    '2 of the tasks did not stop.',
    '1 of the containers served more than one job.',
  ]);
  expect(summary.containers).toEqual({ launched: 3, reused: 1, withoutJob: 1 });
});

test('the summary reports why the demo was aborted', () => {
  expect(summarize(modelOf(STORY), { ...facts, trouble: 'The launcher is gone.' })).toMatchObject({
    ok: false,
    problems: ['The launcher is gone.'],
  });
});

test('the summary can be written as text', () => {
  expect(Object.fromEntries(summaryLines(summarize(modelOf(STORY), facts)))).toMatchObject({
    Runs: '1: 1 applied',
    Jobs: '2 of 2 served: 1 plans, 1 applies',
    'Start latency': 'p50 3.0 s, p95 4.0 s, max 4.0 s',
    Left: '0 agents, 0 tasks',
  });
  const withoutTerraform = { ...facts, terraform: undefined };
  expect(Object.fromEntries(summaryLines(summarize(modelOf([]), withoutTerraform)))).toMatchObject({
    'Start latency': 'p50 –, p95 –, max –',
    Terraform: 'not on the PATH: the built-in sample was executed',
  });
});

test.each([
  [[], { samples: 0 }],
  [[7], { samples: 1, p50Ms: 7, p95Ms: 7, maxMs: 7 }],
  [Array.from({ length: 100 }, (_, index) => 100 - index), { samples: 100, p50Ms: 50, p95Ms: 95, maxMs: 100 }],
])('percentiles are values that occurred (%#)', (samples, latency) => {
  expect(latencyOf(samples)).toEqual(latency);
});

test('the summary says how long the gateway took to start and how long it was awake', () => {
  const summary = summarize(modelOf(STORY, 20, GATEWAY), facts);
  expect(summary.problems).toEqual([]);
  expect(summary.gateway).toEqual({
    name: 'gateway-1',
    instanceType: 't4g.nano',
    startsMs: [2_000],
    awakeMs: 14_000,
    phase: 'asleep',
    withoutGateway: 0,
  });
  expect(summaryLines(summary)).toContainEqual(['Gateway', 'ready 2.0 s after its start, awake 14.0 s, now asleep']);
});

test('the summary reports a gateway that did not start, and containers that ran without it', () => {
  const { problems } = summarize(modelOf(STORY, 20, gateway([[-60, 'asleep']])), facts);
  expect(problems).toEqual(['The gateway did not start.', '1 of the containers ran while the gateway was not awake.']);
});

test('the summary reports a gateway that stops under a container, and one that is not asleep at the end', () => {
  const early = gateway([
    [1, 'starting'],
    [3, 'awake'],
    [6, 'stopping'],
  ]);
  expect(summarize(modelOf(STORY, 20, early), facts).problems).toEqual([
    'The gateway is not asleep at the end: it is stopping.',
    '1 of the containers ran while the gateway was not awake.',
  ]);
});
