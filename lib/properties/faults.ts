/** Shared by the checks of construct properties: the tables of known properties, and the error with all faults. */
import { didYouMean, faultInWords, onePerPath, type SettingsFault } from '../settings/errors.ts';
import { isRecord } from '../settings/records.ts';

export type Given = Readonly<Record<string, unknown>>;

/** The rule for a value that only the construct accepts, such as a VPC. */
export interface Kind {
  readonly fits: (value: unknown) => boolean;
  readonly allowed: string;
  readonly remedy: string;
}

/** How to check a property, and how to convert it to a setting. */
export interface Counterpart {
  /** Name of the setting, if it differs from the property's name. */
  readonly setting?: string;
  /** Converts the property's value to the setting's value. A property without `value` and `inside` has no matching setting. */
  readonly value?: (given: unknown) => unknown;
  /** The rule for a value that only the construct accepts. */
  readonly kind?: Kind;
  /** Whether the property must have a value of the `kind`. */
  readonly required?: boolean;
  /** Inner properties, if the property is an object or a list of objects. */
  readonly inside?: Readonly<Record<string, Counterpart>>;
  /** Unit of the setting, if the property is a `Duration`. */
  readonly unit?: 'seconds' | 'minutes' | 'hours' | 'days';
}

/** An entry for every property of an interface. If an interface gets a new property, the compiler requires its entry. */
export type Table<T> = { readonly [Name in keyof Required<T>]: Counterpart };

/**
 * Reports faults, if there are any.
 *
 * @param what the construct, such as `the launcher Platform/Agents`
 * @throws {Error} with all faults
 */
export function refuse(what: string, faults: readonly SettingsFault[]): void {
  const blocks = onePerPath(faults).map(faultInWords);
  if (blocks.length === 0) return;
  const count = blocks.length === 1 ? 'One property is' : `${blocks.length} properties are`;
  throw new Error(`${count} wrong in ${what}; nothing was synthesized.\n\n${blocks.join('\n\n')}`);
}

/** Faults of unknown properties, such as misspelled ones. Without these faults, JavaScript would ignore the properties. */
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

/** The fault of an unknown property. @param meant the property that the user probably meant, if this is known */
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
