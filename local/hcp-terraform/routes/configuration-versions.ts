/** Configuration versions. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/configuration-versions */
import * as z from 'zod';
import { collection, created, type Define, document, found } from '../api.ts';
import { configurationVersionResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import { fullPage, invalid, notFound, parseBody } from '../json-api.ts';
import type { ConfigurationVersion } from '../records.ts';
import { blobPath } from '../world.ts';

const versionBody = z.object({
  data: z.object({
    type: z.literal('configuration-versions'),
    attributes: z
      .object({
        'auto-queue-runs': z.boolean().optional(),
        speculative: z.boolean().optional(),
        provisional: z.boolean().optional(),
      })
      .default({}),
  }),
});

export function configurationVersionRoutes(define: Define): void {
  define('GET', '/workspaces/:id/configuration-versions', (call) => {
    const { world } = call.platform;
    const workspace = found(world.workspaces, call.param('id'));
    const versions = [...world.configurationVersions.values()]
      .filter((version) => version.workspaceId === workspace.id)
      .reverse();
    return collection(fullPage(versions, call.query, call.url), (each) => configurationVersionResource(call, each));
  });

  define('POST', '/workspaces/:id/configuration-versions', (call) => {
    const { world } = call.platform;
    const workspace = found(world.workspaces, call.param('id'));
    const { attributes } = parseBody(versionBody, call.body).data;
    if (attributes.speculative && attributes.provisional) {
      throw invalid({
        attribute: 'provisional',
        detail: 'A configuration version cannot be speculative and provisional',
      });
    }
    const version: ConfigurationVersion = {
      id: newId('cv'),
      workspaceId: workspace.id,
      createdAt: call.platform.now(),
      createdById: call.user.id,
      autoQueueRuns: attributes['auto-queue-runs'] ?? true,
      speculative: attributes.speculative ?? false,
      provisional: attributes.provisional ?? false,
      uploadedAt: undefined,
      archive: undefined,
    };
    world.configurationVersions.set(version.id, version);
    return created(configurationVersionResource(call, version, { showUploadUrl: true }));
  });

  define('GET', '/configuration-versions/:id', (call) =>
    document(configurationVersionResource(call, found(call.platform.world.configurationVersions, call.param('id')))),
  );

  define('GET', '/configuration-versions/:id/download', (call) => {
    const version = found(call.platform.world.configurationVersions, call.param('id'));
    if (version.archive === undefined || call.user.access !== 'owner') throw notFound();
    const path = blobPath(call.platform.world, { kind: 'configuration-download', id: version.id });
    return { status: 302, location: `${call.origin}${path}` };
  });
}
