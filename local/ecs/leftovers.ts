import { readdir, readFile } from 'node:fs/promises';

/**
 * Kills what a container left in another session than its own, by the metadata URI that all its processes inherit.
 * Where there is no `/proc` (macOS) such processes stay; those of the container's own group end everywhere.
 */
export class Leftovers {
  #wanted = new Set<string>();
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();

  /** Ends when no process of this container is left. Containers that end together share one look at all processes. */
  kill(runtimeId: string): Promise<void> {
    this.#wanted.add(runtimeId);
    this.#next ??= this.#current.then(() => {
      const wanted = this.#wanted;
      this.#wanted = new Set();
      this.#next = undefined;
      this.#current = sweep(wanted);
      return this.#current;
    });
    return this.#next;
  }
}

async function sweep(runtimeIds: ReadonlySet<string>): Promise<void> {
  const entries = await readdir('/proc').catch(() => []);
  for (const pid of entries.filter((entry) => /^\d+$/.test(entry))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const [, runtimeId = ''] = /(?:^|\0)ECS_CONTAINER_METADATA_URI_V4=[^\0]*\/v4\/([^\0/]+)/.exec(environment) ?? [];
    if (!runtimeIds.has(runtimeId)) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
}
