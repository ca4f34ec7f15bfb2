/** What the function needs from external services. Adapters implement these ports. */
import type { CallbackPath } from './core/callback-url.ts';

/** The HMAC key that HCP Terraform signs requests with. */
export interface HmacKeys {
  /**
   * Returns the key that the warm function keeps, and reads the secret only if it keeps none.
   * @throws NudgeError if there is no key
   */
  current(): Promise<string>;
  /** Reads the secret again after a signature didn't match. Returns `undefined` if the last read is too recent. */
  renewed(): Promise<string | undefined>;
}

/**
 * What became of a report to a run task's callback.
 *
 * - `refused`: HCP Terraform answered, and another attempt would get the same answer.
 * - `unavailable`: there was no answer, or one that asks for another attempt.
 */
export interface Reported {
  readonly outcome: 'reported' | 'refused' | 'unavailable';
  /** The status of the answer, or the name of the error. Never contains the token. */
  readonly detail: string;
}

/** Reports to HCP Terraform that a run task passed. */
export type ReportPassed = (path: CallbackPath, accessToken: string) => Promise<Reported>;

/** Sends one message that wakes the launcher up. */
export type WakeUp = (runId: string) => Promise<void>;

export interface Log {
  info(line: object): void;
  warn(line: object): void;
  error(line: object): void;
}
