/**
 * Connections through a proxy, for HCP Terraform (undici) and for AWS (the SDK). Both get their sockets from one class, so the exceptions, the
 * login and the errors are the same.
 *
 * A connection begins with a request `CONNECT host:port` to the proxy. If the proxy accepts it, TLS runs between the function and the host, and
 * the proxy sees only their names. If the proxy rejects the login, the function reads its secret again, because the login may have been rotated.
 * The standard status is 407. tinyproxy 1.11.1 demands a login with 407, but rejects a wrong one with 401.
 */
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent, request as tlsRequest } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { buildConnector } from 'undici';
import { ProxyError } from './errors.ts';
import { isExcepted } from './no-proxy.ts';
import { isUntrusted } from './untrusted.ts';

export interface HttpsProxyParts {
  /** URL of the proxy, without a login: `http://proxy.example.com:3128`. */
  readonly url: string;
  readonly noProxy: readonly string[];
  /** The login, with the name of its secret and its key there; absent: the proxy asks for none. */
  readonly login?:
    | { readonly secret: string; readonly jsonKey?: string | undefined; readonly read: () => Promise<string> }
    | undefined;
  readonly now: () => number;
  /** Returns a signal that aborts after the given time. */
  readonly timeout: (ms: number) => AbortSignal;
}

/** Minimum time between two reads of the login, so that a wrong one doesn't cause a read per connection. */
const LOGIN_AGAIN_MS = 30_000;

function isLoginRejection(status: number): boolean {
  return status === 407 || status === 401;
}

interface Destination {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export class HttpsProxy {
  readonly #parts: HttpsProxyParts;
  readonly #url: URL;
  #login: Promise<string> | undefined;
  #loginReadAt = Number.NEGATIVE_INFINITY;

  constructor(parts: HttpsProxyParts) {
    this.#parts = parts;
    this.#url = new URL(parts.url);
  }

  isExcepted(host: string, port: number): boolean {
    return isExcepted(host, port, this.#parts.noProxy);
  }

  /** Opens a connection to a destination. Rejects with `ProxyError`. */
  async connect(destination: Destination): Promise<Socket> {
    const login = await this.#currentLogin();
    const first = await this.#tunnel(destination, login);
    if (typeof first !== 'number') return first;
    if (login === undefined || !isLoginRejection(first)) throw this.#refused(first, destination);
    // Another connection may have read the secret again in the meantime.
    const renewed = await (this.#mayReadLogin() ? this.#readLogin() : this.#currentLogin());
    const second = renewed === login ? first : await this.#tunnel(destination, renewed);
    if (typeof second !== 'number') return second;
    throw this.#refused(second, destination);
  }

  async #currentLogin(): Promise<string | undefined> {
    return this.#parts.login === undefined ? undefined : (this.#login ?? this.#readLogin());
  }

  #mayReadLogin(): boolean {
    return this.#parts.now() >= this.#loginReadAt + LOGIN_AGAIN_MS;
  }

  #readLogin(): Promise<string> {
    const read = this.#parts.login?.read() ?? Promise.reject(new Error('there is no secret with a login'));
    this.#loginReadAt = this.#parts.now();
    this.#login = read;
    // A failed read isn't kept. The callers that wait for it get the rejection.
    read.catch(() => {
      this.#login = undefined;
    });
    return read;
  }

  /** Resolves with the connection, or with the proxy's status if the proxy refused it. */
  #tunnel({ host, port, timeoutMs }: Destination, login: string | undefined): Promise<Socket | number> {
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const send = this.#url.protocol === 'https:' ? tlsRequest : plainRequest;
    const { promise, resolve, reject } = Promise.withResolvers<Socket | number>();
    const asked = send({
      method: 'CONNECT',
      host: this.#url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: this.#url.port || (this.#url.protocol === 'https:' ? 443 : 80),
      path: target,
      agent: false,
      headers: {
        host: target,
        ...(login !== undefined && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
      },
    });
    const until = this.#parts.timeout(timeoutMs);
    const giveUp = (): void => {
      reject(this.#unreachable(`doesn't answer within ${timeoutMs / 1000} s`, 'ETIMEDOUT'));
      asked.destroy();
    };
    // Not the option `signal`: it would also end the connection after the proxy has accepted it.
    until.addEventListener('abort', giveUp, { once: true });
    asked.once('connect', ({ statusCode = 0 }: IncomingMessage, socket: Duplex) => {
      until.removeEventListener('abort', giveUp);
      if (statusCode === 200 && socket instanceof Socket) return resolve(socket);
      socket.on('error', () => {}).destroy();
      return resolve(statusCode);
    });
    asked.once('error', (error) => {
      until.removeEventListener('abort', giveUp);
      const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
      reject(isUntrusted(code) ? this.#untrusted(code) : this.#unreachable("can't be reached", code));
    });
    asked.end();
    return promise;
  }

  get #name(): string {
    return `the proxy ${this.#url.host}`;
  }

  #unreachable(what: string, code: string): ProxyError {
    return new ProxyError(
      `${this.#name} ${what} (${code}); check that the proxy runs, the setting launcher.httpsProxy, and the security groups on the way`,
      { code },
    );
  }

