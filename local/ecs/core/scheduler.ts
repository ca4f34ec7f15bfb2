/**
 * Time, as the rules see it. The server gives them the machine's clock; a simulation gives them its own, and then
 * a day passes in a millisecond and always in the same way.
 */

/** Cancels what was scheduled; harmless once it has run. */
export type Cancel = () => void;

export interface Scheduler {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `work` once, `delayMs` from now, never inside the call itself. */
  after(delayMs: number, work: () => void): Cancel;
}
