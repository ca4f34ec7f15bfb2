/** State versions and outputs. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-versions */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type Answer, type Call, created, type Define, document, found } from '../api.ts';
import {
  conflict,
  invalid,
  isoTime,
  notFound,
  queryText,
  type Resource,
  toMany,
  toOne,
  toOneBody,
} from '../json-api.ts';
import { finalizeStateVersion, newStateVersion, parseStateFile, type StateFile } from '../states.ts';
import type { Blob, StateVersion, StateVersionOutput } from '../world.ts';
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

function stateVersionResource(call: Call, version: StateVersion): Resource {
  const url = (kind: Blob['kind']) => call.blobUrl(kind, version.id);
  const uploaded = version.state !== undefined;
  return {
    id: version.id,
    type: 'state-versions',
    attributes: {
      'created-at': isoTime(version.createdAt),
      size: version.state?.length ?? null,
      'hosted-state-download-url': uploaded ? url('state-download') : null,
      'hosted-json-state-download-url': version.jsonState === undefined ? null : url('json-state-download'),
      'hosted-state-upload-url': uploaded ? null : url('state-upload'),
      'hosted-json-state-upload-url': uploaded ? null : url('json-state-upload'),
      serial: version.serial,
      status: uploaded ? 'finalized' : 'pending',
      'state-version': version.formatVersion ?? null,
      'terraform-version': version.terraformVersion ?? null,
      'resources-processed': uploaded,
      resources: version.resources,
      modules: {},
      providers: {},
      'vcs-commit-url': null,
      'vcs-commit-sha': null,
      intermediate: false,
    },
    relationships: {
      run: toOne('runs', version.runId),
      'created-by': toOne('users', version.createdById),
      workspace: toOne('workspaces', version.workspaceId),
      outputs: toMany('state-version-outputs', version.outputs),
    },
    links: { self: `/api/v2/state-versions/${version.id}` },
  };
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
}

/** Lists hide the values of sensitive outputs. A single output shows its value. */
function stateVersionOutputResource(
  output: StateVersionOutput,
  { hideSensitive }: { hideSensitive: boolean },
): Resource {
  return {
    id: output.id,
    type: 'state-version-outputs',
    attributes: {
      name: output.name,
      sensitive: output.sensitive,
      type: typeName(output.value),
      value: output.sensitive && hideSensitive ? null : output.value,
      'detailed-type': output.detailedType,
    },
    links: { self: `/api/v2/state-version-outputs/${output.id}` },
  };
}

/** Checks that a new state continues the current one, unless the request forces it. */
function checkContinues({ lineage, serial, force }: Attributes, present: StateVersion | undefined): void {
  if (present === undefined || force) return;
  if (lineage !== undefined && present.lineage !== undefined && lineage !== present.lineage) {
    throw conflict('The lineage differs from that of the current state version');
  }
  if (serial <= present.serial) {
    throw conflict(`The serial must be greater than ${present.serial}, that of the current state version`);
  }
}

/** The state in the request. If it is absent, the client uploads it afterwards. */
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
      call.requireOwner();
      return handle(call);
    });
  const show = (path: string, versionOf: (call: Call) => StateVersion) =>
    read(path, (call) => document(stateVersionResource(call, versionOf(call))));
  const outputs = (path: string, versionOf: (call: Call) => StateVersion) =>
    read(path, (call) =>
      call.list(versionOf(call).outputs, (each) => stateVersionOutputResource(each, { hideSensitive: true })),
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
    const { attributes, relationships } = call.parse(stateVersionBody).data;
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
    return call.list(versions.reverse(), (each) => stateVersionResource(call, each));
  });

  read('/state-version-outputs/:id', (call) => {
    const all = [...call.world.stateVersions.values()].flatMap((version) => version.outputs);
    const output = all.find(({ id }) => id === call.id);
    if (output === undefined) throw notFound();
    return document(stateVersionOutputResource(output, { hideSensitive: false }));
  });
}
