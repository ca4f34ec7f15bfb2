/** What the checks of construct properties share: which properties exist, and how their faults are reported. */

import { didYouMean, type SettingsFault } from '../settings/errors.ts';
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
  // One fault for each path: the first says most.
  const byPath = new Map(faults.toReversed().map((fault) => [fault.path, fault]));
  const blocks = [...byPath.values()].toReversed().map(inWords);
  if (blocks.length === 0) return;
  const count = blocks.length === 1 ? 'One property is' : `${blocks.length} properties are`;
  throw new Error(`${count} wrong in ${what}; nothing was synthesized.\n\n${blocks.join('\n\n')}`);
}

/** Properties that don't exist, such as misspelled ones: JavaScript would ignore them. */
export function unknownFaults(
  given: unknown,
  table: Readonly<Record<string, Counterpart>>,
  path: readonly (string | number)[],
): SettingsFault[] {
  if (Array.isArray(given)) {
    return given.flatMap((item: unknown, index) => unknownFaults(item, table, [...path, index]));
  }
  if (!isRecord(given)) return [];
  return Object.entries(given).flatMap(([property, value]) => {
    const place = [...path, property];
    const known = Object.hasOwn(table, property) ? table[property] : undefined;
    if (known !== undefined) return known.inside === undefined ? [] : unknownFaults(value, known.inside, place);
    if (value === undefined) return [];
    const asSetting = Object.entries(table).find(([, { setting }]) => setting === property);
    const meant = asSetting?.[0] ?? didYouMean(property, Object.keys(table));
    return [
      {
        path: place.join('.'),
        given: "a property that doesn't exist",
        allowed: Object.keys(table).join(', '),
        remedy: meant === undefined ? 'leave it out' : `did you mean ${meant}?`,
      },
    ];
  });
}

function inWords({ path, given, allowed, remedy }: SettingsFault): string {
  return [`  ${path}`, `    given:    ${given}`, `    allowed:  ${allowed}`, `    to do:    ${remedy}`].join('\n');
}
