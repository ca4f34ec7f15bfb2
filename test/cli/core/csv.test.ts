import { expect, it } from 'vitest';
import { csv } from '../../../cli/core/csv.ts';

it('csv quotes what the format needs', () => {
  expect(csv([['a,b', 'say "hi"', 1.5]])).toBe('"a,b","say ""hi""",1.5\r\n');
});

it.each(['=1+1', '+1', '-1', '@SUM(A1)'])('csv keeps a spreadsheet from computing the text %s', (text) => {
  expect(csv([[text, -1]])).toBe(`'${text},-1\r\n`);
});

it('csv has no escape sequences', () => {
  expect(csv([['a\u001b[2J\nb']])).toBe('ab\r\n');
});
