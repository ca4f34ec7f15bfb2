/**
 * `npm run lab:containers [-- --write]`: runs all container tests one after the other, in the engine that with-docker.sh provides,
 * and prints the results as tables. With `--write`, it writes them into docs/container-review.md.
 *
 * Exit code 0: all tests passed. 1: a test failed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startVitest } from 'vitest/node';
import { writeSection } from '../../test/lib/network/reachability/sections.ts';
import { measuresTable, Rows, testsTable } from './table.ts';

const { values: options } = parseArgs({ options: { write: { type: 'boolean', default: false } } });

const rows = new Rows();
const vitest = await startVitest(['labs/containers'], {
  config: 'vitest.labs.config.ts',
  watch: false,
  fileParallelism: false,
  reporters: ['default', rows],
});
await vitest.close();

const tests = testsTable(rows.rows, machine());
const measures = measuresTable(rows.rows, machine());
console.log(`\n${tests}\n\n${measures}`);
const good = rows.rows.length > 0 && rows.rows.every(({ holds }) => holds === 'yes');
if (options.write && good) {
  writeSection('docs/container-review.md', 'container-tests', tests);
  writeSection('docs/container-review.md', 'container-measures', measures);
} else if (options.write) {
  console.error('docs/container-review.md was not changed, because not every test holds.');
}
process.exitCode ||= good || !options.write ? 0 : 1;

/** The engine, the machine and the date of this run. */
function machine(): string {
  const engine = process.env['CONTAINER_ENGINE'] ?? 'docker';
  const version = spawnSync(engine, ['version', '--format', '{{.Server.Version}}']);
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const date = new Date().toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });
  return `Docker ${`${version.stdout}`.trim()} on ${system}, ${arch()}, ${cpus().length} cores, ${date}`;
}
