/** State versions: the metadata of an uploaded state, and what an upload changes. */
import * as z from 'zod';
import { newId } from './ids.ts';
import { parsedJson } from './parsed-json.ts';
import type { Platform } from './platform.ts';
import { discardStaleSavedPlans } from './queue.ts';
import type { StateVersion, Workspace } from './records.ts';

/** The part of a state file (format version 4) that the platform reads. */
const stateFile = z.object({
  version: z.number(),
  terraform_version: z.string().optional(),
  serial: z.number(),
  lineage: z.string().optional(),
  outputs: z
    .record(
      z.string(),
      z.object({ value: z.unknown().optional(), type: z.unknown().optional(), sensitive: z.boolean().optional() }),
    )
    .default({}),
  resources: z
    .array(
      z.object({
        module: z.string().optional(),
        mode: z.string(),
        type: z.string(),
        name: z.string(),
        provider: z.string(),
        instances: z.array(z.unknown()).default([]),
      }),
    )
    .default([]),
});

export type StateFile = z.infer<typeof stateFile>;

/** `undefined` if the bytes aren't a state file. */
export function parseStateFile(state: Buffer): StateFile | undefined {
  return stateFile.safeParse(parsedJson(state.toString('utf8'))).data;
}

/** A state version that waits for its state. */
export function newStateVersion(
  platform: Platform,
  workspace: Workspace,
  facts: { readonly serial: number; readonly lineage?: string; readonly createdById?: string; readonly runId?: string },
): StateVersion {
  const version: StateVersion = {
    id: newId('sv'),
    workspaceId: workspace.id,
    createdAt: platform.now(),
    createdById: facts.createdById,
    runId: facts.runId,
    serial: facts.serial,
    lineage: facts.lineage,
    state: undefined,
    jsonState: undefined,
    terraformVersion: undefined,
    formatVersion: undefined,
    resources: [],
    outputs: [],
  };
  platform.world.stateVersions.set(version.id, version);
  return version;
}

/** Adds the state to the version, makes it the workspace's current one, and discards outdated saved plans. */
export function finalizeStateVersion(
  platform: Platform,
  version: StateVersion,
  bytes: Buffer,
  parsed: StateFile,
): void {
  version.state = bytes;
  version.terraformVersion = parsed.terraform_version;
  version.formatVersion = parsed.version;
  version.resources = parsed.resources
    .filter((resource) => resource.mode === 'managed')
    .map((resource) => ({
      name: resource.name,
      type: resource.type,
      count: resource.instances.length,
      module: resource.module ?? 'root',
      provider: resource.provider,
    }));
  version.outputs = Object.entries(parsed.outputs).map(([name, output]) => ({
    id: newId('wsout'),
    name,
    sensitive: output.sensitive ?? false,
    value: output.value ?? null,
    detailedType: output.type ?? 'dynamic',
  }));
  const workspace = platform.world.workspaces.get(version.workspaceId);
  if (workspace === undefined) return;
  workspace.currentStateVersionId = version.id;
  workspace.updatedAt = platform.now();
  discardStaleSavedPlans(platform, workspace.id, version.runId);
}
