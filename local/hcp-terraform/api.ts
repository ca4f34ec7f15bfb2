/** Types for routes: a request and its response, independent of the web framework. */
import type * as z from 'zod';
import { notFound, parseBody, type Query, queryText, type Resource } from './json-api.ts';
import type { Platform } from './platform.ts';
import { type Blob, blobPath, type Organization, type User, type World } from './world.ts';

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly location?: string;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
/** Registers a route below `/api/v2`. */
export type Define = (method: Method, path: string, handle: (call: Call) => Answer) => void;

/** Registers a route below `/api/v2` that sends requests itself before it answers. */
export type DefineAsync = (method: Method, path: string, handle: (call: Call) => Promise<Answer>) => void;

interface Request {
  readonly user: User;
  /** Scheme and host that the client used, so that links use the same ones (for example those of a proxy). */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly query: Query;
  readonly body: unknown;
  readonly parameters: Readonly<Record<string, string>>;
}

interface ListOptions<T> {
  /** Whether pages contain totals, `first` and `last`. The platform omits these from some long lists. Default: true. */
  readonly totals?: boolean;
  readonly meta?: Readonly<Record<string, unknown>>;
  /** The related resources that the request wants to include. */
  readonly include?: (shown: readonly T[]) => readonly Resource[] | undefined;
}

export class Call {
  readonly platform: Platform;
  readonly world: World;
  readonly user: User;
  /** Whether the user is an owner. Other users can only view workspaces, runs and agents. */
  readonly isOwner: boolean;
  readonly query: Query;
  /** The path parameter `id`. */
  readonly id: string;
  readonly #request: Request;

  constructor(platform: Platform, request: Request) {
    this.platform = platform;
    this.world = platform.world;
    this.user = request.user;
    this.isOwner = request.user.access === 'owner';
    this.query = request.query;
    this.id = request.parameters['id'] ?? '';
    this.#request = request;
  }

  /** A path parameter. */
  param(name: string): string {
    return this.#request.parameters[name] ?? '';
  }

  parse<T>(schema: z.ZodType<T>): T {
    return parseBody(schema, this.#request.body);
  }

  /** The organization in the path. */
  organization(): Organization {
    return found(this.world.organizations, this.param('organization'));
  }

  /** Whether the user can manage agent pools. */
  get managesPools(): boolean {
    return this.isOwner || this.user.access === 'pools';
  }

  /** Requires the permission *Manage agent pools*. */
  requirePoolManager(): void {
    if (!this.managesPools) throw notFound();
  }

  /** Requires an owner, because some documents can contain secrets. */
  requireOwner(): void {
    if (!this.isOwner) throw notFound();
  }

  blobUrl(kind: Blob['kind'], id: string): string {
    return `${this.#request.origin}${blobPath(this.world, { kind, id })}`;
  }

  /** The requested page of the items, by `page[number]` and `page[size]` (default: 20, maximum: 100). */
  list<T>(items: readonly T[], resource: (item: T) => Resource, options: ListOptions<T> = {}): Answer {
    const { totals = true, meta, include } = options;
    const number = positiveInteger(this.query, 'page[number]', 1);
    const size = Math.min(100, positiveInteger(this.query, 'page[size]', 20));
    const last = Math.max(1, Math.ceil(items.length / size));
    const next = number < last ? number + 1 : null;
    const prev = number > 1 ? number - 1 : null;
    const link = (page: number | null): string | null => {
      if (page === null) return null;
      const url = new URL(`${this.#request.origin}${this.#request.path}`);
      url.searchParams.set('page[number]', String(page));
      url.searchParams.set('page[size]', String(size));
      return url.href;
    };
    const shown = items.slice((number - 1) * size, number * size);
    const included = include?.(shown);
    const pagination = { 'current-page': number, 'page-size': size, 'prev-page': prev, 'next-page': next };
    const counts = totals && { 'total-pages': last, 'total-count': items.length };
    return {
      status: 200,
      body: {
        data: shown.map(resource),
        ...(included !== undefined && { included }),
        links: {
          self: link(number),
          ...(totals && { first: link(1) }),
          prev: link(prev),
          next: link(next),
          ...(totals && { last: link(last) }),
        },
        meta: { pagination: { ...pagination, ...counts }, ...meta },
      },
    };
  }
}

function positiveInteger(query: Query, name: string, fallback: number): number {
  const value = Number(queryText(query, name));
  return Number.isInteger(value) && value > 0 ? value : fallback;
}

export function found<T>(map: ReadonlyMap<string, T>, key: string | undefined): T {
  const value = map.get(key ?? '');
  if (value === undefined) throw notFound();
  return value;
}

/** Adds the record to the map. */
export function added<T extends { readonly id: string }>(map: Map<string, T>, record: T): T {
  map.set(record.id, record);
  return record;
}

export function document(data: Resource, included: readonly Resource[] = []): Answer {
  return { status: 200, body: { data, ...(included.length > 0 && { included }) } };
}

export function created(data: Resource): Answer {
  return { status: 201, body: { data } };
}

export const accepted: Answer = { status: 202 };
export const noContent: Answer = { status: 204 };
