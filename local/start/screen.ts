/** The model as a person watches it: a picture of text for a terminal, and lines for everything else. Pure. */
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
  /** Above the table: where everything is, a line each. */
  readonly header: readonly string[];
  /** Under the table: what the launcher said last, oldest first. */
  readonly notes: readonly string[];
  readonly footer: string;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';
const CODES: Readonly<Record<Style, string>> = {
  bold: '1',
  dim: '2',
  red: '31',
  green: '32',
  yellow: '33',
  blue: '34',
  magenta: '35',
  cyan: '36',
};

const STATES: Readonly<Record<RunState, { readonly mark: string; readonly word: string; readonly style: Style }>> = {
  pending: { mark: '·', word: 'pending', style: 'dim' },
  queued: { mark: '○', word: 'queued', style: 'yellow' },
  starting: { mark: '◔', word: 'starting', style: 'cyan' },
  busy: { mark: '●', word: 'busy', style: 'green' },
  waiting: { mark: '?', word: 'to confirm', style: 'magenta' },
  leaving: { mark: '◌', word: 'leaving', style: 'dim' },
  gone: { mark: '✓', word: 'gone', style: 'dim' },
};

const BARS: Readonly<Record<SegmentKind, { readonly mark: string; readonly style: Style }>> = {
  pending: { mark: '·', style: 'dim' },
  queued: { mark: '░', style: 'yellow' },
  starting: { mark: '▒', style: 'cyan' },
  busy: { mark: '█', style: 'green' },
  waiting: { mark: '╌', style: 'magenta' },
  stopping: { mark: '▁', style: 'dim' },
};

/** A failed run, and one that nobody wanted any more. */
const UNHAPPY = new Set(['errored', 'canceled', 'force_canceled', 'discarded']);

/** Together 80 columns; what a wider terminal has more goes to the workspace's name, then to the bars. */
const WIDTHS = { workspace: 11, pool: 10, title: 7, state: 14, queued: 6, busy: 6, container: 18 } as const;
const TABLE_WIDTH = Object.values(WIDTHS).reduce((total, width) => total + width + 1, 1);
const MOST_NAME = 22;
const LEAST_BAR = 30;

/** One frame of the live table: whole lines, none wider than the terminal, no more than it has rows. */
export function frame(model: Model, view: Frame): string[] {
  const paint = painter(view.colour);
  const counts = countsOf(model);
  const spare = view.columns - TABLE_WIDTH - 1;
  const name = WIDTHS.workspace + Math.min(MOST_NAME - WIDTHS.workspace, Math.max(0, spare - LEAST_BAR));
  const left = spare - (name - WIDTHS.workspace);
  const widths = { name, bars: left >= LEAST_BAR ? left : 0 };
  const clock = seconds(view.now - view.startedAt);
  const head = [
    paint('bold', ' agent-launcher') + paint('dim', ` on one machine · ${clock}`),
    ...view.header.map((line) => paint('dim', ` ${line}`)),
    '',
    [
      '',
      paint('yellow', `${counts.queued} queued`),
      paint('cyan', `${counts.starting} starting`),
      paint('green', `${counts.busy} busy`),
      `${counts.done} done`,
      paint('dim', '│'),
      `containers: ${paint('bold', `${counts.present} now`)}, ${counts.launched} so far`,
    ]
      .join('  ')
      .slice(1),
    '',
    paint('dim', headings(widths, view)),
  ];
  const foot = ['', ...view.notes.map((note) => paint('dim', ` ${note}`)), paint('dim', ` ${view.footer}`)];
  const room = Math.max(1, view.rows - head.length - foot.length - 1);
  const rows = [...model.runs.values()].sort((a, b) => a.createdAt - b.createdAt);
  // What is over scrolls away first.
  const shown = rows.length <= room ? rows : keepNewest(model, rows, room);
  const lines = [...head, ...shown.map((run) => row(model, run, view, widths, paint)), ...foot];
  return lines.map((line) => clip(line, view.columns));
}

interface Widths {
  readonly name: number;
  /** 0: there is no room for bars. */
  readonly bars: number;
}

function headings({ name, bars }: Widths, view: Frame): string {
  const names = [
    'WORKSPACE'.padEnd(name),
    'POOL'.padEnd(WIDTHS.pool),
    'RUN'.padEnd(WIDTHS.title),
    'STATE'.padEnd(WIDTHS.state),
    'QUEUED'.padStart(WIDTHS.queued),
    'BUSY'.padStart(WIDTHS.busy),
    ' CONTAINER'.padEnd(WIDTHS.container),
  ];
  return ` ${names.join(' ')} ${bars === 0 ? '' : scale(bars, view)}`;
}

function keepNewest(model: Model, rows: readonly RunView[], room: number): RunView[] {
  const spare = rows.filter((run) => runState(model, run) === 'gone').slice(0, rows.length - room);
  return rows.filter((run) => !spare.includes(run)).slice(-room);
}

function row(
  model: Model,
  run: RunView,
  view: Frame,
  { name, bars }: Widths,
  paint: (style: Style, text: string) => string,
): string {
  const state = runState(model, run);
  const jobs = jobsOf(model, run.id);
  const { mark, word, style } = STATES[state];
  const failed = isFinal(run) && UNHAPPY.has(run.status);
  const said = isFinal(run) ? run.status.replaceAll('_', ' ').replace('planned and finished', 'planned') : word;
  const step = state === 'busy' ? run.status : state === 'queued' || state === 'starting' ? `${word}` : said;
  const containers = jobs.flatMap(({ taskId }) => (taskId === undefined ? [] : [taskId.slice(0, 8)]));
  const gone = state === 'gone' || state === 'leaving';
  const queuedMs = sum(jobs.map(({ queuedAt, startedAt, endedAt }) => (startedAt ?? endedAt ?? view.now) - queuedAt));
  const busyMs = sum(
    jobs.map(({ startedAt, endedAt }) => (startedAt === undefined ? 0 : (endedAt ?? view.now) - startedAt)),
  );
  const cells = [
    shortened(run.workspace, name).padEnd(name),
    paint('dim', shortened(run.pool, WIDTHS.pool).padEnd(WIDTHS.pool)),
    run.title.slice(0, WIDTHS.title).padEnd(WIDTHS.title),
    paint(
      failed ? 'red' : gone ? 'green' : style,
      `${failed ? '✗' : mark} ${step}`.slice(0, WIDTHS.state).padEnd(WIDTHS.state),
    ),
    (jobs.length === 0 ? '' : seconds(queuedMs)).padStart(WIDTHS.queued),
    (busyMs === 0 ? '' : seconds(busyMs)).padStart(WIDTHS.busy),
    paint(gone ? 'dim' : 'bold', ` ${containers.join(' ')}`.padEnd(WIDTHS.container)),
  ];
  return ` ${cells.join(' ')} ${bars === 0 ? '' : bar(model, run, view, bars, paint)}`;
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
    // What is short and matters most is shown: an agent at work.
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

/** The bars' time: a minute, and more when it takes longer. */
function spanMs(view: Frame): number {
  return Math.max(60_000, view.now - view.startedAt);
}

/** What changed between two models, a line each: the demo where nobody watches a table. */
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
  return colour ? (style, text) => `\u001b[${CODES[style]}m${text}\u001b[0m` : (_style, text) => text;
}

/** Cuts a line at so many columns; escape sequences take none. */
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
