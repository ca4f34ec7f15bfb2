import { expect, it } from 'vitest';
import { foreignJsonOf } from '../../../cli/core/json.ts';

it('texts in the JSON of others are in one line and without escape sequences, at any depth', () => {
  const json = JSON.stringify({ pools: [{ name: 'a\n✗ forged \u001b[2J' }], count: 1, absent: null });
  expect(foreignJsonOf(json)).toEqual({ pools: [{ name: 'a ✗ forged ' }], count: 1, absent: null });
});

it('a text that is not JSON has no value', () => {
  expect(foreignJsonOf('START RequestId: 1')).toBeUndefined();
});
