import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { forScreen } from '../../../cli/context.ts';

const MESSAGE = 'The newest version of the agent could not be looked up, so it stays 1.33.0: no answer.';

it.each([
  ['a terminal of 40 columns', { isTTY: true, columns: 40 }, 3],
  ['a terminal that does not know its width', { isTTY: true, columns: 0 }, 2],
  ['another program', { columns: 40 }, 1],
])('a message for %s has lines that fit', (_, screen, lines) => {
  const text = forScreen(MESSAGE, Object.assign(new PassThrough(), screen));
  expect(text.split('\n')).toHaveLength(lines);
  expect(text.replaceAll('\n', ' ')).toBe(MESSAGE);
});
