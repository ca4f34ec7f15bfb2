/**
 * Agent tokens in HCP Terraform.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/agents and …/agent-tokens
 */
import * as z from 'zod';
import { TOKEN } from '../core/agent-tokens.ts';
import type { AgentToken, PoolAgent } from '../core/rotation.ts';
import { RotationError } from '../errors.ts';
import type { AgentTokens, Clock, NewToken } from '../ports.ts';
import { codeOf, connectionFailure } from './connection-failure.ts';

/** Timeout of a request. */
const TIMEOUT_MS = 10_000;

/** Maximum number of attempts of a request that can be repeated. */
const ATTEMPTS = 3;

/** Maximum number of pages of a list. */
const MOST_PAGES = 100;

const pagination = z.object({
  pagination: z.object({ 'next-page': z.int().nullish(), 'total-count': z.int().nullish() }).optional(),
});
const pageOf = <Item extends z.ZodType>(item: Item) => z.object({ data: z.array(item), meta: pagination.optional() });

const time = z.string().transform((text, context) => {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'not a time' });
  return z.NEVER;
});
const pools = pageOf(z.object({ id: z.string(), attributes: z.object({ name: z.string() }) }));
const tokens = pageOf(
  z.object({
    id: z.string(),
    attributes: z.object({
      description: z.string().nullish(),
      'created-at': time,
      'last-used-at': time.nullish(),
    }),
  }),
);
const agents = pageOf(
  z.object({ id: z.string(), attributes: z.object({ name: z.string().nullish(), status: z.string() }) }),
);
const newToken = z.object({
  data: z.object({
    id: z.string().regex(/^at-[A-Za-z0-9]+$/),
    attributes: z.object({ token: z.string().regex(TOKEN) }),
  }),
});

type Method = 'GET' | 'POST' | 'DELETE';

/** Sends one request. It follows no redirect. Rejects if there is no answer. */
export type Send = (
  url: string,
  init: {
    readonly method: Method;
    readonly signal: AbortSignal;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  },
) => Promise<{ readonly status: number; text(): Promise<string> }>;

export interface HcpTerraformParts {
  readonly hostname: string;
  readonly apiToken: () => Promise<string>;
  readonly send: Send;
  readonly timeout: (ms: number) => AbortSignal;
  readonly sleep: Clock['sleep'];
}

/** Implements the port `AgentTokens` with HCP Terraform's API. */
export class HcpTerraformTokens implements AgentTokens {
  readonly #parts: HcpTerraformParts;
  /** Every invocation reads the API token once. */
  #apiToken: Promise<string> | undefined;

  constructor(parts: HcpTerraformParts) {
    this.#parts = parts;
  }

  async poolId(organization: string, name: string): Promise<string> {
    const found = await this.#list(`/organizations/${encodeURIComponent(organization)}/agent-pools`, pools);
    const pool = found.find(({ attributes }) => attributes.name === name);
    if (pool !== undefined) return pool.id;
    throw new RotationError(
      `The organization ${organization} has no agent pool ${name}, or the API token of the rotation may not see it. The token needs the permission Manage agent pools.`,
    );
  }

  async tokens(poolId: string): Promise<readonly AgentToken[]> {
    // A fixed order, so that a page doesn't repeat or omit tokens. Older releases of Terraform Enterprise ignore it.
    const found = await this.#list(`/agent-pools/${poolId}/authentication-tokens?sort=-created-at`, tokens);
    return found.map(({ id, attributes }) => ({
      id,
      description: attributes.description ?? '',
      createdAtMs: attributes['created-at'],
      lastUsedAtMs: attributes['last-used-at'] ?? undefined,
    }));
  }

  async connectedAgents(poolId: string): Promise<readonly PoolAgent[]> {
    const found = await this.#list(`/agent-pools/${poolId}/agents`, agents);
    return found
      .map(({ id, attributes: { name, status } }) => ({ name: name ?? id, status }))
      .filter(({ status }) => status !== 'exited' && status !== 'errored');
  }

