import { expect, it } from 'vitest';
import { columnsOf } from '../../../cli/context.ts';

it.each([
  [undefined, 80],
  // A terminal that doesn't know its size.
  [0, 80],
  [60, 60],
  [200, 100],
])('with %s columns, output is %d columns wide', (columns, width) => {
  expect(columnsOf(columns === undefined ? {} : { columns })).toBe(width);
});
