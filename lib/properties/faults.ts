/** What the checks of construct properties share: which properties exist, and how their faults are reported. */
import { didYouMean, faultInWords, onePerPath, type SettingsFault } from '../settings/errors.ts';
import { isRecord } from '../settings/records.ts';

export type Given = Readonly<Record<string, unknown>>;

/** How a property is written as a setting. */
export interface Counterpart {
  /** Name of the setting, where it isn't the property's. */
  readonly setting?: string;
  /** The setting's value. Without it and without `inside`, the property has no setting. */
  readonly value?: (given: unknown) => unknown;
  /** Properties of the object, or of each object of the list. */
  readonly inside?: Readonly<Record<string, Counterpart>>;
  /** What the setting counts. */
  readonly unit?: 'seconds' | 'minutes';
}

/** Every property of an interface: the compiler asks for a new one here. */
export type Table<T> = { readonly [Name in keyof Required<T>]: Counterpart };

/** @throws {Error} with every fault at once, if there is any. @param what is wrong: `the launcher Platform/Agents` */
export function refuse(what: string, faults: readonly SettingsFault[]): void {
  const blocks = onePerPath(faults).map(faultInWords);
  if (blocks.length === 0) return;
  const count = blocks.length === 1 ? 'One property is' : `${blocks.length} properties are`;
  throw new Error(`${count} wrong in ${what}; nothing was synthesized.\n\n${blocks.join('\n\n')}`);
}

/** Properties that don't exist, such as misspelled ones: JavaScript would ignore them. */
export function* unknownFaults(
  given: unknown,
  table: Readonly<Record<string, Counterpart>>,
  path: readonly (string | number)[] = [],
): Iterable<SettingsFault> {
  if (Array.isArray(given)) {
    for (const [index, item] of given.entries()) yield* unknownFaults(item, table, [...path, index]);
  }
  if (!isRecord(given)) return;
  for (const [property, value] of Object.entries(given)) {
    const known = Object.hasOwn(table, property) ? table[property] : undefined;
    if (known?.inside !== undefined) yield* unknownFaults(value, known.inside, [...path, property]);
    if (known !== undefined || value === undefined) continue;
    const asSetting = Object.entries(table).find(([, { setting }]) => setting === property);
    yield unknownFault([...path, property], asSetting?.[0], Object.keys(table));
  }
}

/** A property that doesn't exist. @param meant the property that it stands for, if this is known */
export function unknownFault(
  path: readonly (string | number)[],
  meant: string | undefined,
  known: readonly string[],
): SettingsFault {
  const near = meant ?? didYouMean(String(path.at(-1)), known);
  return {
    path: path.join('.'),
    given: "a property that doesn't exist",
    allowed: known.join(', '),
    remedy: near === undefined ? 'leave it out' : `did you mean ${near}?`,
  };
}
