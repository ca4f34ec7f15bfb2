/** docs/enterprise.md claims only what exists. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { enterprisePage, GROUPS, piecesOf } from './enterprise-reference.ts';

const rows = GROUPS.flatMap(([, group]) => [...group]);

it('docs/enterprise.md is up to date; if not, run npm run docs:write', () => {
  expect(enterprisePage()).toBe(readFileSync('docs/enterprise.md', 'utf8'));
});

it.each(rows)('the row "$item" has all of its settings, its test and its documentation, or is not there', (row) => {
  const pieces = piecesOf(row);
  // A row without settings is there if its test is.
  const kind = row.settings === undefined ? row.test : 'setting ';
  const isAbsent = pieces.filter(({ piece }) => piece.startsWith(kind)).every(({ exists }) => !exists);
  if (!isAbsent) expect(pieces.filter(({ exists }) => !exists)).toEqual([]);
});

it('a row without its setting, its test or its documentation is noticed', () => {
  const row = {
    item: 'Something',
    byDefault: 'off',
    settings: ['launcher.vpc', 'launcher.missing'],
    test: 'test/docs/missing.test.ts',
    docs: 'docs/network.md#missing',
    price: '$0.00',
  };
  expect(piecesOf(row).filter(({ exists }) => !exists)).toEqual([
    { piece: 'setting launcher.missing', exists: false },
    { piece: 'test/docs/missing.test.ts contains vpc', exists: false },
    { piece: 'docs/network.md#missing', exists: false },
  ]);
});
