/** Every claim of docs/container-review.md has a test. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const review = readFileSync('docs/container-review.md', 'utf8');
const claims = [...review.matchAll(/`((?:test|labs)\/\S+\.(?:test|lab)\.ts)`: \*(.+?)\* \|$/gm)].map(
  ([, file = '', title = '']) => ({ file, title }),
);

it.each(claims)('the container review quotes an existing test: $title', ({ file, title }) => {
  expect(readFileSync(file, 'utf8').replaceAll("\\'", "'")).toContain(title);
});

it('the container review quotes a test in every row of its tables', () => {
  const rows = review.split('## What was tried')[0]?.match(/^\| (?!protection|the agent \|).*\|$/gm) ?? [];
  expect(claims.length).toBeGreaterThan(20);
  expect(claims).toHaveLength(rows.length);
});
