/** Remembers which log events were printed, so that overlapping reads print each event once. */

export interface Seen {
  readonly atMs: number;
  readonly message: string;
}

/** CloudWatch Logs can show an event some seconds after later ones. */
const OVERLAP_MS = 10_000;

export class Follower<E extends Seen> {
  readonly #printed = new Map<string, number>();
  #newestMs: number | undefined;

  /** Start of the next read; `undefined`: everything. */
  get fromMs(): number | undefined {
    return this.#newestMs === undefined ? undefined : this.#newestMs - OVERLAP_MS;
  }

  /**
   * The events that no earlier read contained. The same message can occur several times at the same time.
   *
   * @param events of a read from {@link fromMs} on
   */
  fresh(events: readonly E[]): E[] {
    const counts = new Map<string, number>();
    const fresh: E[] = [];
    for (const event of events) {
      const key = `${event.atMs} ${event.message}`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count <= (this.#printed.get(key) ?? 0)) continue;
      this.#printed.set(key, count);
      fresh.push(event);
      this.#newestMs = Math.max(this.#newestMs ?? event.atMs, event.atMs);
    }
    this.#forget();
    return fresh;
  }

  /** Forgets events that no later read can contain. */
  #forget(): void {
    const { fromMs } = this;
    if (fromMs === undefined) return;
    for (const key of this.#printed.keys())
      if (Number(key.slice(0, key.indexOf(' '))) < fromMs) this.#printed.delete(key);
  }
}
