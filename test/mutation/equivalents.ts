/** Mutants that no test can kill, because the mutated program does the same; each with the reason. */

export interface Equivalent {
  readonly file: string;
  /** The source line that holds the mutated code, without its indentation. A line that changes needs a new look. */
  readonly line: string;
  /** The mutated code and its replacement, as the run prints them. */
  readonly mutant: string;
  /** Why the program does the same. */
  readonly because: string;
}

export const EQUIVALENTS: readonly Equivalent[] = [];
