/** Shows the model: a table that is drawn anew on a terminal, a line for each change everywhere else. */
import { EMPTY_MODEL, type Model } from './model.ts';
import { changeLines, frame } from './screen.ts';

export interface Display {
  /** The model has changed, or time has passed. */
  update(model: Model): void;
  /** Something that the launcher decided. */
  note(text: string): void;
  /** The last picture stays where it is. */
  end(model: Model): void;
}

/** What a terminal and a pipe have in common. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface DisplaySettings {
  readonly output: Output;
  readonly colour: boolean;
  readonly header: readonly string[];
  readonly footer: string;
  /** Rows of the terminal that something else above the table is to keep. */
  readonly reservedRows?: number;
  readonly startedAt: number;
  readonly now: () => number;
}

const NOTES = 4;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/** A table when `output` is a terminal that can move its cursor, else lines. */
export function createDisplay(settings: DisplaySettings): Display {
  return settings.output.isTTY === true ? table(settings) : lines(settings);
}

function table(settings: DisplaySettings): Display {
  const { output, now, startedAt } = settings;
  const notes: string[] = [];
  let drawn = 0;
  const draw = (model: Model): void => {
    const picture = frame(model, {
      now: now(),
      startedAt,
      columns: output.columns ?? 80,
      rows: (output.rows ?? 24) - (settings.reservedRows ?? 0),
      colour: settings.colour,
      header: settings.header,
      notes,
      footer: settings.footer,
    });
    const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
    output.write(`${HIDE_CURSOR}${up}\r${picture.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`);
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
  output.write(`${settings.header.join('\n')}\n`);
  const update = (model: Model): void => {
    for (const line of changeLines(shown, model, now(), startedAt)) output.write(`${line}\n`);
    shown = model;
  };
  return {
    update,
    note: (text) => void output.write(`${timeOf(now() - startedAt)}  tick  ${text}\n`),
    end: update,
  };
}

function timeOf(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(6)} s`;
}
