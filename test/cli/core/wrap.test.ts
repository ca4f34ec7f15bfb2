import { expect, it } from 'vitest';
import { cut, cutMiddle, fitted, wrap } from '../../../cli/core/wrap.ts';

it('wrap breaks at spaces and keeps every word', () => {
  const text = 'The launcher is paused: its schedule AgentLauncher is disabled.';
  const lines = wrap(text, 20);
  expect(lines.join(' ')).toBe(text);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(20);
});

it('wrap gives a word that is longer than a line its own line', () => {
  expect(wrap('one two three', 9, { first: '- ', rest: '  ' })).toEqual(['- one two', '  three']);
  expect(wrap(`a ${'x'.repeat(12)} b`, 9)).toEqual(['a', 'x'.repeat(12), 'b']);
});

it('wrap returns the beginning of a line for an empty text', () => {
  expect(wrap('', 9, { first: '- ' })).toEqual(['- ']);
});

it('wrap returns no line for an empty text', () => {
  expect(wrap('  ', 10)).toEqual([]);
});

it('cut shows that a line is cut', () => {
  expect(cut('network-production', 8)).toBe('network…');
  expect(cut('network', 8)).toBe('network');
});

it('cutMiddle keeps both ends', () => {
  expect(cutMiddle('network-production', 9)).toBe('netw…tion');
  expect(cutMiddle('network-production', 1)).toBe('…');
  expect(cutMiddle('network', 7)).toBe('network');
});

it('wrap keeps a command in backticks on one line if it fits', () => {
  const text = 'Then run `npm run x -- why run-1`. It says why.';
  expect(wrap(text, 30)).toEqual(['Then run', '`npm run x -- why run-1`. It', 'says why.']);
  expect(wrap(text, 20).join(' ')).toBe(text);
  expect(wrap('a ` b', 3)).toEqual(['a `', 'b']);
});

it('fitted breaks only the lines that are too long, below their first word', () => {
  const message = 'short\n  2. store the token in the new secret\n- one two three\n';
  expect(fitted(message, 20)).toBe('short\n  2. store the token\n     in the new\n     secret\n- one two three\n');
});

it('fitted keeps lines with columns, and words that are too long', () => {
  const table = 'TASK                              POOL        STATUS';
  expect(fitted(table, 20)).toBe(table);
  expect(fitted(`see https://example.com/${'x'.repeat(20)} now`, 20)).toBe(
    `see\nhttps://example.com/${'x'.repeat(20)}\nnow`,
  );
});
