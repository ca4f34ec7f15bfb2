/** Every test that these pages quote exists, and their tables have every row. */
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAULT_TABLE, POOL_FAULT_TABLE } from '../../labs/wire/faults.ts';
import { readSection } from '../lib/network/reachability/sections.ts';
import { MUTANTS } from '../simulation/mutants.ts';

const page = ['docs/reliability.md', 'docs/other-launchers.md'].map((file) => readFileSync(file, 'utf8')).join('\n');
/** Quotations in the form `file` ("name of a test"). */
const evidence = [...page.matchAll(/`([\w./-]+\.(?:test|lab)\.ts)` \("([^"]+)"\)/g)].map(
  ([, file = '', name = '']) => ({
    file: file.slice(file.lastIndexOf('/') + 1),
    // A page may shorten a long name.
    name: name.replace(/ …$/, ''),
  }),
);

it('the pages quote tests', () => {
  expect(evidence.length).toBeGreaterThan(12);
});

it.each(evidence)('the quoted test exists: $file: $name', ({ file, name }) => {
  const files = globSync(`{test,labs}/**/${file}`);
  expect(files.some((path) => readFileSync(path, 'utf8').includes(name))).toBe(true);
});

it.each([
  ['wire', FAULT_TABLE.map(({ system, name }) => `${system}: ${name}`)],
  ['wire-pools', POOL_FAULT_TABLE.map(({ name }) => name)],
  ['mutations', MUTANTS.map(({ name }) => name)],
])('the table %s has exactly these rows', (section, names) => {
  const rows = readSection('docs/reliability.md', section).split('\n').slice(2);
  expect(rows.map((row) => row.split(' | ')[0]?.replace('| ', ''))).toEqual(names);
  // An unexpected result is in bold type.
  expect(rows.filter((row) => row.includes('**'))).toEqual([]);
});
