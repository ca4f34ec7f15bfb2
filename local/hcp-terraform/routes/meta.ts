/** The first requests of clients: service discovery, ping, address ranges. */
import type { HttpServer } from '../../http-server.ts';

/** HCP Terraform returns real addresses. These are from the documentation ranges, so that nobody uses them by mistake. */
const IP_RANGES = {
  api: ['192.0.2.0/25'],
  notifications: ['198.51.100.0/25'],
  sentinel: ['203.0.113.0/26'],
  vcs: ['203.0.113.64/26'],
};

export function metaRoutes(api: HttpServer, startedAt: Date): void {
  // https://developer.hashicorp.com/terraform/internals/remote-service-discovery
  api.get('/.well-known/terraform.json', (_request, reply) =>
    reply.send({ 'state.v2': '/api/v2/', 'tfe.v2': '/api/v2/', 'tfe.v2.1': '/api/v2/', 'tfe.v2.2': '/api/v2/' }),
  );

  api.get('/api/v2/ping', (_request, reply) => reply.code(204).send());

  // https://developer.hashicorp.com/terraform/cloud-docs/api-docs/ip-ranges
  const lastModified = Math.floor(startedAt.getTime() / 1_000) * 1_000;
  api.get('/api/meta/ip-ranges', (request, reply) => {
    reply.header('last-modified', new Date(lastModified).toUTCString());
    const since = Date.parse(request.headers['if-modified-since'] ?? '');
    return since >= lastModified ? reply.code(304).send() : reply.send(IP_RANGES);
  });
}
