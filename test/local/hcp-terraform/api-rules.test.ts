import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HcpTerraformOptions } from '../../../local/hcp-terraform/server.ts';
import { at, type Clock, clockAt, listAt, type Platform, startPlatform, takeJob, textAt } from './client.ts';

let clock: Clock;
let platform: Platform;
beforeEach(async () => {
  clock = clockAt('2026-03-01T12:00:00Z');
  platform = await startPlatform({ now: clock.now });
});
afterEach(() => platform.close());

async function restart(options: HcpTerraformOptions): Promise<void> {
  await platform.close();
  platform = await startPlatform({ now: clock.now, ...options });
}

describe('API tokens', () => {
  it('are required: without a token, with a wrong token or with an agent token the response is 401', async () => {
    const { token } = platform.server.agentPool;
    for (const authorization of [undefined, 'Bearer nonsense', `Bearer ${token}`]) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await platform.send('GET', `/api/v2${platform.organization}/runs`, { headers });
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual({ errors: [{ status: '401', title: 'unauthorized' }] });
    }
  });

  it('can’t register agents', async () => {
    expect((await platform.registration({}, platform.server.apiToken)).status).toBe(401);
  });

  it('of a team that views workspaces can read runs, pools and agents, and get 404 for everything else', async () => {
    const { launcherApiToken } = platform.server;
    const workspaceId = await platform.workspace('one');
    const attempt = (method: 'GET' | 'DELETE', path: string) => platform.api(method, path, undefined, launcherApiToken);
    for (const path of [`${platform.organization}/runs`, `${platform.pool}/agents`]) {
      expect((await attempt('GET', path)).status).toBe(200);
    }
    for (const answer of [
      await attempt('DELETE', `/workspaces/${workspaceId}`),
      await attempt('GET', `/workspaces/${workspaceId}/vars`),
      await attempt('GET', `${platform.pool}/authentication-tokens`),
      await attempt('GET', '/organizations/nobody/runs'),
    ]) {
      expect(answer.status).toBe(404);
      expect(answer.body).toEqual({ errors: [{ status: '404', title: 'not found' }] });
    }
  });

  it('identify the user', async () => {
    const answer = await platform.api('GET', '/account/details', undefined, platform.server.launcherApiToken);
    expect(at(answer.body, 'data')).toMatchObject({ type: 'users', attributes: { 'is-service-account': true } });
  });
});

