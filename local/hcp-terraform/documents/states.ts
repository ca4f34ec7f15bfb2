/** API documents of state versions and their outputs. */
import type { Call } from '../api.ts';
import { isoTime, type Resource } from '../json-api.ts';
import type { StateVersion, StateVersionOutput } from '../records.ts';
import { blobPath } from '../world.ts';

export function stateVersionResource(call: Call, version: StateVersion): Resource {
  const { world } = call.platform;
  const url = (kind: 'state-download' | 'state-upload' | 'json-state-upload' | 'json-state-download') =>
    `${call.origin}${blobPath(world, { kind, id: version.id })}`;
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
      run: { data: version.runId === undefined ? null : { id: version.runId, type: 'runs' } },
      'created-by': {
        data: version.createdById === undefined ? null : { id: version.createdById, type: 'users' },
      },
      workspace: { data: { id: version.workspaceId, type: 'workspaces' } },
      outputs: { data: version.outputs.map((output) => ({ id: output.id, type: 'state-version-outputs' })) },
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
