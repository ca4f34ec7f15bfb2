import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { boundaryTable } from './roles-reference.ts';

it('docs/roles.md has the actions of every role that a boundary must allow (npm run docs:write)', () => {
  expect(readFileSync('docs/roles.md', 'utf8')).toContain(boundaryTable());
});
