/**
 * `npm run pictures [-- NAME …]`: makes the pictures of the README and the docs from the real programs, in docs/pictures. Needs util-linux's
 * `script`, and Debian's `chromium` for the timeline. Without names, it makes all of them.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../lib/package-root.ts';
import { startSystem, type TestSystem } from '../../test/cli/system.ts';
import { record } from './terminal.ts';
import { moving, still } from './terminal-svg.ts';

const OUT = join(PACKAGE_ROOT, 'docs', 'pictures');

/** The demo as a recording, and its timeline as a screenshot. */
async function demo(): Promise<void> {
  const size = { columns: 100, rows: 34 };
  const { frames, exitCode } = await record('npm start --silent', size, { intervalMs: 700 });
  if (exitCode !== 0) throw new Error(`The demo ended with exit code ${exitCode}`);
  const options = {
    title: 'npm start',
    description:
      'A table of runs. Each run is queued, gets a container for its plan and another one for its apply, and ends.',
    columns: size.columns,
  };
  await writeFile(join(OUT, 'demo.svg'), moving(frames, 3, options));
  await screenshot(join(PACKAGE_ROOT, 'out', 'timeline.html'), 'timeline.png', { width: 1200, height: 1180 });
}

/** A job that takes this long. */
const working = (seconds: number): string =>
  `resource "terraform_data" "work" {\n  provisioner "local-exec" {\n    command = "sleep ${seconds}"\n  }\n}\n`;

/** The commands, against a local system with jobs that run, wait and have ended. */
async function commands(): Promise<void> {
  const pools = [
    { name: 'production', maxAgents: 4 },
    { name: 'sandbox', maxAgents: 2 },
  ];
  const system = await startSystem({ pools, invokedEveryMs: 6_000, aws: { phases: SLOW_PHASES } });
  try {
    for (const workspace of ['dns', 'certificates']) await system.queueRun({ workspace });
    await delay(25_000);
    for (const workspace of ['network', 'database']) await system.queueRun({ workspace, configuration: working(600) });
    for (const workspace of ['web-dev', 'api-dev', 'mail-dev']) {
      await system.queueRun({ workspace, pool: 'sandbox', configuration: working(600) });
    }
    await delay(30_000);
    const late = await system.queueRun({ workspace: 'jobs-dev', pool: 'sandbox' });
    await delay(20_000);
    await command(
      system,
      'status',
      'The pools with their queued jobs and agents, the alarms, and the cost of the day.',
    );
    await command(
      system,
      `why ${late}`,
      'Why a run waits: all agents of the pool are busy, with what the launcher and ECS say.',
      'why',
    );
    await command(
      system,
      'cost --by workspace',
      'What the jobs of each workspace cost, next to always-on agents.',
      'cost',
    );
  } finally {
    await system.close();
  }
}

const SLOW_PHASES = { provisionMs: 500, pullMs: 1_500, bootMs: 500, deprovisionMs: 500 };

async function command(system: TestSystem, line: string, description: string, name = line): Promise<void> {
  const size = { columns: 80, rows: 60 };
  const { frames } = await record(`npm run --silent agent-launcher -- ${line}`, size, {
    environment: system.environment,
  });
  const last = frames.at(-1);
  if (last === undefined) throw new Error(`agent-launcher ${line} printed nothing`);
  const options = { title: `agent-launcher ${line}`, description, columns: size.columns };
  await writeFile(join(OUT, `${name}.svg`), still(last, options));
}

async function screenshot(
  page: string,
  name: string,
  { width, height }: { width: number; height: number },
): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), 'agent-launcher-chromium-'));
  try {
    await promisify(execFile)('chromium', [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--user-data-dir=${profile}`,
      `--window-size=${width},${height}`,
      '--hide-scrollbars',
      `--screenshot=${join(OUT, name)}`,
      pathToFileURL(page).href,
    ]);
  } finally {
    await rm(profile, { recursive: true, force: true });
  }
}

const PICTURES: ReadonlyMap<string, () => Promise<void>> = new Map([
  ['demo', demo],
  ['commands', commands],
]);

await mkdir(OUT, { recursive: true });
const names = process.argv.slice(2);
for (const name of names.length === 0 ? PICTURES.keys() : names) {
  const make = PICTURES.get(name);
  if (make === undefined)
    throw new Error(`There is no picture ${JSON.stringify(name)}. Allowed: ${[...PICTURES.keys()].join(', ')}.`);
  await make();
}
