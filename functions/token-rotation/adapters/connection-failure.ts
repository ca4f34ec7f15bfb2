import { ProxyError, UpstreamError } from '../../connection/errors.ts';
import { isUntrusted, untrustedReason } from '../../connection/untrusted.ts';

/** Why a connection failed and what to do, in words that contain nothing of the request; `undefined` for every other error. */
export function connectionFailure(error: unknown): string | undefined {
  if (error instanceof ProxyError || error instanceof UpstreamError) return error.message;
  const code = codeOf(error);
  return isUntrusted(code) ? untrustedReason(code) : undefined;
}

/** The code of the innermost cause, or its name. Not its message, which may contain parts of the request. */
export function codeOf(error: unknown): string {
  let code = 'unknown error';
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    code = 'code' in at && typeof at.code === 'string' ? at.code : at.name;
  }
  return code;
}
