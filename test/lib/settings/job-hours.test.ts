/** `maxJobHours` and `oldestTaskHours`, from the settings to the function's environment. */
import { describe, expect, it } from 'vitest';
import { faultsOf, faultsOfPool } from '../settings-faults.ts';
import { configOf, onePool, templateOf } from '../synthesis.ts';

const HOUR_MS = 3_600_000;

/** The limits of each lane that the function gets. */
function limitsOf(pool: object): unknown {
  const image = 'hashicorp/tfc-agent:1.31.0';
  return configOf(templateOf(onePool({ image, ...pool }))).pools[0]?.lanes.map(({ phases, maxJobMs }) => [
    phases.join(),
    maxJobMs,
  ]);
}

describe('maxJobHours', () => {
  it('of a pool limits plans, and never applies', () => {
    expect(limitsOf({ maxJobHours: 6 })).toEqual([['plan,apply', { plan: 6 * HOUR_MS }]]);
    expect(limitsOf({ maxJobHours: 6, phases: {} })).toEqual([
      ['plan', { plan: 6 * HOUR_MS }],
      ['apply', undefined],
    ]);
  });

  it('of a phase overrides the pool’s, and is the only limit of applies', () => {
    expect(limitsOf({ maxJobHours: 6, phases: { plan: { maxJobHours: 2 }, apply: { maxJobHours: 12 } } })).toEqual([
      ['plan', { plan: 2 * HOUR_MS }],
      ['apply', { apply: 12 * HOUR_MS }],
    ]);
  });

  it('sets no limit if it is absent', () => {
    expect(limitsOf({})).toEqual([['plan,apply', undefined]]);
  });

  it.each([0, 169, 1.5, '6'])('refuses %s', (maxJobHours) => {
    expect(faultsOfPool({ maxJobHours })).toMatchObject([{ path: 'pools.0.maxJobHours' }]);
  });
});

describe('oldestTaskHours', () => {
  it('must be two hours longer than the longest maxJobHours, because the alarm would report jobs that are allowed', () => {
    expect(faultsOfPool({ maxJobHours: 22 })).toEqual([]);
    expect(faultsOfPool({ maxJobHours: 23 })).toMatchObject([
      {
        path: 'pools.0.maxJobHours',
        given: '23, with oldestTaskHours 24 (the default)',
        remedy: expect.stringContaining('to 25 hours or more'),
      },
    ]);
    const phases = { apply: { maxJobHours: 48 } };
    expect(faultsOf({ ...onePool({ maxJobHours: 2, phases }), oldestTaskHours: 49 })).toMatchObject([
      { path: 'pools.0.phases.apply.maxJobHours', given: '48, with oldestTaskHours 49' },
    ]);
    expect(faultsOf({ ...onePool({ phases }), oldestTaskHours: 50 })).toEqual([]);
  });
});
