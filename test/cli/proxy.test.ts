/** The command line behind a proxy: HCP Terraform and AWS are reached through `HTTPS_PROXY`, except for the hosts in `NO_PROXY`. */
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { Aws } from '../../cli/aws/clients.ts';
import { HcpTerraform } from '../../cli/hcp-terraform/client.ts';
import { Interruption } from '../../cli/interruption.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { listen } from '../loopback.ts';

const trusted = getCACertificates('default');
/** The hosts that clients asked the proxy for. */
const asked: string[] = [];
let server: HcpTerraformServer;
let proxy: Server;
let url: string;

beforeAll(async () => {
  server = await startHcpTerraform();
  setDefaultCACertificates([...trusted, server.certPem]);
  // Every tunnel leads to HCP Terraform.
  proxy = createServer().on('connect', ({ url: target = '' }, socket, head) => {
    asked.push(target);
    if (target.endsWith(':443')) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const tunnel = connect(server.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      tunnel.write(head);
      socket.pipe(tunnel).pipe(socket);
    });
    for (const each of [socket, tunnel]) each.on('error', () => each.destroy());
  });
  url = `http://127.0.0.1:${await listen(proxy)}`;
});
afterAll(async () => {
  setDefaultCACertificates(trusted);
  proxy.closeAllConnections();
  proxy.close();
  await server.close();
});
afterEach(() => {
  vi.unstubAllEnvs();
  asked.length = 0;
});

const account = async (): Promise<unknown> => {
  const client = new HcpTerraform({ hostname: server.hostname, token: server.apiToken });
  try {
    return await client.get('/api/v2/account/details', z.unknown());
  } finally {
    await client.close();
  }
};

test('requests to HCP Terraform go through the proxy', async () => {
  vi.stubEnv('HTTPS_PROXY', url);
  vi.stubEnv('NO_PROXY', '');
  expect(await account()).toMatchObject({ data: { type: 'users' } });
  expect(asked).toEqual([server.hostname]);
});

test.each<[string, () => Record<string, string>]>([
  ['the host is in NO_PROXY', () => ({ HTTPS_PROXY: url, NO_PROXY: server.hostname.replace(/:\d+$/, '') })],
  ['only HTTP_PROXY is set', () => ({ HTTP_PROXY: url })],
  ['no variable is set', () => ({})],
])('requests to HCP Terraform go straight if %s', async (_, variables) => {
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy']) {
    vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(variables())) vi.stubEnv(name, value);
  expect(await account()).toMatchObject({ data: { type: 'users' } });
  expect(asked).toEqual([]);
});

test('requests to AWS go through the proxy, except for hosts in NO_PROXY', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  vi.stubEnv('AWS_ENDPOINT_URL', undefined);
  const identity = async (env: Record<string, string>) => {
    const interruption = new Interruption(new AbortController().signal);
    const sts = await new Aws({ region: 'eu-central-1' }, { env, interruption }).sts();
    await expect(sts.send(new GetCallerIdentityCommand({}))).rejects.toThrow();
    sts.destroy();
  };
  await identity({ HTTPS_PROXY: url });
  expect(asked).toEqual(['sts.eu-central-1.amazonaws.com:443']);
  vi.stubEnv('AWS_ENDPOINT_URL', 'https://localhost:9');
  await identity({ HTTPS_PROXY: url, NO_PROXY: 'localhost' });
  expect(asked).toHaveLength(1);
});
