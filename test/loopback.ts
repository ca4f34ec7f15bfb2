/** Servers for tests, on loopback by default. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Server } from 'node:net';

/** @param port 0: any free port @returns the port */
export async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
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
