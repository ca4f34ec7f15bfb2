/** Shows the model: a table that is redrawn on a terminal, otherwise one line per change. */
import { EMPTY_MODEL, type Model } from './model.ts';
import { changeLines, frame } from './screen.ts';

export interface Display {
  /** Call this when the model has changed or time has passed. */
  update(model: Model): void;
  /** A decision of the launcher (`tick`), or a note for the user (`note`). */
  note(text: string, source?: 'tick' | 'note'): void;
  /** Ends the display. The last frame stays visible. */
  end(model: Model): void;
}

/** The common interface of a terminal and a pipe. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface DisplaySettings {
  readonly output: Output;
  /** Whether the output is a terminal that can move its cursor. */
  readonly movesCursor: boolean;
  readonly colour: boolean;
  /** Printed once above everything: what the user has to copy. */
  readonly preamble?: readonly string[];
  readonly header: readonly string[];
  readonly footer: string;
  readonly startedAt: number;
  readonly now: () => number;
}

const NOTES = 4;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_ALL = '\u001b[2J\u001b[H';
/** With fewer rows than this, the table uses the whole terminal, and the preamble scrolls out. */
const LEAST_TABLE = 12;

/** A table if the terminal can move its cursor, otherwise lines. */
export function createDisplay(settings: DisplaySettings): Display {
  return settings.movesCursor ? table(settings) : lines(settings);
}

function table(settings: DisplaySettings): Display {
  const { output, now, startedAt, preamble = [] } = settings;
  const notes: string[] = [];
  let drawn = 0;
  let size: string | undefined;
  const draw = (model: Model): void => {
    const columns = output.columns ?? 80;
    const rows = output.rows ?? 24;
    const reserved = preamble.reduce((total, line) => total + Math.max(1, Math.ceil(line.length / columns)), 0);
    const picture = frame(model, {
      now: now(),
      startedAt,
      columns,
      rows: rows - reserved < LEAST_TABLE ? rows : rows - reserved,
      colour: settings.colour,
      header: settings.header,
      notes,
      footer: settings.footer,
    });
    let before = '';
    if (size !== `${columns}x${rows}`) {
      // A terminal that changes its size re-wraps its lines, so the previous frame is no longer in the same place.
      before = `${size === undefined ? '' : CLEAR_ALL}${preamble.map((line) => `${line}\n`).join('')}`;
      drawn = 0;
      size = `${columns}x${rows}`;
    }
    const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
    output.write(
      `${HIDE_CURSOR}${before}${up}\r${picture.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`,
    );
    drawn = picture.length;
  };
  return {
    update: draw,
    note(text) {
      notes.push(`${timeOf(now() - startedAt)}  ${text}`);
      if (notes.length > NOTES) notes.shift();
    },
    end(model) {
      draw(model);
      output.write(SHOW_CURSOR);
    },
  };
}

function lines(settings: DisplaySettings): Display {
  const { output, now, startedAt } = settings;
  let shown = EMPTY_MODEL;
  output.write(`${[...(settings.preamble ?? []), ...settings.header].join('\n')}\n`);
  const update = (model: Model): void => {
    for (const line of changeLines(shown, model, now(), startedAt)) output.write(`${line}\n`);
    shown = model;
  };
  return {
    update,
    note: (text, source = 'tick') => void output.write(`${timeOf(now() - startedAt)}  ${source}  ${text}\n`),
    end: update,
  };
}

function timeOf(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(6)} s`;
}
