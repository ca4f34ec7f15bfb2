import { readdir, readFile } from 'node:fs/promises';

/**
 * Kills a container's processes that moved to another session. All its processes inherit the metadata URI, which identifies them.
 * Without `/proc` (macOS) such processes stay. Processes in the container's own group end on every system.
 */
export class Leftovers {
  #wanted = new Set<string>();
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();

  /** Resolves when no process of this container is left. Containers that end at the same time share one scan of all processes. */
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
      // The process has ended in the meantime.
    }
  }
}
