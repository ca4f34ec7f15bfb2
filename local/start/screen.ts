/** Renders the model as text: frames for a terminal, and lines for other outputs. Pure. */
import { stripVTControlCharacters, styleText } from 'node:util';
import {
  countsOf,
  isFinal,
  jobsOf,
  type Model,
  type RunState,
  type RunView,
  runSegments,
  runState,
  type SegmentKind,
} from './model.ts';
import { seconds } from './summary.ts';

export interface Frame {
  readonly now: number;
  readonly startedAt: number;
  /** Columns and rows of the terminal. */
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** Lines above the table: where everything is. */
  readonly header: readonly string[];
  /** Lines below the table: the launcher's last messages, oldest first. */
  readonly notes: readonly string[];
  readonly footer: string;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

const STATES: Readonly<Record<RunState, { readonly mark: string; readonly word: string; readonly style: Style }>> = {
  pending: { mark: '·', word: 'pending', style: 'dim' },
  queued: { mark: '○', word: 'queued', style: 'yellow' },
  starting: { mark: '◔', word: 'starting', style: 'cyan' },
  busy: { mark: '●', word: 'busy', style: 'green' },
  lost: { mark: '✗', word: 'lost', style: 'red' },
  waiting: { mark: '?', word: 'to confirm', style: 'magenta' },
  leaving: { mark: '◌', word: 'leaving', style: 'dim' },
  gone: { mark: '✓', word: 'gone', style: 'dim' },
};

const BARS: Readonly<Record<SegmentKind, { readonly mark: string; readonly style: Style }>> = {
  pending: { mark: '·', style: 'dim' },
  queued: { mark: '░', style: 'yellow' },
  starting: { mark: '▒', style: 'cyan' },
  busy: { mark: '█', style: 'green' },
  lost: { mark: '×', style: 'red' },
  waiting: { mark: '╌', style: 'magenta' },
  stopping: { mark: '▁', style: 'dim' },
};

/** Styles of a failed and of a canceled run. */
const UNHAPPY = new Set(['errored', 'canceled', 'force_canceled', 'discarded', 'policy_soft_failed']);

/** Short forms of statuses that are too long for their column. */
const SHORT: Readonly<Record<string, string>> = {
  planned_and_finished: 'planned',
  planned_and_saved: 'plan saved',
  force_canceled: 'force-ended',
  policy_soft_failed: 'policy failed',
};

/** 80 columns in total. Additional columns go to the workspace's name, then to the bars. */
const WIDTHS = { workspace: 11, pool: 10, title: 7, state: 15, queued: 6, busy: 6, container: 17 } as const;
type Column = keyof typeof WIDTHS;
const COLUMNS = Object.keys(WIDTHS) as Column[];
/** Columns that a narrow terminal omits, in this order. */
const EXPENDABLE: readonly Column[] = ['pool', 'queued', 'title', 'busy', 'container'];
const MOST_NAME = 22;
const LEAST_BAR = 30;
/** This many runs have priority over anything optional around the table. */
const LEAST_ROWS = 6;
/** Maximum number of lines for the notes. The newest note is always complete. */
const NOTE_LINES = 5;

/** One frame of the live table: whole lines, none wider than the terminal, and fewer than it has rows. */
export function frame(model: Model, view: Frame): string[] {
  const paint = painter(view.colour);
  const layout = layoutFor(view.columns);
  const dim = (text: string): string[] => wrapped(text, view.columns - 1).map((line) => paint('dim', ` ${line}`));
  const newest = view.notes.slice(-1).flatMap(dim);
  const older = newestNotes(view.notes.slice(0, -1), view.columns - 1, NOTE_LINES - newest.length);
  const runs = [...model.runs.values()].sort((a, b) => a.createdAt - b.createdAt);
  const clock = seconds(view.now - view.startedAt);
  const above: Block[] = [
    { lines: [paint('bold', ' agent-launcher') + paint('dim', ` on one machine · ${clock}`)], dropped: 4 },
    { lines: view.header.flatMap(dim), dropped: 3 },
    { lines: [''], dropped: 1 },
    { lines: [countsLine(model, view.columns, paint)] },
    { lines: [''], dropped: 1 },
    { lines: [paint('dim', headings(layout, view))], dropped: 6 },
  ];
  const below: Block[] = [
    { lines: [''], dropped: 1 },
    { lines: older.map((line) => paint('dim', ` ${line}`)), dropped: 2 },
    { lines: newest.slice(0, 1), dropped: 7 },
    { lines: newest.slice(1), dropped: 4 },
    { lines: dim(view.footer), dropped: 5 },
  ];
  const { head, foot, left } = fitted(above, below, view.rows - 1, Math.min(LEAST_ROWS, Math.max(1, runs.length)));
  // Finished rows scroll away first.
  const shown = runs.length <= left ? runs : keepNewest(model, runs, left);
  const lines = [...head, ...shown.map((run) => row(model, run, view, layout, paint)), ...foot];
  return lines.slice(0, Math.max(1, view.rows - 1)).map((line) => clip(line, view.columns));
}

interface Block {
  readonly lines: readonly string[];
  /** Order of removal if the terminal has too few rows. Absent: never. */
  readonly dropped?: number;
}

/** The parts above and below the rows, without those for which the terminal has too few rows. */
function fitted(above: readonly Block[], below: readonly Block[], height: number, least: number) {
  for (let step = 0; ; step += 1) {
    const kept = (blocks: readonly Block[]): string[] =>
      blocks.flatMap(({ lines, dropped }) => (dropped !== undefined && dropped <= step ? [] : lines));
    const [head, foot] = [kept(above), kept(below)];
    const left = height - head.length - foot.length;
    if (left >= least || step > above.length + below.length) return { head, foot, left: Math.max(1, left) };
  }
}

/** As many of the newest notes, each complete, as the lines allow. */
function newestNotes(notes: readonly string[], width: number, most: number): string[] {
  const lines: string[] = [];
  for (const note of notes.toReversed()) {
    const more = wrapped(note, width);
    if (lines.length + more.length > most) break;
    lines.unshift(...more);
  }
  return lines;
}

/** Wraps the text at `width`, between words. Continuation lines are indented. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\S)(?= )/)) {
    if (line !== '' && line.length + word.length > width) {
      lines.push(line);
      line = `  ${word.trimStart()}`;
    } else line += word;
  }
  return [...lines, line];
}

function countsLine(model: Model, columns: number, paint: (style: Style, text: string) => string): string {
  const counts = countsOf(model);
  const jobs = [
    paint('yellow', `${counts.queued} queued`),
    paint('cyan', `${counts.starting} starting`),
    paint('green', `${counts.busy} busy`),
    ...(counts.lost === 0 ? [] : [paint('red', `${counts.lost} lost`)]),
    `${counts.done} done`,
  ];
  const containers = `containers: ${paint('bold', `${counts.present} now`)}, ${counts.launched} so far`;
  const whole = ` ${[...jobs, paint('dim', '│'), containers].join('  ')}`;
  return stripVTControlCharacters(whole).length <= columns ? whole : ` ${jobs.join(' ')}`;
}

interface Layout {
  readonly columns: readonly Column[];
  readonly name: number;
  /** Width of the bars; 0 if the terminal is too narrow. */
  readonly bars: number;
}

