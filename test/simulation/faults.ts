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

/** Which faults are on, what they hit, and how often. */
export class Faults {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #windows: readonly Open[];
  /** Faults that hit something, by kind. */
  readonly injected = new Map<string, number>();

  constructor(time: VirtualTime, random: Random, scenario: Scenario, startMs: number) {
    this.#time = time;
    this.#random = random;
    this.#windows = scenario.events.flatMap((event) =>
      event.kind === 'fault'
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
   * The first fault among these that hits now, counted; `undefined` when none does.
   * @param pool the pool that it would hit; absent for all pools.
   * @param family the family of the task that it would hit, if it hits a task.
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

  /** Probability with which a fault of this kind hits now: 0 if it is off. Not counted. */
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
