/**
 * The blob store for configurations, logs, states and plans. Its URLs contain a secret and need no token.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs#blob-storage-authentication
 */
import { bodyBytes, type HttpServer } from '../../http-server.ts';
import { found } from '../api.ts';
import { pathParameters, queryParameters } from '../http.ts';
import { conflict, failure, notFound, queryText } from '../json-api.ts';
import type { Platform } from '../platform.ts';
import { advance, createRun } from '../queue.ts';
import { type Operation, runRequest } from '../runs.ts';
import { finalizeStateVersion, parseStateFile } from '../states.ts';
import type { Blob, World } from '../world.ts';

const START_OF_TEXT = Buffer.from([2]);
const END_OF_TEXT = Buffer.from([3]);
const NOTHING = Buffer.alloc(0);

/** The current log. It begins with a marker if it isn't empty, and ends with a marker if it is complete. */
function framedLog(operation: Operation): Buffer {
  if (operation.executedBy === undefined && operation.log.length === 0) return NOTHING;
  return Buffer.concat([START_OF_TEXT, ...operation.log, operation.ended ? END_OF_TEXT : NOTHING]);
}

/** Media type and content of a blob; the content is `undefined` if it doesn't exist, or can't be read. */
function readable(world: World, { kind, id }: Blob): readonly [type: string, content?: Buffer | string | undefined] {
  switch (kind) {
    case 'log':
      return ['text/plain', framedLog(found(world.operations, id))];
    case 'plan-json':
      return ['application/json', world.operations.get(id)?.result?.planJson];
    case 'configuration-download':
      return ['application/octet-stream', world.configurationVersions.get(id)?.archive];
    case 'state-download':
      return ['application/json', world.stateVersions.get(id)?.state];
    case 'json-state-download':
      return ['application/json', world.stateVersions.get(id)?.jsonState];
    default:
      return [''];
  }
}

/** Handles an upload of a state, or of a configuration, which can queue a run automatically. */
function writeBlob(platform: Platform, secret: string, body: Buffer): void {
  const { world } = platform;
  const { kind, id } = found(world.blobs, secret);
  if (kind === 'configuration-upload') {
    uploadConfiguration(platform, id, body);
  } else if (kind === 'state-upload') {
    const parsed = parseStateFile(body);
    if (parsed === undefined) throw failure(400, 'bad request', 'The upload is not a Terraform state file');
    finalizeStateVersion(platform, found(world.stateVersions, id), body, parsed);
  } else if (kind === 'json-state-upload') {
    found(world.stateVersions, id).jsonState = body;
  } else {
    throw notFound();
  }
}

function uploadConfiguration(platform: Platform, id: string, archive: Buffer): void {
  const { world } = platform;
  const version = found(world.configurationVersions, id);
  const workspace = found(world.workspaces, version.workspaceId);
  if (version.uploadedAt !== undefined) throw conflict('The configuration version is uploaded already');
  version.archive = archive;
  version.uploadedAt = platform.now();
  if (version.autoQueueRuns) {
    const by = { userId: version.createdById, source: 'tfe-configuration-version' };
    createRun(platform, workspace, version, by, runRequest.parse({}));
  }
  advance(platform, workspace);
}

export function blobRoutes(api: HttpServer, platform: Platform): void {
  api.get('/v1/object/:secret', (request, reply) => {
    const { secret = '' } = pathParameters.parse(request.params);
    const query = queryParameters.parse(request.query);
    const count = (name: string, fallback: number) => {
      const value = Number(queryText(query, name) ?? fallback);
      return Number.isInteger(value) && value >= 0 ? value : fallback;
    };
    const [type, content] = readable(platform.world, found(platform.world.blobs, secret));
    if (content === undefined) throw notFound();
    const body = Buffer.from(content);
    const offset = count('offset', 0);
    // Only logs can be read in parts, because only logs grow.
    const part = type === 'text/plain' ? body.subarray(offset, offset + count('limit', body.length)) : body;
    return reply.header('content-type', type).send(part);
  });

  api.put('/v1/object/:secret', (request, reply) => {
    const { secret = '' } = pathParameters.parse(request.params);
    writeBlob(platform, secret, bodyBytes(request));
    return reply.code(200).send();
  });
}
