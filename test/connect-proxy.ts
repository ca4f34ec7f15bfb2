/** A CONNECT proxy on loopback, for unit tests. `labs/enterprise` uses real ones. */
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ConnectProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** The destinations that were requested, oldest first. */
  readonly requested: readonly string[];
  /** The login that the proxy demands: `user:password`. */
  login: string | undefined;
  /** The status with which the proxy rejects a missing or wrong login. Default: 407. tinyproxy 1.11.1 rejects a wrong one with 401. */
  loginStatus: string;
  /** The status with which the proxy refuses every request; `undefined`: it accepts them. */
  refusal: string | undefined;
  /** If true, the proxy never answers. */
  hangs: boolean;
  close(): Promise<void>;
}

/** @param resolve returns the port on loopback for a destination */
export async function startConnectProxy(resolve: (destination: string) => number): Promise<ConnectProxy> {
  const requested: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  });
  const proxy = {
    login: undefined,
    loginStatus: '407 Proxy Authentication Required',
    refusal: undefined,
    hangs: false,
  } as {
    login: string | undefined;
    loginStatus: string;
    refusal: string | undefined;
    hangs: boolean;
  };
  server.on('connect', ({ url: destination = '', headers }, socket) => {
    requested.push(destination);
    if (proxy.hangs) return;
    const given = Buffer.from(`${headers['proxy-authorization']}`.replace(/^Basic /, ''), 'base64').toString();
    const status = proxy.login !== undefined && given !== proxy.login ? proxy.loginStatus : proxy.refusal;
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const upstream = connect(resolve(destination), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
  });
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${port}`,
    requested,
    close: () =>
      new Promise<void>((closed) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => closed());
      }),
  });
}
