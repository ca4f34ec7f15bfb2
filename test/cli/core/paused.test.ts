import { expect, it } from 'vitest';
import { type PauseFacts, pauseOf } from '../../../cli/core/paused.ts';

const on: PauseFacts = {
  name: 'AgentLauncher',
  isScheduleOn: true,
  reservedConcurrency: undefined,
  isQueueOn: undefined,
  isQueueOff: false,
};

it.each<[Partial<PauseFacts>, RegExp, string]>([
  [
    { isScheduleOn: false, isQueueOn: true },
    /^The launcher is partly paused: its schedule AgentLauncher is off\. Its queue of wake-ups is still on, .*Queued runs wait/,
    'UpdateSchedule',
  ],
  [
    { isScheduleOn: false, isQueueOn: false },
    /^The launcher is paused: its schedule AgentLauncher is off, and nothing else invokes it\. Queued runs wait\.$/,
    'UpdateSchedule',
  ],
  [
    { isScheduleOn: false },
    /^The launcher is paused: its schedule AgentLauncher is off\. Queued runs/,
    'UpdateSchedule',
  ],
  [{ reservedConcurrency: 0 }, /: the reserved concurrency of its function is 0, so AWS/, 'PutFunctionConcurrency'],
  [{ isScheduleOn: false, reservedConcurrency: 0 }, /is off, and the reserved concurrency .* is 0/, 'UpdateSchedule'],
  [{ isQueueOff: true }, /partly paused: its queue of wake-ups is off/, 'UpdateEventSourceMapping'],
])('pauseOf says what is off, and how to find who did it: %j', (facts, what, event) => {
  const pause = pauseOf({ ...on, ...facts });
  expect(pause?.what).toMatch(what);
  expect(pause?.todo[0]).toContain('an upgrade may be in progress');
  expect(pause?.todo[1]).toContain(event);
  expect(pause?.todo.at(-1)).toContain('`agent-launcher resume`');
});

it.each<Partial<PauseFacts>>([{}, { isScheduleOn: undefined }, { reservedConcurrency: 3 }])(
  'pauseOf says nothing about %j',
  (facts) => {
    expect(pauseOf({ ...on, ...facts })).toBeUndefined();
  },
);

it('pauseOf says whether the schedule still starts ticks', () => {
  expect(pauseOf({ ...on, isQueueOff: true })?.ticks).toBe(true);
  expect(pauseOf({ ...on, isQueueOff: true, reservedConcurrency: 0 })?.ticks).toBe(false);
  expect(pauseOf({ ...on, isQueueOn: true, isScheduleOn: false })?.ticks).toBe(false);
});
