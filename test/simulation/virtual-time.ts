import type { Clock } from '../../functions/launcher/ports.ts';
import type { Scheduler } from '../../local/ecs/core/scheduler.ts';

/** Made once, because making one costs as much as the other bookkeeping of a tick. */
const TIME_OVER = new DOMException('The time is over', 'TimeoutError');

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time as a queue of events: it advances from event to event. Between two events, every promise that the first one settled, and all work that depends on it,
 * runs to its end.
 */
export class VirtualTime {
  readonly #heap: Scheduled[] = [];
  readonly #deadlines = new WeakMap<AbortSignal, number>();
  #nowMs: number;
  #scheduled = 0;
  #woken = false;
  /** Events so far. */
  events = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  /** Events of one time run in the order in which they were scheduled; one in the past runs now. */
  at(ms: number, run: () => void): void {
    this.#push({ atMs: Math.max(ms, this.#nowMs), order: this.#scheduled, run });
    this.#scheduled += 1;
  }

  after(ms: number, run: () => void): void {
    this.at(this.#nowMs + Math.round(ms), run);
  }

  /** Called by an event that settles a promise or starts asynchronous work. */
  woke(): void {
    this.#woken = true;
  }

  /** When the signal aborts; `Infinity` for a signal that this time did not make. */
  deadlineOf(signal: AbortSignal): number {
    return this.#deadlines.get(signal) ?? Number.POSITIVE_INFINITY;
  }

  /** Runs events until there are none, or until `over` returns true, which is called after each. */
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

  /** The launcher's `Clock` for this time. */
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

  /** This time for the rules of a vendor whose clock is ahead by `skewMs`. */
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

/** A turn of Node's event loop begins only when the queue of microtasks is empty. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
