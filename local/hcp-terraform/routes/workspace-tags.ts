/** Tags of workspaces: flat tags and key-value bindings. */
import * as z from 'zod';
import { type Answer, type Call, type Define, found, noContent } from '../api.ts';

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
  return tags.flatMap(({ attributes: { name = '', key = name, value } }) => (key === '' ? [] : [[key, value ?? '']]));
}

/** The initial tags of a workspace. */
export function tagsInBody(call: Call): Map<string, string> {
  const { tags, 'tag-bindings': bindings } = call.parse(withTags).data.relationships ?? {};
  return new Map(asEntries([...(tags?.data ?? []), ...(bindings?.data ?? [])]));
}

function tagsIn(call: Call): Map<string, string> {
  return found(call.world.workspaces, call.id).tags;
}

function addTags(call: Call): void {
  const tags = tagsIn(call);
  for (const [key, value] of asEntries(call.parse(tagsBody).data)) tags.set(key, value);
}

function bindings(call: Call, type: string): Answer {
  const numbered = [...tagsIn(call)].map(([key, value], index) => ({ number: index + 1, key, value }));
  return call.list(numbered, ({ number, ...attributes }) => ({ id: `${type}-${number}`, type, attributes }));
}

export function workspaceTagRoutes(define: Define): void {
  const path = '/workspaces/:id/relationships/tags';
  define('GET', path, (call) =>
    call.list([...tagsIn(call).keys()], (name) => ({
      id: `tag-${name}`,
      type: 'tags',
      attributes: { name, 'instance-count': 1 },
    })),
  );
  define('POST', path, (call) => {
    addTags(call);
    return noContent;
  });
  define('DELETE', path, (call) => {
    const tags = tagsIn(call);
    for (const { id, attributes } of call.parse(tagsBody).data) {
      tags.delete(attributes.name ?? id?.replace(/^tag-/, '') ?? '');
    }
    return noContent;
  });

  define('GET', '/workspaces/:id/tag-bindings', (call) => bindings(call, 'tag-bindings'));
  define('GET', '/workspaces/:id/effective-tag-bindings', (call) => bindings(call, 'effective-tag-bindings'));
  define('PATCH', '/workspaces/:id/tag-bindings', (call) => {
    addTags(call);
    return bindings(call, 'tag-bindings');
  });
}
