/** docs/enterprise.md claims only what exists. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { enterprisePage, GROUPS, piecesOf } from './enterprise-reference.ts';

const rows = GROUPS.flatMap(([, group]) => [...group]);

it('docs/enterprise.md is up to date; if not, run npm run docs:write', () => {
  expect(enterprisePage()).toBe(readFileSync('docs/enterprise.md', 'utf8'));
});

it.each(rows)('the row "$item" has all of its settings, its test and its documentation', (row) => {
  expect(piecesOf(row).filter(({ exists }) => !exists)).toEqual([]);
});

it.each(rows)(
  'the row "$item" says *has* with a setting, or why it needs none',
  ({ item, settings, withoutSetting }) => {
    expect((settings ?? []).length > 0).toBe(withoutSetting === undefined);
    const line = enterprisePage()
      .split('\n')
      .find((text) => text.startsWith(`| ${item} | has | `));
    expect(line).toContain(withoutSetting === undefined ? `\`${settings?.[0]}\`` : `none: ${withoutSetting}`);
  },
);

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
