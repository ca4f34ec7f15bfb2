/** The choices of the release template, and values that depend on them. */
import type { CfnTemplate, Json } from './json.ts';

/** A parameter, or a condition, with a few values, such as the egress mode. */
export interface Choice {
  /** Name of the choice, and beginning of the names of its conditions. */
  readonly name: string;
  /** The condition that is true if the choice has this value. */
  readonly conditions: Readonly<Record<string, { readonly name: string; readonly is: Json }>>;
  /** The parameter whose values are the keys of the choice, if texts may be looked up in a mapping. */
  readonly parameter?: string;
}

/** A template that was synthesized for one combination of values. */
export interface Variant {
  /** The value of each choice. */
  readonly of: Readonly<Record<string, string>>;
  readonly template: CfnTemplate;
}

/** Something that depends on the choices: its value in each variant. */
export type Valued<T> = readonly { readonly of: Variant['of']; readonly value: T }[];

/** The same for a part of each value, or for something made from it. */
export function mapped<T, U>(values: Valued<T>, part: (value: T) => U): Valued<U> {
  return values.map(({ of, value }) => ({ of, value: part(value) }));
}

/** The values with the type that all of them have; `undefined` if one of them has another type. */
export function typed<T, U extends T>(values: Valued<T>, is: (value: T) => value is U): Valued<U> | undefined {
  const found = values.flatMap(({ of, value }) => (is(value) ? [{ of, value }] : []));
  return found.length === values.length ? found : undefined;
}

/** The values by the value of one choice. */
export function branches<T>(choice: Choice, values: Valued<T>): [string, Valued<T>][] {
  return [...Map.groupBy(values, ({ of }) => of[choice.name] ?? '')];
}
