/**
 * The HTTP server of both emulators. It listens on loopback and passes request bodies to its routes as raw bytes.
 *
 * Other machines can't reach 127.0.0.1, but web pages can: a browser on this machine sends their requests. If the DNS name of a page
 * is rebound to 127.0.0.1, the page can also read the responses. The headers `Host`, `Origin` and `Sec-Fetch-Site` identify such
 * requests, and the server refuses them before any route.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Server } from 'node:https';
import {
  errorCodes,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
} from 'fastify';

/** Typed as an HTTPS server even if there is no certificate. */
export type HttpServer = FastifyInstance<
  Server,
  RawRequestDefaultExpression<Server>,
  RawReplyDefaultExpression<Server>,
  FastifyBaseLogger
>;

export interface HttpServerOptions {
  /** Key and certificate in PEM. Absent: the server speaks plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Maximum length of a body. A longer body is read completely, so that the client gets the response 413. */
  readonly maxBodyBytes: number;
  /** More hostnames for which the server responds, for example in a test network whose DNS points to it. */
  readonly hosts?: readonly string[];
  /** Sends the response 403 to a request of a web page. */
  readonly refuse: (reply: FastifyReply, reason: string) => FastifyReply;
}

export function httpServer({ tls, maxBodyBytes, hosts = [], refuse }: HttpServerOptions): HttpServer {
  const server = fastify({
    https: tls === undefined ? null : { ...tls },
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true },
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', async (_request: FastifyRequest, payload: AsyncIterable<Buffer>) => {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of payload) {
      length += chunk.length;
      if (length <= maxBodyBytes) chunks.push(chunk);
    }
    if (length > maxBodyBytes) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE();
    return Buffer.concat(chunks);
  });
  server.addHook('onRequest', async (request, reply) => {
    const reason = foreignRequest(request.headers, hosts);
    if (reason !== undefined) return refuse(reply.code(403).header('connection', 'close'), reason);
  });
  return server;
}

/** Starts to listen. @returns the port, which is a free one if 0 was requested */
export async function listen(server: HttpServer, port = 0): Promise<number> {
  await server.listen({ port, host: '127.0.0.1' });
  const address = server.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The raw body; empty if there was none. */
export function bodyBytes(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:(\d{1,5}))?$/i;

/** Allowed values of `Sec-Fetch-Site`: for a typed URL, and for the server's own page. Other clients than browsers don't send it. */
const OWN_SITE = new Set(['none', 'same-origin']);

/** The reason why the request is rejected; `undefined` if it is allowed. */
function foreignRequest(headers: IncomingHttpHeaders, hosts: readonly string[]): string | undefined {
  const { host, origin, 'sec-fetch-site': site } = headers;
  const [isLoopback, , , port = '0'] = LOOPBACK_HOST.exec(host ?? '') ?? [];
  const named = host?.toLowerCase() ?? '';
  const isNamed = hosts.includes(named) || hosts.includes(named.replace(/:\d+$/, ''));
  if (!isNamed && (isLoopback === undefined || Number(port) > 65_535)) {
    return `The Host header is ${JSON.stringify(host ?? '')}. This server answers for localhost, 127.0.0.1 and [::1] only.`;
  }
  if (origin !== undefined) {
    return `The request has the Origin ${JSON.stringify(origin)}. This server does not answer web pages.`;
  }
  if (site !== undefined && !OWN_SITE.has(String(site))) {
    return `The request comes from a web page of another site (Sec-Fetch-Site: ${String(site)}).`;
  }
  return undefined;
}
