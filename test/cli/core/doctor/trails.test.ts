import { describe, expect, it } from 'vitest';
import type { Observed } from '../../../../cli/core/doctor/findings.ts';
import { checkTrails, type FieldSelector, recordsWrites, type Trail } from '../../../../cli/core/doctor/trails.ts';
import { DENIED, shown } from './builders.ts';

const YES: Observed<boolean> = { value: true };
const NO: Observed<boolean> = { value: false };
const trail = (isLogging: Observed<boolean>, writes: Observed<boolean>, name = 'main'): Trail => ({
  name,
  isLogging,
  recordsWrites: writes,
});
const check = (...trails: Trail[]): string => shown(checkTrails({ value: trails }))[0] ?? '';

it.each<[string, Trail[], RegExp]>([
  ['a trail that records', [trail(NO, YES, 'old'), trail(YES, YES)], /^ok .*The trail main records/],
  ['no trail', [], /^warning .*No CloudTrail trail records the calls in this region\. auditEvents is on/],
  [
    'trails that record nothing useful',
    [trail(NO, YES, 'old'), trail(YES, NO, 'data')],
    /^warning .*old is stopped and data records no management events that write\./,
  ],
  [
    'a trail whose status is hidden',
    [trail(DENIED, YES)],
    /^warning .*Could not check.*Allow cloudtrail:DescribeTrails/,
  ],
  ['a trail whose selectors are hidden', [trail(YES, DENIED)], /^warning .*Could not check/],
  ['a stopped trail whose selectors are hidden', [trail(NO, DENIED)], /^warning .*main is stopped/],
  ['a hidden trail next to one that records', [trail(DENIED, DENIED), trail(YES, YES, 'b')], /^ok .*The trail b/],
])('%s is reported as it matters', (_, trails, expected) => {
  expect(check(...trails)).toMatch(expected);
});

it('trails that can’t be listed are a warning with the permissions', () => {
  expect(shown(checkTrails(DENIED))[0]).toMatch(
    /^warning account\.cloudtrail: Could not check .*cloudtrail:GetTrailStatus/,
  );
});

describe('selectors that record calls that write', () => {
  const basic = (readWriteType: string, managementEvents = true) => ({
    basic: [{ readWriteType, managementEvents }],
    advanced: [],
  });
  const advanced = (...fields: FieldSelector[]) => ({ basic: [], advanced: [fields] });
  const management = { field: 'eventCategory', equals: ['Management'] };

  it.each([
    ['all management events', basic('All'), true],
    ['management events that write', basic('WriteOnly'), true],
    ['management events that read', basic('ReadOnly'), false],
    ['data events', basic('All', false), false],
    ['an advanced selector of management events', advanced(management), true],
    ['one without KMS', advanced(management, { field: 'eventSource', equals: [] }), true],
    ['one of those that write', advanced(management, { field: 'readOnly', equals: ['false'] }), true],
    ['one of those that read', advanced(management, { field: 'readOnly', equals: ['true'] }), false],
    ['an advanced selector of data events', advanced({ field: 'eventCategory', equals: ['Data'] }), false],
    ['nothing', { basic: [], advanced: [] }, false],
  ])('%s: %#', (_, selectors, expected) => {
    expect(recordsWrites(selectors)).toBe(expected);
  });
});
