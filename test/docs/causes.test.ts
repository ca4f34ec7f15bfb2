/** The runbook has a row for every cause that a log line can contain. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** The causes of a union type, from its source, because types don't exist at run time. */
function causesOf(file: string): string[] {
  const [, union = ''] = /readonly cause:\n([\s\S]*?);/.exec(readFileSync(file, 'utf8')) ?? [];
  return [...union.matchAll(/'([\w-]+)'/g)].map(([, cause = '']) => cause);
}

/** Causes in the first column of a section's table. */
function rowsOf(heading: string): string[] {
  const runbook = readFileSync('docs/runbook.md', 'utf8');
  const section = runbook.split(`\n${heading}\n`)[1]?.split(/\n##+ /)[0] ?? '';
  const cells = section.split('\n').map((line) => line.split(' | ')[0] ?? '');
  return cells.filter((cell) => cell.startsWith('| `')).flatMap((cell) => cell.match(/[\w-]+/g) ?? []);
}

it.each([
  ['functions/launcher/ports.ts', '### ECS refuses launches'],
  ['functions/launcher/core/start-cause-table.ts', '## Agents fail to start'],
])('every cause in %s has a row below "%s" of the runbook', (file, heading) => {
  const causes = causesOf(file);
  expect(causes.length).toBeGreaterThan(8);
  const rows = rowsOf(heading);
  // For an unknown cause, the log line has ECS's message.
  expect(causes.filter((cause) => cause !== 'unknown' && !rows.includes(cause))).toEqual([]);
});
