import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const review = readFileSync('docs/container-review.md', 'utf8');
const claims = [...review.matchAll(/`((?:test|labs)\/\S+\.(?:test|lab)\.ts)`: \*(.+?)\* \|$/gm)].map(
  ([, file = '', title = '']) => ({
    file,
    title,
  }),
);

describe('the review of the container', () => {
  test.each(claims)('names a test that exists: $title', ({ file, title }) => {
    expect(readFileSync(file, 'utf8').replaceAll("\\'", "'")).toContain(title);
  });

  test('names a test for every claim of its tables', () => {
    const rows = review.split('## What was tried')[0]?.match(/^\| (?!protection|the agent \|).*\|$/gm) ?? [];
    expect(claims.length).toBeGreaterThan(20);
    expect(claims).toHaveLength(rows.length);
  });
});
