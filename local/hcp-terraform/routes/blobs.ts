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
    const count = (name: string, fallback: number) => {
      const value = Number(queryText(query, name) ?? fallback);
      return Number.isInteger(value) && value >= 0 ? value : fallback;
    };
    const { body, type } = readBlob(platform, secret);
    const offset = count('offset', 0);
    // Only logs are read in parts, because only they grow.
    const part = type === 'text/plain' ? body.subarray(offset, offset + count('limit', body.length)) : body;
    return reply.header('content-type', type).send(part);
  });

  api.put('/v1/object/:secret', (request, reply) => {
    const { secret = '' } = pathParameters.parse(request.params);
    writeBlob(platform, secret, bodyBytes(request));
    return reply.code(200).send();
  });
}
