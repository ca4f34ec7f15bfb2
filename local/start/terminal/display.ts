/** Shows the model: on a terminal as a screen that is redrawn, and otherwise as one line per change. */

import type { Model } from '../model.ts';
import type { Note } from '../session.ts';
import { ChangeLog, noteTime } from './change-log.ts';
import { frame, type View } from './screen.ts';

export interface Display {
  /** Shows the changes. Call this regularly. */
  update(model: Model, notes: readonly Note[]): void;
  /** Ends the display. The last frame stays visible. */
  end(): void;
}

/** The common interface of a terminal and a pipe. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface DisplaySettings extends Pick<View, 'colour' | 'header' | 'footer' | 'startedAt'> {
  readonly output: Output;
  /** Whether the output is a terminal that can move its cursor. */
  readonly movesCursor: boolean;
  /** Text that is printed once at the top, because the user has to copy it. */
  readonly preamble?: readonly string[];
}

const NOTES = 4;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_ALL = '\u001b[2J\u001b[H';
/** With fewer rows than this, the screen uses the whole terminal, and the text at the top scrolls out. */
const LEAST_ROWS = 12;

export function createDisplay(settings: DisplaySettings): Display {
  return settings.movesCursor ? screen(settings) : lines(settings);
}

function screen(settings: DisplaySettings): Display {
  const { output, startedAt, preamble = [] } = settings;
  let drawn = 0;
  let size = '';
  return {
    update(model, notes) {
      const { columns = 80, rows = 24 } = output;
      const reserved = preamble.reduce((total, line) => total + Math.max(1, Math.ceil(line.length / columns)), 0);
      const picture = frame(model, {
        ...settings,
        columns,
        rows: rows - reserved < LEAST_ROWS ? rows : rows - reserved,
        notes: notes.slice(-NOTES).map(({ at, text }) => `${noteTime(at - startedAt)}  ${text}`),
      });
      let before = drawn === 0 ? '' : `\u001b[${drawn}A`;
      if (size !== `${columns}x${rows}`) {
        // When a terminal changes its size, it wraps lines again. So the previous frame is no longer in the same place.
        before = `${size === '' ? '' : CLEAR_ALL}${preamble.map((line) => `${line}\n`).join('')}`;
        size = `${columns}x${rows}`;
      }
      const text = picture.map((line) => `${line}${CLEAR_LINE}\n`).join('');
      output.write(`${HIDE_CURSOR}${before}\r${text}${CLEAR_BELOW}`);
      drawn = picture.length;
    },
    end: () => void output.write(SHOW_CURSOR),
  };
}

function lines({ output, startedAt, header, preamble = [] }: DisplaySettings): Display {
  const changes = new ChangeLog(startedAt);
  output.write(`${[...preamble, ...header].join('\n')}\n`);
  return {
    update(model, notes) {
      for (const line of changes.next(model, notes)) output.write(`${line}\n`);
    },
    end: () => undefined,
  };
}
