/** Defines a route: a method, a path and a function from a call to a response, without the web framework's types. */
import type { Query } from './json-api.ts';
import { notFound, type Page, type Resource } from './json-api.ts';
import type { Platform } from './platform.ts';
import type { User } from './records.ts';

export interface Call {
  readonly platform: Platform;
  readonly user: User;
  /** Scheme and host that the client used, so that links use the same ones (for example those of a proxy). */
  readonly origin: string;
  /** The complete URL of the request. */
  readonly url: string;
  readonly query: Query;
  readonly body: unknown;
  /** A path parameter. */
  param(name: string): string;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly location?: string;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
/** Registers a route below `/api/v2`. */
export type Define = (method: Method, path: string, handle: (call: Call) => Answer) => void;

export function found<T>(map: ReadonlyMap<string, T>, key: string): T {
  const value = map.get(key);
  if (value === undefined) throw notFound();
  return value;
}

export function document(data: Resource, included?: readonly Resource[]): Answer {
  return { status: 200, body: { data, ...(included === undefined || included.length === 0 ? {} : { included }) } };
}

export function created(data: Resource): Answer {
  return { status: 201, body: { data } };
}

export function collection<T>(
  page: Page<T>,
  resource: (item: T) => Resource,
  included?: readonly Resource[],
  meta?: Readonly<Record<string, unknown>>,
): Answer {
  return {
    status: 200,
    body: {
      data: page.items.map(resource),
      ...(included === undefined ? {} : { included }),
      links: page.links,
      meta: { ...page.meta, ...meta },
    },
  };
}

export const accepted: Answer = { status: 202 };
export const noContent: Answer = { status: 204 };
