import { readdir, readFile } from 'node:fs/promises';

/**
 * Kills what a container left in another session than its own, by the metadata URI that all its processes inherit.
 * Where there is no `/proc` (macOS) such processes stay; those of the container's own group end everywhere.
 */
export async function killDescendants(runtimeId: string): Promise<void> {
  const entries = await readdir('/proc').catch(() => []);
  const marker = `/v4/${runtimeId}\0`;
  await Promise.all(
    entries
      .filter((entry) => /^\d+$/.test(entry))
      .map(async (pid) => {
        const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
        if (!`${environment}\0`.includes(marker)) return;
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It ended by itself meanwhile.
        }
      }),
  );
}
