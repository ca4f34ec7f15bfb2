/** The command line behind a proxy: HCP Terraform, AWS, registries and HashiCorp's releases are reached through `HTTPS_PROXY`, except for the hosts in `NO_PROXY`. */
import { createServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { Aws } from '../../cli/aws/clients.ts';
import { Context } from '../../cli/context.ts';
import { imageFindings } from '../../cli/doctor/image.ts';
import { hcpTerraformAt } from '../../cli/hcp-terraform/connect.ts';
import { Interruption } from '../../cli/interruption.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { certificateFor, newAuthority } from '../certificates.ts';
import { startConnectProxy } from '../connect-proxy.ts';
import { listen } from '../loopback.ts';
import { lane, pool, target, task } from './core/doctor/builders.ts';

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

const account = async (env: Record<string, string>): Promise<unknown> => {
  const interruption = new Interruption(new AbortController().signal);
  const client = hcpTerraformAt({ io: { env }, interruption }, { hostname: server.hostname, token: server.apiToken });
  try {
    return await client.get('/api/v2/account/details', z.unknown());
  } finally {
    await client.close();
  }
};

test('requests to HCP Terraform go through the proxy', async () => {
  expect(await account({ HTTPS_PROXY: url })).toMatchObject({ data: { type: 'users' } });
  expect(asked).toEqual([server.hostname]);
});

test('requests to HCP Terraform ignore the variables of the process that the command doesn’t get', async () => {
  vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:9');
  vi.stubEnv('NO_PROXY', '*');
  expect(await account({})).toMatchObject({ data: { type: 'users' } });
  expect(asked).toEqual([]);
  expect(await account({ HTTPS_PROXY: url })).toMatchObject({ data: { type: 'users' } });
  expect(asked).toEqual([server.hostname]);
});

test.each<[string, () => Record<string, string>]>([
  ['the host is in NO_PROXY', () => ({ HTTPS_PROXY: url, NO_PROXY: server.hostname.replace(/:\d+$/, '') })],
  ['only HTTP_PROXY is set', () => ({ HTTP_PROXY: url })],
  ['no variable is set', () => ({})],
])('requests to HCP Terraform go straight if %s', async (_, variables) => {
  expect(await account(variables())).toMatchObject({ data: { type: 'users' } });
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

test('doctor reads images and releases through the proxy, except for hosts in NO_PROXY', async () => {
  const authority = await newAuthority('Acme CA');
  const hosts = ['registry.corp.invalid', 'login.corp.invalid', 'releases.corp.invalid'];
  const { key, cert } = await certificateFor(authority, hosts);
  // A registry whose images only requests with its anonymous token see, its token server, and HashiCorp's releases.
  const hidden = createHttpsServer({ key, cert }, ({ url: path = '', headers }, response) => {
    if (path.startsWith('/token')) response.end('{"token":"anonymous"}');
    else if (path === '/tfc-agent/index.json') response.end('{"versions":{"1.33.0":{},"99.0.0":{}}}');
    else if (headers.authorization === 'Bearer anonymous') response.end();
    else response.writeHead(401, { 'www-authenticate': 'Bearer realm="https://login.corp.invalid/token"' }).end();
  });
  const port = await listen(hidden);
  const connectProxy = await startConnectProxy(() => port);
  setDefaultCACertificates([...trusted, server.certPem, authority.cert]);
  try {
    const findings = (env: Record<string, string>) => {
      const io = {
        stdin: new PassThrough(),
        stdout: new PassThrough(),
        stderr: new PassThrough(),
        env: { RELEASES_URL: 'https://releases.corp.invalid', ...env },
        cwd: '.',
        now: Date.now,
        sleep: async () => {},
        interrupted: new AbortController().signal,
      };
      const image = { reference: 'registry.corp.invalid/tfc-agent:1.33.0', agentVersion: '1.33.0' };
      const pools = [pool({ lanes: [lane({ task: { value: task({ image }) } })] })];
      const context = new Context(io, { stack: 'AgentLauncher', json: false });
      return imageFindings({ context, target: target({ pools }), settings: undefined });
    };
    expect((await findings({ HTTPS_PROXY: connectProxy.url })).map(({ id, what }) => `${id}: ${what}`)).toEqual([
      'image.exists: The image registry.corp.invalid/tfc-agent:1.33.0 of pool aws exists.',
      expect.stringMatching(/^image.digest/),
      expect.stringMatching(/^image.agent-age: .* behind 99\.0\.0/),
    ]);
    expect(new Set(connectProxy.requested)).toEqual(new Set(hosts.map((host) => `${host}:443`)));
    const before = connectProxy.requested.length;
    const [unreachable] = await findings({ HTTPS_PROXY: connectProxy.url, NO_PROXY: '.corp.invalid' });
    expect(unreachable?.what).toMatch(/^Could not check the image/);
    expect(connectProxy.requested).toHaveLength(before);
  } finally {
    setDefaultCACertificates([...trusted, server.certPem]);
    await connectProxy.close();
    hidden.close();
    hidden.closeAllConnections();
  }
});
