import type * as z from 'zod';
import { isUntrusted, untrustedReason } from '../../../connection/untrusted.ts';
import { ProxyError, type UpstreamDetails, UpstreamError } from '../../errors.ts';
import type { Secrets } from '../../ports.ts';
import { CONNECT_TIMEOUT_MS, MAX_BODY_BYTES, type RawAnswer, REQUEST_TIMEOUT_MS, type Send } from './send.ts';

/**
 * Maximum number of JSON values in an answer. A page of 100 runs with plans and applies has about 20,000. JSON that consists only of small values
 * needs twenty times its size in memory, and the schema would report each wrong value.
 */
const MAX_VALUES = 200_000;

/** Maximum number of entries in a page. */
const MAX_ENTRIES = 100;

/** Maximum number of included resources in a page. Each run has one plan and one apply. */
const MAX_INCLUDED = 1_000;

/** An answer of HCP Terraform that the caller may handle. */
export interface Answer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `undefined` if the status is one that the caller expects. */
  readonly body: T | undefined;
}

export interface HttpParts {
  /** Host such as `app.terraform.io`, with the port unless it is 443. */
  readonly hostname: string;
  readonly secrets: Secrets;
  readonly send: Send;
}

export interface GetRequest<S extends z.ZodType> {
  /** The path with its query. It starts with `/api/v2/`. */
  readonly path: string;
  /** Secret that contains the API token. After a 401, the launcher reads the secret again once. */
  readonly tokenSecret: string;
  readonly schema: S;
  readonly signal: AbortSignal;
  /** Statuses that the caller handles itself. They cause no error, and their body isn't read. */
  readonly expected?: readonly number[];
  /** Called before every request, including repeated requests. If it throws, no request is sent. */
  readonly beforeSend?: () => void;
}

/** Sends GET requests to one HCP Terraform host: adds the API token, converts errors to `UpstreamError`, and checks JSON against a schema. */
export class HcpTerraformHttp {
  readonly #parts: HttpParts;

  constructor(parts: HttpParts) {
    this.#parts = parts;
  }

  /** Rejects with `UpstreamError` for every status except 200 and the expected ones. */
  async get<S extends z.ZodType>(request: GetRequest<S>): Promise<Answer<z.infer<S>>> {
    const { path, tokenSecret, schema, signal, expected = [], beforeSend = () => {} } = request;
    const { secrets } = this.#parts;
    const first = await this.#send(path, await secrets.value(tokenSecret, signal), signal, beforeSend);
    const answer =
      first.status === 401
        ? await this.#send(path, await secrets.renew(tokenSecret, signal), signal, beforeSend)
        : first;
    if (expected.includes(answer.status)) return { ...answer, body: undefined };
    if (answer.status === 200) return { ...answer, body: parsed(answer, path, schema) };
    throw this.#refusal(answer, path, tokenSecret);
  }

  async #send(path: string, token: string, signal: AbortSignal, beforeSend: () => void): Promise<RawAnswer> {
    beforeSend();
    try {
      return await this.#parts.send(path, token, signal);
    } catch (error) {
      // After Lambda froze the function, it may hold connections that the server closed long ago. Repeating a GET is safe.
      if (STALE_CONNECTION.has(codeOf(error)) && !signal.aborted) {
        beforeSend();
        return this.#parts.send(path, token, signal).catch((again: unknown) => {
          throw this.#silence(again, path, signal);
        });
      }
      throw this.#silence(error, path, signal);
    }
  }

  /** The error if there was no answer or only an incomplete one. */
  #silence(error: unknown, path: string, signal: AbortSignal): UpstreamError {
    // If the secret of the proxy's login can't be read, the error says so already.
    if (error instanceof UpstreamError) return error;
    if (error instanceof ProxyError) {
      const { fault, message: what } = error;
      return new UpstreamError({
        system: 'HCP Terraform',
        fault,
        what,
        request: `GET ${withoutQuery(path)}`,
        cause: error,
      });
    }
    const code = signal.aborted ? 'AbortError' : codeOf(error);
    const isTooLarge = code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
    return new UpstreamError({
      system: 'HCP Terraform',
      fault: isTooLarge ? 'too-large' : 'unavailable',
      what: isTooLarge
        ? `the answer is larger than the ${MAX_BODY_BYTES / 2 ** 20} MiB that the launcher reads`
        : `no answer from https://${this.#parts.hostname}: ${reasonOf(code)}`,
      request: `GET ${withoutQuery(path)}`,
      cause: error,
    });
  }

  #refusal({ status, headers }: RawAnswer, path: string, tokenSecret: string): UpstreamError {
    return new UpstreamError({
      system: 'HCP Terraform',
      ...meaningOf(status, tokenSecret),
      request: `GET ${withoutQuery(path)}`,
      status,
      ...requestIdIn(headers),
      ...(status === 429 && { retryAfterMs: resetMs(headers) }),
    });
  }
}

