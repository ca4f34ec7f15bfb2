/** Tags of workspaces: flat tags and key-value bindings. */
import * as z from 'zod';
import { type Call, collection, type Define, found, noContent } from '../api.ts';
import { fullPage, parseBody, type Resource } from '../json-api.ts';

const tag = z.object({
  type: z.string(),
  id: z.string().optional(),
  attributes: z
    .object({ name: z.string().optional(), key: z.string().optional(), value: z.string().nullish() })
    .default({}),
});

const tagsBody = z.object({ data: z.array(tag) });

const withTags = z.object({
  data: z.object({
    relationships: z.object({ tags: tagsBody.optional(), 'tag-bindings': tagsBody.optional() }).optional(),
  }),
});

function asEntries(tags: readonly z.infer<typeof tag>[]): (readonly [string, string])[] {
  return tags.flatMap(({ attributes }) => {
    const key = attributes.key ?? attributes.name;
    return key === undefined || key === '' ? [] : [[key, attributes.value ?? ''] as const];
  });
}

/** The initial tags of a workspace. */
export function tagsInBody(body: unknown): Map<string, string> {
  const { relationships } = parseBody(withTags, body).data;
  return new Map([
    ...asEntries(relationships?.tags?.data ?? []),
    ...asEntries(relationships?.['tag-bindings']?.data ?? []),
  ]);
}

function tagsOf(call: Call): Map<string, string> {
  return found(call.platform.world.workspaces, call.param('id')).tags;
}

function bindings(call: Call, type: string) {
  const resources = [...tagsOf(call)].map(
    ([key, value], index): Resource => ({ id: `${type}-${index + 1}`, type, attributes: { key, value } }),
  );
  return collection(fullPage(resources, call.query, call.url), (each) => each);
}

export function workspaceTagRoutes(define: Define): void {
  define('GET', '/workspaces/:id/relationships/tags', (call) => {
    const names = [...tagsOf(call).keys()];
    const resources = names.map(
      (name): Resource => ({ id: `tag-${name}`, type: 'tags', attributes: { name, 'instance-count': 1 } }),
    );
    return collection(fullPage(resources, call.query, call.url), (each) => each);
  });

  define('POST', '/workspaces/:id/relationships/tags', (call) => {
    const tags = tagsOf(call);
    for (const [key, value] of asEntries(parseBody(tagsBody, call.body).data)) tags.set(key, value);
    return noContent;
  });

  define('DELETE', '/workspaces/:id/relationships/tags', (call) => {
    const tags = tagsOf(call);
    for (const { id, attributes } of parseBody(tagsBody, call.body).data) {
      tags.delete(attributes.name ?? id?.replace(/^tag-/, '') ?? '');
    }
    return noContent;
  });

  define('GET', '/workspaces/:id/tag-bindings', (call) => bindings(call, 'tag-bindings'));
  define('GET', '/workspaces/:id/effective-tag-bindings', (call) => bindings(call, 'effective-tag-bindings'));

  define('PATCH', '/workspaces/:id/tag-bindings', (call) => {
    const tags = tagsOf(call);
    for (const [key, value] of asEntries(parseBody(tagsBody, call.body).data)) tags.set(key, value);
    return bindings(call, 'tag-bindings');
  });
}
