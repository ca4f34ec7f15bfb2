/**
 * The clock of the rules. The server uses the machine's clock. A simulation uses virtual time, where a day passes in a
 * millisecond, and always in the same way.
 */

/** Cancels what was scheduled; harmless once it has run. */
export type Cancel = () => void;

export interface Scheduler {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `work` once, `delayMs` from now, never inside the call itself. */
  after(delayMs: number, work: () => void): Cancel;
}
