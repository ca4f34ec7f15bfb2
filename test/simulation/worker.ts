/** Entry point of a worker thread. It runs batches of worlds with the launcher from the given folder. */
import { parentPort, workerData } from 'node:worker_threads';
import * as z from 'zod';
import { LAUNCHER, loadLauncher } from './launcher.ts';
import { type Batch, runBatch } from './statistics.ts';

const { folder } = z.object({ folder: z.string().optional() }).parse(workerData);
const launcher = folder === undefined ? LAUNCHER : await loadLauncher(folder);

parentPort?.on('message', async (batch: Batch) => {
  parentPort?.postMessage(await runBatch(batch, launcher));
});
