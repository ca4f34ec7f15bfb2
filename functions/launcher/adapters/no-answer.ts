import { isUntrusted, untrustedReason } from '../../connection/untrusted.ts';
import { ProxyError, type System, UpstreamError } from '../errors.ts';

/** The error of a call of AWS that got no answer of the service. */
export function noAnswer(system: System, action: string, error: unknown): UpstreamError {
  if (error instanceof ProxyError) {
    return new UpstreamError({ system, fault: error.fault, what: error.message, request: action, cause: error });
  }
  const code = causeOf(error);
  const what = isUntrusted(code) ? `no answer: ${untrustedReason(code)}` : `no answer (${code})`;
  return new UpstreamError({ system, fault: 'unavailable', what, request: action, cause: error });
}

/** The innermost error code, which is more precise than the SDK's name: `ECONNRESET` instead of `TimeoutError`. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const inner = error.cause === undefined ? undefined : causeOf(error.cause);
  if (inner !== undefined && inner !== 'Error') return inner;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
