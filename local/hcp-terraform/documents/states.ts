/** API documents of state versions and their outputs. */
import { blobUrl, type Call } from '../api.ts';
import { isoTime, type Resource, toMany, toOne } from '../json-api.ts';
import type { StateVersion, StateVersionOutput } from '../records.ts';

export function stateVersionResource(call: Call, version: StateVersion): Resource {
  const url = (kind: 'state-download' | 'state-upload' | 'json-state-upload' | 'json-state-download') =>
    blobUrl(call, kind, version.id);
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
export function stateVersionOutputResource(
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
