import type { WakeUp } from '../../functions/launcher/contract.ts';
import type { WakeUps } from '../../functions/launcher/ports.ts';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';
import type { FaultKind } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Environment } from './wire.ts';

/** The queue's visibility timeout and retention period, as in the stack. */
const VISIBILITY_MS = 60_000;
const RETENTION_MS = 120_000;
/** The event source mapping's batch size and maximum concurrency, as in the stack. */
const BATCH_SIZE = 10;
const MAX_CONCURRENCY = 2;
const RETRY_MS = 1_000;

const FAULTS = ['wake-up-lost', 'wake-up-repeated', 'wake-up-late', 'wake-up-changed'] as const satisfies FaultKind[];

export interface QueueParts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly faults: Faults;
  /** Invokes the launcher, and calls `over` when the invocation has ended. */
  readonly invoke: (event: object, over: (succeeded: boolean) => void) => void;
  /** Called after a fault that may begin one more chain of polls. */
  readonly chained: () => void;
  readonly trace: ((what: string) => void) | undefined;
}

interface Message {
  readonly body: string;
  readonly sentAtMs: number;
}

/** The queue of wake-ups with its event source mapping. Messages can be lost, repeated, late or changed. */
export class SimulatedQueue {
  readonly #parts: QueueParts;
  #visible: Message[] = [];
  #running = 0;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** The launcher's client of this queue. */
  clientOf(environment: Environment): WakeUps {
    const { time, random } = this.#parts;
    return {
      send: (wakeUp, delaySeconds) =>
        new Promise((resolve) => {
          const latencyMs = random.between(5, 60);
          time.after(latencyMs / 2, () => this.send(wakeUp, delaySeconds));
          time.after(latencyMs, () => {
            if (!environment.alive) return;
            time.woke();
            resolve();
          });
        }),
    };
  }

  send(wakeUp: WakeUp, delaySeconds: number): void {
    const { time, random, faults } = this.#parts;
    const fault = faults.hit(FAULTS);
    if (fault === 'wake-up-lost') return;
    if (fault !== undefined) this.#parts.chained();
    const body = fault === 'wake-up-changed' ? changed(wakeUp, time.now(), random) : JSON.stringify(wakeUp);
    const message = { body, sentAtMs: time.now() };
    const lateMs = fault === 'wake-up-late' ? random.between(2_000, 90_000) : random.between(20, 400);
    time.after(delaySeconds * 1000 + lateMs, () => this.#show(message));
    if (fault === 'wake-up-repeated') {
      time.after(delaySeconds * 1000 + lateMs + random.between(0, 20_000), () => this.#show(message));
    }
  }

  #show(message: Message): void {
    this.#visible.push(message);
    this.#deliver();
  }

  #deliver(): void {
    const { time, invoke, trace } = this.#parts;
    this.#visible = this.#visible.filter(({ sentAtMs }) => time.now() < sentAtMs + RETENTION_MS);
    if (this.#visible.length === 0) return;
    if (this.#running >= MAX_CONCURRENCY) {
      time.after(RETRY_MS, () => this.#deliver());
      return;
    }
    const batch = this.#visible.splice(0, BATCH_SIZE);
    this.#running += 1;
    trace?.(`wake-ups: ${batch.map(({ body }) => body).join(' ')}`);
    const sinceMs = time.now();
    invoke({ Records: batch.map(({ body }) => ({ body })) }, (succeeded) => {
      this.#running -= 1;
      if (!succeeded) for (const message of batch) time.at(sinceMs + VISIBILITY_MS, () => this.#show(message));
    });
  }
}

/** A message that the launcher must not believe. */
function changed(wakeUp: WakeUp, nowMs: number, random: Random): string {
  return random.pick([
    '{',
    '{"kind":"launch","agents":100}',
    JSON.stringify({ kind: 'poll', untilMs: nowMs - 1 }),
    JSON.stringify({ kind: 'poll', untilMs: nowMs + 86_400_000 }),
    JSON.stringify({ kind: 'nudge', runId: 'run-forged' }),
    JSON.stringify({ ...wakeUp, launches: 5 }),
  ]);
}
