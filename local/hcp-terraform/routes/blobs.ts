/** HTTP routes of blob URLs. `blobs.ts` has their content. */
import { bodyBytes, type HttpServer } from '../../http-server.ts';
import { readBlob, writeBlob } from '../blobs.ts';
import { pathParameters, queryParameters } from '../http.ts';
import { queryText } from '../json-api.ts';
import type { Platform } from '../platform.ts';

export function blobRoutes(api: HttpServer, platform: Platform): void {
  api.get('/v1/object/:secret', (request, reply) => {
    const { secret = '' } = pathParameters.parse(request.params);
    const query = queryParameters.parse(request.query);
    const count = (name: string) => {
      const value = Number(queryText(query, name) ?? Number.NaN);
      return Number.isInteger(value) && value >= 0 ? value : undefined;
    };
    const { body, type } = readBlob(platform, secret, { offset: count('offset') ?? 0, limit: count('limit') });
    return reply.header('content-type', type).send(body);
  });

  api.put('/v1/object/:secret', (request, reply) => {
    const { secret = '' } = pathParameters.parse(request.params);
    writeBlob(platform, secret, bodyBytes(request));
    return reply.code(200).send();
  });
}
