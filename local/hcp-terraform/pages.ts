/** Pages of a list: `page[number]` and `page[size]`, which is 20 by default and 100 at most. */
import { type Query, queryText } from './json-api.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly meta: Readonly<Record<string, unknown>>;
  readonly links: Readonly<Record<string, string | null>>;
}

function positiveInteger(query: Query, name: string, fallback: number): number {
  const value = Number(queryText(query, name));
  return Number.isInteger(value) && value > 0 ? value : fallback;
}

/**
 * @param url the request's URL, for the links
 * @param totals false for a list that is too costly to count: no totals, no `first`, no `last`
 */
export function pageOf<T>(items: readonly T[], query: Query, url: string, totals: boolean): Page<T> {
  const number = positiveInteger(query, 'page[number]', 1);
  const size = Math.min(100, positiveInteger(query, 'page[size]', 20));
  const last = Math.max(1, Math.ceil(items.length / size));
  const next = number < last ? number + 1 : null;
  const prev = number > 1 ? number - 1 : null;
  const link = (to: number | null): string | null => {
    if (to === null) return null;
    const target = new URL(url);
    target.searchParams.set('page[number]', String(to));
    target.searchParams.set('page[size]', String(size));
    return target.href;
  };
  return {
    items: items.slice((number - 1) * size, number * size),
    meta: {
      pagination: {
        'current-page': number,
        'page-size': size,
        'prev-page': prev,
        'next-page': next,
        ...(totals && { 'total-pages': last, 'total-count': items.length }),
      },
    },
    links: {
      self: link(number),
      ...(totals && { first: link(1) }),
      prev: link(prev),
      next: link(next),
      ...(totals && { last: link(last) }),
    },
  };
}
