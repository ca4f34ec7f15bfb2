/** Lines of a terminal. A line consists of plain pieces, so that its width is known, and is styled last. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';
export type Piece = readonly [text: string, style?: Style | undefined];
export type Line = readonly Piece[];

/** The line as text, cut at the given number of columns. */
export function painted(line: Line, columns: number, colour: boolean): string {
  let left = columns;
  const pieces = line.map(([text, style]) => {
    const shown = text.slice(0, left);
    left -= shown.length;
    // The caller has already decided whether to use colors.
    return colour && style !== undefined ? styleText(style, shown, { validateStream: false }) : shown;
  });
  return pieces.join('');
}

export function widthOf(line: Line): number {
  return line.reduce((total, [text]) => total + text.length, 0);
}

/** Wraps the text between words and at its line breaks. Continuation lines are indented. */
export function wrapped(text: string, width: number): string[] {
  if (text === '') return [''];
  const indent = '  ';
  const parts = text.matchAll(new RegExp(`(.{1,${Math.max(1, width - indent.length)}}|\\S+)(?:\\s+|$)`, 'g'));
  return Array.from(parts, ([, part = ''], index) => (index === 0 ? part : indent + part));
}

export function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
