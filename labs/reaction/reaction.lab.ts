/**
 * Measures how long a job waits for its RunTask call if it is queued while nothing runs, with different values of `idlePollSeconds`.
 * The bundled function runs in its own processes, with a schedule of one minute and the emulated queue. It talks to the emulators over
 * HTTP. Each sample is a separate world with one job, which is queued at a random time of a minute. All worlds run at the same time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ENV } from '../../functions/launcher/contract.ts';
import { writeBundle } from '../../lib/bundle/lambda-bundle.ts';
import { mapQueue } from '../../local/lambda/event-source-mapping.ts';
import { startFunction } from '../../local/lambda/function.ts';
import { archiveOf } from '../../local/start/configurations.ts';
import { startWorld } from '../../local/start/world.ts';
import { Random } from '../../test/simulation/random.ts';
import { markdownTable } from '../markdown-table.ts';

const POOL = 'default';
const MINUTE_MS = 60_000;
const TIME_LIMIT_MS = 58_000;
/** Polls that a scheduled minute makes before the job is queued, so that the function is warm. */
const WARM_MS = 5_000;
const SAMPLES = { 60: 8, 10: 16, 5: 8 } as const;
/** The worlds start one after the other, because a start uses much processor time. */
const STARTED_EVERY_MS = 1_000;

interface Sample {
  readonly waitMs: number;
  /** The errors of failed invocations. */
  readonly failures: readonly string[];
}

let folder: string;
let archive: Buffer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reaction-'));
  writeBundle('launcher', folder);
  archive = await archiveOf('resource "terraform_data" "it" {}\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Queues one job in an idle world. */
async function sample(idlePollSeconds: number, queuedAfterMs: number): Promise<Sample> {
  const world = await startWorld({ pools: [{ name: POOL, maxAgents: 2 }] });
  const { ecs, api, poolIds, wakeUps } = world;
  const failures: string[] = [];
  const settings = {
    module: `${folder}/index.mjs`,
    environment: {
      ...world.launcherEnvironment,
      [ENV.activePollSeconds]: '5',
      [ENV.idlePollSeconds]: String(idlePollSeconds),
      NODE_OPTIONS: '--enable-source-maps',
    },
    everyMs: MINUTE_MS,
    timeoutMs: TIME_LIMIT_MS,
    onLine: () => undefined,
    onInvocation: ({ error }: { readonly error?: string | undefined }) => {
      if (error !== undefined) failures.push(error);
    },
  };
  const launcher = startFunction(settings, ({ code, signal }) => failures.push(`ended with ${signal ?? code}`));
  const invoke = (event: object): Promise<string | undefined> => launcher.invoke(event);
  const mapping = mapQueue({ queue: wakeUps, invoke, maxConcurrency: 2, region: ecs.region });
  try {
    const workspace = await api.createWorkspace({ name: 'it', poolId: poolIds.get(POOL) ?? '' });
    await delay(WARM_MS + queuedAfterMs);
    await api.queueRun({
      workspaceId: workspace.id,
      archive,
      message: 'measured',
      planOnly: true,
      autoApply: false,
      isDestroy: false,
    });
    const queuedAt = Date.now();
    for (;;) {
      const launched = ecs.calls().find(({ action }) => action === 'RunTask');
      if (launched !== undefined) return { waitMs: launched.at - queuedAt, failures };
      if (Date.now() - queuedAt > 2 * MINUTE_MS) throw new Error('the job was never launched');
      await delay(50);
    }
  } finally {
    mapping.stop();
    await launcher.stop();
    await world.close();
  }
}

const secondsAt = (sorted: readonly number[], share: number): number =>
  (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN) / 1000;

it('a job in an idle pool waits 6 s or less in the median with idlePollSeconds 10, and never longer than a poll', async () => {
  const random = new Random('reaction');
  // One job in each part of the minute.
  const planned = Object.entries(SAMPLES).flatMap(([seconds, count]) =>
    Array.from({ length: count }, (_, i) => ({
      idlePollSeconds: Number(seconds),
      queuedAfterMs: ((i + random.next()) / count) * MINUTE_MS,
    })),
  );
  const all = await Promise.all(
    planned.map(async ({ idlePollSeconds, queuedAfterMs }, nth) => {
      await delay(nth * STARTED_EVERY_MS);
      return { idlePollSeconds, ...(await sample(idlePollSeconds, queuedAfterMs)) };
    }),
  );
  const rows = [...Map.groupBy(all, ({ idlePollSeconds }) => idlePollSeconds)].map(([idlePollSeconds, samples]) => {
    const sorted = samples.map(({ waitMs }) => waitMs).sort((a, b) => a - b);
    return {
      idlePollSeconds,
      jobs: sorted.length,
      p50: secondsAt(sorted, 0.5),
      p95: secondsAt(sorted, 0.95),
      longest: secondsAt(sorted, 1),
    };
  });
  const shown = rows.map((row) => Object.values(row).map((value) => Number(value.toFixed(1))));
  process.stdout.write(`${markdownTable(['idlePollSeconds', 'jobs', 'p50, s', 'p95, s', 'longest, s'], shown)}\n`);
  expect(all.flatMap(({ failures }) => failures)).toEqual([]);
  const ten = rows.find(({ idlePollSeconds }) => idlePollSeconds === 10);
  expect(ten?.p50).toBeLessThanOrEqual(6);
  expect(ten?.longest).toBeLessThanOrEqual(13);
}, 300_000);