  async create(poolId: string, description: string): Promise<NewToken> {
    const path = `/agent-pools/${poolId}/authentication-tokens`;
    const body = { data: { type: 'authentication-tokens', attributes: { description } } };
    // Never repeated: if the answer was lost, a second token would be created.
    const { data } = parsed(path, newToken, await this.#send('POST', path, { attempts: 1, body }));
    return { id: data.id, value: data.attributes.token };
  }

  async revoke(tokenId: string): Promise<void> {
    await this.#send('DELETE', `/authentication-tokens/${tokenId}`, { attempts: ATTEMPTS, notFound: 'fine' });
  }

  /** Reads all pages. @throws `RotationError` if the list is incomplete */
  async #list<Item extends { readonly id: string }>(
    path: string,
    schema: z.ZodType<{
      readonly data: readonly Item[];
      readonly meta?: z.infer<typeof pagination> | undefined;
    }>,
  ): Promise<readonly Item[]> {
    const all = new Map<string, Item>();
    const separator = path.includes('?') ? '&' : '?';
    for (let number = 1; number <= MOST_PAGES; ) {
      const page = `${path}${separator}page%5Bsize%5D=100&page%5Bnumber%5D=${number}`;
      const { data, meta } = parsed(path, schema, await this.#send('GET', page, { attempts: ATTEMPTS }));
      for (const item of data) all.set(item.id, item);
      const next = meta?.pagination?.['next-page'] ?? undefined;
      if (next === undefined) {
        // Something may have been deleted while the pages were read. A page then omits an item.
        const total = meta?.pagination?.['total-count'] ?? all.size;
        if (all.size >= total) return [...all.values()];
        throw new RotationError(
          `HCP Terraform listed ${all.size} of ${total} entries of ${path}. The next invocation tries again.`,
        );
      }
      if (next <= number) break;
      number = next;
    }
    throw new RotationError(`The list ${path} of HCP Terraform has more than ${MOST_PAGES} pages of 100, or no end.`);
  }

  async #send(
    method: Method,
    path: string,
    {
      attempts,
      body,
      notFound,
    }: { readonly attempts: number; readonly body?: object; readonly notFound?: 'fine' | undefined },
  ): Promise<string> {
    const what = `${method} ${path.split('?')[0]}`;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#sendOnce(method, path, body);
      if (answer.status >= 200 && answer.status < 300) return answer.text;
      if (answer.status === 404 && notFound === 'fine') return '';
      const isTransient = answer.status === 0 || answer.status === 429 || answer.status >= 500;
      if (!isTransient || attempt >= attempts) {
        throw new RotationError(
          answer.status === 0
            ? `HCP Terraform didn't answer ${what}${answer.text}`
            : `HCP Terraform answered ${what} with ${answer.status}. ${meaningOf(answer.status)}`,
        );
      }
      await this.#parts.sleep(1_000 * 2 ** attempt);
    }
  }

  /** @returns status 0 with the reason if there is no answer */
  async #sendOnce(
    method: Method,
    path: string,
    body: object | undefined,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { hostname, send, timeout } = this.#parts;
    this.#apiToken ??= this.#parts.apiToken();
    const token = await this.#apiToken;
    try {
      const answer = await send(`https://${hostname}/api/v2${path}`, {
        method,
        signal: timeout(TIMEOUT_MS),
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/vnd.api+json',
          'user-agent': 'agent-launcher-token-rotation',
          // Every change needs the media type, also one without a body: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#json-api-documents
          ...(method !== 'GET' && { 'content-type': 'application/vnd.api+json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      return { status: 0, text: reasonOf(error) };
    }
  }
}

function reasonOf(error: unknown): string {
  const failure = connectionFailure(error);
  if (failure !== undefined) return `: ${failure}.`;
  return ` (${codeOf(error)}). Check the hostname, and the network in which the function runs. The next invocation tries again.`;
}

function parsed<S extends z.ZodType>(path: string, schema: S, text: string): z.infer<S> {
  const { data, error } = schema.safeParse(jsonOf(text));
  if (error === undefined) return data;
  // Only the places of the faults, never the values: the answer may contain a token.
  const places = error.issues.slice(0, 5).map((issue) => issue.path.join('.') || 'body');
  throw new RotationError(
    `HCP Terraform answered ${path.split('?')[0]} with a document that this version doesn't understand: unexpected values in ${places.join(', ')}.`,
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function meaningOf(status: number): string {
  if (status === 401) {
    return "The rotation's API token is wrong or has expired. Store a valid one in its secret. An agent token doesn't work.";
  }
  if (status === 403 || status === 404) {
    return "It doesn't exist, or the rotation's API token may not see or change it. The token needs the permission Manage agent pools.";
  }
  return 'The next invocation tries again.';
}
