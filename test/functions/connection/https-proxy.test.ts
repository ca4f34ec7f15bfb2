import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { ECSClient, ListClustersCommand } from '@aws-sdk/client-ecs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { ProxyError } from '../../../functions/connection/errors.ts';
import { HttpsProxy, type HttpsProxyParts, proxiedAgent } from '../../../functions/connection/https-proxy.ts';
import { connections, sendOver } from '../../../functions/launcher/adapters/hcp-terraform/send.ts';
import { newKeyPair } from '../../../local/hcp-terraform/certificate.ts';
import { type ConnectProxy, startConnectProxy } from '../../connect-proxy.ts';

const HOSTS = ['tfe.corp.example', 'ecs.eu-central-1.amazonaws.com'];
const LOGIN = 'launcher:pass word:1';

let server: Server;
let certificate: string;
let proxy: ConnectProxy;
let requests: number;
let now: number;

beforeAll(async () => {
  const pair = await newKeyPair(1, HOSTS);
  certificate = pair.cert;
  server = createServer(pair, (_request, response) => {
    requests += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"clusterArns":[]}');
  });
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
});
afterAll(() => void server.close().closeAllConnections());
beforeEach(async () => {
  requests = 0;
  now = 0;
  proxy = await startConnectProxy(() => (server.address() as AddressInfo).port);
});
afterEach(() => proxy.close());

const proxied = (more: Partial<HttpsProxyParts> = {}) =>
  new HttpsProxy({ url: proxy.url, noProxy: [], now: () => now, timeout: (ms) => AbortSignal.timeout(ms), ...more });
const login = (...values: readonly string[]) => {
  let reads = 0;
  return { secret: 'acme/proxy', read: async () => values[reads++] ?? values.at(-1) ?? '' };
};

/** Sends a request as the launcher does to HCP Terraform. */
async function get(through: HttpsProxy, hostname = 'tfe.corp.example:8443'): Promise<number> {
  const dispatcher = connections({ ca: certificate }, through);
  const send = sendOver(dispatcher, hostname, 'test', (ms) => AbortSignal.timeout(ms));
  try {
    return (await send('/api/v2/ping', 'token', new AbortController().signal)).status;
  } finally {
    await dispatcher.destroy();
  }
}

/** Sends a request as the launcher does to AWS. */
async function callAws(through: HttpsProxy): Promise<void> {
  const client = new ECSClient({
    region: 'eu-central-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 2_000, httpsAgent: proxiedAgent(through, 500, { ca: certificate }) },
  });
  try {
    await client.send(new ListClustersCommand({}));
  } finally {
    client.destroy();
  }
}

const bothWays = [
  ['HCP Terraform', get, 'tfe.corp.example:8443'],
  ['AWS', callAws, 'ecs.eu-central-1.amazonaws.com:443'],
] as const;
const failureOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => 'no error',
    (error: unknown) => error,
  );

it.each(bothWays)('requests to %s use the proxy', async (_, send, destination) => {
  await send(proxied());
  expect([proxy.requested, requests]).toEqual([[destination], 1]);
});

it.each(bothWays)('requests to %s send the login, but only to the proxy', async (_, send) => {
  proxy.login = LOGIN;
  await send(proxied({ login: login(LOGIN) }));
  expect(requests).toBe(1);
});

it.each(bothWays)('requests to %s read a rotated login again', async (_, send, destination) => {
  proxy.login = LOGIN;
  const through = proxied({ login: login('launcher:old', LOGIN) });
  expect(await failureOf(send(through))).toMatchObject({ isRejection: true });
  now = 30_000;
  await send(through);
  expect([requests, proxy.requested]).toEqual([1, [destination, destination, destination]]);
});

it.each(bothWays)(
  'requests to %s read the login again if the proxy rejects it with 401, as tinyproxy does',
  async (_, send) => {
    proxy.login = LOGIN;
    proxy.loginStatus = '401 Unauthorized';
    const through = proxied({ login: login('launcher:old', LOGIN) });
    const error = await failureOf(send(through));
    expect(error).toMatchObject({ code: 'PROXY_LOGIN', fault: 'rejected' });
    expect(String(error)).toMatch(
      /rejected the login in secret acme\/proxy \(401\).*launcher\.httpsProxyCredentialsSecret/,
    );
    now = 30_000;
    await send(through);
    expect([requests, proxy.requested.length]).toEqual([1, 3]);
  },
);

