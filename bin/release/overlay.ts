/** Combines two templates that were changed independently. */
import { type CfnTemplate, equal, isArray, isPlain, type Json, objectsIn } from './json.ts';

const SECTIONS = ['Mappings', 'Conditions', 'Resources', 'Outputs'] as const;

/**
 * The template with the changes of both, in the sections that variants of a template change.
 *
 * @throws if both change the same value, because then the variants aren't independent
 */
export function overlay(base: CfnTemplate, one: CfnTemplate, other: CfnTemplate): CfnTemplate {
  const changed = SECTIONS.flatMap((name) => {
    const section = combined(base[name], one[name], other[name], `.${name}`);
    return section === undefined ? [] : [[name, objectsIn(section, name)] as const];
  });
  return { ...base, ...Object.fromEntries(changed) };
}

/** `undefined`: the value doesn't exist, or one of the templates removed it. */
function combined(
  base: Json | undefined,
  one: Json | undefined,
  other: Json | undefined,
  path: string,
): Json | undefined {
  if (equal(one, base)) return other;
  if (equal(other, base) || equal(one, other)) return one;
  if (isPlain(one) && isPlain(other) && (base === undefined || isPlain(base))) {
    const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
    return Object.fromEntries(
      [...keys].flatMap((key) => {
        const value = combined(base?.[key], one[key], other[key], `${path}.${key}`);
        return value === undefined ? [] : [[key, value]];
      }),
    );
  }
  if (isArray(one) && isArray(other) && isArray(base)) {
    if (one.length === other.length && one.length === base.length) {
      return one.flatMap((item, index) => combined(base[index], item, other[index], `${path}.${index}`) ?? []);
    }
  }
  throw new Error(`Two choices change the same value, ${path}. Merge their variants together.`);
}
