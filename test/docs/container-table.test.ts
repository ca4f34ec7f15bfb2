/** The container lab's tables in docs/container-review.md have a row for every test of the lab, and no other. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { MEASURES, rowName } from '../../labs/containers/table.ts';
import { whyNoReleases } from '../agent-image/release-mirror.ts';
import { readSection } from '../lib/network/reachability/sections.ts';
import { newFolder } from '../temporary-folder.ts';

// Listing needs no container engine, and skips only what the environment says is missing. It takes a second, so it runs once.
const here = newFolder('container-table');
writeFileSync(join(here, 'terraform'), '', { mode: 0o755 });
const listed = spawnSync(
  'node_modules/.bin/vitest',
  ['list', '--config', 'vitest.labs.config.ts', '--no-static-parse', 'labs/containers', '--json'],
  {
    encoding: 'utf8',
    // With the variables of this run, the other vitest would behave as one of its workers.
    env: {
      PATH: `${process.env['PATH']}:${here}`,
      HOME: process.env['HOME'],
      CONTAINER_ENGINE: 'none',
      BASE_IMAGE: 'none',
      RELEASE_BASE_IMAGE: 'none',
      READING_AGENT: 'none',
      ARM64_BASE: 'none',
      ARM64_QEMU: 'none',
    },
  },
);
const missing = whyNoReleases();
const tests: { file: string; name: string }[] = JSON.parse(listed.stdout.slice(listed.stdout.indexOf('[')));
const rowsOf = (isMeasure: boolean) =>
  tests
    .filter(({ file }) => (relative(process.cwd(), file) === MEASURES) === isMeasure)
    .map(({ name }) => rowName(name).replaceAll('|', '\\|'))
    .sort();
const rowsIn = (section: string) =>
  [...readSection('docs/container-review.md', section).matchAll(/^\| (?!what |---)(.+?) \| .* \|$/gm)]
    .map(([, name]) => name)
    .sort();

it.skipIf(missing !== undefined).each([
  ['container-tests', false],
  ['container-measures', true],
])(
  `the table %s has the rows that \`npm run lab:containers -- --write\` would write${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  (section, isMeasure) => {
    const rows = rowsOf(isMeasure);
    expect(rows.length).toBeGreaterThan(3);
    expect(rowsIn(section)).toEqual(rows);
  },
);

it('the table of container tests has no failed or skipped test', () => {
  expect(readSection('docs/container-review.md', 'container-tests')).not.toMatch(/\| (no|skipped) \|/);
});
