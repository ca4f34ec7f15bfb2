/**
 * The clock of the rules. The server uses the machine's clock. A simulation uses virtual time, which is fast and deterministic.
 */

/** Cancels the scheduled work. Has no effect after the work has run. */
export type Cancel = () => void;

export interface Scheduler {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `work` once after `delayMs`, and never inside the call itself. */
  after(delayMs: number, work: () => void): Cancel;
}
