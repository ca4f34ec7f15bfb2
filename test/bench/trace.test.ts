import { expect, it } from 'vitest';
import { readTrace } from '../../bench/peers/trace.ts';

const END_MS = 1_000_000;

const PLAN = [
  '0.0 run-1 created',
  '0.0 run-1 plan_queued',
  '1.0 task 0a PROVISIONING',
  '5.0 task 0a PENDING',
  '20.0 task 0a RUNNING',
  '22.0 0a registered',
  '25.0 run-1 planning',
  '25.0 0a takes run-1/plan',
];

it('a wait lasts from the queued job until an agent takes it, and an agent is idle before and after its job', () => {
  const trace = [...PLAN, '55.0 run-1 planned_and_finished', '58.0 0a exited', '58.0 task 0a DEPROVISIONING'];
  expect(readTrace(trace, END_MS)).toEqual({
    waitsMs: [25_000],
    neverServed: 0,
    interrupted: 0,
    idleMs: 6_000,
    billedMs: [53_000],
  });
});

it('a job that no agent takes is never served, unless its run was canceled', () => {
  const trace = ['0.0 run-1 plan_queued', '0.0 run-2 plan_queued', '9.0 run-2 canceled', '10.0 run-3 apply_queued'];
  expect(readTrace(trace, END_MS)).toMatchObject({ waitsMs: [], neverServed: 2 });
});

it.each([
  ['the agent ends', ['40.0 0a errored', '40.0 run-1 errored']],
  ['the run ends', ['40.0 run-1 errored', '40.0 0a errored']],
])('a job whose agent was killed is interrupted: first, %s', (_, ends) => {
  expect(readTrace([...PLAN, ...ends], END_MS).interrupted).toBe(1);
});

it('a plan that fails is not interrupted', () => {
  expect(readTrace([...PLAN, '40.0 run-1 errored', '43.0 0a exited'], END_MS).interrupted).toBe(0);
});

it('a plan and its apply are two jobs, and an agent can take both', () => {
  const trace = [
    ...PLAN,
    '55.0 run-1 planned',
    '56.0 run-1 confirmed',
    '57.0 run-1 apply_queued',
    '60.0 run-1 applying',
    '60.0 0a takes run-1/apply',
    '90.0 run-1 applied',
  ];
  expect(readTrace(trace, END_MS)).toMatchObject({ waitsMs: [25_000, 3_000], neverServed: 0 });
});

it('tasks and agents that still run are counted until the end', () => {
  expect(readTrace(['0.0 task 0a PENDING', '10.0 0a registered'], 60_000)).toMatchObject({
    idleMs: 50_000,
    billedMs: [60_000],
  });
});

it('events after the end do not count', () => {
  expect(readTrace(PLAN, 2_000)).toMatchObject({ waitsMs: [], neverServed: 1, billedMs: [] });
});

it('lines about ticks are ignored', () => {
  expect(readTrace(['0.0 tick 1 [pool-0 queued run-1/plan | ? | ]', '1.0 environment 1 is done'], END_MS)).toEqual({
    waitsMs: [],
    neverServed: 0,
    interrupted: 0,
    idleMs: 0,
    billedMs: [],
  });
});
