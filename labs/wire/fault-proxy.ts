/** A proxy between the launcher and an emulator. It breaks connections and responses on request. */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { Agent, request as forward } from 'undici';
import { loopbackCertificate } from '../../local/hcp-terraform/certificate.ts';
import { listen } from '../../test/loopback.ts';

/**
 * What the proxy does with a request.
 *
 * | kind | the target gets the request | the caller gets |
 * |---|---|---|
 * | `refuse` | no | the connection closed before a byte |
 * | `lost` | yes | the connection closed before a byte |
 * | `hang` | no | nothing, ever |
 * | `slow` | yes | the response, `delayMs` later |
 * | `truncated` | yes | half of the response, then the connection closed |
 * | `answer` | no | `status`, `headers` and `body` |
 */
export type WireFault =
  | { readonly kind: 'refuse' | 'lost' | 'hang' | 'truncated' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: string;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** Selects the requests that get a fault, and their number. */
export interface Aim {
  /** Part of the path, or of the `X-Amz-Target`. */
  readonly on: string;
  /** Part of the body, if the path isn't specific enough. */
  readonly inBody?: string;
  /** Number of such requests that pass before the first fault. Default: 0. */
  readonly after?: number;
  readonly times: number;
}

/** A reverse proxy on loopback. It forwards everything until a fault is injected. */
export interface FaultProxy {
  /** `localhost:PORT` */
  readonly hostname: string;
  readonly url: string;
  /** PEM file of its certificate, if it uses TLS. */
  readonly caFile: string | undefined;
  /** Number of requests that got a fault. */
  readonly hits: number;
  /** Time of the first request since the last `heal()`, in epoch milliseconds. */
  readonly firstRequestAtMs: number | undefined;
  inject(fault: WireFault, aim: Aim): void;
  heal(): void;
  close(): Promise<void>;
}

/** @param target the server behind the proxy. If it uses TLS, so does the proxy. */
export async function startFaultProxy(target: { readonly url: string; readonly ca?: string }): Promise<FaultProxy> {
  const tls = target.url.startsWith('https:') ? await loopbackCertificate() : undefined;
  const dispatcher = new Agent({ connect: target.ca === undefined ? {} : { ca: target.ca } });
  let injected: { readonly fault: WireFault; readonly aim: Aim; left: number; toPass: number }[] = [];
  let hits = 0;
  let firstRequestAtMs: number | undefined;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    firstRequestAtMs ??= Date.now();
    const name = `${request.url ?? ''} ${String(request.headers['x-amz-target'] ?? '')}`;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const rule = injected.find(
      ({ aim: { on, inBody = '' }, left }) => left > 0 && name.includes(on) && body.includes(inBody),
    );
    const passes = rule !== undefined && rule.toPass > 0;
    if (passes) rule.toPass -= 1;
    else if (rule !== undefined) {
      rule.left -= 1;
      hits += 1;
    }
    const fault = passes ? undefined : rule?.fault;
    if (fault?.kind === 'refuse') return void request.socket.destroy();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'answer') {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body);
      return;
    }
    const { host: _, connection: __, 'transfer-encoding': ___, ...headers } = request.headers;
    const answer = await forward(`${target.url}${request.url ?? '/'}`, {
      dispatcher,
      method: request.method as 'GET' | 'POST',
      // AWS's emulator uses plain HTTP, and AWS's clients sign the Host header.
      headers: { ...headers, host: tls === undefined ? request.headers.host : new URL(target.url).host },
      body: body.length === 0 ? null : body,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    if (fault?.kind === 'lost') return void request.socket.destroy();
    if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    const { connection: ____, 'transfer-encoding': _____, ...passed } = answer.headers;
    response.writeHead(answer.statusCode, { ...passed, 'content-length': String(bytes.length) });
    if (fault?.kind !== 'truncated') return void response.end(bytes);
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => request.socket.destroy());
  };

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy());
  };
  const server =
    tls === undefined ? createHttpServer(listener) : createHttpsServer({ key: tls.key, cert: tls.cert }, listener);
  const hostname = `localhost:${await listen(server, 'localhost')}`;
  return {
    hostname,
    url: `${tls === undefined ? 'http' : 'https'}://${hostname}`,
    caFile: tls?.file,
    get hits() {
      return hits;
    },
    get firstRequestAtMs() {
      return firstRequestAtMs;
    },
    inject: (fault, aim) => {
      injected.push({ fault, aim, left: aim.times, toPass: aim.after ?? 0 });
    },
    heal: () => {
      injected = [];
      firstRequestAtMs = undefined;
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await Promise.all([closed, dispatcher.destroy(), tls?.remove()]);
    },
  };
}
