import { Agent, type buildConnector, type Dispatcher, request } from 'undici';

/** One request may take this long, from connecting to the last byte. */
export const REQUEST_TIMEOUT_MS = 8_000;

/** Connecting may take this much of it. */
export const CONNECT_TIMEOUT_MS = 4_000;

/** A body that is not read is received up to this size, so that its connection can be used again. */
const DISCARDED_BYTES = 64 * 1024;

/**
 * A page of 100 runs with plans and applies is about 400 KiB. The function has 256 MB, and several pools' answers may
 * arrive at the same time.
 */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** What came over the wire, not yet parsed. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body of a 200; empty for every other status, whose bodies are not read. */
  readonly text: string;
}

/** One GET. Resolves with its answer, whatever the status; rejects if no answer came, or an incomplete one. */
export type Send = (path: string, token: string, signal: AbortSignal) => Promise<RawAnswer>;

/** Kept connections to HCP Terraform. @param tls options in addition to Node's trusted certificates, such as a test's certificate authority. */
export function connections(tls: buildConnector.BuildOptions = {}): Dispatcher {
  return new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS, ...tls }, maxResponseSize: MAX_BODY_BYTES });
}

/**
 * @param hostname `app.terraform.io`, with a port when it is not 443.
 * @param timeout aborts after the given time.
 */
export function sendOver(
  dispatcher: Dispatcher,
  hostname: string,
  userAgent: string,
  timeout: (ms: number) => AbortSignal = (ms) => AbortSignal.timeout(ms),
): Send {
  return async (path, token, signal) => {
    const until = AbortSignal.any([signal, timeout(REQUEST_TIMEOUT_MS)]);
    const answer = await request(`https://${hostname}${path}`, {
      dispatcher,
      signal: until,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/vnd.api+json',
        'user-agent': userAgent,
      },
    });
    const { statusCode: status, headers, body } = answer;
    if (status === 200) return { status, headers, text: await body.text() };
    await body.dump({ limit: DISCARDED_BYTES, signal: until });
    return { status, headers, text: '' };
  };
}
