import { expect, it } from 'vitest';
import { ROWS, rowTable } from '../../labs/enterprise/rows.ts';
import { readSection } from '../lib/network/reachability/sections.ts';

it('docs/enterprise-network.md has the cases of the enterprise lab (npm run docs:write)', () => {
  expect(ROWS.length).toBeGreaterThan(10);
  expect(readSection('docs/enterprise-network.md', 'enterprise')).toBe(rowTable());
});
