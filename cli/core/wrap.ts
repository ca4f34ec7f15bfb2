/** Breaks text into lines. */

export interface WrapOptions {
  /** Begins the first line. */
  readonly first?: string;
  /** Begins the following lines. */
  readonly rest?: string;
}

/** Breaks at spaces into lines of at most `width` columns. A longer word such as an ARN gets its own line, so that a reader can copy it. */
export function wrap(text: string, width: number, { first = '', rest = '' }: WrapOptions = {}): string[] {
  const lines: string[] = [];
  let start = first;
  let line = '';
  for (const word of wordsOf(text, width - Math.max(first.length, rest.length))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (start.length + longer.length <= width) {
      line = longer;
      continue;
    }
    if (line !== '') {
      lines.push(start + line);
      start = rest;
    }
    line = word;
  }
  return start + line === '' ? lines : [...lines, start + line];
}

/**
 * Breaks the lines of a message that are longer than a terminal. The parts of a line begin below its first word. A line with aligned columns
 * stays as it is.
 */
export function fitted(message: string, width: number): string {
  return message
    .split('\n')
    .flatMap((line) => {
      if (line.length <= width || /\S {2,}\S/.test(line)) return [line];
      const [, indent = '', bullet = '', text = ''] = /^( *)((?:[-•→] |\d+\. )?)(.*)$/.exec(line) ?? [];
      return wrap(text, width, { first: indent + bullet, rest: ' '.repeat(indent.length + bullet.length) });
    })
    .join('\n');
}

/** Words of a text. A command in backticks is one word if it fits on a line, so that a reader can copy it. */
function wordsOf(text: string, width: number): string[] {
  const words: readonly string[] = text.match(/[^\s`]*`[^`\n]+`\S*|\S+/g) ?? [];
  return words.flatMap((word) => (word.length <= width ? word : word.split(/\s+/)));
}

/** Cuts a line that is too long, and shows that it is cut. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Cuts out the middle of a text that is too long. The end of an error message often has its cause. */
export function cutMiddle(text: string, width: number): string {
  if (text.length <= width) return text;
  const end = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - end)}…${end === 0 ? '' : text.slice(-end)}`;
}