describe('a web page', () => {
  it.each([
    ['of another port of this machine', { origin: 'http://localhost:3000' }],
    ['of another site, by a form or an image', { 'sec-fetch-site': 'cross-site' }],
  ])('%s gets 403, even with a valid token', async (_what, headers) => {
    const authorization = `Bearer ${platform.server.apiToken}`;
    for (const path of ['/api/v2/account/details', '/.well-known/terraform.json', '/v1/object/x', '/nothing']) {
      const answer = await platform.send('GET', path, { headers: { authorization, ...headers } });
      expect(answer.status).toBe(403);
      expect(at(answer.body, 'errors', 0, 'title')).toBe('forbidden');
    }
  });

  it('with a domain that is rebound to loopback gets 403, even if the browser accepts the certificate', async () => {
    const sent = request(`${platform.server.url}/api/v2/account/details`, {
      headers: { host: 'attacker.example', authorization: `Bearer ${platform.server.apiToken}` },
      ca: platform.server.certPem,
      servername: 'localhost',
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(403);
  });
});

describe('API requests', () => {
  it('that change something need the JSON:API media type, even without a body', async () => {
    const authorization = `Bearer ${platform.server.apiToken}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const json = await platform.send('POST', `/api/v2${platform.organization}/agent-pools`, { headers, body: {} });
    const none = await platform.send('DELETE', `/api/v2${platform.pool}`, { headers: { authorization } });
    expect([json.status, none.status]).toEqual([415, 415]);
    expect(at(json.body, 'errors', 0, 'status')).toBe('415');
  });

  it('are rejected if the body isn’t JSON, or isn’t a document of the resource’s type', async () => {
    const path = `${platform.organization}/agent-pools`;
    expect((await platform.api('POST', path, '{"data":')).status).toBe(400);
    const wrongType = await platform.create(path, 'workspaces', { name: 'x' });
    expect(wrongType.status).toBe(422);
    expect(at(wrongType.body, 'errors', 0)).toMatchObject({ status: '422', source: { pointer: '/data/type' } });
  });

  it('are rejected with a pointer to the invalid attribute', async () => {
    const { name } = platform.server.agentPool;
    const answer = await platform.create(`${platform.organization}/agent-pools`, 'agent-pools', { name });
    expect(answer.status).toBe(422);
    const source = { pointer: '/data/attributes/name' };
    const detail = 'Name has already been taken';
    expect(answer.body).toEqual({ errors: [{ status: '422', title: 'invalid attribute', detail, source }] });
  });

  it('for a path that doesn’t exist get 404 and an errors document', async () => {
    const answer = await platform.api('GET', '/no-such-thing');
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toContain('application/vnd.api+json');
    expect(at(answer.body, 'errors', 0, 'title')).toBe('not found');
  });

  it('with an unknown include get 400', async () => {
    const answer = await platform.api('GET', `${platform.organization}/runs?include=plan,nonsense`);
    expect(answer.status).toBe(400);
    expect(textAt(answer.body, 'errors', 0, 'detail')).toContain('nonsense');
  });
});

describe('rate limits', () => {
  const rateLimits = { requests: { limit: 30, windowMs: 1_000 }, runLists: { limit: 30, windowMs: 60_000 } };
  beforeEach(() => restart({ rateLimits }));

  it('allow each user 30 lists of runs per minute, across both kinds of list, and report the time to wait', async () => {
    const workspaceId = await platform.workspace('one');
    const lists = [`${platform.organization}/runs`, `/workspaces/${workspaceId}/runs`] as const;
    for (let request = 1; request <= 30; request += 1) {
      clock.advance(1_000);
      const answer = await platform.api('GET', request % 2 === 0 ? lists[0] : lists[1]);
      expect(answer.status).toBe(200);
      expect(answer.headers['x-ratelimit-limit']).toBe('30');
      expect(answer.headers['x-ratelimit-remaining']).toBe(String(30 - request));
    }
    const refused = await platform.api('GET', lists[0]);
    expect(refused.status).toBe(429);
    expect(at(refused.body, 'errors', 0, 'title')).toBe('Too many requests');
    // The first request was 29 s ago: it leaves the window in 31 s.
    expect(refused.headers['x-ratelimit-reset']).toBe('31.000');

    const other = await platform.api('GET', lists[0], undefined, platform.server.launcherApiToken);
    expect(other.status).toBe(200);
    expect((await platform.api('GET', `/workspaces/${workspaceId}`)).status).toBe(200);

    clock.advance(31_000);
    expect((await platform.api('GET', lists[0])).status).toBe(200);
  });

  it('allow 30 requests per second for each user, and for each address that sends requests without a user', async () => {
    const ask = () => platform.api('GET', '/account/details');
    const statuses = (await Promise.all(Array.from({ length: 31 }, ask))).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    expect((await platform.send('GET', '/api/v2/ping')).status).toBe(204);
    clock.advance(1_000);
    expect((await ask()).status).toBe(200);
  });
});

describe('the platform', () => {
  it('is HCP Terraform by default', async () => {
    const ping = await platform.api('GET', '/ping');
    expect(ping.status).toBe(204);
    expect(ping.headers).toMatchObject({ 'tfp-appname': 'HCP Terraform', 'tfp-api-version': '2.6' });
    expect(ping.headers['x-tfe-version']).toBeUndefined();
  });

  it('is Terraform Enterprise if the options contain its version', async () => {
    await restart({ tfeVersion: 'v202401-2' });
    const ping = await platform.api('GET', '/ping');
    expect(ping.headers).toMatchObject({ 'tfp-appname': 'Terraform Enterprise', 'x-tfe-version': 'v202401-2' });
  });

  it.each([
    ['v202408-1', 404],
    ['v202409-1', 200],
    ['v202501-1', 200],
    ['1.2.0', 200],
  ])('as Terraform Enterprise %s returns %i for an organization’s list of runs', async (tfeVersion, status) => {
    await restart({ tfeVersion });
    expect((await platform.api('GET', `${platform.organization}/runs`)).status).toBe(status);
  });

  it('shows service discovery and address ranges without a token', async () => {
    const discovery = await platform.send('GET', '/.well-known/terraform.json');
    const path = '/api/v2/';
    const expected = { 'state.v2': path, 'tfe.v2': path, 'tfe.v2.1': path, 'tfe.v2.2': path };
    expect(discovery.body).toEqual(expected);
    const ranges = await platform.send('GET', '/api/meta/ip-ranges');
    expect(listAt(ranges.body, 'notifications').length).toBeGreaterThan(0);
    const headers = { 'if-modified-since': String(ranges.headers['last-modified']) };
    expect((await platform.send('GET', '/api/meta/ip-ranges', { headers })).status).toBe(304);
  });

  it.each([
    ['*one*', ['one', 'two-one-three']],
    ['one', ['one']],
    ['two*', ['two-one-three']],
    ['*one', ['one']],
    ['o*e*e', []],
    [`${'*o'.repeat(40)}x`, []],
    ['*', ['one', 'two-one-three']],
  ])('finds the names for the wildcard %s quickly', async (pattern, names) => {
    for (const name of ['one', 'two-one-three', 'o'.repeat(90)]) await platform.workspace(name);
    const answer = await platform.api('GET', `${platform.organization}/workspaces?search[wildcard-name]=${pattern}`);
    const found = listAt(answer.body, 'data').map((each) => textAt(each, 'attributes', 'name'));
    expect(found.filter((name) => name.length < 90)).toEqual(names);
  });

  it('rejects a body or a state that is nested too deeply, because it could not serialize it again', async () => {
    const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const pools = `${platform.organization}/agent-pools`;
    expect((await platform.api('POST', pools, `{"data":${deep(200_000)}}`)).status).toBe(400);
    const workspaceId = await platform.workspace('one');
    await platform.createRun(workspaceId);
    const { agent, job } = await takeJob(platform);
    const path = `/jobs/${job.operationId}/state`;
    const state = (depth: number) =>
      `{"version":4,"serial":1,"outputs":{"o":{"value":${deep(depth)},"type":"dynamic"}}}`;
    expect((await agent.send('PUT', path, state(50_000))).status).toBe(422);
    expect((await agent.send('PUT', path, state(100))).status).toBe(204);
    expect((await platform.api('GET', `/workspaces/${workspaceId}/current-state-version-outputs`)).status).toBe(200);
  });

  it('has only the organization, its pool and their tokens after a reset', async () => {
    const runId = await platform.createRun(await platform.workspace('one'));
    await platform.register();
    platform.server.reset();
    expect((await platform.api('GET', `/runs/${runId}`)).status).toBe(404);
    expect(listAt((await platform.api('GET', `${platform.organization}/workspaces`)).body, 'data')).toEqual([]);
    expect(listAt((await platform.api('GET', `${platform.pool}/agents`)).body, 'data')).toEqual([]);
    expect((await platform.registration()).status).toBe(201);
  });
});
