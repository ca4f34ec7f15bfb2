import { describe, expect, it } from 'vitest';
import {
  changesToPause,
  changesToResume,
  describeChange,
  invocationOf,
  type Switches,
} from '../../../cli/core/switches.ts';

function switches(enabled: boolean, reservedConcurrency: number | undefined, ...states: string[]): Switches {
  return {
    schedule: { enabled, expression: 'rate(1 minute)', changedAtMs: 1 },
    reservedConcurrency,
    queues: states.map((state, index) => ({ id: `q${index}`, state })),
  };
}

describe('a launcher', () => {
  it.each([
    ['on', switches(true, undefined), 'on'],
    ['on with a limit', switches(true, 5, 'Enabled'), 'on'],
    ['paused by its concurrency, whatever else is on', switches(true, 0, 'Enabled'), 'paused'],
    ['paused if nothing invokes it', switches(false, undefined, 'Disabling'), 'paused'],
    ['partly paused if only its schedule is off', switches(false, undefined, 'Enabled'), 'partly'],
    ['partly paused if only its queue is off', switches(true, undefined, 'Disabled'), 'partly'],
  ])('is %s', (_, state, expected) => {
    expect(invocationOf(state)).toBe(expected);
  });
});

it('a pause turns off whatever is on, and begins with what stops everything at once', () => {
  expect(changesToPause(switches(true, 5, 'Enabled', 'Disabled', 'Enabling'))).toEqual([
    { kind: 'concurrency', value: 0 },
    { kind: 'schedule', enabled: false },
    { kind: 'queue', id: 'q0', enabled: false },
    { kind: 'queue', id: 'q2', enabled: false },
  ]);
  expect(changesToPause(switches(false, 0, 'Disabled'))).toEqual([]);
});

it('a resume turns on whatever is off, and restores the configured concurrency last', () => {
  expect(changesToResume(switches(false, 0, 'Disabled', 'Enabled'), 5)).toEqual([
    { kind: 'queue', id: 'q0', enabled: true },
    { kind: 'schedule', enabled: true },
    { kind: 'concurrency', value: 5 },
  ]);
  expect(changesToResume(switches(false, 0), undefined)).toEqual([
    { kind: 'schedule', enabled: true },
    { kind: 'concurrency', value: undefined },
  ]);
});

it('a resume leaves the concurrency of the function as it is if the configured one is unknown, and turns on everything else', () => {
  expect(changesToResume(switches(false, 0, 'Disabled'), 'unknown')).toEqual([
    { kind: 'queue', id: 'q0', enabled: true },
    { kind: 'schedule', enabled: true },
  ]);
});

it('a resume changes nothing in a launcher that is on, even if its concurrency differs from the template', () => {
  expect(changesToResume(switches(true, 3, 'Enabled'), 5)).toEqual([]);
});

it('a resume undoes a pause', () => {
  const before = switches(true, undefined, 'Enabled');
  const after = switches(false, 0, 'Disabled');
  expect(changesToPause(before)).toHaveLength(3);
  expect(changesToResume(after, before.reservedConcurrency)).toHaveLength(3);
});

it('a change is described as the new state', () => {
  expect(describeChange({ kind: 'concurrency', value: 0 })).toBe(
    'the function can no longer run (reserved concurrency 0)',
  );
  expect(describeChange({ kind: 'concurrency', value: undefined })).toBe('the function can run again');
  expect(describeChange({ kind: 'concurrency', value: 5 })).toContain('reserved concurrency 5');
  expect(describeChange({ kind: 'schedule', enabled: false })).toBe('the schedule is off');
  expect(describeChange({ kind: 'queue', id: 'q', enabled: true })).toBe('the queue of wake-ups is on');
});
