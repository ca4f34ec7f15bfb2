/** JSON:API in the platform's form: documents, pages, errors. https://developer.hashicorp.com/terraform/cloud-docs/api-docs#json-api-formatting */
import * as z from 'zod';

export const MEDIA_TYPE = 'application/vnd.api+json';

export interface Identifier {
  readonly id: string;
  readonly type: string;
}

export interface Relationship {
  readonly data?: Identifier | readonly Identifier[] | null;
  readonly links?: Readonly<Record<string, string>>;
}

export interface Resource extends Identifier {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly relationships?: Readonly<Record<string, Relationship>>;
  readonly links?: Readonly<Record<string, string | null>>;
}

export interface ApiError {
  readonly status: string;
  readonly title: string;
  readonly detail?: string;
  readonly source?: { readonly pointer: string };
}

/** A route throws this, and the response is an errors document. */
export class ApiFailure extends Error {
  readonly statusCode: number;
  readonly errors: readonly ApiError[];

  constructor(statusCode: number, errors: readonly ApiError[]) {
    super(errors.map((error) => error.detail ?? error.title).join('; '));
    this.statusCode = statusCode;
    this.errors = errors;
  }
}

export function failure(statusCode: number, title: string, detail?: string): ApiFailure {
  return new ApiFailure(statusCode, [
    { status: String(statusCode), title, ...(detail === undefined ? {} : { detail }) },
  ]);
}

/** A valid token without permission also gets this: the platform doesn't reveal whether the resource exists. */
export function notFound(): ApiFailure {
  return failure(404, 'not found');
}

/** One or more attributes of the request are invalid. */
export function invalid(...faults: readonly { readonly attribute: string; readonly detail: string }[]): ApiFailure {
  return new ApiFailure(
    422,
    faults.map(({ attribute, detail }) => ({
      status: '422',
      title: 'invalid attribute',
      detail,
      source: { pointer: `/data/attributes/${attribute}` },
    })),
  );
}

/** The body isn't the JSON:API document that the endpoint expects. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new ApiFailure(
    422,
    parsed.error.issues.map((issue) => ({
      status: '422',
      title: 'invalid attribute',
      detail: `${issue.path.at(-1)?.toString() ?? 'body'}: ${issue.message}`,
      source: { pointer: `/${issue.path.map(String).join('/')}` },
    })),
  );
}

export const identifier = z.object({ id: z.string(), type: z.string() });
export const toOne = z.object({ data: identifier });
export const toMany = z.object({ data: z.array(identifier) });

/** Milliseconds in the platform's format for `created-at` and similar: `2021-05-24T07:38:04.171Z`. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** Entries of `status-timestamps` are whole seconds: `2021-05-24T07:38:04+00:00`. */
export function statusTimestamps(timestamps: ReadonlyMap<string, number>): Record<string, string> {
  const written: Record<string, string> = {};
  for (const [key, at] of timestamps) written[key] = `${new Date(at).toISOString().slice(0, 19)}+00:00`;
  return written;
}

export type Query = Readonly<Record<string, unknown>>;

/** One query parameter as text. If it is repeated, the last one wins. */
export function queryText(query: Query, name: string): string | undefined {
  const value = query[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === 'string' && last !== '' ? last : undefined;
}

/** A comma-separated list; absent if the parameter is absent. */
export function queryList(query: Query, name: string): ReadonlySet<string> | undefined {
  const text = queryText(query, name);
  if (text === undefined) return undefined;
  return new Set(
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );
}

/** The `include` parameter, with dashes or underscores. An unknown value is 400. */
export function includes(query: Query, known: readonly string[]): ReadonlySet<string> {
  const asked = new Set([...(queryList(query, 'include') ?? [])].map((name) => name.replaceAll('-', '_')));
  const unknown = [...asked].filter((name) => !known.includes(name));
  if (unknown.length === 0) return asked;
  throw failure(400, 'Invalid include parameter', `Unknown include parameter: ${unknown.join(', ')}`);
}

export interface PageRequest {
  readonly number: number;
  readonly size: number;
}

/** `page[number]` and `page[size]`: 20 by default, 100 at most. */
export function pageRequest(query: Query): PageRequest {
  const whole = (name: string, fallback: number) => {
    const value = Number(queryText(query, name));
    return Number.isInteger(value) && value > 0 ? value : fallback;
  };
  return { number: whole('page[number]', 1), size: Math.min(100, whole('page[size]', 20)) };
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly meta: Readonly<Record<string, unknown>>;
  readonly links: Readonly<Record<string, string | null>>;
}

function pageLink(url: string, number: number | null, size: number): string | null {
  if (number === null) return null;
  const link = new URL(url);
  link.searchParams.set('page[number]', String(number));
  link.searchParams.set('page[size]', String(size));
  return link.href;
}

/** A page with totals, `first` and `last`. */
export function fullPage<T>(items: readonly T[], query: Query, url: string): Page<T> {
  const { number, size } = pageRequest(query);
  const totalPages = Math.max(1, Math.ceil(items.length / size));
  const next = number < totalPages ? number + 1 : null;
  const prev = number > 1 ? number - 1 : null;
  return {
    items: items.slice((number - 1) * size, number * size),
    meta: {
      pagination: {
        'current-page': number,
        'page-size': size,
        'prev-page': prev,
        'next-page': next,
        'total-pages': totalPages,
        'total-count': items.length,
      },
    },
    links: {
      self: pageLink(url, number, size),
      first: pageLink(url, 1, size),
      prev: pageLink(url, prev, size),
      next: pageLink(url, next, size),
      last: pageLink(url, totalPages, size),
    },
  };
}

/** A page of a list that is too costly to count: no totals, no `first`, no `last`. */
export function reducedPage<T>(items: readonly T[], query: Query, url: string): Page<T> {
  const { number, size } = pageRequest(query);
  const next = number * size < items.length ? number + 1 : null;
  const prev = number > 1 ? number - 1 : null;
  return {
    items: items.slice((number - 1) * size, number * size),
    meta: { pagination: { 'current-page': number, 'prev-page': prev, 'next-page': next, 'page-size': size } },
    links: {
      self: pageLink(url, number, size),
      prev: pageLink(url, prev, size),
      next: pageLink(url, next, size),
    },
  };
}

/** The resources without duplicates. */
export function distinct(resources: readonly Resource[]): Resource[] {
  return [...new Map(resources.map((resource) => [`${resource.type}/${resource.id}`, resource])).values()];
}
