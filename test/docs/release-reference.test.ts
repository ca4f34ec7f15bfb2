import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PARAMETERS } from '../../bin/release/parameters.ts';
import { readSection } from '../lib/network/reachability/sections.ts';
import { releaseSections } from './release-reference.ts';

const FILE = 'docs/without-cdk.md';

it.each(releaseSections())(
  'docs/without-cdk.md has an up-to-date section $name (npm run docs:write)',
  ({ name, text }) => {
    expect(readSection(FILE, name)).toBe(text);
  },
);

it('the commands and the launch link in docs/without-cdk.md set only parameters of the template, and all required ones', () => {
  const text = readFileSync(FILE, 'utf8');
  const required = Object.keys(PARAMETERS).filter((name) => PARAMETERS[name]?.['Default'] === undefined);
  const [, overrides = ''] = /--parameter-overrides \\\n([\s\S]*?)```/.exec(text) ?? [];
  const set = [...overrides.matchAll(/(?:^|\s)([A-Z]\w+)=/g)].map(([, name]) => name);
  expect(set).toEqual(expect.arrayContaining(required));
  const linked = [...text.matchAll(/[?&]param_(\w+)=/g)].map(([, name]) => name);
  expect(linked.length).toBeGreaterThan(1);
  for (const name of [...set, ...linked]) expect(Object.keys(PARAMETERS)).toContain(name);
});
