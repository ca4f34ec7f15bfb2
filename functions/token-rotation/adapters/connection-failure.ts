import { ProxyError, UpstreamError } from '../../connection/errors.ts';
import { isUntrusted, untrustedReason } from '../../connection/untrusted.ts';
import { RotationError } from '../errors.ts';

/** Why a connection failed and what to do, in words that contain nothing of the request; `undefined` for every other error. */
export function connectionFailure(error: unknown): string | undefined {
  if (error instanceof ProxyError || error instanceof UpstreamError) return error.message;
  const code = codeOf(error);
  return isUntrusted(code) ? untrustedReason(code) : undefined;
}

/**
 * The answer of AWS.
 *
 * @param advice what to do if AWS refuses the request
 * @throws `RotationError` that has only the error's name, because a message of the SDK may contain parts of the request
 */
export async function answered<T>(answer: Promise<T>, failure: string, advice: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RotationError) throw error;
    const reason = connectionFailure(error);
    if (reason !== undefined) throw new RotationError(`${failure}: ${reason}.`);
    const name = error instanceof Error ? error.name : 'unknown error';
    throw new RotationError(`${failure} (${name}). ${advice}`);
  }
}

/** The code of the innermost cause, or its name. Not its message, which may contain parts of the request. */
export function codeOf(error: unknown): string {
  let code = 'unknown error';
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    code = 'code' in at && typeof at.code === 'string' ? at.code : at.name;
  }
  return code;
}
