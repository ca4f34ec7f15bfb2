/** The container lab's tables in docs/container-review.md have a row for every test of the lab, and no other. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { MEASURES, rowName } from '../../labs/containers/table.ts';
import { whyNoReleases } from '../agent-image/release-mirror.ts';
import { readSection } from '../lib/network/reachability/sections.ts';

// Listing needs no engine, and skips only what the environment says is missing. It runs once, because it takes a second.
const here = mkdtempSync(join(tmpdir(), 'container-table-'));
writeFileSync(join(here, 'terraform'), '', { mode: 0o755 });
const listed = spawnSync(
  'node_modules/.bin/vitest',
  ['list', '--config', 'vitest.labs.config.ts', '--no-static-parse', 'labs/containers', '--json'],
  {
    encoding: 'utf8',
    // Not the variables of this run of vitest: it would take the other for one of its workers.
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
rmSync(here, { recursive: true });
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
  `%s: as \`npm run lab:containers -- --write\` would write its rows${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  (section, isMeasure) => {
    const rows = rowsOf(isMeasure);
    expect(rows.length).toBeGreaterThan(3);
    expect(rowsIn(section)).toEqual(rows);
  },
);

it('tells of tests that hold only', () => {
  expect(readSection('docs/container-review.md', 'container-tests')).not.toMatch(/\| (no|skipped) \|/);
});
