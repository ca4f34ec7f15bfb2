/**
 * Parses settings with the schema. If the schema refuses some of them, the checks between settings still get the others as typed
 * values.
 */
import type * as z from 'zod';
import { type NetworkSettings, networkSettings } from './network.ts';
import { isRecord } from './records.ts';
import { type Settings, settingsSchema } from './schema.ts';

/** The schema's output, but every value can be absent. */
export type Readable<T> = T extends readonly (infer Item)[]
  ? readonly (Readable<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Readable<T[Key]> | undefined }
    : T;

type KeysOf<Union> = Union extends unknown ? keyof Union : never;
type ValueOf<Union, Key> = Union extends unknown ? (Key extends keyof Union ? Union[Key] : never) : never;

/** The options of all egress modes. */
export type ReadableNetwork = {
  readonly [Key in KeysOf<NetworkSettings>]?: Readable<ValueOf<NetworkSettings, Key>> | undefined;
};

/** The settings that the schema accepts, with defaults. A refused setting is `undefined`. */
export type ReadableSettings = Omit<Readable<Settings>, 'network'> & {
  readonly network?: ReadableNetwork | undefined;
};
export type ReadablePool = NonNullable<NonNullable<ReadableSettings['pools']>[number]>;

export interface Reading<T> {
  /** The settings with defaults; `undefined` if the schema refuses any of them. */
  readonly data: T | undefined;
  /** The settings that the schema accepts. */
  readonly value: Readable<T>;
  /** The settings with defaults, including those that the schema refuses. */
  readonly unchecked: unknown;
  readonly issues: readonly z.core.$ZodIssue[];
}

export function readSettings(given: unknown): Reading<Settings> & { readonly value: ReadableSettings } {
  const reading = readWith(settingsSchema, given);
  const network = isRecord(given) ? given['network'] : undefined;
  if (reading.value.network !== undefined || !isRecord(network)) return reading;
  // If the egress mode is misspelled, read at least the options that all modes share.
  const { value } = readWith(networkSettings, { ...network, egress: undefined });
  return { ...reading, value: { ...reading.value, network: { ...value, egress: undefined } } };
}

/** Parses a value, and also returns the accepted parts of a value that is refused. */
export function readWith<T>(schema: z.ZodType<T>, given: unknown): Reading<T> {
  let read: unknown;
  const result = schema
    // This refinement runs after all other checks, whatever their results.
    .superRefine(
      (value) => {
        read = value;
      },
      { when: () => true },
    )
    .safeParse(given);
  if (result.success) return { data: result.data, value: result.data as Readable<T>, unchecked: read, issues: [] };
  const accepted = isRecord(read) ? structuredClone(read) : {};
  const { issues } = result.error;
  for (const issue of issues) {
    // Without a valid egress mode, the schema checked no other option of the network, so remove the whole network.
    const isChoice = issue.code === 'invalid_union' && issue.errors.length === 0;
    if (!isAboutKeysOrLength(issue)) removeAt(accepted, isChoice ? issue.path.slice(0, -1) : issue.path);
  }
  return { data: undefined, value: accepted as Readable<T>, unchecked: read, issues };
}

/**
 * Whether the value at the issue's path has the right type in spite of the issue: it has unknown keys, or a list has a wrong
 * length.
 */
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
