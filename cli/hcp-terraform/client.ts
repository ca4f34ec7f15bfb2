/** A client of HCP Terraform's API for the commands: JSON:API over HTTPS, with errors that say what the token lacks. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import * as z from 'zod';
import { parseForeignJson } from '../core/json.ts';
import { Interrupted, type Interruption } from '../interruption.ts';
import { CommandError } from '../io.ts';

const TIMEOUT_MS = 20_000;
/** Maximum number of pages of a list. */
const MOST_PAGES = 50;
/**
 * HCP Terraform allows 30 requests per second, and answers more with 429 and the seconds until the next one.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs#rate-limiting
 */
const RATE_LIMIT = { mostWaits: 5, longestWaitMs: 5_000 };

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** An answer with a status that isn't in the 200s. */
export class HcpTerraformError extends CommandError {
  readonly status: number;
  /** What HCP Terraform says in `errors`. */
  readonly details: readonly string[];

  constructor(message: string, status: number, details: readonly string[]) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

export interface HcpTerraformParts {
  /** Host such as `app.terraform.io`, with the port unless it is 443. */
  readonly hostname: string;
  readonly token: string;
  /** Option of the command that sets the hostname, for messages. */
  readonly hostnameOption?: string;
  /** Ends requests after Ctrl-C. Default: nothing does. */
  readonly interruption?: Interruption;
  /** How requests get there. {@link HcpTerraform.close} closes it. */
  readonly dispatcher: Dispatcher;
  /** Where the dispatcher connects instead of the hostname's own address, for messages. */
  readonly connectsTo?: string;
  /** Default: really waits. */
  readonly sleep?: (ms: number) => Promise<void>;
}

export class HcpTerraform {
  readonly hostname: string;
  readonly #token: string;
  readonly #connectsTo: string | undefined;
  readonly #hostnameOption: string | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #interruption: Interruption | undefined;

  constructor(parts: HcpTerraformParts) {
    const { hostname, token, hostnameOption, interruption, dispatcher, connectsTo, sleep = (ms) => delay(ms) } = parts;
    this.hostname = hostname;
    this.#connectsTo = connectsTo;
    this.#hostnameOption = hostnameOption;
    this.#token = token;
    this.#sleep = sleep;
    this.#interruption = interruption;
    this.#dispatcher = dispatcher;
  }

  /** Reads one document. @param path starts with `/api/v2/` */
  async get<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S>> {
    return this.#parsed(path, schema, await this.#send('GET', path));
  }

  /**
   * Reads all pages of a list.
   *
   * @param path without `page[…]`
   * @param page schema of one page, which contains `data` and `meta.pagination`
   */
  async list<T>(path: string, page: z.ZodType<Page<T>>): Promise<readonly T[]> {
    const all: T[] = [];
    for await (const { data } of this.#pages(path, page)) all.push(...data);
    return all;
  }

  /**
   * Like {@link list}, for a list from which something follows if an entry is missing. Rejects if one was deleted while the pages were read: a later
   * page then omits another one.
   */
  async completeList<T extends { readonly id: string }>(path: string, page: z.ZodType<Page<T>>): Promise<readonly T[]> {
    const all = new Map<string, T>();
    let total = 0;
    for await (const { data, meta } of this.#pages(path, page)) {
      for (const item of data) all.set(item.id, item);
      total = meta?.pagination?.['total-count'] ?? 0;
    }
    if (all.size >= total) return [...all.values()];
    throw new CommandError(
      `HCP Terraform listed ${all.size} of ${total} entries of ${path.split('?')[0]}, because the list changed meanwhile. Run the command again.`,
    );
  }

  async *#pages<T>(path: string, page: z.ZodType<Page<T>>): AsyncIterable<Page<T>> {
    for (let number = 1; ; number += 1) {
      const separator = path.includes('?') ? '&' : '?';
      const one = await this.get(`${path}${separator}page%5Bsize%5D=100&page%5Bnumber%5D=${number}`, page);
      yield one;
      if ((one.meta?.pagination?.['next-page'] ?? null) === null) return;
      if (number === MOST_PAGES) {
        throw new CommandError(
          `The list ${path.split('?')[0]} has more than ${MOST_PAGES} pages of 100. This command reads no longer list, because it would use up the rate limit of the token's user.`,
        );
      }
    }
  }

