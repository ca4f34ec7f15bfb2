import { Agent, type buildConnector, type Dispatcher, request } from 'undici';
import { type HttpsProxy, proxiedConnector } from '../../../connection/https-proxy.ts';

/** Timeout of a request, from connecting to the last byte. */
export const REQUEST_TIMEOUT_MS = 8_000;

/** Timeout for connecting. It is part of {@link REQUEST_TIMEOUT_MS}. */
export const CONNECT_TIMEOUT_MS = 4_000;

/** Maximum size of a body that is received and discarded so that its connection can be used again. */
const DISCARDED_BYTES = 64 * 1024;

/**
 * Maximum size of a body. A page of 100 runs with plans and applies has about 400 KiB. The function has 256 MB of memory, and the answers
 * for several pools may arrive at the same time.
 */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** An answer that hasn't been parsed yet. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body if the status is 200. It is empty for all other statuses, because their bodies aren't read. */
  readonly text: string;
}

/** Sends one GET request. Resolves with the answer for any status. Rejects if there is no answer or only an incomplete one. */
export type Send = (path: string, token: string, signal: AbortSignal) => Promise<RawAnswer>;

/**
 * Creates a pool of connections to HCP Terraform.
 * @param tls - additional TLS options, such as the certificate authority of a test.
 * @param proxy - the proxy for the connections; absent: there is none.
 */
export function connections(tls: buildConnector.BuildOptions = {}, proxy?: HttpsProxy): Dispatcher {
  const connect =
    proxy === undefined ? { timeout: CONNECT_TIMEOUT_MS, ...tls } : proxiedConnector(proxy, CONNECT_TIMEOUT_MS, tls);
  return new Agent({ connect, maxResponseSize: MAX_BODY_BYTES });
}

/**
 * Sends requests over the given connections.
 * @param hostname - host such as `app.terraform.io`, with the port unless it is 443.
 * @param timeout - returns a signal that aborts after the given time.
 */
export function sendOver(
  dispatcher: Dispatcher,
  hostname: string,
  userAgent: string,
  timeout: (ms: number) => AbortSignal,
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