  #untrusted(code: string): ProxyError {
    return new ProxyError(
      `the certificate of ${this.#name} is not trusted (${code}); set caCertificates to the certificates of its certificate authority`,
      { code },
    );
  }

  #refused(status: number, { host, port }: Destination): ProxyError {
    const { secret, jsonKey } = this.#parts.login ?? {};
    if (isLoginRejection(status)) {
      const what =
        secret === undefined
          ? `${this.#name} demands a login (${status}); store user:password in a secret, and set its name in launcher.httpsProxyCredentialsSecret`
          : jsonKey === undefined
            ? `${this.#name} rejected the login in secret ${secret} (${status}); store the valid user:password in this secret, which launcher.httpsProxyCredentialsSecret sets`
            : `${this.#name} rejected the login under the key ${jsonKey} of secret ${secret} (${status}); store the valid user:password under this key, and keep the other keys`;
      return new ProxyError(what, { code: 'PROXY_LOGIN', isRejection: true });
    }
    if (status >= 500) {
      return new ProxyError(
        `${this.#name} has no connection to ${host}:${port} (status ${status}); check the DNS and the egress path of the proxy, and the host`,
        { code: 'PROXY_UPSTREAM' },
      );
    }
    return new ProxyError(
      `${this.#name} refuses connections to ${host}:${port} (status ${status}); allow this destination in the proxy, or add the host to launcher.noProxy`,
      { code: 'PROXY_REFUSED', isRejection: true },
    );
  }
}

/** An agent for the SDK's requests, which connects through the proxy. */
export function proxiedAgent(proxy: HttpsProxy, timeoutMs: number, options: Agent['options'] = {}): Agent {
  return new ProxiedAgent(proxy, timeoutMs, { keepAlive: true, maxSockets: 50, ...options });
}

class ProxiedAgent extends Agent {
  readonly #proxy: HttpsProxy;
  readonly #timeoutMs: number;

  constructor(proxy: HttpsProxy, timeoutMs: number, options: Agent['options']) {
    super(options);
    this.#proxy = proxy;
    this.#timeoutMs = timeoutMs;
  }

  override createConnection(...[options, callback]: Parameters<Agent['createConnection']>): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    const port = Number(options.port ?? 443);
    if (callback === undefined || this.#proxy.isExcepted(host, port)) return super.createConnection(options, callback);
    this.#proxy.connect({ host, port, timeoutMs: this.#timeoutMs }).then(
      (socket) => {
        const overTunnel = { ...options, socket };
        const tls = super.createConnection(overTunnel);
        if (tls) callback(null, tls);
      },
      // The agent destroys the request with this error. It uses no socket.
      (error: Error) => callback(error, new Socket()),
    );
    return undefined;
  }
}

/** Connects undici through the proxy. */
export function proxiedConnector(
  proxy: HttpsProxy,
  timeoutMs: number,
  tls: buildConnector.BuildOptions = {},
): buildConnector.connector {
  const direct = buildConnector({ timeout: timeoutMs, ...tls });
  return (options, callback) => {
    const port = Number(options.port || 443);
    if (proxy.isExcepted(options.hostname, port)) return direct(options, callback);
    return proxy.connect({ host: options.hostname, port, timeoutMs }).then(
      (httpSocket) => direct({ ...options, httpSocket }, callback),
      (error: Error) => callback(error, null),
    );
  };
}
