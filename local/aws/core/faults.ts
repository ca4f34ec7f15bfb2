/**
 * Faults of one API response.
 *
 * | kind | did the action run? | what the caller gets |
 * |---|---|---|
 * | `error` | no | the error |
 * | `error-after` | yes | the error |
 * | `lost-response` | yes | the connection breaks |
 * | `reset` | no | the connection breaks |
 * | `hang` | no | nothing, until it gives up |
 * | `delay` | yes, `delayMs` later | the response |
 * | `malformed` | yes | `body` with `status` instead of the response |
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
  /** Limits the fault to inputs for which this function returns true. Default: all inputs. */
  readonly when?: (input: unknown) => boolean;
  /** Number of affected calls. Default: 1. */
  readonly times?: number;
}

/** Faults that wait for a matching call, in the order in which they were added. */
export class Faults {
  readonly #waiting = new Set<{
    readonly action: string;
    readonly fault: Fault;
    readonly rule: FaultRule;
    left: number;
  }>();

  /**
   * Adds a fault for the next call of this action (`RunTask`, `GetSecretValue`; `*` for any).
   * @returns a function that removes it
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

  /** Takes the fault for this call, if there is one. */
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
