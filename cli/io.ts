import type { Readable, Writable } from 'node:stream';

/** A stream of the terminal. It has a size if a person reads it. */
export interface Screen extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Everything that a command reads from and writes to its process. `main.ts` passes the real ones, tests pass their own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Results. With `--json`, nothing but JSON. */
  readonly stdout: Screen;
  /** Progress, warnings, questions and errors. */
  readonly stderr: Screen;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder in which the command looks for `cdk.json`. */
  readonly cwd: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Version of Node, such as `v24.21.0`. Absent: unknown. */
  readonly nodeVersion?: string;
  /** Rejects if the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Aborted by Ctrl-C, SIGTERM or SIGHUP. The reason is an error whose message is the name of the signal. */
  readonly interrupted: AbortSignal;
}

/** Exit codes of every command. */
export const EXIT = {
  /** The command did what was asked, and found nothing wrong. */
  fine: 0,
  /** The command found a problem, or could not do what was asked. */
  problem: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The user stopped the command: 128 and the number of the signal, as in a shell. SIGHUP, SIGINT, SIGTERM. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The exit code of a command that a signal stopped. @param reason that of {@link Io.interrupted} */
export function exitCodeOfSignal(reason: unknown): ExitCode {
  const signal = reason instanceof Error ? reason.message : '';
  return signal === 'SIGTERM' ? EXIT.terminated : signal === 'SIGHUP' ? EXIT.hungUp : EXIT.interrupted;
}

/** The command line is wrong. The message says what was given and what is allowed. Exit code {@link EXIT.usage}. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not do its work, for a reason that the user can remove. The message says what to do. Exit code {@link EXIT.problem}. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
}

/** The user pressed Ctrl-C at a question. A prompt reads the key itself, so there is no signal. Exit code {@link EXIT.interrupted}. */
export class StoppedError extends CommandError {
  override readonly name = 'StoppedError';
}
