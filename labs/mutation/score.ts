/** Turns Stryker's results into a score: mutants that were killed, that survived, and that no test can kill. */
import type { Equivalent } from './equivalents.ts';

/** Stryker's result for one mutant. Lines and columns count from one. */
export interface Result {
  readonly fileName: string;
  readonly mutatorName: string;
  readonly replacement?: string | undefined;
  readonly status: string;
  readonly location: {
    readonly start: { readonly line: number; readonly column: number };
    readonly end: { readonly line: number; readonly column: number };
  };
}

/** A mutant with its line and its change. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly source: string;
  readonly change: string;
  readonly status: string;
}

export interface Score {
  readonly killed: number;
  readonly total: number;
  readonly equivalent: number;
  readonly percent: number;
  readonly survivors: readonly Mutant[];
  /** Listed equivalents whose mutant was killed or no longer exists. */
  readonly stale: readonly Equivalent[];
}

const KILLED = ['Killed', 'Timeout', 'RuntimeError', 'CompileError'];

export function mutantOf(result: Result, source: string): Mutant {
  const { start, end } = result.location;
  const lines = source.split('\n');
  const touched = lines.slice(start.line - 1, end.line);
  const last = touched.length - 1;
  const original = touched
    .map((line, i) => line.slice(i === 0 ? start.column - 1 : 0, i === last ? end.column - 1 : undefined))
    .join('\n');
  return {
    file: result.fileName,
    line: start.line,
    source: (lines[start.line - 1] ?? '').trim(),
    change: `${oneLine(original)} → ${oneLine(result.replacement ?? result.mutatorName)}`,
    status: result.status,
  };
}

function oneLine(code: string): string {
  const text = code.replaceAll(/\s+/g, ' ').trim();
  return text.length <= 100 ? text : `${text.slice(0, 60)} … ${text.slice(-30)}`;
}

/**
 * Mutants that Stryker ignored don't count.
 *
 * @param equivalents the entries for the same files. An entry applies to all mutants that it matches
 */
export function score(mutants: readonly Mutant[], equivalents: readonly Equivalent[]): Score {
  const counted = mutants.filter(({ status }) => status !== 'Ignored');
  const survived = counted.filter(({ status }) => !KILLED.includes(status));
  const matches = (mutant: Mutant, each: Equivalent) =>
    mutant.file === each.file && mutant.source === each.line && mutant.change === each.mutant;
  const survivors = survived.filter((mutant) => !equivalents.some((each) => matches(mutant, each)));
  const equivalent = survived.length - survivors.length;
  const total = counted.length - equivalent;
  const killed = total - survivors.length;
  return {
    killed,
    total,
    equivalent,
    percent: total === 0 ? 100 : (100 * killed) / total,
    survivors,
    stale: equivalents.filter((each) => !survived.some((mutant) => matches(mutant, each))),
  };
}
