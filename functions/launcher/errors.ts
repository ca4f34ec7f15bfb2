/** The launcher's errors: wrong configuration, failures of external services, and its own bugs. */

/** One thing that is wrong with the configuration. */
export interface ConfigFault {
  /** Name of the variable or setting. */
  readonly name: string;
  /** What was given, in a form that is safe to print. */
  readonly given: string;
  readonly allowed: string;
  readonly remedy: string;
}

/** The configuration is wrong: every fault at once. Nothing has been done. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map((f) => `- ${f.name}: given ${f.given}; allowed: ${f.allowed}; to do: ${f.remedy}`);
    super(`The launcher's configuration has ${faults.length} fault(s):\n${lines.join('\n')}`);
    this.faults = faults;
  }
}

/** Systems that the launcher sends requests to. */
export type System = 'HCP Terraform' | 'ECS' | 'Secrets Manager';

/**
 * What the caller can do about an error.
 *
 * - `rejected`: the credential or the request is refused, and waiting doesn't help.
 * - `throttled`: wait.
 * - `unavailable`: no usable answer. The next tick tries again.
 * - `unexpected-answer`: the answer doesn't match the expected schema. It never counts as "nothing there".
 * - `too-long`: the list has more pages than are read. `too-large`: the answer has more bytes or values than are read.
 */
export type UpstreamFault = 'rejected' | 'throttled' | 'unavailable' | 'unexpected-answer' | 'too-long' | 'too-large';

/** What is known about a failed request. It contains no token and no answer body. */
export interface UpstreamDetails {
  readonly system: System;
  readonly fault: UpstreamFault;
  /** What happened, in words, with the remedy when there is one. */
  readonly what: string;
  /** `GET /api/v2/…` or the AWS action. */
  readonly request?: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A request to HCP Terraform, ECS or Secrets Manager failed. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly system: System;
  readonly fault: UpstreamFault;
  readonly request: string | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(details: UpstreamDetails) {
    const where = [
      details.request,
      details.status !== undefined && `status ${details.status}`,
      details.requestId !== undefined && `request id ${details.requestId}`,
    ].filter(Boolean);
    const suffix = where.length === 0 ? '' : ` (${where.join(', ')})`;
    super(`${details.system}: ${details.what}${suffix}`, { cause: details.cause });
    this.system = details.system;
    this.fault = details.fault;
    this.request = details.request;
    this.status = details.status;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/**
 * A bug in the launcher: an unexpected exception. It says where the exception was thrown. It contains neither the exception nor its message,
 * because they may repeat what was being read.
 */
export class InternalError extends Error {
  override readonly name = 'InternalError';
  readonly system = 'launcher';
  readonly fault = 'internal';
  readonly status = undefined;

  constructor(thrown: unknown) {
    const kind = thrown instanceof Error ? thrown.constructor.name : typeof thrown;
    super(
      `launcher: a bug, nothing more is done for this pool in this tick: unexpected ${kind} ${framesOf(thrown)}; ` +
        'open an issue with this line',
    );
  }
}

/** The innermost functions of a stack trace. */
function framesOf(thrown: unknown): string {
  const lines = thrown instanceof Error ? (thrown.stack ?? '').split('\n') : [];
  const frames = lines.map((line) => line.trim()).filter((line) => /^at .*:\d+:\d+\)?$/.test(line));
  return frames.slice(0, 4).join(' ') || 'without a stack trace';
}

/** An answer, or the error instead of it, so that one pool's failure never hides another's answer. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: UpstreamError };

/** Turns a rejection into a value. Anything except an `UpstreamError` is our bug, and isn't caught here. */
export async function resultOf<T>(answer: Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await answer };
  } catch (error) {
    if (error instanceof UpstreamError) return { ok: false, error };
    throw error;
  }
}
