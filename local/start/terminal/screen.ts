/** The live screen: title, table of runs and notes, as lines that fit the terminal. All functions are pure. */

import { isPresent, type JobState, jobsOf, type Model } from '../model.ts';
import { seconds } from '../seconds.ts';
import { gatewayLine, headingLine, layoutFor, runLine } from './columns.ts';
import { type Line, type Piece, painted, type Style, widthOf, wrapped } from './line.ts';

export interface View {
  readonly startedAt: number;
  /** Columns and rows of the terminal. */
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** Lines above the table, with addresses and paths. */
  readonly header: readonly string[];
  /** Messages below the table, oldest first. */
  readonly notes: readonly string[];
  readonly footer: string;
}

/** Lines that stay or are dropped together. If the terminal has too few rows, the lowest rank is dropped first. */
interface Block {
  readonly rank: number;
  readonly lines: readonly Line[];
}

const BLANK: Block = { rank: 1, lines: [[['']]] };
const JOB_STATES: readonly (readonly [JobState, Style?])[] = [
  ['queued', 'yellow'],
  ['starting', 'cyan'],
  ['busy', 'green'],
  ['lost', 'red'],
  ['done'],
];
/** The first runs, up to this number, rank above everything optional. */
const LEAST_RUNS = 6;
/** Minimum time span of the bars. It is longer if the demo takes longer. */
const LEAST_SPAN_MS = 60_000;

/** Lines that aren't wider than the terminal. There are fewer lines than the terminal has rows. */
export function frame(model: Model, view: View): string[] {
  const { columns, startedAt } = view;
  const dim = (text: string): Line[] => wrapped(text, columns - 1).map((line) => [[` ${line}`, 'dim']]);
  const elapsed = model.at - startedAt;
  const spanMs = Math.max(LEAST_SPAN_MS, elapsed);
  const layout = layoutFor(columns);
  const [first, ...more] = view.notes.slice(-1).flatMap(dim);
  const blocks: Block[] = [
    {
      rank: 4,
      lines: [
        [
          [' agent-launcher', 'bold'],
          [` on one machine · ${seconds(elapsed)}`, 'dim'],
        ],
      ],
    },
    { rank: 3, lines: view.header.flatMap(dim) },
    BLANK,
    { rank: Number.POSITIVE_INFINITY, lines: [countsLine(model, columns)] },
    BLANK,
    { rank: 6, lines: [headingLine(layout, spanMs)] },
    {
      rank: 8,
      lines: model.gateway === undefined ? [] : [gatewayLine(model.gateway, layout, startedAt, spanMs, model.at)],
    },
    ...runRanks(model).map(({ run, rank }) => ({ rank, lines: [runLine(run, layout, startedAt, spanMs, model.at)] })),
    BLANK,
    ...view.notes.slice(0, -1).map((note) => ({ rank: 2, lines: dim(note) })),
    { rank: 7, lines: first === undefined ? [] : [first] },
    { rank: 4, lines: more },
    { rank: 5, lines: dim(view.footer) },
  ];
  return fitted(blocks, Math.max(1, view.rows - 1)).map((line) => painted(line, columns, view.colour));
}

/** Ended runs are dropped first, in order of age. */
function runRanks({ runs }: Model) {
  const isGone = (state: string): number => (state === 'gone' ? 0 : 1);
  const order = runs.toSorted((one, other) => isGone(one.state) - isGone(other.state));
  return runs.map((run) => {
    const position = order.indexOf(run);
    return { run, rank: position < runs.length - LEAST_RUNS ? position / runs.length : 8 };
  });
}

function fitted(blocks: readonly Block[], height: number): Line[] {
  let surplus = blocks.reduce((total, { lines }) => total + lines.length, 0) - height;
  const kept = new Set(blocks.keys());
  const order = [...blocks.entries()].sort(([, one], [, other]) => one.rank - other.rank);
  for (const [index, { lines }] of order) {
    if (surplus <= 0) break;
    kept.delete(index);
    surplus -= lines.length;
  }
  return blocks.filter((_, index) => kept.has(index)).flatMap(({ lines }) => lines);
}

function countsLine(model: Model, columns: number): Line {
  const jobs = jobsOf(model);
  const counts = JOB_STATES.flatMap(([state, style]): Piece[] => {
    const count = jobs.filter((job) => job.state === state).length;
    return count === 0 && state === 'lost' ? [] : [[` ${count} ${state}`, style]];
  });
  const spaced = counts.flatMap((piece, index) => (index === 0 ? [piece] : [[' '] as const, piece]));
  const whole: Line = [
    ...spaced,
    ['  │', 'dim'],
    ['  containers: '],
    [`${model.containers.filter(isPresent).length} now`, 'bold'],
    [`, ${model.containers.length} so far`],
  ];
  return widthOf(whole) <= columns ? whole : counts;
}