function layoutFor(columns: number): Layout {
  const kept = new Set(COLUMNS);
  const width = (): number => [...kept].reduce((total, column) => total + WIDTHS[column] + 1, 0);
  for (const column of EXPENDABLE) if (width() > columns) kept.delete(column);
  const spare = columns - width() - 2;
  const name = WIDTHS.workspace + Math.min(MOST_NAME - WIDTHS.workspace, Math.max(0, spare - LEAST_BAR));
  const left = spare - (name - WIDTHS.workspace);
  return { columns: COLUMNS.filter((column) => kept.has(column)), name, bars: left >= LEAST_BAR ? left : 0 };
}

function headings({ columns, name, bars }: Layout, view: Frame): string {
  const names: Readonly<Record<Column, string>> = {
    workspace: 'WORKSPACE'.padEnd(name),
    pool: 'POOL'.padEnd(WIDTHS.pool),
    title: 'RUN'.padEnd(WIDTHS.title),
    state: 'STATE'.padEnd(WIDTHS.state),
    queued: 'QUEUED'.padStart(WIDTHS.queued),
    busy: 'BUSY'.padStart(WIDTHS.busy),
    container: 'CONTAINER'.padEnd(WIDTHS.container),
  };
  return ` ${columns.map((column) => names[column]).join(' ')} ${bars === 0 ? '' : scale(bars, view)}`;
}

function keepNewest(model: Model, rows: readonly RunView[], count: number): RunView[] {
  const spare = rows.filter((run) => runState(model, run) === 'gone').slice(0, rows.length - count);
  return rows.filter((run) => !spare.includes(run)).slice(-count);
}

