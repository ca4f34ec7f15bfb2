/** State versions: the metadata of an uploaded state, and the effects of an upload. */
import * as z from 'zod';
import { newId } from './ids.ts';
import { parsedJson } from './parsed-json.ts';
import type { Platform } from './platform.ts';
import { discardStaleSavedPlans } from './queue.ts';
import type { StateVersion, Workspace } from './world.ts';

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
        module: z.string().default('root'),
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

/** Parses a state file; `undefined` if the bytes aren't one. */
export function parseStateFile(state: Buffer): StateFile | undefined {
  return stateFile.safeParse(parsedJson(state.toString('utf8'))).data;
}

/** Adds a state version that waits for its state. */
export function newStateVersion(
  platform: Platform,
  workspace: Workspace,
  facts: Pick<StateVersion, 'serial' | 'lineage' | 'createdById' | 'runId'>,
): StateVersion {
  const version: StateVersion = {
    ...facts,
    id: newId('sv'),
    workspaceId: workspace.id,
    createdAt: platform.now(),
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
    .filter(({ mode }) => mode === 'managed')
    .map(({ name, type, instances, module, provider }) => ({ name, type, count: instances.length, module, provider }));
  version.outputs = Object.entries(parsed.outputs).map(([name, { value, type, sensitive }]) => ({
    id: newId('wsout'),
    name,
    sensitive: sensitive ?? false,
    value: value ?? null,
    detailedType: type ?? 'dynamic',
  }));
  const workspace = platform.world.workspaces.get(version.workspaceId);
  if (workspace === undefined) return;
  workspace.currentStateVersionId = version.id;
  workspace.updatedAt = platform.now();
  discardStaleSavedPlans(platform, workspace.id, version.runId);
}
