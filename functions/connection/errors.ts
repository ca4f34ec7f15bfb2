/** The errors of requests to external services. No message contains a token, a login or an answer. */

/** Systems that a function sends requests to. */
export type System = 'HCP Terraform' | 'ECS' | 'EC2' | 'Secrets Manager' | 'SQS';

/**
 * What the caller can do about an error.
 *
 * - `rejected`: the service refused the credential or the request. Waiting doesn't help.
 * - `throttled`: the caller must wait.
 * - `unavailable`: there was no usable answer. The next tick or invocation tries again.
 * - `unexpected-answer`: the answer doesn't match the expected schema. It never counts as an empty answer.
 * - `too-long`: the list has more pages than the function reads. `too-large`: the answer has more bytes or values than the function reads.
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

/** A request to HCP Terraform or to a service of AWS failed. */
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

/** The proxy refused a connection, or there is no connection to the proxy. The message contains no login. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  /** Node's code if there was no connection, such as `ECONNREFUSED`. The SDK repeats requests by this code. */
  readonly code: string;
  /** Whether waiting doesn't help. */
  readonly isRejection: boolean;

  constructor(
    message: string,
    { code, isRejection = false }: { readonly code: string; readonly isRejection?: boolean },
  ) {
    super(message);
    this.code = code;
    this.isRejection = isRejection;
  }

  get fault(): UpstreamFault {
    return this.isRejection ? 'rejected' : 'unavailable';
  }
}
