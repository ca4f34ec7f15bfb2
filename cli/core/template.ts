/**
 * Evaluates a value of a CloudFormation template as CloudFormation does, as far as parameters and conditions determine it. Functions that need resources or
 * mappings aren't evaluated: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
 */
import * as z from 'zod';

/** A template, written as JSON. */
export const template = z.looseObject({
  Parameters: z.record(z.string(), z.looseObject({ Default: z.unknown().optional() })).optional(),
  Conditions: z.record(z.string(), z.unknown()).optional(),
  Resources: z.record(z.string(), z.looseObject({ Properties: z.record(z.string(), z.unknown()).optional() })),
});
export type Template = z.infer<typeof template>;

/** Values of the stack's parameters, by name. */
export type Parameters = ReadonlyMap<string, string>;

/** `none`: `AWS::NoValue`, or the property doesn't exist. `unknown`: it can't be evaluated here. */
export type Evaluated =
  | { readonly is: 'value'; readonly value: string | number | boolean }
  | { readonly is: 'none' }
  | { readonly is: 'unknown' };

const NONE: Evaluated = { is: 'none' };
const UNKNOWN: Evaluated = { is: 'unknown' };

const scalar = z.union([z.string(), z.number(), z.boolean()]);
/** A function is an object with one member. */
const call = z.record(z.string(), z.unknown()).transform((object) => Object.entries(object));
const two = z.tuple([z.unknown(), z.unknown()]);
const ifArguments = z.tuple([z.string(), z.unknown(), z.unknown()]);

/** The value of a property of a resource. */
export function propertyOf(from: Template, parameters: Parameters, logicalId: string, property: string): Evaluated {
  const resource = from.Resources[logicalId];
  if (resource === undefined) return UNKNOWN;
  const value = resource.Properties?.[property];
  return value === undefined ? NONE : new Evaluation(from, parameters).value(value);
}

class Evaluation {
  readonly #template: Template;
  readonly #parameters: Parameters;
  /** Conditions that are being evaluated. CloudFormation refuses conditions that refer to themselves. */
  readonly #open = new Set<string>();

  constructor(from: Template, parameters: Parameters) {
    this.#template = from;
    this.#parameters = parameters;
  }

  value(given: unknown): Evaluated {
    const plain = scalar.safeParse(given);
    if (plain.success) return { is: 'value', value: plain.data };
    const [name, argument] = functionOf(given);
    if (name === 'Ref') return this.#ref(argument);
    if (name !== 'Fn::If') return UNKNOWN;
    const parts = ifArguments.safeParse(argument);
    if (!parts.success) return UNKNOWN;
    const [condition, then, otherwise] = parts.data;
    const holds = this.#named(condition);
    return holds === undefined ? UNKNOWN : this.value(holds ? then : otherwise);
  }

  #ref(name: unknown): Evaluated {
    if (name === 'AWS::NoValue') return NONE;
    const value = this.#parameters.get(String(name)) ?? this.#template.Parameters?.[String(name)]?.Default;
    const plain = scalar.safeParse(value);
    return plain.success ? { is: 'value', value: plain.data } : UNKNOWN;
  }

  /** Whether a condition of the template holds; `undefined` if that is unknown. */
  #named(name: string): boolean | undefined {
    if (this.#open.has(name)) return undefined;
    this.#open.add(name);
    try {
      return this.#holds(this.#template.Conditions?.[name]);
    } finally {
      this.#open.delete(name);
    }
  }

  #holds(given: unknown): boolean | undefined {
    const [name, argument] = functionOf(given);
    if (name === 'Condition') return typeof argument === 'string' ? this.#named(argument) : undefined;
    if (name === 'Fn::Equals') return this.#equals(argument);
    const parts = z.array(z.unknown()).safeParse(argument);
    if (!parts.success) return undefined;
    const values = parts.data.map((part) => this.#holds(part));
    if (name === 'Fn::Not') return values[0] === undefined ? undefined : !values[0];
    // One part can decide, even if another one is unknown.
    if (name === 'Fn::And') return values.includes(false) ? false : values.includes(undefined) ? undefined : true;
    if (name === 'Fn::Or') return values.includes(true) ? true : values.includes(undefined) ? undefined : false;
    return undefined;
  }

  #equals(argument: unknown): boolean | undefined {
    const parts = two.safeParse(argument);
    if (!parts.success) return undefined;
    const [one, other] = parts.data.map((part) => this.value(part));
    if (one?.is !== 'value' || other?.is !== 'value') return undefined;
    // CloudFormation's parameters are strings, and a number in a template equals its string.
    return String(one.value) === String(other.value);
  }
}

function functionOf(given: unknown): readonly [name: string | undefined, argument: unknown] {
  const [only, ...others] = call.safeParse(given).data ?? [];
  return only === undefined || others.length > 0 ? [undefined, undefined] : only;
}
