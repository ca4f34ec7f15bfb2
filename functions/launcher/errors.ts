/** The launcher's errors: wrong configuration, failures of external services, and its own bugs. */
import { UpstreamError } from '../connection/errors.ts';

export {
  ProxyError,
  type System,
  type UpstreamDetails,
  UpstreamError,
  type UpstreamFault,
} from '../connection/errors.ts';

/** One fault in the configuration. */
export interface ConfigFault {
  /** Name of the variable or setting. */
  readonly name: string;
  /** A description of the given value that is safe to print. */
  readonly given: string;
  readonly allowed: string;
  readonly remedy: string;
}

/** The configuration is wrong. The error lists every fault. The launcher has done nothing. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map((f) => `- ${f.name}: given ${f.given}; allowed: ${f.allowed}; to do: ${f.remedy}`);
    super(`The launcher's configuration has ${faults.length} fault(s):\n${lines.join('\n')}`);
    this.faults = faults;
  }
}

/**
 * A bug in the launcher: an unexpected exception. The error says where the exception was thrown. It doesn't contain the exception or its
 * message, because they could contain secrets.
 */
export class InternalError extends Error {
  override readonly name = 'InternalError';
  readonly system = 'launcher';
  readonly fault = 'internal';
  readonly status = undefined;

  /** @param part - the part of the tick that it ended. */
  constructor(thrown: unknown, part = 'this pool') {
    const kind = thrown instanceof Error ? thrown.constructor.name : typeof thrown;
    super(
      `launcher: a bug in the launcher ended this tick for ${part}: unexpected ${kind} ${framesOf(thrown)}; ` +
        'please open an issue with this line',
    );
  }
}

/** The innermost functions of a stack trace. */
function framesOf(thrown: unknown): string {
  const lines = thrown instanceof Error ? (thrown.stack ?? '').split('\n') : [];
  const frames = lines.map((line) => line.trim()).filter((line) => /^at .*:\d+:\d+\)?$/.test(line));
  return frames.slice(0, 4).join(' ') || 'without a stack trace';
}

/** An answer or an error. One pool's error then can't hide the answers for the other pools. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: UpstreamError };

/** Turns a rejection with an `UpstreamError` into a value. Any other error is our bug, and isn't caught here. */
export async function resultOf<T>(answer: Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await answer };
  } catch (error) {
    if (error instanceof UpstreamError) return { ok: false, error };
    throw error;
  }
}
