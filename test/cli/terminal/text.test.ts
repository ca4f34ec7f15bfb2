import { describe, expect, it } from 'vitest';
import { bar, type Paint, table } from '../../../cli/terminal/text.ts';

const plain: Paint = (_, text) => text;
const marked: Paint = (style, text) => `<${String(style)}>${text}</>`;

describe('a table', () => {
  const columns = [{ title: 'POOL' }, { title: 'N', align: 'right' }, { title: 'LAST' }] as const;

  it('aligns its columns, and adds no space at the end', () => {
    expect(table(columns, [[{ text: 'default' }, { text: '12' }, { text: 'x' }]], plain)).toEqual([
      'POOL      N  LAST',
      'default  12  x',
    ]);
  });

  it('colours the text and not the space around it, so that colours need no width', () => {
    expect(
      table(
        columns,
        [
          [
            { text: 'a', style: 'red' },
            { text: '$&', style: 'dim' },
          ],
        ],
        marked,
      )[1],
    ).toBe('<red>a</>     <dim>$&</>  ');
  });
});

it('a bar is as long as its share, and is visible if the share is above 0', () => {
  expect(bar(1, 10)).toBe('██████████');
  expect(bar(0.55, 10)).toBe('█████▌');
  expect(bar(0.0001, 10)).toBe('▏');
  expect(bar(0, 10)).toBe('');
  expect(bar(7, 10)).toBe('██████████');
});
