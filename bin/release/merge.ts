/**
 * Merges the templates of several variants of the settings into one template with conditions.
 *
 * Where all variants agree, the merged template has their value. Where they differ, it has an expression of the choices (`expressions.ts`).
 * A resource or an output that some variants lack gets a condition (`conditions.ts`).
 *
 * If resource A depends on resource B in some variants only, a `DependsOn` would refer to a resource that may not exist, and
 * `DependsOn` accepts no functions. So the metadata of A refers to B, inside `Fn::If`. A reference is a dependency, wherever it is.
 */
import { type Choice, mapped, typed, type Valued, type Variant } from './choices.ts';
import { commonText, partsOf } from './common-text.ts';
import { Conditions } from './conditions.ts';
import { Expressions } from './expressions.ts';
import {
  type CfnTemplate,
  equal,
  isArray,
  isPlain,
  type Json,
  type JsonObject,
  joined,
  NO_VALUE,
  ref,
} from './json.ts';

/** Metadata of a resource: references to the resources that must exist before it. */
const CREATE_AFTER = 'CreateAfter';

/** Length of a text, as JSON, from which the merged template doesn't repeat what its variants have in common. */
const LONG_TEXT = 80;

/** The merged template. Of the other sections, all variants must have the same. */
export function mergeVariants(choices: readonly Choice[], variants: readonly Variant[]): CfnTemplate {
  const [first] = variants;
  if (first === undefined) throw new Error('There is nothing to merge.');
  const others = ({ Resources: _, Outputs: __, ...rest }: CfnTemplate) => rest;
  for (const { template } of variants) {
    if (!equal(others(template), others(first.template))) throw new Error('The variants differ outside of resources.');
  }
  const merge = new Merge(choices);
  const Resources = merge.section(variants, 'Resources');
  const Outputs = merge.section(variants, 'Outputs');
  return {
    ...first.template,
    Mappings: { ...first.template.Mappings, ...merge.expressions.mappings },
    Conditions: { ...first.template.Conditions, ...merge.conditions.all },
    Resources,
    Outputs,
  };
}

class Merge {
  readonly conditions: Conditions;
  readonly expressions: Expressions;

  constructor(choices: readonly Choice[]) {
    this.conditions = new Conditions(choices);
    this.expressions = new Expressions(choices, this.conditions);
  }

  section(variants: readonly Variant[], section: 'Resources' | 'Outputs'): Record<string, JsonObject> {
    const ids = new Set(variants.flatMap(({ template }) => Object.keys(template[section])));
    return Object.fromEntries(
      [...ids].map((id) => {
        const present = variants.flatMap(({ of, template }) => {
          const value = template[section][id];
          return value === undefined ? [] : [{ of, template, value }];
        });
        const merged = this.#object(
          mapped(present, ({ DependsOn: _, ...value }) => value),
          `${section}.${id}`,
        );
        const condition = this.conditions.where(
          variants.map(({ of, template }) => ({ of, value: template[section][id] !== undefined })),
        );
        return [
          id,
          {
            ...merged,
            ...(section === 'Resources' && this.#dependencies(present)),
            ...(condition !== true && { Condition: condition }),
          },
        ];
      }),
    );
  }

  /** `DependsOn` of a resource, and the metadata with its dependencies on resources that don't always exist. */
  #dependencies(present: readonly (Variant & { readonly value: JsonObject })[]): JsonObject {
    const targets = [...new Set(present.flatMap(({ value }) => namesIn(value['DependsOn'])))].sort();
    const isAlways = (target: string) => present.every(({ template }) => target in template.Resources);
    const conditional = targets.filter((target) => !isAlways(target));
    const fixed = targets.filter(isAlways);
    return {
      ...(fixed.length > 0 && { DependsOn: fixed }),
      ...(conditional.length > 0 && {
        Metadata: {
          [CREATE_AFTER]: conditional.map((target) =>
            this.expressions.of(
              present.map(({ of, template }) => ({ of, value: target in template.Resources ? ref(target) : '' })),
            ),
          ),
        },
      }),
    };
  }

  #value(values: Valued<Json>, path: string): Json {
    const [first] = values;
    if (first === undefined) throw new Error(`${path} has no value.`);
    if (values.every(({ value }) => equal(value, first.value))) return first.value;
    const objects = typed(values, isPlain);
    if (objects !== undefined) return this.#object(objects, path);
    const lists = typed(values, isArray);
    return (lists && this.#list(lists, path)) ?? this.#text(values) ?? this.expressions.of(values);
  }

  #object(values: Valued<JsonObject>, path: string): JsonObject {
    const keys = new Set(values.flatMap(({ value }) => Object.keys(value)));
    return Object.fromEntries(
      [...keys].map((key) => [
        key,
        this.#optional(
          mapped(values, (value) => value[key]),
          `${path}.${key}`,
        ),
      ]),
    );
  }

  /** Lists of the same length, item by item; `undefined` for other lists. */
  #list(lists: Valued<readonly Json[]>, path: string): Json | undefined {
    const [first] = lists;
    if (first === undefined || new Set(lists.map(({ value }) => value.length)).size !== 1) return undefined;
    // The only value of a list can be a parameter's placeholder for several values, so such a list depends on the choices as a whole.
    if (first.value.length === 1 && lists.every(({ value }) => !isPlain(value[0]))) return undefined;
    return first.value.map((_, index) =>
      this.#optional(
        mapped(lists, (list) => list[index]),
        `${path}.${index}`,
      ),
    );
  }

  /** Long texts, of which only the part between their common beginning and their common end depends on the choices. */
  #text(values: Valued<Json>): Json | undefined {
    const texts = values.map(({ value }) => partsOf(value)).filter((parts) => parts !== undefined);
    if (texts.length < values.length) return undefined;
    if (texts.some((parts) => JSON.stringify(parts).length < LONG_TEXT)) return undefined;
    const { start, middles, end } = commonText(texts);
    const middle = values.map(({ of }, index) => ({ of, value: joined(middles[index] ?? []) }));
    return joined([...start, this.expressions.of(middle), ...end]);
  }

  #optional(values: Valued<Json | undefined>, path: string): Json {
    const given = typed(values, (value): value is Json => value !== undefined);
    return given === undefined
      ? this.expressions.of(mapped(values, (value) => value ?? NO_VALUE))
      : this.#value(given, path);
  }
}

/** The resources in a `DependsOn`: one name, or a list of names. */
function namesIn(dependsOn: Json | undefined): string[] {
  const names = dependsOn === undefined ? [] : isArray(dependsOn) ? dependsOn : [dependsOn];
  return names.map((name) => {
    if (typeof name === 'string') return name;
    throw new Error(`DependsOn contains ${JSON.stringify(name)}, which is not a name.`);
  });
}
