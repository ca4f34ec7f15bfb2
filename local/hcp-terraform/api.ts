/** What a route sees of a request, and how it answers, without the web framework's types. */
import { notFound, type Query, type Resource } from './json-api.ts';
import { pageOf } from './pages.ts';
import type { Platform } from './platform.ts';
import type { Blob, Organization, User } from './records.ts';
import { blobPath, type World } from './world.ts';

export interface Call {
  readonly platform: Platform;
  readonly world: World;
  readonly user: User;
  /** Other users can only view workspaces, runs and agents. */
  readonly isOwner: boolean;
  /** Scheme and host that the client used, so that links use the same ones (for example those of a proxy). */
  readonly origin: string;
  /** The complete URL of the request. */
  readonly url: string;
  readonly query: Query;
  readonly body: unknown;
  /** The path parameter `id`. */
  readonly id: string;
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

export function found<T>(map: ReadonlyMap<string, T>, key: string | undefined): T {
  const value = key === undefined ? undefined : map.get(key);
  if (value === undefined) throw notFound();
  return value;
}

/** The organization in the path. */
export function organizationOf(call: Call): Organization {
  return found(call.world.organizations, call.param('organization'));
}

/** Some documents can contain secrets. Users who can only view workspaces don't see them. */
export function requireOwner(call: Call): void {
  if (!call.isOwner) throw notFound();
}

/** Adds the record to its map. */
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

interface ListOptions<T> {
  /** Whether the page has totals. Default: true. */
  readonly totals?: boolean;
  readonly meta?: Readonly<Record<string, unknown>>;
  /** The resources that the request wants with those of the page. */
  readonly include?: (shown: readonly T[]) => readonly Resource[] | undefined;
}

/** The page of the items that the request asks for. */
export function list<T>(
  call: Call,
  items: readonly T[],
  resource: (item: T) => Resource,
  { totals = true, meta, include }: ListOptions<T> = {},
): Answer {
  const page = pageOf(items, call.query, call.url, totals);
  const included = include?.(page.items);
  return {
    status: 200,
    body: {
      data: page.items.map(resource),
      ...(included !== undefined && { included }),
      links: page.links,
      meta: { ...page.meta, ...meta },
    },
  };
}

export function blobUrl(call: Call, kind: Blob['kind'], id: string): string {
  return `${call.origin}${blobPath(call.world, { kind, id })}`;
}
