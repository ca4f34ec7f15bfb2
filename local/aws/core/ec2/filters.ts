/** Filters of EC2's Describe actions. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html */
import * as z from 'zod';
import { ApiError } from '../api-error.ts';

export const filters = z
  .array(z.object({ Name: z.string().min(1), Value: z.array(z.string()).default([]) }))
  .default([]);
export type Filters = z.output<typeof filters>;

/** Whether the text matches one of the values, in which `*` stands for any characters and `?` for one. */
export function matchesOne(text: string, values: readonly string[]): boolean {
  return values.some((value) => {
    const escaped = value.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text);
  });
}

/** Reads a property of a resource that a filter means; a resource can have several values, or none. */
export type FilterProperty<Resource> = (resource: Resource) => readonly (string | undefined)[];

/**
 * The resources that match all filters.
 *
 * @param properties by the names of their filters; `tag:…` and `tag-key` are in addition to them
 * @throws ApiError for an unknown filter
 */
export function filtered<Resource extends { readonly tags: Readonly<Record<string, string>> }>(
  resources: readonly Resource[],
  wanted: Filters,
  properties: Readonly<Record<string, FilterProperty<Resource>>>,
): Resource[] {
  const tests = wanted.map(({ Name: name, Value: values }) => {
    const read = name.startsWith('tag:')
      ? ({ tags }: Resource) => [tags[name.slice('tag:'.length)]]
      : name === 'tag-key'
        ? ({ tags }: Resource) => Object.keys(tags)
        : Object.hasOwn(properties, name)
          ? properties[name]
          : undefined;
    if (read === undefined) throw new ApiError('InvalidParameterValue', `The filter '${name}' is invalid`);
    return (resource: Resource) => read(resource).some((text) => text !== undefined && matchesOne(text, values));
  });
  return resources.filter((resource) => tests.every((test) => test(resource)));
}
