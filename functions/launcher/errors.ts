/** The launcher's errors: wrong configuration, failures of external services, and its own bugs. */

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

/** Systems that the launcher sends requests to. */
export type System = 'HCP Terraform' | 'ECS' | 'Secrets Manager' | 'SQS';

/**
 * What the caller can do about an error.
 *
 * - `rejected`: the service refused the credential or the request. Waiting doesn't help.
 * - `throttled`: the caller must wait.
 * - `unavailable`: there was no usable answer. The next tick tries again.
 * - `unexpected-answer`: the answer doesn't match the expected schema. It never counts as an empty answer.
 * - `too-long`: the list has more pages than the launcher reads. `too-large`: the answer has more bytes or values than the launcher reads.
 */
export type UpstreamFault = 'rejected' | 'throttled' | 'unavailable' | 'unexpected-answer' | 'too-long' | 'too-large';

/** What is known about a failed request. It contains no token and no answer body. */
export interface UpstreamDetails {
  readonly system: System;
  readonly fault: UpstreamFault;
  /** A sentence that says what happened, with a remedy if there is one. */
  readonly what: string;
  /** `GET /api/v2/…` or the AWS action. */
  readonly request?: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A request to HCP Terraform, ECS, Secrets Manager or SQS failed. */
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
 * A bug in the launcher: an unexpected exception. The error says where the exception was thrown. It doesn't contain the exception or its
 * message, because they could contain secrets.
 */
export class InternalError extends Error {
  override readonly name = 'InternalError';
  readonly system = 'launcher';
  readonly fault = 'internal';
  readonly status = undefined;

  constructor(thrown: unknown) {
    const kind = thrown instanceof Error ? thrown.constructor.name : typeof thrown;
    super(
      `launcher: a bug in the launcher ended this tick for this pool: unexpected ${kind} ${framesOf(thrown)}; ` +
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
