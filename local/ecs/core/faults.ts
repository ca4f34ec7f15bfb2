/**
 * What may go wrong with one answer of the API.
 *
 * | kind | was the action carried out? | what the caller gets |
 * |---|---|---|
 * | `error` | no | the error |
 * | `error-after` | yes | the error all the same |
 * | `lost-response` | yes | the connection breaks |
 * | `reset` | no | the connection breaks |
 * | `hang` | no | nothing, until it gives up |
 * | `delay` | yes, `delayMs` later | the answer |
 * | `malformed` | yes | `body` with `status` in the answer's stead |
 */
export type Fault =
  | {
      readonly kind: 'error' | 'error-after';
      readonly code: string;
      readonly message?: string;
      readonly status?: number;
    }
  | { readonly kind: 'lost-response' | 'reset' | 'hang' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'malformed'; readonly body: string; readonly status?: number };

export interface FaultRule {
  /** Only inputs for which it answers true; all when absent. */
  readonly when?: (input: unknown) => boolean;
  /** How many calls it hits before it is over; 1 when absent. */
  readonly times?: number;
}

/** Faults that wait for their call, in the order in which they were added. */
export class Faults {
  readonly #waiting = new Set<{
    readonly action: string;
    readonly fault: Fault;
    readonly rule: FaultRule;
    left: number;
  }>();

  /**
   * The next call of this action (`RunTask`, `GetSecretValue`; `*` for any) meets the fault. The answer takes it back.
   */
  next(action: string, fault: Fault, rule: FaultRule = {}): () => void {
    const entry = { action, fault, rule, left: rule.times ?? 1 };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }

  /** How many faults still wait for a call. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The fault that this call meets, if any; it is spent by that. */
  take(action: string, input: unknown): Fault | undefined {
    for (const entry of this.#waiting) {
      if (entry.action !== '*' && entry.action !== action) continue;
      if (entry.rule.when?.(input) === false) continue;
      entry.left -= 1;
      if (entry.left <= 0) this.#waiting.delete(entry);
      return entry.fault;
    }
    return undefined;
  }
}
