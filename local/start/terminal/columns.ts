/** The columns of the table of runs. */

import type { GatewayPhase } from '../../gateway/local-gateway.ts';
import type { GatewayHistory, Run, RunState } from '../model.ts';
import { seconds } from '../seconds.ts';
import { GATEWAY_STYLES, SEGMENT_STYLES } from '../segment-styles.ts';
import { awakeMs, gatewaySegments, runSegments } from '../segments.ts';
import { statusWord } from '../status-words.ts';
import { type Line, type Piece, type Style, shortened } from './line.ts';

const STATES: Readonly<Record<RunState, { readonly mark: string; readonly word: string; readonly style: Style }>> = {
  pending: { mark: '·', word: 'pending', style: 'dim' },
  queued: { mark: '○', word: 'queued', style: 'yellow' },
  starting: { mark: '◔', word: 'starting', style: 'cyan' },
  busy: { mark: '●', word: 'busy', style: 'green' },
  lost: { mark: '✗', word: 'lost', style: 'red' },
  waiting: { mark: '?', word: 'to confirm', style: 'magenta' },
  leaving: { mark: '◌', word: 'leaving', style: 'green' },
  gone: { mark: '✓', word: 'gone', style: 'green' },
};

const GATEWAY_MARKS: Readonly<Record<GatewayPhase, string>> = {
  asleep: '○',
  starting: '◔',
  awake: '●',
  stopping: '◌',
  absent: '·',
};

const FAILED: readonly string[] = ['errored', 'canceled', 'force_canceled', 'discarded'];

interface Column {
  readonly heading: string;
  readonly width: number;
  /** Order in which columns are omitted on a narrow terminal. Absent: the column is never omitted. */
  readonly omitted?: number;
  readonly right?: boolean;
  readonly cell: (run: Run, now: number) => Piece;
  /** The cell in the line of the gateway. Absent: it is empty. */
  readonly ofGateway?: (gateway: GatewayHistory, now: number) => Piece;
}

/** The widths add up to 80 columns. More columns are used for the workspace's name, and then for the bars. */
const WORKSPACE: Column = {
  heading: 'WORKSPACE',
  width: 11,
  cell: ({ workspace }) => [workspace],
  ofGateway: ({ name }) => [name],
};
const COLUMNS: readonly Column[] = [
  WORKSPACE,
  { heading: 'POOL', width: 10, omitted: 1, cell: ({ pool }) => [pool, 'dim'] },
  { heading: 'RUN', width: 7, omitted: 3, cell: ({ kind }) => [kind] },
  { heading: 'STATE', width: 15, cell: stateOf, ofGateway: gatewayState },
  { heading: 'QUEUED', width: 6, omitted: 2, right: true, cell: queuedTime },
  { heading: 'BUSY', width: 6, omitted: 4, right: true, cell: busyTime, ofGateway: awakeTime },
  {
    heading: 'CONTAINER',
    width: 17,
    omitted: 5,
    cell: containersOf,
    ofGateway: ({ instanceType }) => [instanceType, 'dim'],
  },
];
const MOST_NAME = 22;
const LEAST_BAR = 30;

export interface Layout {
  readonly columns: readonly Column[];
  /** Width of the bars; 0 if the terminal is too narrow. */
  readonly bars: number;
}

export function layoutFor(terminal: number): Layout {
  let columns = COLUMNS;
  const spare = (): number => columns.reduce((left, { width }) => left - width - 1, terminal);
  for (let next = 1; spare() < 0 && next < COLUMNS.length; next += 1) {
    columns = columns.filter(({ omitted }) => omitted !== next);
  }
  const left = spare() - 2;
  const more = Math.min(MOST_NAME - WORKSPACE.width, Math.max(0, left - LEAST_BAR));
  const widened = columns.map((column) => (column === WORKSPACE ? { ...column, width: column.width + more } : column));
  return { columns: widened, bars: left - more >= LEAST_BAR ? left - more : 0 };
}

