/** Configuration versions. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/configuration-versions */
import * as z from 'zod';
import { added, created, type Define, document, found } from '../api.ts';
import { configurationVersionResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import { invalid, notFound } from '../json-api.ts';

const versionBody = z.object({
  data: z.object({
    type: z.literal('configuration-versions'),
    attributes: z
      .object({
        autoQueueRuns: z.boolean().default(true),
        speculative: z.boolean().default(false),
        provisional: z.boolean().default(false),
      })
      .prefault({}),
  }),
});

export function configurationVersionRoutes(define: Define): void {
  define('GET', '/workspaces/:id/configuration-versions', (call) => {
    const { id } = found(call.world.workspaces, call.id);
    const versions = [...call.world.configurationVersions.values()].filter(({ workspaceId }) => workspaceId === id);
    return call.list(versions.reverse(), (each) => configurationVersionResource(call, each));
  });

  define('POST', '/workspaces/:id/configuration-versions', (call) => {
    const workspace = found(call.world.workspaces, call.id);
    const { attributes } = call.parse(versionBody).data;
    if (attributes.speculative && attributes.provisional) {
      throw invalid('provisional', 'A configuration version cannot be speculative and provisional');
    }
    const version = added(call.world.configurationVersions, {
      ...attributes,
      id: newId('cv'),
      workspaceId: workspace.id,
      createdAt: call.platform.now(),
      createdById: call.user.id,
    });
    return created(configurationVersionResource(call, version, { showUploadUrl: true }));
  });

  define('GET', '/configuration-versions/:id', (call) =>
    document(configurationVersionResource(call, found(call.world.configurationVersions, call.id))),
  );

  define('GET', '/configuration-versions/:id/download', (call) => {
    const { archive, id } = found(call.world.configurationVersions, call.id);
    call.requireOwner();
    if (archive === undefined) throw notFound();
    return { status: 302, location: call.blobUrl('configuration-download', id) };
  });
}