  /** Sends a document. @returns the parsed answer */
  async send<S extends z.ZodType>(method: Method, path: string, body: unknown, schema: S): Promise<z.infer<S>> {
    return this.#parsed(path, schema, await this.#send(method, path, body));
  }

  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path);
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  /** Sends a request. While HCP Terraform asks to wait for a moment, it waits and sends the request again. */
  #send(method: Method, path: string, body?: unknown): Promise<string> {
    const interruption = this.#interruption;
    if (interruption === undefined) return this.#sendUntilAccepted(method, path, body);
    return method === 'GET'
      ? interruption.read((signal) => this.#sendUntilAccepted(method, path, body, signal))
      : interruption.change(() => this.#sendUntilAccepted(method, path, body));
  }

  async #sendUntilAccepted(method: Method, path: string, body: unknown, signal?: AbortSignal): Promise<string> {
    const what = `${method} ${path.split('?')[0]}`;
    for (let waits = 0; ; waits += 1) {
      const { status, text, waitMs } = await this.#sendOnce(method, path, body, signal);
      if (status >= 200 && status < 300) return text;
      if (status === 429 && waits < RATE_LIMIT.mostWaits && waitMs <= RATE_LIMIT.longestWaitMs) {
        await this.#sleep(waitMs);
        continue;
      }
      // A server or a proxy may repeat the request.
      const details = detailsOf(text).map((detail) => detail.replaceAll(this.#token, '<token>'));
      throw new HcpTerraformError(
        `HCP Terraform answered ${what} with ${status}${details.length > 0 ? `: ${details.join('; ').replace(/\.$/, '')}` : ''}.\n${meaningOf(status)}`,
        status,
        details,
      );
    }
  }

  async #sendOnce(method: Method, path: string, body: unknown, signal?: AbortSignal): Promise<Reply> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const answer = await request(`https://${this.hostname}${path}`, {
        method,
        dispatcher: this.#dispatcher,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        headers: {
          authorization: `Bearer ${this.#token}`,
          accept: 'application/vnd.api+json',
          'user-agent': 'agent-launcher-cli',
          // Every change needs the media type, also one without a body: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#json-api-documents
          ...(method !== 'GET' && { 'content-type': 'application/vnd.api+json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const waitMs = Math.max(50, Number(answer.headers['x-ratelimit-reset'] ?? 1) * 1_000);
      return {
        status: answer.statusCode,
        text: await answer.body.text(),
        waitMs: Number.isNaN(waitMs) ? 1_000 : waitMs,
      };
    } catch (error) {
      if (signal?.aborted === true) throw new Interrupted('Interrupted');
      const code = codeOf(error);
      const at = this.#connectsTo === undefined ? '' : ` at ${this.#connectsTo}`;
      throw new CommandError(`No answer from https://${this.hostname}${at} (${code}).\n${this.#remedyOf(code)}`, {
        cause: error,
      });
    }
  }

  #remedyOf(code: string): string {
    const option = this.#hostnameOption === undefined ? '' : ` (${this.#hostnameOption})`;
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      return `The server there has a certificate for another hostname. Pass the hostname of the server that you mean${option}${this.#connectsTo === undefined ? '' : ', or correct the variable'}.`;
    }
    const way =
      this.#connectsTo === undefined
        ? `the hostname${option}, the network and the proxy (HTTPS_PROXY, NO_PROXY)`
        : `the hostname${option} and the variable`;
    return `Check ${way}. For a private certificate authority, set NODE_EXTRA_CA_CERTS to its PEM file.`;
  }

  #parsed<S extends z.ZodType>(path: string, schema: S, text: string): z.infer<S> {
    const failure = (): CommandError =>
      new CommandError(
        `HCP Terraform answered ${path.split('?')[0]} with a document that this command doesn't understand. Check that ${this.hostname} is an HCP Terraform host.`,
      );
    let json: unknown;
    try {
      json = text === '' ? undefined : parseForeignJson(text);
    } catch {
      throw failure();
    }
    const result = schema.safeParse(json);
    if (result.success) return result.data;
    throw failure();
  }
}

interface Reply {
  readonly status: number;
  readonly text: string;
  /** How long HCP Terraform asks to wait, if it refuses the request because of its rate limit. */
  readonly waitMs: number;
}

/** One page of a list. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly meta?:
    | {
        readonly pagination?:
          | {
              readonly 'next-page'?: number | null | undefined;
              readonly 'total-count'?: number | null | undefined;
            }
          | undefined;
      }
    | undefined;
}

/** Schema of a time. Its value is in milliseconds since the epoch. */
export const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** Schema of the `meta` of a page. */
export const paginationMeta = z
  .looseObject({
    pagination: z.looseObject({ 'next-page': z.number().nullish(), 'total-count': z.number().nullish() }).optional(),
  })
  .optional();

/** Resolves with `undefined` if HCP Terraform answers with one of these statuses. */
export async function unless<T>(statuses: readonly number[], answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof HcpTerraformError && statuses.includes(error.status)) return undefined;
    throw error;
  }
}

/** Resolves with `undefined` if something doesn't exist, or if the token may not see it. HCP Terraform answers 404 or 403 to both. */
export function unlessHidden<T>(answer: Promise<T>): Promise<T | undefined> {
  return unless([403, 404], answer);
}

function meaningOf(status: number): string {
  if (status === 401)
    return 'The token is wrong or has expired. An agent token does not work here: use a user or team token.';
  if (status === 403 || status === 404) return 'It does not exist, or the token is not allowed to see or change it.';
  if (status === 429) return 'The user of this token sent too many requests. Try again in a minute.';
  if (status >= 500) return 'HCP Terraform has a problem. Try again later.';
  return 'HCP Terraform refused the request.';
}

/** What the server says about the error. */
function detailsOf(text: string): string[] {
  try {
    const json = parseForeignJson(text);
    const errors: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'errors') : undefined;
    if (!Array.isArray(errors)) return [];
    return errors.slice(0, 3).flatMap((error: unknown) => {
      if (typeof error === 'string') return [error];
      if (typeof error !== 'object' || error === null) return [];
      const detail: unknown = Reflect.get(error, 'detail') ?? Reflect.get(error, 'title');
      return typeof detail === 'string' ? [detail] : [];
    });
  } catch {
    return [];
  }
}

function codeOf(error: unknown): string {
  let code = 'no code';
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    code = 'code' in at && typeof at.code === 'string' ? at.code : at.name;
  }
  return code;
}
