/**
 * The blob store: URLs that contain a secret and need no token, for configurations, logs, states and plans.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs#blob-storage-authentication
 */
import { failure, notFound } from './json-api.ts';
import type { Platform } from './platform.ts';
import { advance } from './queue.ts';
import { createRun } from './run-creation.ts';
import type { Operation } from './runs.ts';
import { finalizeStateVersion, parseStateFile } from './states.ts';

const START_OF_TEXT = Buffer.from([2]);
const END_OF_TEXT = Buffer.from([3]);
const NOTHING = Buffer.alloc(0);

/** The current log, with a start mark if it isn't empty, and an end mark if it is complete. */
export function framedLog(operation: Operation): Buffer {
  if (operation.executedBy === undefined && operation.log.length === 0) return NOTHING;
  return Buffer.concat([START_OF_TEXT, ...operation.log, operation.ended ? END_OF_TEXT : NOTHING]);
}

export interface BlobContent {
  readonly body: Buffer;
  readonly type: 'text/plain' | 'application/json' | 'application/octet-stream';
}

/** The content of a blob URL. For logs, at most `limit` bytes from `offset`. */
export function readBlob(
  platform: Platform,
  secret: string,
  range: { readonly offset: number; readonly limit: number | undefined },
): BlobContent {
  const { world } = platform;
  const blob = world.blobs.get(secret);
  if (blob === undefined) throw notFound();
  const state = world.stateVersions.get(blob.id);
  const operation = world.operations.get(blob.id);
  switch (blob.kind) {
    case 'log': {
      if (operation === undefined) throw notFound();
      const log = framedLog(operation);
      const end = range.limit === undefined ? log.length : range.offset + range.limit;
      return { body: log.subarray(range.offset, end), type: 'text/plain' };
    }
    case 'plan-json':
      if (operation?.result?.planJson === undefined) throw notFound();
      return { body: Buffer.from(operation.result.planJson), type: 'application/json' };
    case 'configuration-download': {
      const archive = world.configurationVersions.get(blob.id)?.archive;
      if (archive === undefined) throw notFound();
      return { body: archive, type: 'application/octet-stream' };
    }
    case 'state-download':
      if (state?.state === undefined) throw notFound();
      return { body: state.state, type: 'application/json' };
    case 'json-state-download':
      if (state?.jsonState === undefined) throw notFound();
      return { body: state.jsonState, type: 'application/json' };
    default:
      throw notFound();
  }
}

/** An upload of a configuration, which may queue a run automatically, or of a state. */
export function writeBlob(platform: Platform, secret: string, body: Buffer): void {
  const { world } = platform;
  const blob = world.blobs.get(secret);
  if (blob === undefined) throw notFound();
  switch (blob.kind) {
    case 'configuration-upload':
      uploadConfiguration(platform, blob.id, body);
      return;
    case 'state-upload': {
      const version = world.stateVersions.get(blob.id);
      const parsed = parseStateFile(body);
      if (version === undefined) throw notFound();
      if (parsed === undefined) throw failure(400, 'bad request', 'The upload is not a Terraform state file');
      finalizeStateVersion(platform, version, body, parsed);
      return;
    }
    case 'json-state-upload': {
      const version = world.stateVersions.get(blob.id);
      if (version === undefined) throw notFound();
      version.jsonState = body;
      return;
    }
    default:
      throw notFound();
  }
}

function uploadConfiguration(platform: Platform, id: string, archive: Buffer): void {
  const { world } = platform;
  const version = world.configurationVersions.get(id);
  const workspace = version === undefined ? undefined : world.workspaces.get(version.workspaceId);
  if (version === undefined || workspace === undefined) throw notFound();
  if (version.uploadedAt !== undefined) throw failure(409, 'conflict', 'The configuration version is uploaded already');
  version.archive = archive;
  version.uploadedAt = platform.now();
  if (version.autoQueueRuns) {
    createRun(platform, workspace, version, version.createdById, { source: 'tfe-configuration-version' });
  }
  advance(platform, workspace);
}