function row(
  model: Model,
  run: RunView,
  view: Frame,
  { columns, name, bars }: Layout,
  paint: (style: Style, text: string) => string,
): string {
  const state = runState(model, run);
  const jobs = jobsOf(model, run.id);
  const { mark, style } = STATES[state];
  const failed = isFinal(run) && UNHAPPY.has(run.status);
  const containers = jobs.flatMap(({ taskId }) => (taskId === undefined ? [] : [taskId.slice(0, 8)]));
  const gone = state === 'gone' || state === 'leaving';
  const queuedMs = sum(jobs.map(({ queuedAt, startedAt, endedAt }) => (startedAt ?? endedAt ?? view.now) - queuedAt));
  const busyMs = sum(
    jobs.map(({ startedAt, endedAt }) => (startedAt === undefined ? 0 : (endedAt ?? view.now) - startedAt)),
  );
  const said = `${failed ? '✗' : mark} ${stateWord(run, state)}`;
  const cells: Readonly<Record<Column, string>> = {
    workspace: shortened(run.workspace, name).padEnd(name),
    pool: paint('dim', shortened(run.pool, WIDTHS.pool).padEnd(WIDTHS.pool)),
    title: run.title.slice(0, WIDTHS.title).padEnd(WIDTHS.title),
    state: paint(failed ? 'red' : gone ? 'green' : style, shortened(said, WIDTHS.state).padEnd(WIDTHS.state)),
    queued: (jobs.length === 0 ? '' : seconds(queuedMs)).padStart(WIDTHS.queued),
    busy: (busyMs === 0 ? '' : seconds(busyMs)).padStart(WIDTHS.busy),
    container: paint(gone ? 'dim' : 'bold', containers.join(' ').padEnd(WIDTHS.container)),
  };
  const text = columns.map((column) => cells[column]).join(' ');
  return ` ${text} ${bars === 0 ? '' : bar(model, run, view, bars, paint)}`;
}

function stateWord(run: RunView, state: RunState): string {
  const shown = SHORT[run.status] ?? run.status.replaceAll('_', ' ');
  return isFinal(run) || state === 'busy' ? shown : STATES[state].word;
}

/** The run's life as a bar whose whole width is the time from the start until now. */
function bar(
  model: Model,
  run: RunView,
  view: Frame,
  width: number,
  paint: (style: Style, text: string) => string,
): string {
  const perCell = spanMs(view) / width;
  const segments = runSegments(model, run, view.now);
  let text = '';
  for (let cell = 0; cell < width; cell += 1) {
    const from = view.startedAt + cell * perCell;
    const here = segments.filter((segment) => segment.from < from + perCell && segment.to > from);
    // Always show an agent at work, even if it is short.
    const shown = here.find(({ kind }) => kind === 'busy') ?? here.at(-1);
    text += shown === undefined ? ' ' : paint(BARS[shown.kind].style, BARS[shown.kind].mark);
  }
  return text;
}

function scale(width: number, view: Frame): string {
  const left = '0';
  const right = `${Math.round(spanMs(view) / 1000)} s`;
  return left + right.padStart(width - left.length);
}

/** Time range of the bars: a minute, or more if the demo takes longer. */
function spanMs(view: Frame): number {
  return Math.max(60_000, view.now - view.startedAt);
}

/** One line per change between two models, for outputs without a table. */
export function changeLines(before: Model, after: Model, now: number, startedAt: number): string[] {
  const time = `${((now - startedAt) / 1000).toFixed(1).padStart(6)} s`;
  const lines: string[] = [];
  for (const run of after.runs.values()) {
    const old = before.runs.get(run.id);
    if (old?.status === run.status) continue;
    const where = `${run.workspace.padEnd(WIDTHS.workspace)} ${run.title.padEnd(WIDTHS.title)}`;
    const job = jobsOf(after, run.id).at(-1);
    const waited =
      job?.startedAt !== undefined && (run.status === 'planning' || run.status === 'applying')
        ? ` after ${seconds(job.startedAt - job.queuedAt)} in the queue of ${run.pool}`
        : '';
    lines.push(`${time}  run   ${where} ${run.status}${waited}  (${run.id})`);
  }
  for (const task of after.tasks.values()) {
    const old = before.tasks.get(task.id);
    if (old?.lastStatus === task.lastStatus || !['PROVISIONING', 'RUNNING', 'STOPPED'].includes(task.lastStatus))
      continue;
    const exit = task.exitCode === undefined ? '' : `, exit code ${task.exitCode}`;
    const forWhat = old === undefined && task.startedBy !== undefined ? ` for ${task.startedBy}` : '';
    lines.push(
      `${time}  task  ${task.id.slice(0, 8)} ${task.pool.padEnd(WIDTHS.pool)} ${task.lastStatus}${forWhat}${exit}`,
    );
  }
  return lines;
}

function painter(colour: boolean): (style: Style, text: string) => string {
  // The caller has already decided whether the output shows colours.
  return (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
}

/** Cuts a line at the given number of columns. Escape sequences don't count. */
export function clip(line: string, columns: number): string {
  let width = 0;
  let out = '';
  const sequence = new RegExp(`^${String.fromCharCode(27)}\\[[0-9;]*m`);
  for (let rest = line; rest !== ''; ) {
    const escaped = sequence.exec(rest)?.[0];
    if (escaped !== undefined) {
      out += escaped;
      rest = rest.slice(escaped.length);
      continue;
    }
    const [character = ''] = rest;
    if (width < columns) out += character;
    width += 1;
    rest = rest.slice(character.length);
  }
  return out;
}

function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
