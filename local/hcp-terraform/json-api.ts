/**
 * JSON:API as the platform uses it: documents, errors, queries.
 *
 * Attributes are kebab-case in JSON and camelCase in the code. `parseBody` and `attributesOf` convert them. So a single zod schema can
 * describe a record, the request that changes it and the document that shows it.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs#json-api-formatting
 */
import * as z from 'zod';

export const MEDIA_TYPE = 'application/vnd.api+json';

const identifier = z.object({ id: z.string(), type: z.string() });
type Identifier = Readonly<z.infer<typeof identifier>>;

export interface Relationship {
  readonly data?: Identifier | readonly Identifier[] | null;
  readonly links?: Readonly<Record<string, string>>;
}

export interface Resource extends Identifier {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly relationships?: Readonly<Record<string, Relationship>>;
  readonly links?: Readonly<Record<string, string | null>>;
}

/** If a route throws this error, the response is an errors document. */
export class ApiFailure extends Error {
  readonly statusCode: number;
  readonly errors: readonly object[];

  constructor(
    statusCode: number,
    errors: readonly { readonly title: string; readonly detail?: string; readonly source?: { pointer: string } }[],
  ) {
    super(errors.map((error) => error.detail ?? error.title).join('; '));
    this.statusCode = statusCode;
    this.errors = errors.map((error) => ({ status: String(statusCode), ...error }));
  }
}

export function failure(statusCode: number, title: string, detail?: string): ApiFailure {
  return new ApiFailure(statusCode, [{ title, ...(detail !== undefined && { detail }) }]);
}

/** The resource doesn't exist, or the token has no permission for it. The platform doesn't reveal which of the two is the case. */
export function notFound(): ApiFailure {
  return failure(404, 'not found');
}

export function conflict(detail: string): ApiFailure {
  return failure(409, 'conflict', detail);
}

/** An attribute of the request is invalid. */
export function invalid(attribute: string, detail: string): ApiFailure {
  const source = { pointer: `/data/attributes/${attribute}` };
  return new ApiFailure(422, [{ title: 'invalid attribute', detail, source }]);
}

const withAttributes = z.looseObject({ data: z.looseObject({ attributes: z.record(z.string(), z.unknown()) }) });

/** Converts the body's attributes to camelCase. Keys that aren't kebab-case don't match any attribute. */
function withCamelCase(body: unknown): unknown {
  const { data: document } = withAttributes.safeParse(body);
  if (document === undefined) return body;
  const attributes = Object.entries(document.data.attributes)
    .filter(([key]) => key === key.toLowerCase())
    .map(([key, value]) => [key.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), value]);
  return { ...document, data: { ...document.data, attributes: Object.fromEntries(attributes) } };
}

function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Parses a request's body. @throws ApiFailure with a pointer to each fault */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(withCamelCase(body));
  if (parsed.success) return parsed.data;
  throw new ApiFailure(
    422,
    parsed.error.issues.map(({ path, message }) => {
      const steps = path.map((step, index) =>
        path[index - 1] === 'attributes' ? kebabCase(String(step)) : String(step),
      );
      const detail = `${steps.at(-1) ?? 'body'}: ${message}`;
      return { title: 'invalid attribute', detail, source: { pointer: `/${steps.join('/')}` } };
    }),
  );
}

/** The record as attributes of a document. */
export function attributesOf(record: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([field, value]) => [kebabCase(field), value]));
}

/** An object in which several attributes or permissions have the same value. */
export function allAre<T>(value: T, ...names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

export const toOneBody = z.object({ data: identifier });
export const toManyBody = z.object({ data: z.array(identifier) });

/** A relationship to one resource or none. @param related path of the resource */
export function toOne(type: string, id: string | undefined, related?: string): Relationship {
  if (id === undefined) return { data: null };
  return { data: { id, type }, ...(related !== undefined && { links: { related } }) };
}

/** A relationship to several resources. @param of the resources or their ids @param related path of the list */
export function toMany(
  type: string,
  of: readonly (string | { readonly id: string })[],
  related?: string,
): Relationship {
  const data = of.map((one) => ({ id: typeof one === 'string' ? one : one.id, type }));
  return { data, ...(related !== undefined && { links: { related } }) };
}

/** Formats milliseconds as in `created-at` and similar attributes: `2021-05-24T07:38:04.171Z`. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** Formats milliseconds as in `status-timestamps`, which has a resolution of one second: `2021-05-24T07:38:04+00:00`. */
export function statusTimestamps(timestamps: ReadonlyMap<string, number>): Record<string, string> {
  return Object.fromEntries([...timestamps].map(([key, at]) => [key, `${isoTime(at).slice(0, 19)}+00:00`]));
}

export type Query = Readonly<Record<string, unknown>>;

/** A query parameter as text. If it is repeated, the last value is used. */
export function queryText(query: Query, name: string): string | undefined {
  const value = query[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === 'string' && last !== '' ? last : undefined;
}

/** A comma-separated list; absent if the parameter is absent. */
export function queryList(query: Query, name: string): ReadonlySet<string> | undefined {
  const text = queryText(query, name);
  if (text === undefined) return undefined;
  const parts = text.split(',').map((part) => part.trim());
  return new Set(parts.filter((part) => part !== ''));
}

/** The `include` parameter, whose values can have dashes or underscores. @throws ApiFailure 400 for an unknown value */
export function includes(query: Query, known: readonly string[]): ReadonlySet<string> {
  const asked = new Set([...(queryList(query, 'include') ?? [])].map((name) => name.replaceAll('-', '_')));
  const unknown = [...asked].filter((name) => !known.includes(name));
  if (unknown.length === 0) return asked;
  throw failure(400, 'Invalid include parameter', `Unknown include parameter: ${unknown.join(', ')}`);
}

/** Returns the resources without duplicates. */
export function distinct(resources: readonly Resource[]): Resource[] {
  return [...new Map(resources.map((resource) => [`${resource.type}/${resource.id}`, resource])).values()];
}
