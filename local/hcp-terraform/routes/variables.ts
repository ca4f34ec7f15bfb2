/** Variables of workspaces. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspace-variables */
import * as z from 'zod';
import { type Call, created, type Define, document, found, noContent } from '../api.ts';
import { variableResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import { invalid, notFound, parseBody } from '../json-api.ts';
import type { Variable, Workspace } from '../records.ts';

const variableBody = z.object({
  data: z.object({
    type: z.literal('vars').optional(),
    attributes: z.object({
      key: z.string().optional(),
      value: z.string().nullish(),
      description: z.string().nullish(),
      category: z.enum(['terraform', 'env']).optional(),
      hcl: z.boolean().optional(),
      sensitive: z.boolean().optional(),
    }),
  }),
});

function workspaceOf(call: Call): Workspace {
  // Variables may contain secrets, so users who can only view workspaces don't see them.
  if (call.user.access !== 'owner') throw notFound();
  return found(call.platform.world.workspaces, call.param('id'));
}

function checkKey(workspace: Workspace, key: string, category: Variable['category'], self?: Variable): void {
  if (key === '') throw invalid({ attribute: 'key', detail: "Key can't be blank" });
  const taken = [...workspace.variables.values()].some(
    (each) => each.key === key && each.category === category && each !== self,
  );
  if (taken) throw invalid({ attribute: 'key', detail: 'Key has already been taken' });
}

export function variableRoutes(define: Define): void {
  define('GET', '/workspaces/:id/vars', (call) => {
    const workspace = workspaceOf(call);
    return {
      status: 200,
      body: { data: [...workspace.variables.values()].map((each) => variableResource(workspace, each)) },
    };
  });

  define('POST', '/workspaces/:id/vars', (call) => {
    const workspace = workspaceOf(call);
    const { attributes } = parseBody(variableBody, call.body).data;
    if (attributes.category === undefined) throw invalid({ attribute: 'category', detail: "Category can't be blank" });
    const key = attributes.key ?? '';
    checkKey(workspace, key, attributes.category);
    const variable: Variable = {
      id: newId('var'),
      createdAt: call.platform.now(),
      key,
      value: attributes.value ?? '',
      description: attributes.description ?? '',
      category: attributes.category,
      hcl: attributes.hcl ?? false,
      sensitive: attributes.sensitive ?? false,
      versionId: newId('varver'),
    };
    workspace.variables.set(variable.id, variable);
    return created(variableResource(workspace, variable));
  });

  define('GET', '/workspaces/:id/vars/:variable', (call) => {
    const workspace = workspaceOf(call);
    return document(variableResource(workspace, found(workspace.variables, call.param('variable'))));
  });

  define('PATCH', '/workspaces/:id/vars/:variable', (call) => {
    const workspace = workspaceOf(call);
    const variable = found(workspace.variables, call.param('variable'));
    const { attributes } = parseBody(variableBody, call.body).data;
    if (variable.sensitive && attributes.sensitive === false) {
      throw invalid({ attribute: 'sensitive', detail: 'Sensitive variables cannot become non-sensitive' });
    }
    const category = attributes.category ?? variable.category;
    const key = attributes.key ?? variable.key;
    checkKey(workspace, key, category, variable);
    variable.key = key;
    variable.category = category;
    if (attributes.value !== undefined) variable.value = attributes.value ?? '';
    if (attributes.description !== undefined) variable.description = attributes.description ?? '';
    variable.hcl = attributes.hcl ?? variable.hcl;
    variable.sensitive = attributes.sensitive ?? variable.sensitive;
    variable.versionId = newId('varver');
    return document(variableResource(workspace, variable));
  });

  define('DELETE', '/workspaces/:id/vars/:variable', (call) => {
    const workspace = workspaceOf(call);
    workspace.variables.delete(found(workspace.variables, call.param('variable')).id);
    return noContent;
  });
}
