/** Lays out text for a terminal: tables and bars. Colours come after the layout, so that they don't count as width. */
import type { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** Colours a text, if the terminal shows colours. */
export type Paint = (style: Style, text: string) => string;

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const GAP = '  ';

/** Lines of a table. A column is as wide as its widest cell. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  const widths = columns.map(({ title }, index) =>
    rows.reduce((most, row) => Math.max(most, row[index]?.text.length ?? 0), title.length),
  );
  const line = (cells: readonly Cell[]): string =>
    columns
      .map(({ align = 'left' }, index) => {
        const { text = '', style } = cells[index] ?? {};
        const width = widths[index] ?? 0;
        // Nothing follows the last column, so it needs no padding at its end.
        const last = index === columns.length - 1;
        const padded = align === 'right' ? text.padStart(width) : last ? text : text.padEnd(width);
        return style === undefined || text === '' ? padded : padded.replace(text, () => paint(style, text));
      })
      .join(GAP);
  return [line(columns.map(({ title }) => ({ text: title, style: 'bold' }))), ...rows.map(line)];
}

/** A horizontal bar of at most `width` columns, in eighths of a column. A share above 0 is always visible. */
export function bar(share: number, width: number): string {
  const bounded = Math.min(1, Math.max(0, share));
  const eighths = Math.round(bounded * width * 8);
  const visible = bounded > 0 ? Math.max(1, eighths) : 0;
  const partial = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][visible % 8] ?? '';
  return '█'.repeat(Math.floor(visible / 8)) + partial;
}
