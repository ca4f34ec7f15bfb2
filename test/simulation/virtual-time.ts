import type { Clock } from '../../functions/launcher/ports.ts';
import type { Scheduler } from '../../local/aws/core/scheduler.ts';

/** Created only once, because creating it takes as long as all other bookkeeping of a tick. */
const TIME_OVER = new DOMException('The time is over', 'TimeoutError');

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Virtual time is a queue of events, and it jumps from one event to the next. Before the next event, all asynchronous work
 * that the last event started or continued has finished.
 */
export class VirtualTime {
  readonly #heap: Scheduled[] = [];
  readonly #deadlines = new WeakMap<AbortSignal, number>();
  #nowMs: number;
  #scheduled = 0;
  #woken = false;
  /** Number of events so far. */
  events = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  /** Schedules an event. Events with the same time run in the order of their scheduling. A time in the past means now. */
  at(ms: number, run: () => void): void {
    this.#push({ atMs: Math.max(ms, this.#nowMs), order: this.#scheduled, run });
    this.#scheduled += 1;
  }

  after(ms: number, run: () => void): void {
    this.at(this.#nowMs + Math.round(ms), run);
  }

  /** An event must call this if it settles a promise or starts asynchronous work. */
  woke(): void {
    this.#woken = true;
  }

  /** When the signal aborts; `Infinity` if it wasn't created by this instance. */
  deadlineOf(signal: AbortSignal): number {
    return this.#deadlines.get(signal) ?? Number.POSITIVE_INFINITY;
  }

  /** Runs events until none is left, or until `over` returns true. It calls `over` after each event. */
  async run(over: () => boolean): Promise<void> {
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      this.#nowMs = event.atMs;
      this.events += 1;
      event.run();
      if (this.#woken) {
        this.#woken = false;
        await microtasksDone();
      }
      if (over()) return;
    }
  }

  /** A `Clock` for the launcher that shows this virtual time. */
  clock(): Clock {
    return {
      now: this.now,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          const wakeMs = this.#nowMs + Math.round(ms);
          const deadlineMs = signal.aborted ? Number.NEGATIVE_INFINITY : this.deadlineOf(signal);
          this.at(Math.min(wakeMs, deadlineMs), () => {
            this.woke();
            if (wakeMs <= deadlineMs) resolve();
            else reject(new DOMException('The sleep was aborted', 'AbortError'));
          });
        }),
      timeout: (ms) => {
        const controller = new AbortController();
        this.#deadlines.set(controller.signal, this.#nowMs + Math.round(ms));
        this.after(ms, () => {
          this.woke();
          controller.abort(TIME_OVER);
        });
        return controller.signal;
      },
    };
  }

  /** The clock of a vendor, which is ahead of virtual time by `skewMs`. */
  scheduler(skewMs: number): Scheduler {
    return {
      now: () => this.#nowMs + skewMs,
      after: (ms, work) => {
        let due = true;
        this.after(ms, () => {
          if (due) work();
        });
        return () => {
          due = false;
        };
      },
    };
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    heap.push(event);
    for (let at = heap.length - 1; at > 0; ) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      heap[parentAt] = event;
      at = parentAt;
    }
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const childAt = left !== undefined && right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
      const child = heap[childAt];
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      heap[childAt] = last;
      at = childAt;
    }
    return first;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Waits until all microtasks have run: only then does Node's event loop begin its next turn. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
