/** HTTP servers on loopback for tests. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Server } from 'node:net';

/** Listens on a free port, and returns it. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

export interface LoopbackServer {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  close(): void;
}

export async function serve(answer: RequestListener): Promise<LoopbackServer> {
  const server = createServer(answer);
  const host = `127.0.0.1:${await listen(server)}`;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { host, close };
}
