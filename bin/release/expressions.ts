/** Values that depend on choices, as `Fn::If`, or as `Fn::FindInMap` if the choice has many values and they are text. */
import { branches, type Choice, type Valued } from './choices.ts';
import type { Conditions } from './conditions.ts';
import { equal, ifThen, type Json, type JsonObject, ref } from './json.ts';

export class Expressions {
  /** The mappings that expressions look values up in, by name. */
  readonly mappings: Record<string, Record<string, Record<string, Json>>> = {};
  readonly #choices: readonly Choice[];
  readonly #conditions: Conditions;

  constructor(choices: readonly Choice[], conditions: Conditions) {
    this.#choices = choices;
    this.#conditions = conditions;
  }

  /** @throws if variants differ without a choice that explains it */
  of(values: Valued<Json>, from = 0): Json {
    const [first] = values;
    if (first === undefined) throw new Error('A choice without variants can’t be expressed.');
    if (values.every(({ value }) => equal(value, first.value))) return first.value;
    const choice = this.#choices[from];
    if (choice === undefined) throw new Error(`No choice explains the difference: ${JSON.stringify(values)}`);
    const results = branches(choice, values).map(([value, its]) => ({ value, result: this.of(its, from + 1) }));
    const groups = [...Map.groupBy(results, ({ result }) => JSON.stringify(result)).values()];
    if (
      choice.parameter !== undefined &&
      groups.length > 2 &&
      results.every(({ result: one }) => typeof one !== 'object')
    ) {
      // CloudFormation may look up a value that it doesn't use, so the mapping has one for every value of the parameter.
      const missing = Object.keys(choice.conditions).map((value) => [value, ''] as const);
      const known = results.map(({ value, result: one }) => [value, String(one)] as const);
      return this.#lookedUp(choice.parameter, new Map([...missing, ...known]));
    }
    const alternatives = groups.flatMap((group) => {
      const [{ result } = {}] = group;
      return result === undefined ? [] : [{ result, values: group.map(({ value }) => value) }];
    });
    return this.#alternatives(
      choice,
      // The largest group is the last alternative, so that it needs no condition.
      alternatives.sort((one, other) => one.values.length - other.values.length),
    );
  }

  #alternatives(
    choice: Choice,
    [first, ...others]: readonly { readonly result: Json; readonly values: readonly string[] }[],
  ): Json {
    if (first === undefined) throw new Error(`${choice.name} has no alternatives.`);
    if (others.length === 0) return first.result;
    const rest = this.#alternatives(choice, others);
    return ifThen(this.#conditions.oneOf(choice, first.values), first.result, rest);
  }

  #lookedUp(parameter: string, texts: ReadonlyMap<string, string>): JsonObject {
    const name = `${parameter}Values`;
    this.mappings[name] ??= {};
    const mapping = this.mappings[name];
    const known = Object.keys(mapping[[...texts.keys()][0] ?? ''] ?? {}).find((key) =>
      [...texts].every(([value, text]) => mapping[value]?.[key] === text),
    );
    const key = known ?? `Value${Object.keys(Object.values(mapping)[0] ?? {}).length + 1}`;
    for (const [value, text] of texts) mapping[value] = { ...mapping[value], [key]: text };
    return { 'Fn::FindInMap': [name, ref(parameter), key] };
  }
}
