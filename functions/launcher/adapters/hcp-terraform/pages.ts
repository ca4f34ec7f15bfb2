/** Lists that come in pages: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#pagination */
import type * as z from 'zod';
import { UpstreamError } from '../../errors.ts';
import type { HcpTerraformHttp } from './http.ts';

/** The largest page that the API gives. */
export const PAGE_SIZE = '100';

/** 5,000 entries: whoever asks for a longer list has to do without it. */
const MAX_PAGES = 50;

interface Pagination {
  readonly 'current-page': number;
  readonly 'next-page': number | null;
  readonly 'total-pages'?: number | null | undefined;
}

/**
 * Reads all pages of a list. Rejects with `UpstreamError` *too-long* when there are more than 50, at the first page if
 * that says so.
 * @returns false when the first page has one of the expected statuses.
 */
export async function readPages<S extends z.ZodType<{ meta: { pagination: Pagination } }>>(
  http: Pick<HcpTerraformHttp, 'get'>,
  path: string,
  query: Record<string, string>,
  tokenSecret: string,
  schema: S,
  signal: AbortSignal,
  expected: readonly number[],
  each: (page: z.infer<S>) => void,
): Promise<boolean> {
  for (let number: number | null = 1; number !== null; ) {
    const paged = withQuery(path, { ...query, 'page[size]': PAGE_SIZE, 'page[number]': String(number) });
    const { body } = await http.get(paged, tokenSecret, schema, signal, expected);
    if (body === undefined) return false;
    if ((body.meta.pagination['total-pages'] ?? 1) > MAX_PAGES) throw tooLong(path);
    each(body);
    number = nextPage(body.meta, number, path);
  }
  return true;
}

/** Brackets must be percent-encoded, which URLSearchParams does. */
export function withQuery(path: string, query: Record<string, string>): string {
  return `${path}?${new URLSearchParams(query)}`;
}

/** The next page's number, or null. A list that repeats or skips a page is not taken for a whole one. */
export function nextPage(meta: { pagination: Pagination }, asked: number, path: string): number | null {
  const { 'current-page': current, 'next-page': next } = meta.pagination;
  if (current === asked && (next === null || (next === asked + 1 && next <= MAX_PAGES))) return next;
  if (current === asked && next === asked + 1) throw tooLong(path);
  throw new UpstreamError({
    system: 'HCP Terraform',
    fault: 'unexpected-answer',
    what: `page ${asked} was asked for, the answer is page ${current} with next page ${next}`,
    request: `GET ${path}`,
  });
}

function tooLong(path: string): UpstreamError {
  return new UpstreamError({
    system: 'HCP Terraform',
    fault: 'too-long',
    what: `the list has more than ${MAX_PAGES} pages of ${PAGE_SIZE}, and no more are read`,
    request: `GET ${path}`,
  });
}
