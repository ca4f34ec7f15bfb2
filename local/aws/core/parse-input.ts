import type * as z from 'zod';
import { ApiError, invalidParameter } from './api-error.ts';
import { withoutNulls } from './validation.ts';

/**
 * Parses an operation's input. As in the vendor's protocol, a JSON null is an absent member. Unknown members are ignored unless
 * the schema is strict.
 *
 * @throws ApiError `SerializationException` for a value of a wrong type, otherwise `InvalidParameterException`
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const present = withoutNulls(input ?? {});
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  throw inputError(parsed.error.issues, present);
}

function inputError(issues: readonly z.core.$ZodIssue[], input: unknown): ApiError {
  const issue = issues[0];
  if (issue === undefined) return invalidParameter('Invalid request');
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return invalidParameter(`Unknown parameter in ${path}: ${issue.keys.map((key) => `"${key}"`).join(', ')}`);
  }
  if (issue.code === 'invalid_type') {
    if (valueAt(input, issue.path) === undefined) {
      return invalidParameter(issue.message.startsWith('Invalid ') ? `${path} can not be blank.` : issue.message);
    }
    return new ApiError('SerializationException', `${path}: expected ${issue.expected}`);
  }
  if (issue.code === 'invalid_value') {
    return invalidParameter(`${path} must be one of ${issue.values.map(String).join(', ')}`);
  }
  return invalidParameter(issue.message.startsWith('Invalid ') ? `${path}: ${issue.message}` : issue.message);
}

function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'input';
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
