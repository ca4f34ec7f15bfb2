/** Variables of workspaces. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspace-variables */
import * as z from 'zod';
import { added, type Call, created, type Define, document, found, noContent } from '../api.ts';
import { variableResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import { invalid } from '../json-api.ts';
import type { Variable, Workspace } from '../world.ts';

/** Treats null as the empty string. */
const text = z
  .string()
  .nullable()
  .transform((value) => value ?? '')
  .optional();

const variableBody = z.object({
  data: z.object({
    type: z.literal('vars').optional(),
    attributes: z.object({
      key: z.string().optional(),
      value: text,
      description: text,
      category: z.enum(['terraform', 'env']).optional(),
      hcl: z.boolean().optional(),
      sensitive: z.boolean().optional(),
    }),
  }),
});

/** Variables can contain secrets, so all routes require an owner. */
function workspaceIn(call: Call): Workspace {
  call.requireOwner();
  return found(call.world.workspaces, call.id);
}

function checkKey({ variables }: Workspace, { key, category, id }: Pick<Variable, 'key' | 'category' | 'id'>): void {
  if (key === '') throw invalid('key', "Key can't be blank");
  const isTaken = [...variables.values()].some(
    (each) => each.key === key && each.category === category && each.id !== id,
  );
  if (isTaken) throw invalid('key', 'Key has already been taken');
}

export function variableRoutes(define: Define): void {
  define('GET', '/workspaces/:id/vars', (call) => {
    const workspace = workspaceIn(call);
    const data = [...workspace.variables.values()].map((each) => variableResource(workspace, each));
    return { status: 200, body: { data } };
  });

  define('POST', '/workspaces/:id/vars', (call) => {
    const workspace = workspaceIn(call);
    const { attributes } = call.parse(variableBody).data;
    const { category, key = '', value = '', description = '', hcl = false, sensitive = false } = attributes;
    if (category === undefined) throw invalid('category', "Category can't be blank");
    const id = newId('var');
    checkKey(workspace, { key, category, id });
    const origin = { createdAt: call.platform.now(), versionId: newId('varver') };
    const variable = { id, key, value, description, category, hcl, sensitive, ...origin };
    return created(variableResource(workspace, added(workspace.variables, variable)));
  });

  define('GET', '/workspaces/:id/vars/:variable', (call) => {
    const workspace = workspaceIn(call);
    return document(variableResource(workspace, found(workspace.variables, call.param('variable'))));
  });

  define('PATCH', '/workspaces/:id/vars/:variable', (call) => {
    const workspace = workspaceIn(call);
    const variable = found(workspace.variables, call.param('variable'));
    const { attributes } = call.parse(variableBody).data;
    if (variable.sensitive && attributes.sensitive === false) {
      throw invalid('sensitive', 'Sensitive variables cannot become non-sensitive');
    }
    const { key = variable.key, category = variable.category } = attributes;
    checkKey(workspace, { key, category, id: variable.id });
    Object.assign(variable, attributes, { versionId: newId('varver') });
    return document(variableResource(workspace, variable));
  });

  define('DELETE', '/workspaces/:id/vars/:variable', (call) => {
    const { variables } = workspaceIn(call);
    variables.delete(found(variables, call.param('variable')).id);
    return noContent;
  });
}
