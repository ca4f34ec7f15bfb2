import { expect, test } from 'vitest';
import { createDisplay, type DisplaySettings } from '../../../../local/start/terminal/display.ts';
import { modelOf, START, STORY } from '../story.ts';

const MODEL = modelOf(STORY, 21);

/** The functions of a terminal that the screen uses: it writes, wraps, scrolls, moves the cursor up, and clears lines. */
class Terminal {
  columns: number;
  rows: number;
  lines: string[] = [''];
  written = '';
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): void {
    this.written += text;
    const esc = String.fromCharCode(27);
    for (const [part] of text.matchAll(new RegExp(`${esc}\\[[?0-9;]*[a-zA-Z]|[^${esc}]`, 'gu'))) {
      const up = new RegExp(`^${esc}\\[(\\d+)A$`).exec(part)?.[1];
      if (part === '\n') this.#to(this.#row + 1, 0);
      else if (part === '\r') this.#column = 0;
      else if (up !== undefined)
        this.#to(Math.max(this.lines.length - this.rows, this.#row - Number(up), 0), this.#column);
      else if (part === `${esc}[K`) this.#set(this.lines[this.#row]?.slice(0, this.#column) ?? '');
      else if (part === `${esc}[J`) this.lines.splice(this.#row + 1);
      else if (part === `${esc}[2J`) this.lines = [''];
      else if (part === `${esc}[H`) this.#to(0, 0);
      else if (!part.startsWith(esc)) this.#print(part);
    }
  }

  /** The visible rows. */
  screen(): string[] {
    return this.lines.slice(-this.rows);
  }

  /** Wraps lines that are too long, as a terminal does when it gets narrower. */
  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.lines = this.lines.flatMap((line) => line.trimEnd().match(new RegExp(`.{1,${columns}}`, 'gu')) ?? ['']);
    this.#to(this.lines.length - 1, 0);
  }

  #to(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    while (this.lines.length <= row) this.lines.push('');
  }

  #set(line: string): void {
    this.lines[this.#row] = line;
  }

  #print(character: string): void {
    if (this.#column >= this.columns) this.#to(this.#row + 1, 0);
    const line = (this.lines[this.#row] ?? '').padEnd(this.#column);
    this.#set(line.slice(0, this.#column) + character + line.slice(this.#column + 1));
    this.#column += 1;
  }
}

function displayOn(output: Terminal, more: Partial<DisplaySettings> = {}) {
  return createDisplay({
    output,
    movesCursor: true,
    colour: false,
    preamble: ['copy this'],
    header: ['where everything is'],
    footer: 'how it ends',
    startedAt: START,
    ...more,
  });
}

const times = (lines: readonly string[], what: string) => lines.filter((line) => line.includes(what)).length;

test.each([
  [40, 10],
  [79, 15],
  [200, 50],
])(
  'the live screen leaves nothing of the old frame behind after the terminal is resized to %i columns and %i rows',
  (columns, rows) => {
    const terminal = new Terminal(120, 30);
    const display = displayOn(terminal);
    display.update(MODEL, []);
    display.update(MODEL, []);
    terminal.resize(columns, rows);
    display.update(MODEL, []);
    display.update(MODEL, []);
    expect(times(terminal.lines, 'network')).toBe(1);
    expect(times(terminal.lines, 'WORKSPACE')).toBeLessThanOrEqual(1);
    expect(times(terminal.lines, 'copy this')).toBe(1);
    expect(terminal.screen().every((line) => line.length <= columns)).toBe(true);
  },
);

test.each([
  [120, 30],
  [60, 12],
  [40, 8],
  [30, 5],
])('the live screen stays one frame on %i columns and %i rows after repeated updates', (columns, rows) => {
  const terminal = new Terminal(columns, rows);
  const display = displayOn(terminal);
  for (let count = 0; count < 5; count += 1) display.update(MODEL, []);
  expect(times(terminal.lines, 'network')).toBe(1);
});

test('a terminal that can’t move its cursor gets lines without escape codes', () => {
  const terminal = new Terminal(80, 24);
  const display = displayOn(terminal, { movesCursor: false });
  display.update(MODEL, [
    { at: START, source: 'tick', text: 'launched one' },
    { at: START, source: 'note', text: 'lost one' },
  ]);
  display.end();
  expect(terminal.written).not.toContain('\u001b');
  expect(terminal.written).toContain('copy this\nwhere everything is\n');
  expect(terminal.written).toContain('note  lost one');
});
