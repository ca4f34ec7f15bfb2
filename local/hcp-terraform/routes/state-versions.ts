/** State versions and outputs. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-versions */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type Answer, type Call, created, type Define, document, found, list, requireOwner } from '../api.ts';
import { stateVersionOutputResource, stateVersionResource } from '../documents/states.ts';
import { conflict, invalid, notFound, parseBody, queryText, toOneBody } from '../json-api.ts';
import type { StateVersion } from '../records.ts';
import { finalizeStateVersion, newStateVersion, parseStateFile, type StateFile } from '../states.ts';
import { workspaceNamed } from './workspaces.ts';

const stateVersionBody = z.object({
  data: z.object({
    type: z.literal('state-versions'),
    attributes: z.object({
      serial: z.number().int().nonnegative(),
      md5: z.string(),
      lineage: z.string().optional(),
      state: z.string().nullish(),
      jsonState: z.string().nullish(),
      jsonStateOutputs: z.string().nullish(),
      force: z.boolean().nullish(),
    }),
    relationships: z.object({ run: toOneBody.optional() }).optional(),
  }),
});
type Attributes = z.infer<typeof stateVersionBody>['data']['attributes'];

/** Unless it is forced, a new state continues the present one. */
function checkContinues({ lineage, serial, force }: Attributes, present: StateVersion | undefined): void {
  if (present === undefined || force) return;
  if (lineage !== undefined && present.lineage !== undefined && lineage !== present.lineage) {
    throw conflict('The lineage differs from that of the current state version');
  }
  if (serial <= present.serial) {
    throw conflict(`The serial must be greater than ${present.serial}, that of the current state version`);
  }
}

/** The state in the request. Without one, the client uploads it afterwards. */
function inlineState({ state, md5 }: Attributes): { readonly bytes: Buffer; readonly parsed: StateFile } | undefined {
  if (state == null) return undefined;
  const bytes = Buffer.from(state, 'base64');
  if (createHash('md5').update(bytes).digest('hex') !== md5) throw invalid('md5', 'MD5 does not match the state');
  const parsed = parseStateFile(bytes);
  if (parsed === undefined) throw invalid('state', 'State is not a Terraform state file');
  return { bytes, parsed };
}

export function stateVersionRoutes(define: Define): void {
  /** States can contain secrets, so all routes that read them require an owner. */
  const read = (path: string, handle: (call: Call) => Answer) =>
    define('GET', path, (call) => {
      requireOwner(call);
      return handle(call);
    });
  const show = (path: string, versionOf: (call: Call) => StateVersion) =>
    read(path, (call) => document(stateVersionResource(call, versionOf(call))));
  const outputs = (path: string, versionOf: (call: Call) => StateVersion) =>
    read(path, (call) =>
      list(call, versionOf(call).outputs, (each) => stateVersionOutputResource(each, { hideSensitive: true })),
    );
  const byId = ({ world, id }: Call) => found(world.stateVersions, id);
  const current = ({ world, id }: Call) =>
    found(world.stateVersions, found(world.workspaces, id).currentStateVersionId);

  show('/workspaces/:id/current-state-version', current);
  outputs('/workspaces/:id/current-state-version-outputs', current);
  show('/state-versions/:id', byId);
  outputs('/state-versions/:id/outputs', byId);

  define('POST', '/workspaces/:id/state-versions', (call) => {
    const workspace = found(call.world.workspaces, call.id);
    const { attributes, relationships } = parseBody(stateVersionBody, call.body).data;
    if (workspace.lock?.userId !== call.user.id) {
      throw conflict('The workspace must be locked by you to create a state version');
    }
    checkContinues(attributes, call.world.stateVersions.get(workspace.currentStateVersionId ?? ''));
    const inline = inlineState(attributes);
    const { serial, lineage } = attributes;
    const origin = { createdById: call.user.id, runId: relationships?.run?.data.id };
    const version = newStateVersion(call.platform, workspace, { serial, lineage, ...origin });
    if (inline !== undefined) finalizeStateVersion(call.platform, version, inline.bytes, inline.parsed);
    return created(stateVersionResource(call, version));
  });

  read('/state-versions', (call) => {
    const organization = queryText(call.query, 'filter[organization][name]');
    const { id } = workspaceNamed(call.world, organization, queryText(call.query, 'filter[workspace][name]'));
    const versions = [...call.world.stateVersions.values()].filter(({ workspaceId }) => workspaceId === id);
    return list(call, versions.reverse(), (each) => stateVersionResource(call, each));
  });

  read('/state-version-outputs/:id', (call) => {
    const all = [...call.world.stateVersions.values()].flatMap((version) => version.outputs);
    const output = all.find(({ id }) => id === call.id);
    if (output === undefined) throw notFound();
    return document(stateVersionOutputResource(output, { hideSensitive: false }));
  });
}
