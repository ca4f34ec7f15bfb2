/** The tests of the container lab as rows of docs/container-review.md. */
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { markdownTable } from '../markdown-table.ts';

/** The tests of this file are the page's table of sizes and times. */
export const MEASURES = 'labs/containers/measures.lab.ts';

export interface Row {
  /** Path in the repository. */
  readonly file: string;
  readonly name: string;
  readonly holds: 'yes' | 'no' | 'skipped';
  /** The test's annotations, by type. */
  readonly seen: ReadonlyMap<string, string>;
}

/**
 * A test's name without the group that contains the whole file, and without the reason why it was skipped.
 * @param fullName parts separated by ` > `
 */
export function rowName(fullName: string): string {
  return fullName
    .replaceAll(/ \(skipped: [^)]*\)/g, '')
    .split(' > ')
    .slice(1)
    .join(': ');
}

/** Collects the result of every test. */
export class Rows implements Reporter {
  readonly rows: Row[] = [];

  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) for (const test of module.children.allTests()) this.rows.push(rowOf(module, test));
    this.rows.sort((a, b) => (a.file < b.file ? -1 : Number(a.file > b.file)));
  }
}

function rowOf(module: TestModule, test: TestCase): Row {
  const { state } = test.result();
  return {
    file: relative(process.cwd(), module.moduleId),
    name: rowName(test.fullName),
    holds: state === 'passed' ? 'yes' : state === 'skipped' ? 'skipped' : 'no',
    seen: new Map(test.annotations().map(({ type, message }) => [type, message])),
  };
}

export function testsTable(rows: readonly Row[], machine: string): string {
  const groups = Map.groupBy(
    rows.filter(({ file }) => file !== MEASURES),
    ({ file }) => file,
  );
  const tables = [...groups].map(([file, tests]) => {
    const cells = tests.map(({ name, holds, seen }) => [name, holds, seen.get('notice') ?? '']);
    return `**\`${file}\`**\n\n${markdownTable(['what is tried, and must hold', 'holds', 'seen'], cells)}`;
  });
  const held = rows.filter(({ holds }) => holds === 'yes').length;
  return [`${held} of ${rows.length} hold, ${machine}.`, ...tables].join('\n\n');
}

export function measuresTable(rows: readonly Row[], machine: string): string {
  const cells = rows
    .filter(({ file }) => file === MEASURES)
    .map(({ name, seen }) => [name, seen.get('before') ?? '–', seen.get('after') ?? '–']);
  return `Measured: ${machine}.\n\n${markdownTable(['what', 'before', 'after'], cells)}`;
}
