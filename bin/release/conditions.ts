/** The conditions of a merged template: which resources exist, and which alternative of a value applies. */
import { branches, type Choice, type Valued } from './choices.ts';
import type { Json } from './json.ts';

/** When something exists. */
type Logic = boolean | { readonly condition: string } | { readonly and: Logic[] } | { readonly or: Logic[] };

export class Conditions {
  /** The conditions that something refers to, by name. */
  readonly all: Record<string, Json> = {};
  readonly #choices: readonly Choice[];

  constructor(choices: readonly Choice[]) {
    this.#choices = choices;
  }

  /** Name of the condition that is true where the value is; `true` if it is true everywhere. */
  where(values: Valued<boolean>): string | true {
    const expression = this.#logic(values, 0);
    if (typeof expression === 'boolean') {
      if (!expression) throw new Error('A resource that no variant has can’t be merged.');
      return true;
    }
    return this.#named(expression);
  }

  /** Name of the condition that is true if the choice has one of these values. */
  oneOf(choice: Choice, values: readonly string[]): string {
    const names = values.map((value) => {
      const condition = choice.conditions[value];
      if (condition === undefined) throw new Error(`${choice.name} has no condition for ${value}.`);
      this.all[condition.name] = condition.is;
      return condition.name;
    });
    const [only = '', ...others] = names;
    if (others.length === 0) return only;
    const all = Object.keys(choice.conditions);
    const rest = all.filter((value) => !values.includes(value));
    const [excluded] = rest;
    if (rest.length === 1 && excluded !== undefined) {
      const name = `Not${this.oneOf(choice, [excluded])}`;
      this.all[name] = { 'Fn::Not': [{ Condition: name.slice(3) }] };
      return name;
    }
    const name = names.join('Or');
    this.all[name] = { 'Fn::Or': names.map((condition) => ({ Condition: condition })) };
    return name;
  }

  #logic(values: Valued<boolean>, from: number): Logic {
    const [first] = values;
    if (first === undefined || values.every(({ value }) => value === first.value)) return first?.value ?? false;
    const choice = this.#choices[from];
    if (choice === undefined) throw new Error('No choice explains which variants have a resource.');
    const results = branches(choice, values).map(([value, its]) => ({ value, result: this.#logic(its, from + 1) }));
    const groups = [...Map.groupBy(results, ({ result }) => JSON.stringify(result)).values()];
    const alternatives = groups.flatMap((group): Logic[] => {
      const [{ result } = { result: false }] = group;
      if (result === false) return [];
      if (group.length === results.length) return [result];
      // A or (not A and B) is A or B.
      if (groups.length === 2 && result !== true && groups.some(([one]) => one?.result === true)) return [result];
      const values = group.map(({ value }) => value);
      const chosen = { condition: this.oneOf(choice, values) };
      return [result === true ? chosen : { and: [chosen, result] }];
    });
    const [only, ...others] = alternatives;
    return others.length === 0 ? (only ?? false) : { or: alternatives };
  }

  #named(logic: Exclude<Logic, boolean>): string {
    if ('condition' in logic) return logic.condition;
    const parts = ('and' in logic ? logic.and : logic.or).map((part) => {
      if (typeof part === 'boolean') throw new Error('A part of a condition is constant.');
      return this.#named(part);
    });
    const name = parts.join('and' in logic ? 'And' : 'Or');
    const conditions = parts.map((condition) => ({ Condition: condition }));
    this.all[name] = 'and' in logic ? { 'Fn::And': conditions } : { 'Fn::Or': conditions };
    return name;
  }
}
