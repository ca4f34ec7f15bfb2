import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ProfileName } from './profiles.ts';
import { add, noStatistics, type Statistics } from './statistics.ts';

/** Maximum number of worlds in each batch that a thread runs. */
const MOST_AT_A_TIME = 25;

export interface Job {
  readonly seed: string;
  readonly profile: ProfileName | 'all';
  readonly worlds: number;
  /** Number of the first world. Default: 0. */
  readonly first?: number | undefined;
  /** Number of threads. Default: one per core. */
  readonly threads?: number | undefined;
  /** Folder of the launcher to run. Default: the real launcher. */
  readonly folder?: string | undefined;
  /** If it is aborted, the run ends after the worlds that threads have begun. */
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((worlds: number) => void) | undefined;
}

/** Runs the worlds on all cores. The result doesn't depend on which thread runs which world. @returns the sum of each profile. */
export async function runWorlds(job: Job): Promise<Record<string, Statistics>> {
  const { seed, profile, worlds, first = 0, folder, signal, progress } = job;
  const end = first + worlds;
  const sums: Record<string, Statistics> = {};
  let next = first;
  let done = 0;
  const most = job.threads ?? availableParallelism();
  const atATime = Math.min(MOST_AT_A_TIME, Math.ceil(worlds / most));
  const threads = Array.from({ length: Math.min(most, worlds) }, async () => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { folder } });
    try {
      while (next < end && signal?.aborted !== true) {
        const from = next;
        next = Math.min(end, from + atATime);
        const to = next;
        worker.postMessage({ seed, profile, from, to });
        // If the worker fails, `once` rejects.
        const [batch]: Record<string, Statistics>[] = await once(worker, 'message');
        for (const [name, statistics] of Object.entries(batch ?? {})) {
          const sum = sums[name] ?? noStatistics();
          sums[name] = sum;
          add(sum, statistics);
        }
        done += to - from;
        progress?.(done);
      }
    } finally {
      await worker.terminate();
    }
  });
  await Promise.all(threads);
  return sums;
}

/** All profiles together. */
export function total(sums: Record<string, Statistics>): Statistics {
  const all = noStatistics();
  for (const statistics of Object.values(sums)) add(all, statistics);
  return all;
}