it.each(bothWays)('an exception makes requests to %s bypass the proxy', async (_, send, destination) => {
  const [host = ''] = destination.split(':');
  // The host doesn't exist, so only a request that bypasses the proxy fails.
  expect(await failureOf(send(proxied({ noProxy: [host] })))).not.toBe('no error');
  expect(proxy.requested).toEqual([]);
});

it.each(bothWays)('a missing login for %s is an error that names the setting to add', async (_, send) => {
  proxy.login = LOGIN;
  const error = await failureOf(send(proxied()));
  expect(error).toBeInstanceOf(ProxyError);
  expect(String(error)).toMatch(/demands a login \(407\).*launcher\.httpsProxyCredentialsSecret/);
});

it.each(bothWays)('a wrong login for %s is an error with the secret and without the login', async (_, send) => {
  proxy.login = LOGIN;
  const error = await failureOf(send(proxied({ login: login('launcher:must-not-show') })));
  expect(error).toMatchObject({ code: 'PROXY_LOGIN', fault: 'rejected' });
  expect(String(error)).toMatch(/acme\/proxy \(407\).*launcher\.httpsProxyCredentialsSecret/);
  expect(`${error} ${JSON.stringify(error)}`).not.toMatch(/must-not-show|bXVzd/);
});

it('connections that the proxy rejects at the same time share one read of the renewed login', async () => {
  proxy.login = LOGIN;
  const through = proxied({ login: login('launcher:old', LOGIN) });
  await failureOf(get(through));
  now = 30_000;
  await Promise.all([get(through), get(through), get(through)]);
  expect(requests).toBe(3);
});

it('after a wrong login, further connections read the secret only after 30 s', async () => {
  proxy.login = LOGIN;
  let reads = 0;
  const through = proxied({
    login: {
      secret: 'acme/proxy',
      read: async () => {
        reads += 1;
        return 'launcher:wrong';
      },
    },
  });
  for (const at of [0, 10_000, 29_999]) {
    now = at;
    await failureOf(get(through));
  }
  expect(reads).toBe(1);
  now = 30_000;
  await failureOf(get(through));
  expect(reads).toBe(2);
});

it('a login that cannot be read is read again by the next connection', async () => {
  proxy.login = LOGIN;
  let reads = 0;
  const read = async () => {
    reads += 1;
    if (reads === 1) throw new Error('no secret');
    return LOGIN;
  };
  const through = proxied({ login: { secret: 'acme/proxy', read } });
  expect(await failureOf(get(through))).toMatchObject({ message: 'no secret' });
  expect(await get(through)).toBe(200);
});

it.each(bothWays)('a refused destination of %s is an error that says what to allow', async (_, send, destination) => {
  proxy.refusal = '403 Forbidden';
  const error = await failureOf(send(proxied()));
  expect(error).toMatchObject({ fault: 'rejected' });
  expect(String(error)).toContain(`refuses connections to ${destination} (status 403); allow this destination`);
});

it.each(bothWays)('a proxy that cannot reach %s is an error that blames neither setting', async (_, send) => {
  proxy.refusal = '503 Service Unavailable';
  expect(await failureOf(send(proxied()))).toMatchObject({
    fault: 'unavailable',
    message: expect.stringMatching(/has no connection to .* \(status 503\); check the DNS and the egress path/),
  });
});

it.each(bothWays)('a proxy that is down is an error that names launcher.httpsProxy, for %s', async (_, send) => {
  await proxy.close();
  expect(await failureOf(send(proxied()))).toMatchObject({
    fault: 'unavailable',
    code: 'ECONNREFUSED',
    message: expect.stringMatching(/can't be reached \(ECONNREFUSED\).*launcher\.httpsProxy/),
  });
});

it('a proxy that never answers is an error after the timeout', async () => {
  proxy.hangs = true;
  expect(await failureOf(callAws(proxied()))).toMatchObject({
    code: 'ETIMEDOUT',
    message: expect.stringContaining("doesn't answer within 0.5 s"),
  });
});

it('a host with an untrusted certificate is refused behind the proxy, too', async () => {
  const dispatcher = connections({}, proxied());
  const send = sendOver(dispatcher, 'tfe.corp.example', 'test', (ms) => AbortSignal.timeout(ms));
  const error = await failureOf(send('/api/v2/ping', 'token', new AbortController().signal));
  await dispatcher.destroy();
  expect(error).toMatchObject({ code: expect.stringMatching(/SELF_SIGNED|VERIFY/) });
  expect(requests).toBe(0);
});
