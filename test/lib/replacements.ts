/** What an update of a template replaces and deletes, by CloudFormation's own rules, which the resource database of the CDK CLI contains. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { referencesIn } from './synthesis.ts';

const database = z.object({
  schema: z.object({
    resource: z.object({
      entities: z.array(
        z.object({
          cloudFormationType: z.string(),
          properties: z.record(z.string(), z.object({ causesReplacement: z.string().optional() })),
        }),
      ),
    }),
  }),
});
const { schema } = database.parse(JSON.parse(`${gunzipSync(readFileSync('node_modules/aws-cdk/db.json.gz'))}`));
const rules = new Map(
  schema.resource.entities.map(({ cloudFormationType, properties }) => [cloudFormationType, properties]),
);

/** The part of a template's resource that decides whether an update replaces it. */
export interface ComparedResource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

export type ComparedResources = Readonly<Record<string, ComparedResource>>;

/** Whether a change of this property can replace the resource. */
export function causesReplacement(type: string, property: string): boolean {
  // The functions of custom resources keep the physical ID in an update.
  const ofType = type.startsWith('Custom::') ? {} : rules.get(type);
  if (ofType === undefined) throw new Error(`CloudFormation has no ${type}`);
  return (ofType[property]?.causesReplacement ?? 'no') !== 'no';
}

/** Logical IDs of the resources that an update replaces. A replaced one replaces those that can't change its ID in place. */
export function replacedIn(before: ComparedResources, after: ComparedResources): ReadonlySet<string> {
  const replaced = new Set<string>();
  const isReplaced = (id: string): boolean => {
    const [was, is] = [before[id], after[id]];
    if (was === undefined || is === undefined) return false;
    if (was.Type !== is.Type) return true;
    return Object.keys({ ...was.Properties, ...is.Properties }).some((key) => {
      if (!causesReplacement(is.Type, key)) return false;
      const [a, b] = [was.Properties[key], is.Properties[key]];
      return JSON.stringify(a) !== JSON.stringify(b) || referencesIn(b).some((other) => replaced.has(other));
    });
  };
  let settled = -1;
  while (settled < replaced.size) {
    settled = replaced.size;
    for (const id of Object.keys(after)) if (isReplaced(id)) replaced.add(id);
  }
  return replaced;
}

/** Logical IDs of the resources that an update deletes. */
export function deletedIn(before: ComparedResources, after: ComparedResources): string[] {
  return Object.keys(before).filter((id) => after[id] === undefined);
}
