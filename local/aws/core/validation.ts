import type * as z from 'zod';
import { ApiError } from './api-error.ts';

/**
 * Parses an operation's input, and reports faults as most services do: `1 validation error detected: Value 'x' at 'limit' failed to satisfy
 * constraint: Member must have value less than or equal to 10000`. A JSON null is an absent member. Unknown members are ignored.
 *
 * @param code of the error, which differs between the services: `ValidationException`, `InvalidParameterException`
 * @throws ApiError
 */
export function validate<Schema extends z.ZodType>(schema: Schema, input: unknown, code: string): z.output<Schema> {
  const present = withoutNulls(input ?? {});
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => faultOf(issue, present));
  const count = `${faults.length} validation error${faults.length === 1 ? '' : 's'} detected`;
  throw new ApiError(code, `${count}: ${faults.join('; ')}`);
}

function faultOf(issue: z.core.$ZodIssue, input: unknown): string {
  const value = valueAt(input, issue.path);
  const shown = value === undefined ? 'null' : `'${typeof value === 'object' ? JSON.stringify(value) : String(value)}'`;
  return `Value ${shown} at '${pathText(issue.path)}' failed to satisfy constraint: ${constraintOf(issue, value)}`;
}

function constraintOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return 'Member must not be null';
  switch (issue.code) {
    case 'invalid_value':
      return `Member must satisfy enum value set: [${issue.values.map(String).join(', ')}]`;
    case 'too_big':
      return `Member must have ${measure(issue.origin)} less than or equal to ${issue.maximum}`;
    case 'too_small':
      return `Member must have ${measure(issue.origin)} greater than or equal to ${issue.minimum}`;
    case 'invalid_format':
      return `Member must satisfy regular expression pattern: ${issue.pattern?.replace(/^\/(.*)\/[a-z]*$/, '$1') ?? issue.format}`;
    case 'invalid_type':
      return `Member must be of type ${issue.expected}`;
    default:
      return issue.message;
  }
}

function measure(origin: string): string {
  return origin === 'string' || origin === 'array' ? 'length' : 'value';
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map((key) => (typeof key === 'number' ? `${key + 1}.member` : lowerFirst(String(key)))).join('.');
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** A JSON null is an absent member. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, withoutNulls(member)]),
  );
}
