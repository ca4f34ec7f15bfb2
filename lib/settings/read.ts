/** Reads settings with the schema so that checks between settings work on typed values, even if single settings are refused. */
import type * as z from 'zod';
import { isRecord } from './records.ts';
import { type ReadSettings, settingsSchema } from './schema.ts';

/** Values as the schema gives them, but each can be absent. */
export type Readable<T> = T extends readonly (infer Item)[]
  ? readonly (Readable<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Readable<T[Key]> | undefined }
    : T;

/** The settings that the schema accepts, with defaults. What it refuses is absent. */
export type ReadableSettings = Readable<ReadSettings>;
export type ReadablePool = NonNullable<NonNullable<ReadableSettings['pools']>[number]>;

export interface Reading<T> {
  /** The settings with defaults; `undefined` if the schema refuses any of them. */
  readonly data: T | undefined;
  /** The settings that the schema accepts. */
  readonly value: Readable<T>;
  readonly issues: readonly z.core.$ZodIssue[];
}

export const readSettings = (given: unknown): Reading<ReadSettings> => readWith(settingsSchema, given);

/** Parses a value, and also returns the accepted parts of a value that is refused. */
export function readWith<T>(schema: z.ZodType<T>, given: unknown): Reading<T> {
  let read: unknown;
  const result = schema
    // Runs after every other check, whatever their results.
    .superRefine(
      (value) => {
        read = value;
      },
      { when: () => true },
    )
    .safeParse(given);
  if (result.success) return { data: result.data, value: result.data as Readable<T>, issues: [] };
  const accepted = isRecord(read) ? structuredClone(read) : {};
  const { issues } = result.error;
  for (const issue of issues) if (!isAboutKeysOrLength(issue)) removeAt(accepted, issue.path);
  return { data: undefined, value: accepted as Readable<T>, issues };
}

/** Whether the value at the issue's path still has its type: keys are unknown, or a list is too long. */
function isAboutKeysOrLength(issue: z.core.$ZodIssue): boolean {
  return (
    issue.code === 'unrecognized_keys' ||
    ((issue.code === 'too_big' || issue.code === 'too_small') && issue.origin === 'array')
  );
}

/** Sets a value to `undefined`, so that the other items of a list keep their positions. */
function removeAt(target: object, path: readonly PropertyKey[]): void {
  const [key, ...rest] = path;
  if (key === undefined || !Object.hasOwn(target, key)) return;
  const inner: unknown = Reflect.get(target, key);
  if (rest.length === 0) Reflect.set(target, key, undefined);
  else if (typeof inner === 'object' && inner !== null) removeAt(inner, rest);
}
