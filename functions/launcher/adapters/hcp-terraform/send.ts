import { Agent, type buildConnector, type Dispatcher, request } from 'undici';

/** One request may take this long, from connecting to the last byte. */
export const REQUEST_TIMEOUT_MS = 8_000;

/** A page of 100 runs with plans and applies is about 400 KiB; more than this is not an answer of this API. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** What came over the wire, whatever it says. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** One GET: resolves with its answer, whatever the status; rejects when none came, or not a whole one. */
export type Send = (path: string, token: string, signal: AbortSignal) => Promise<RawAnswer>;

/** Kept connections to HCP Terraform. @param tls what Node's own trust does not say, such as a test's authority. */
export function connections(tls: buildConnector.BuildOptions = {}): Dispatcher {
  return new Agent({ connect: { timeout: 4_000, ...tls }, maxResponseSize: MAX_BODY_BYTES });
}

/** @param hostname `app.terraform.io`, with a port when it is not 443. */
export function sendOver(dispatcher: Dispatcher, hostname: string, userAgent: string): Send {
  return async (path, token, signal) => {
    const answer = await request(`https://${hostname}${path}`, {
      dispatcher,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/vnd.api+json',
        'user-agent': userAgent,
      },
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };
}