function meaningOf(status: number, tokenSecret: string): Pick<UpstreamDetails, 'fault' | 'what'> {
  if (status === 401) {
    const what =
      `the API token in secret ${tokenSecret} was rejected, also after reading the secret again; ` +
      "store a valid team or user API token in that secret (an agent token won't work)";
    return { fault: 'rejected', what };
  }
  if (status === 403 || status === 404) {
    const what =
      'not found, or the API token is not allowed to see it; check the names in the settings and the team’s permissions';
    return { fault: 'rejected', what };
  }
  if (status === 429) return { fault: 'throttled', what: 'the user of this API token sent too many requests' };
  if (status >= 500) return { fault: 'unavailable', what: 'the server answered with an error' };
  return { fault: 'rejected', what: 'the server refused the request' };
}

/** How long to wait. The header `x-ratelimit-reset` contains seconds with decimals. The default is one second. */
export function resetMs(headers: RawAnswer['headers']): number {
  const seconds = Number.parseFloat(String(headers['x-ratelimit-reset'] ?? headers['retry-after'] ?? '1'));
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(Math.ceil(seconds * 1000), 60_000) : 1000;
}

function parsed<S extends z.ZodType>({ text, status, headers }: RawAnswer, path: string, schema: S): z.infer<S> {
  const failure = (fault: 'unexpected-answer' | 'too-large', what: string): UpstreamError =>
    new UpstreamError({
      system: 'HCP Terraform',
      fault,
      what,
      request: `GET ${withoutQuery(path)}`,
      status,
      ...requestIdIn(headers),
    });
  if (hasMoreValues(text, MAX_VALUES)) {
    throw failure('too-large', `the answer has more than the ${MAX_VALUES} values that the launcher reads`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw failure('unexpected-answer', `the answer is not JSON (${mediaTypeIn(headers)}, ${text.length} characters)`);
  }
  // Count before checking the schema, because the schema collects an issue for each wrong entry.
  for (const [member, most] of [
    ['data', MAX_ENTRIES],
    ['included', MAX_INCLUDED],
  ] as const) {
    const count = lengthOf(json, member);
    if (count > most) {
      throw failure(
        'unexpected-answer',
        `the answer has ${count} entries in "${member}"; one page has at most ${most}`,
      );
    }
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  // Report the path and the type of each fault, never the value, because answers can contain secrets.
  const faults = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'top'}: ${issue.code}`);
  throw failure('unexpected-answer', `the answer doesn't match the expected schema (${faults.join('; ')})`);
}

/** Whether a JSON text has more values than the limit. Counts brackets and separators outside of strings. */
function hasMoreValues(text: string, limit: number): boolean {
  // Each value needs at least two characters.
  if (text.length <= limit) return false;
  let count = 0;
  let inString = false;
  for (let at = 0; at < text.length && count <= limit; at += 1) {
    const character = text.charCodeAt(at);
    if (inString) {
      if (character === BACKSLASH) at += 1;
      else if (character === QUOTE) inString = false;
    } else if (character === QUOTE) inString = true;
    else if (character === COMMA || character === BRACKET || character === BRACE) count += 1;
  }
  return count > limit;
}

const [QUOTE, COMMA, BRACKET, BRACE, BACKSLASH] = [0x22, 0x2c, 0x5b, 0x7b, 0x5c];

function lengthOf(json: unknown, member: 'data' | 'included'): number {
  const list = typeof json === 'object' && json !== null ? Reflect.get(json, member) : undefined;
  return Array.isArray(list) ? list.length : 0;
}

/** The request id, if the header has the expected format. A proxy that answers instead of HCP Terraform could send anything. */
function requestIdIn(headers: RawAnswer['headers']): { readonly requestId?: string } {
  const id = headers['x-request-id'];
  return typeof id === 'string' && /^[\w-]{1,64}$/.test(id) ? { requestId: id } : {};
}

function mediaTypeIn(headers: RawAnswer['headers']): string {
  return (
    /^[a-z]{1,20}\/[a-z0-9.+-]{1,40}(?![^;\s])/i.exec(String(headers['content-type'] ?? ''))?.[0] ?? 'no media type'
  );
}

const STALE_CONNECTION = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** The innermost error code, because undici and Node wrap each other's errors. */
function codeOf(error: unknown): string {
  let code = '';
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string' && /^\w{1,60}$/.test(at.code)) code = at.code;
    else if (code === '') code = at.name;
  }
  return code;
}

function reasonOf(code: string): string {
  if (['ENOTFOUND', 'EAI_AGAIN'].includes(code))
    return `the hostname does not resolve (${code}); check the setting hostname`;
  if (code === 'ECONNREFUSED') return `the connection was refused (${code}); check the setting hostname and its port`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return `no connection within ${CONNECT_TIMEOUT_MS / 1000} s (${code})`;
  if (code === 'TimeoutError' || code.includes('TIMEOUT'))
    return `no complete answer within ${REQUEST_TIMEOUT_MS / 1000} s (${code})`;
  if (code === 'AbortError') return 'the tick ran out of time';
  if (isUntrusted(code)) return untrustedReason(code);
  return `the connection broke (${code || 'no code'})`;
}

/** The path without the query, which would make log lines long. Paths contain no secrets. */
function withoutQuery(path: string): string {
  return path.split('?')[0] ?? path;
}
