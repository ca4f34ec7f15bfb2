/** JSON values, and the parts of a CloudFormation template. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is an intrinsic function or a reference. Its parts can't be merged with those of another value. */
export function isIntrinsic(value: JsonObject): boolean {
  const [key = '', ...others] = Object.keys(value);
  return others.length === 0 && (key === 'Ref' || key.startsWith('Fn::'));
}

/** Whether an object's properties can be merged one by one. */
export function isPlain(value: Json | undefined): value is JsonObject {
  return isObject(value) && !isIntrinsic(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Whether two values are the same JSON, with the same order of properties. */
export function equal(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export const ref = (name: string): JsonObject => ({ Ref: name });
export const NO_VALUE = ref('AWS::NoValue');

export function ifThen(condition: string, then: Json, otherwise: Json): JsonObject {
  return { 'Fn::If': [condition, then, otherwise] };
}

/** Joins parts without a separator. A single part stays as it is. */
export function joined(parts: readonly Json[]): Json {
  const [only = '', ...others] = parts;
  return others.length === 0 ? only : { 'Fn::Join': ['', parts] };
}

export interface CfnTemplate {
  readonly Description?: string;
  readonly Metadata?: JsonObject;
  readonly Parameters?: JsonObject;
  readonly Mappings?: JsonObject;
  readonly Conditions?: JsonObject;
  readonly Rules?: JsonObject;
  readonly Resources: Readonly<Record<string, JsonObject>>;
  readonly Outputs: Readonly<Record<string, JsonObject>>;
}

/**
 * The objects of a section, such as its resources.
 *
 * @param name of the section, for the error
 * @throws if a part of it isn't an object
 */
export function objectsIn(section: Json, name: string): Record<string, JsonObject> {
  if (!isObject(section)) throw new Error(`The section ${name} is not an object.`);
  return Object.fromEntries(
    Object.entries(section).map(([id, value]) => {
      if (!isObject(value)) throw new Error(`${name}.${id} is not an object.`);
      return [id, value];
    }),
  );
}
