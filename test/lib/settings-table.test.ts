import { expect, it } from 'vitest';
import { settingsTable } from '../../lib/settings-table.ts';

const rows = settingsTable().split('\n');

it('has a row for every setting, with its default or that it is required', () => {
  expect(rows).toContainEqual(expect.stringMatching(/^\| `organization` \|.*\| \*\*required\*\* \|$/));
  expect(rows).toContainEqual(expect.stringMatching(/^\| `pools\[\]\.maxAgents` \|.*\| `10` \|$/));
  expect(rows).toContainEqual(expect.stringMatching(/^\| `network\.egress` \|.*\| `nat-gateway` \|$/));
  expect(rows).toContainEqual(expect.stringMatching(/^\| `agentImage\.registry` \|.*\| an image is built \|$/));
});

it('is a table: every row has four cells', () => {
  for (const row of rows) expect(row.replaceAll('\\|', '').split('|'), row).toHaveLength(6);
});

it('says of no two settings the same', () => {
  const said = rows.slice(2).map((row) => row.split('|')[2]);
  expect(new Set(said).size).toBe(said.length);
});
