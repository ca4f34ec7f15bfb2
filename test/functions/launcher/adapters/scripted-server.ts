import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { generate } from 'selfsigned';
import { listen } from '../../../loopback.ts';

/** One answer of the script. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A TLS server on loopback with scripted answers, for answers that a correct emulator never sends. */
export interface ScriptedServer {
  readonly hostname: string;
  readonly ca: string;
  /** The received requests as decoded `path?query`. */
  readonly requests: string[];
  readonly authorizations: (string | undefined)[];
  /** Sets the answer to requests whose path starts like this. It takes precedence over earlier answers. */
  on(path: string, ...answers: Answer[]): void;
  close(): Promise<void>;
}

/** @returns a server that repeats the last answer of each path, and answers unknown paths with 404. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  const script: { path: string; answers: Answer[] }[] = [];
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server: Server = createServer({ key: pems.private, cert: pems.cert }, (request, response) => {
    const url = decodeURIComponent(request.url ?? '');
    requests.push(url);
    authorizations.push(request.headers.authorization);
    const row = script.find(({ path }) => url.startsWith(path));
    const answer = row?.answers.length === 1 ? row.answers[0] : row?.answers.shift();
    (answer ?? status(404))(request, response);
  });
  const port = await listen(server, 'localhost');
  return {
    hostname: `localhost:${port}`,
    ca: pems.cert,
    requests,
    authorizations,
    on: (path, ...answers) => script.unshift({ path, answers }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A JSON:API document. */
export function json(body: unknown, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.api+json', ...headers }).end(JSON.stringify(body));
  };
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(code, { 'content-type': 'application/vnd.api+json', ...headers });
    response.end(JSON.stringify({ errors: [{ status: String(code), title: 'said by the script' }] }));
  };
}

export function text(body: string, contentType: string): Answer {
  return (_, response) => {
    response.writeHead(200, { 'content-type': contentType }).end(body);
  };
}

/** Closes the connection before the first byte of an answer. */
export const reset: Answer = (request) => {
  request.socket.destroy();
};

/** Announces more than it sends, and closes. */
export const truncated: Answer = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/vnd.api+json', 'content-length': '1000' });
  response.write('{"data":[');
  setImmediate(() => request.socket.destroy());
};

/** Never answers. */
export const hang: Answer = () => {};
