/** Reads lists that the API returns in pages: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#pagination */
import type * as z from 'zod';
import { UpstreamError } from '../../errors.ts';
import type { Answer, HcpTerraformHttp } from './http.ts';
import { MAX_BODY_BYTES } from './send.ts';

/**
 * Page sizes, largest first. The API allows at most 100. If an answer is too large, the launcher requests the same entries in smaller
 * pages. Each size divides the one before it, so a smaller page can begin where the last larger page ended.
 */
const PAGE_SIZES = [100, 20, 5, 1] as const;

export type PageSize = (typeof PAGE_SIZES)[number];

export const LARGEST_PAGE: PageSize = PAGE_SIZES[0];

/** Maximum number of requests for one list, which is enough for 5,000 entries in pages of 100. */
const MAX_PAGES = 50;

interface Pagination {
  readonly 'current-page': number;
  readonly 'next-page': number | null;
  readonly 'total-pages'?: number | null | undefined;
}

/** The parts of a page that are necessary to read the whole list. */
export interface Page {
  readonly data: readonly unknown[];
  readonly meta: { readonly pagination: Pagination };
}

/** Keeps track of how far a list has been read. */
export class PageCursor {
  readonly #path: string;
  #size: PageSize;
  /** Number of entries read so far. It is a multiple of {@link size} until the list has ended. */
  #read = 0;
  #ended = false;

  /**
   * @param size - page size to start with.
   * @param skipped - number of entries before the first page to read; a multiple of `size`.
   */
  constructor(path: string, size: PageSize = LARGEST_PAGE, skipped = 0) {
    this.#path = path;
    this.#size = size;
    this.#read = skipped;
  }

  get size(): PageSize {
    return this.#size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Number of entries before the next page. */
  get read(): number {
    return this.#read;
  }

  /** Parameters of the next request. */
  get query(): Record<string, string> {
    return { 'page[size]': String(this.#size), 'page[number]': String(this.#number) };
  }

  get #number(): number {
    return this.#read / this.#size + 1;
  }

  /** Moves on after a page was read. Throws `UpstreamError` with fault `unexpected-answer` if it isn't the requested page. */
  advance({ data, meta }: Page): void {
    // The number of the next page assumes that every page so far was full.
    if (data.length > this.#size) {
      throw unexpected(
        this.#path,
        `the launcher requested a page of ${this.#size} entries, but the answer has ${data.length}`,
      );
    }
    this.#ended = nextPage(meta, this.#number, this.#path) === null;
    this.#read += this.#size;
  }

  /**
   * Uses smaller pages after an answer was too large.
   * @param error - error of the last request; thrown again unless smaller pages can help.
   */
  shrinkAfter(error: unknown): void {
    if (!(error instanceof UpstreamError) || error.fault !== 'too-large') throw error;
    const smaller = PAGE_SIZES[PAGE_SIZES.indexOf(this.#size) + 1];
    if (smaller === undefined) throw tooLarge(this.#path, error);
    this.#size = smaller;
  }
}

export interface List<S> {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly tokenSecret: string;
  readonly schema: S;
  readonly signal: AbortSignal;
  readonly expected?: readonly number[];
}

/**
 * Reads all pages of a list. Rejects with `UpstreamError` and the fault `too-long` after 50 requests, or already after the first page if
 * that page shows that there will be more.
 * @returns the items that `itemsOf` takes from each page; `undefined` if a request has one of the expected statuses.
 */
export async function readPages<S extends z.ZodType<Page>, T>(
  http: Pick<HcpTerraformHttp, 'get'>,
  { path, query, tokenSecret, schema, signal, expected = [] }: List<S>,
  itemsOf: (page: z.infer<S>) => readonly T[],
): Promise<readonly T[] | undefined> {
  const cursor = new PageCursor(path);
  const items: (readonly T[])[] = [];
  for (let requests = 0; !cursor.ended; requests += 1) {
    if (requests >= MAX_PAGES) throw tooLong(path);
    const paged = withQuery(path, { ...query, ...cursor.query });
    let answer: Answer<z.infer<S>>;
    try {
      answer = await http.get({ path: paged, tokenSecret, schema, signal, expected });
    } catch (error) {
      cursor.shrinkAfter(error);
      continue;
    }
    const { body } = answer;
    if (body === undefined) return undefined;
    if ((body.meta.pagination['total-pages'] ?? 1) > MAX_PAGES) throw tooLong(path);
    cursor.advance(body);
    items.push(itemsOf(body));
  }
  return items.flat();
}

/** Appends a query to a path. `URLSearchParams` percent-encodes brackets, which the API requires. */
export function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  return `${path}?${new URLSearchParams(query)}`;
}

/** The next page's number, or null. A list that repeats or skips a page must not count as complete. */
export function nextPage(meta: { readonly pagination: Pagination }, asked: number, path: string): number | null {
  const { 'current-page': current, 'next-page': next } = meta.pagination;
  if (current === asked && (next === null || next === asked + 1)) return next;
  throw unexpected(
    path,
    `the launcher requested page ${asked}, but the answer is page ${current} with next page ${next}`,
  );
}

function unexpected(path: string, what: string): UpstreamError {
  return new UpstreamError({ system: 'HCP Terraform', fault: 'unexpected-answer', what, request: `GET ${path}` });
}

function tooLong(path: string): UpstreamError {
  return new UpstreamError({
    system: 'HCP Terraform',
    fault: 'too-long',
    what: `the list is too long: the launcher makes at most ${MAX_PAGES} requests for one list`,
    request: `GET ${path}`,
  });
}

function tooLarge(path: string, cause: UpstreamError): UpstreamError {
  return new UpstreamError({
    system: 'HCP Terraform',
    fault: 'too-large',
    what:
      `the answer was too large for each page size (${PAGE_SIZES.join(', ')}); the launcher reads at most ` +
      `${MAX_BODY_BYTES / 2 ** 20} MiB. Discard or cancel the run with the huge message, or check whether a proxy answers ` +
      'instead of HCP Terraform',
    request: `GET ${path}`,
    cause,
  });
}
