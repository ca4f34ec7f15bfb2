import type { Random } from './random.ts';
import type { FaultKind, Scenario } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

interface Open {
  readonly fault: FaultKind;
  readonly fromMs: number;
  readonly toMs: number;
  readonly rate: number;
  readonly pool: string | undefined;
  readonly family: string | undefined;
}

/** The fault windows of a world. It draws which calls they hit, and counts the hits. */
export class Faults {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #windows: readonly Open[];
  /** Number of hits, by kind of fault. */
  readonly injected = new Map<string, number>();

  /** @param stack the stack whose calls and task starts the faults hit */
  constructor(time: VirtualTime, random: Random, scenario: Scenario, startMs: number, stack = 0) {
    this.#time = time;
    this.#random = random;
    this.#windows = scenario.events.flatMap((event) =>
      event.kind === 'fault' && (event.stack ?? stack) === stack
        ? [
            {
              ...event,
              fromMs: startMs + event.atMs,
              toMs: startMs + event.atMs + event.ms,
              pool: event.pool,
              family: event.family,
            },
          ]
        : [],
    );
  }

  /**
   * Draws whether one of these faults hits now, and counts the hit. @returns the first that does, or `undefined`
   * @param pool the affected pool; absent if all pools are affected
   * @param family the family of the affected task, if there is one
   */
  hit(kinds: readonly FaultKind[], pool?: string, family?: string): FaultKind | undefined {
    const now = this.#time.now();
    for (const { fault, fromMs, toMs, rate, pool: only, family: onlyFamily } of this.#windows) {
      if (now < fromMs || now >= toMs || !kinds.includes(fault)) continue;
      if (only !== undefined && pool !== undefined && only !== pool) continue;
      if (onlyFamily !== undefined && onlyFamily !== family) continue;
      if (!this.#random.chance(rate)) continue;
      this.count(fault);
      return fault;
    }
    return undefined;
  }

  /** Probability that a fault of this kind hits now: 0 outside its windows. This doesn't count as a hit. */
  rate(kind: FaultKind): number {
    const now = this.#time.now();
    return Math.max(
      0,
      ...this.#windows.flatMap(({ fault, fromMs, toMs, rate }) =>
        fault === kind && now >= fromMs && now < toMs ? [rate] : [],
      ),
    );
  }

  count(kind: string): void {
    this.injected.set(kind, (this.injected.get(kind) ?? 0) + 1);
  }
}
