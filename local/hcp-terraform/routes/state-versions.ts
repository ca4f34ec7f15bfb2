/** State versions and outputs. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-versions */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type Call, collection, created, type Define, document, found } from '../api.ts';
import { stateVersionOutputResource, stateVersionResource } from '../documents/states.ts';
import { failure, fullPage, invalid, notFound, parseBody, queryText, toOne } from '../json-api.ts';
import type { StateVersion, Workspace } from '../records.ts';
import { finalizeStateVersion, newStateVersion, parseStateFile } from '../states.ts';

const stateVersionBody = z.object({
  data: z.object({
    type: z.literal('state-versions'),
    attributes: z.object({
      serial: z.number().int().nonnegative(),
      md5: z.string(),
      lineage: z.string().optional(),
      state: z.string().nullish(),
      'json-state': z.string().nullish(),
      'json-state-outputs': z.string().nullish(),
      force: z.boolean().nullish(),
    }),
    relationships: z.object({ run: toOne.optional() }).optional(),
  }),
});

function mayRead(call: Call): void {
  if (call.user.access !== 'owner') throw notFound();
}

function current(call: Call, workspace: Workspace): StateVersion {
  return found(call.platform.world.stateVersions, workspace.currentStateVersionId ?? '');
}

function outputs(call: Call, version: StateVersion) {
  return collection(fullPage(version.outputs, call.query, call.url), (each) =>
    stateVersionOutputResource(each, { hideSensitive: true }),
  );
}

export function stateVersionRoutes(define: Define): void {
  define('GET', '/workspaces/:id/current-state-version', (call) => {
    mayRead(call);
    const workspace = found(call.platform.world.workspaces, call.param('id'));
    return document(stateVersionResource(call, current(call, workspace)));
  });

  define('GET', '/workspaces/:id/current-state-version-outputs', (call) => {
    mayRead(call);
    const workspace = found(call.platform.world.workspaces, call.param('id'));
    return outputs(call, current(call, workspace));
  });

  define('POST', '/workspaces/:id/state-versions', (call) => {
    const { world } = call.platform;
    const workspace = found(world.workspaces, call.param('id'));
    const { attributes, relationships } = parseBody(stateVersionBody, call.body).data;
    if (workspace.lock?.userId !== call.user.id) {
      throw failure(409, 'conflict', 'The workspace must be locked by you to create a state version');
    }
    const present = world.stateVersions.get(workspace.currentStateVersionId ?? '');
    if (present !== undefined && !(attributes.force ?? false)) {
      if (attributes.lineage !== undefined && present.lineage !== undefined && attributes.lineage !== present.lineage) {
        throw failure(409, 'conflict', 'The lineage differs from that of the current state version');
      }
      if (attributes.serial <= present.serial) {
        throw failure(
          409,
          'conflict',
          `The serial must be greater than ${present.serial}, that of the current state version`,
        );
      }
    }
    const runId = relationships?.run?.data.id;
    const facts = {
      serial: attributes.serial,
      createdById: call.user.id,
      ...(attributes.lineage === undefined ? {} : { lineage: attributes.lineage }),
      ...(runId === undefined ? {} : { runId }),
    };
    if (attributes.state == null)
      return created(stateVersionResource(call, newStateVersion(call.platform, workspace, facts)));

    const bytes = Buffer.from(attributes.state, 'base64');
    if (createHash('md5').update(bytes).digest('hex') !== attributes.md5) {
      throw invalid({ attribute: 'md5', detail: 'MD5 does not match the state' });
    }
    const parsed = parseStateFile(bytes);
    if (parsed === undefined) throw invalid({ attribute: 'state', detail: 'State is not a Terraform state file' });
    const version = newStateVersion(call.platform, workspace, facts);
    finalizeStateVersion(call.platform, version, bytes, parsed);
    return created(stateVersionResource(call, version));
  });

  define('GET', '/state-versions', (call) => {
    mayRead(call);
    const { world } = call.platform;
    const organization = queryText(call.query, 'filter[organization][name]');
    const name = queryText(call.query, 'filter[workspace][name]');
    const workspace = [...world.workspaces.values()].find(
      (each) => each.organization === organization && each.name === name,
    );
    if (workspace === undefined) throw notFound();
    const versions = [...world.stateVersions.values()].filter((each) => each.workspaceId === workspace.id).reverse();
    return collection(fullPage(versions, call.query, call.url), (each) => stateVersionResource(call, each));
  });

  define('GET', '/state-versions/:id', (call) => {
    mayRead(call);
    return document(stateVersionResource(call, found(call.platform.world.stateVersions, call.param('id'))));
  });

  define('GET', '/state-versions/:id/outputs', (call) => {
    mayRead(call);
    return outputs(call, found(call.platform.world.stateVersions, call.param('id')));
  });

  define('GET', '/state-version-outputs/:id', (call) => {
    mayRead(call);
    for (const version of call.platform.world.stateVersions.values()) {
      const output = version.outputs.find((each) => each.id === call.param('id'));
      if (output !== undefined) return document(stateVersionOutputResource(output, { hideSensitive: false }));
    }
    throw notFound();
  });
}
