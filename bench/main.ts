/**
 * Measures everything in docs/performance.md, and writes it with its pictures. Takes about 12 minutes on two cores.
 *
 *   npm run bench                       everything
 *   npm run bench -- --only bursts      only bursts of 100 jobs and more; prints the tables, and writes no file
 *   npm run bench -- --only reaction    only the reaction; the same
 *   npm run bench -- --only gateway     only what a gateway adds; writes its section
 *   npm run bench -- --only days        only the simulated days, which don't depend on the machine; writes their sections and pictures
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { PACKAGE_ROOT } from '../lib/package-root.ts';
import type { Deployment } from '../test/journey/deployment.ts';
import { measureColdStart } from './cold-start.ts';
import { compare } from './comparison.ts';
import {
  burstTable,
  documentOf,
  gatewayTable,
  reactionTable,
  sizeTable,
  withGatewayStarts,
  withSimulatedDays,
} from './document.ts';
import { burstPicture, costPicture, waitPicture } from './pictures.ts';
import { type Burst, MAX_AGENTS, measureBurst } from './wire/bursts.ts';
import { measureGatewayStarts } from './wire/gateway-start.ts';
import { measureIdleHour } from './wire/idle-requests.ts';
import { measureReactions } from './wire/reaction.ts';
import { deploy, emptyFunctionMiB } from './wire/system.ts';

/** Jobs of each burst, and when the benchmark stops waiting for their launches. */
const SMALL_BURSTS = [
  { jobs: 1, limitSeconds: 20 },
  { jobs: 10, limitSeconds: 30 },
];
const LARGE_BURSTS = [
  { jobs: 100, limitSeconds: 40 },
  { jobs: 200, limitSeconds: 60 },
  { jobs: 1_000, limitSeconds: 100 },
  { jobs: 10_000, limitSeconds: 100 },
];
/** The bursts of the picture. */
const SHOWN = [200, 1_000];

const { values } = parseArgs({
  options: { out: { type: 'string', default: join(PACKAGE_ROOT, 'docs') }, only: { type: 'string' } },
});

async function measured<T>(what: string, measure: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await measure();
  process.stderr.write(`${what}: ${((performance.now() - startMs) / 1000).toFixed(0)} s\n`);
  return result;
}

async function commitOf(): Promise<string> {
  const { stdout } = await promisify(execFile)('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: PACKAGE_ROOT });
  return stdout.trim();
}

async function largeBursts(deployment: Deployment): Promise<Burst[]> {
  const bursts: Burst[] = [];
  for (const { jobs, limitSeconds } of LARGE_BURSTS) {
    bursts.push(await measured(`${jobs} jobs`, () => measureBurst(deployment, jobs, limitSeconds)));
  }
  return bursts;
}

/** The parts that can be measured alone. Each returns its tables. */
const PARTS: ReadonlyMap<string, (deployment: Deployment) => Promise<string>> = new Map([
  [
    'bursts',
    async (deployment: Deployment) => {
      const emptyMiB = await emptyFunctionMiB();
      const bursts = await largeBursts(deployment);
      return `${burstTable(bursts)}\n\n${sizeTable(bursts, emptyMiB)}\n`;
    },
  ],
  ['reaction', async (deployment: Deployment) => `${reactionTable(await measureReactions(deployment))}\n`],
]);

async function writeDays(): Promise<void> {
  const comparisons = await measured('simulated days', compare);
  const path = join(values.out, 'performance.md');
  await writeFile(path, withSimulatedDays(await readFile(path, 'utf8'), comparisons));
  await writeFile(join(values.out, 'performance-wait.svg'), waitPicture(comparisons));
  await writeFile(join(values.out, 'performance-cost.svg'), costPicture(comparisons));
}

const today = (): string => new Date().toISOString().slice(0, 10);

async function writeGatewayStarts(): Promise<void> {
  const commit = await commitOf();
  const deployment = await measured('synthesis', () => deploy(MAX_AGENTS));
  try {
    const starts = await measured('gateway', () => measureGatewayStarts(deployment, { date: today(), commit }));
    process.stdout.write(`${gatewayTable(starts)}\n`);
    const path = join(values.out, 'performance.md');
    await writeFile(path, withGatewayStarts(await readFile(path, 'utf8'), starts));
  } finally {
    await deployment.remove();
  }
}

async function measurePart(name: string): Promise<void> {
  if (name === 'days') return writeDays();
  if (name === 'gateway') return writeGatewayStarts();
  const part = PARTS.get(name);
  if (part === undefined) {
    throw new Error(
      `--only was ${JSON.stringify(name)}. Allowed are ${[...PARTS.keys(), 'gateway', 'days'].join(', ')}.`,
    );
  }
  const deployment = await measured('synthesis', () => deploy(MAX_AGENTS));
  try {
    process.stdout.write(await part(deployment));
  } finally {
    await deployment.remove();
  }
}

async function measureAll(): Promise<void> {
  // Read it at the start, because somebody may commit during the measurement.
  const commit = await commitOf();
  const comparisons = await measured('simulated days', compare);
  const coldStart = await measured('cold start', measureColdStart);
  const emptyMiB = await emptyFunctionMiB();
  const deployment = await measured('synthesis', () => deploy(MAX_AGENTS));
  try {
    // These functions are idle most of the time, so they don't disturb each other.
    const [reactions, idle, ...small] = await measured('reaction, idle hour and small bursts', () =>
      Promise.all([
        measureReactions(deployment),
        measureIdleHour(deployment),
        ...SMALL_BURSTS.map(({ jobs, limitSeconds }) => measureBurst(deployment, jobs, limitSeconds)),
      ]),
    );
    const gateway = await measured('gateway', () => measureGatewayStarts(deployment, { date: today(), commit }));
    const bursts = [...small, ...(await largeBursts(deployment))];
    const machine = `${availableParallelism()} cores (${process.arch}), ${Math.round(totalmem() / 2 ** 30)} GiB of memory, Node ${process.version}`;
    const document = documentOf({
      date: today(),
      commit,
      machine,
      bursts,
      reactions,
      gateway,
      idle,
      emptyFunctionMiB: emptyMiB,
      coldStart,
      comparisons,
    });
    await mkdir(values.out, { recursive: true });
    const write = (name: string, content: string) => writeFile(join(values.out, name), content);
    await write('performance.md', document);
    await write('performance-wait.svg', waitPicture(comparisons));
    await write('performance-cost.svg', costPicture(comparisons));
    await write('performance-bursts.svg', burstPicture(bursts, SHOWN));
  } finally {
    await deployment.remove();
  }
}

if (values.only === undefined) await measureAll();
else await measurePart(values.only);