export function headingLine({ columns, bars }: Layout, spanMs: number): Line {
  const end = `${Math.round(spanMs / 1000)} s`;
  const scale = bars === 0 ? '' : `0${end.padStart(bars - 1)}`;
  return [...columns.flatMap((column) => padded([column.heading, 'dim'], column)), [` ${scale}`, 'dim']];
}

export function runLine(run: Run, { columns, bars }: Layout, from: number, spanMs: number, now: number): Line {
  return [
    ...columns.flatMap((column) => padded(column.cell(run, now), column)),
    [' '],
    ...bar(run, bars, from, spanMs, now),
  ];
}

export function gatewayLine(
  gateway: GatewayHistory,
  { columns, bars }: Layout,
  from: number,
  spanMs: number,
  now: number,
): Line {
  const segments = gatewaySegments(gateway, from, now);
  return [
    ...columns.flatMap((column) => padded(column.ofGateway?.(gateway, now) ?? [''], column)),
    [' '],
    ...cellsOf(bars, from, spanMs, (start, end) => {
      const here = segments.filter((segment) => segment.from < end && segment.to > start);
      const shown = here.at(-1);
      return shown === undefined ? [' '] : [GATEWAY_STYLES[shown.kind].mark, GATEWAY_STYLES[shown.kind].style];
    }),
  ];
}

function gatewayState({ phases }: GatewayHistory): Piece {
  const { word, style } = GATEWAY_STYLES[phases.at(-1)?.phase ?? 'absent'];
  return [`${GATEWAY_MARKS[phases.at(-1)?.phase ?? 'absent']} ${word}`, style];
}

function awakeTime(gateway: GatewayHistory, now: number): Piece {
  const awake = awakeMs(gateway, now);
  return [awake === 0 ? '' : seconds(awake)];
}

function padded([text, style]: Piece, { width, right }: Column): Line {
  const shown = shortened(text, width);
  return [[' '], [right === true ? shown.padStart(width) : shown.padEnd(width), style]];
}

function stateOf({ state, status }: Run): Piece {
  const { mark, word, style } = STATES[state];
  const failed = FAILED.includes(status);
  const ended = state === 'leaving' || state === 'gone';
  const shown = ended || state === 'busy' ? statusWord(status) : word;
  return failed ? [`✗ ${shown}`, 'red'] : [`${mark} ${shown}`, style];
}

function queuedTime({ jobs }: Run, now: number): Piece {
  const waits = jobs.map(({ queuedAt, startedAt, endedAt }) => (startedAt ?? endedAt ?? now) - queuedAt);
  return [jobs.length === 0 ? '' : seconds(sum(waits))];
}

function busyTime({ jobs }: Run, now: number): Piece {
  const busy = sum(jobs.map(({ startedAt, endedAt }) => (startedAt === undefined ? 0 : (endedAt ?? now) - startedAt)));
  return [busy === 0 ? '' : seconds(busy)];
}

function containersOf({ jobs, state }: Run): Piece {
  const ids = jobs.flatMap(({ container }) => (container === undefined ? [] : [container.id.slice(0, 8)]));
  return [ids.join(' '), state === 'leaving' || state === 'gone' ? 'dim' : 'bold'];
}

/** A bar with the lifetime of the run. The width of the bar stands for the time span. */
function bar(run: Run, width: number, from: number, spanMs: number, now: number): Line {
  const segments = runSegments(run, now);
  return cellsOf(width, from, spanMs, (start, end) => {
    const here = segments.filter((segment) => segment.from < end && segment.to > start);
    // Always show work of an agent, even if it was short.
    const shown = here.find(({ kind }) => kind === 'busy') ?? here.at(-1);
    return shown === undefined ? [' '] : [SEGMENT_STYLES[shown.kind].mark, SEGMENT_STYLES[shown.kind].style];
  });
}

/** @param shown what a cell shows, which stands for the time from `start` to `end` */
function cellsOf(width: number, from: number, spanMs: number, shown: (start: number, end: number) => Piece): Line {
  const perCell = spanMs / width;
  return Array.from({ length: width }, (_, cell) => shown(from + cell * perCell, from + (cell + 1) * perCell));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
