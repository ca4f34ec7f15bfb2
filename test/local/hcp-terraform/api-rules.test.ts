import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterEach, describe, expect, it } from 'vitest';
import { at, clockAt, listAt, type Platform, startPlatform, takeJob, textAt } from './client.ts';

let platform: Platform;
afterEach(() => platform.close());

describe('tokens', () => {
  it('answers 401 without a token, with a wrong one, and with an agent token', async () => {
    platform = await startPlatform();
    const path = `/api/v2/organizations/${platform.server.organization}/runs`;
    for (const headers of [
      {},
      { authorization: 'Bearer nonsense' },
      { authorization: `Bearer ${platform.server.agentPool.token}` },
    ]) {
      const answer = await platform.send('GET', path, { headers });
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual({ errors: [{ status: '401', title: 'unauthorized' }] });
    }
  });

  it('keeps API tokens out of the agent protocol', async () => {
    platform = await startPlatform();
    const answer = await platform.registration({}, platform.server.apiToken);
    expect(answer.status).toBe(401);
  });

  it('hides what a token may not do behind 404: a viewing team can read runs, pools and agents, and change nothing', async () => {
    platform = await startPlatform();
    const { launcherApiToken, organization, agentPool } = platform.server;
    const workspaceId = await platform.workspace('one');
    for (const path of [`/organizations/${organization}/runs`, `/agent-pools/${agentPool.id}/agents`]) {
      expect((await platform.api('GET', path, undefined, launcherApiToken)).status).toBe(200);
    }
    const attempts = [
      platform.api('DELETE', `/workspaces/${workspaceId}`, undefined, launcherApiToken),
      platform.api('GET', `/workspaces/${workspaceId}/vars`, undefined, launcherApiToken),
      platform.api('GET', `/agent-pools/${agentPool.id}/authentication-tokens`, undefined, launcherApiToken),
      platform.api('GET', '/organizations/nobody/runs', undefined, launcherApiToken),
    ];
    for (const answer of await Promise.all(attempts)) {
      expect(answer.status).toBe(404);
      expect(answer.body).toEqual({ errors: [{ status: '404', title: 'not found' }] });
    }
  });

  it('knows the user behind a token', async () => {
    platform = await startPlatform();
    const answer = await platform.api('GET', '/account/details', undefined, platform.server.launcherApiToken);
    expect(at(answer.body, 'data')).toMatchObject({ type: 'users', attributes: { 'is-service-account': true } });
  });
});

describe('a web page', () => {
  it.each([
    ['of another port of this machine', { origin: 'http://localhost:3000' }],
    ['of another site, by a form or an image', { 'sec-fetch-site': 'cross-site' }],
  ])('%s gets nothing, even with a valid token', async (_what, headers) => {
    platform = await startPlatform();
    const authorization = `Bearer ${platform.server.apiToken}`;
    for (const path of ['/api/v2/account/details', '/.well-known/terraform.json', '/v1/object/x', '/nothing']) {
      const answer = await platform.send('GET', path, { headers: { authorization, ...headers } });
      expect(answer.status).toBe(403);
      expect(at(answer.body, 'errors', 0, 'title')).toBe('forbidden');
    }
  });

  it('whose name was rebound to loopback gets nothing, even if the browser accepted the certificate', async () => {
    platform = await startPlatform();
    const headers = { host: 'attacker.example', authorization: `Bearer ${platform.server.apiToken}` };
    const sent = request(`${platform.server.url}/api/v2/account/details`, {
      headers,
      ca: platform.server.certPem,
      servername: 'localhost',
    });
    sent.end();
    const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(403);
  });
});

describe('media types and bodies', () => {
  it('wants the JSON:API media type on every POST, PATCH and DELETE, also without a body', async () => {
    platform = await startPlatform();
    const authorization = `Bearer ${platform.server.apiToken}`;
    const path = `/api/v2/organizations/${platform.server.organization}/agent-pools`;
    const json = await platform.send('POST', path, {
      headers: { authorization, 'content-type': 'application/json' },
      body: {},
    });
    const none = await platform.send('DELETE', `/api/v2/agent-pools/${platform.server.agentPool.id}`, {
      headers: { authorization },
    });
    expect([json.status, none.status]).toEqual([415, 415]);
    expect(at(json.body, 'errors', 0, 'status')).toBe('415');
  });

  it('refuses a body that is no JSON, and one that is no document of the type', async () => {
    platform = await startPlatform();
    const path = `/organizations/${platform.server.organization}/agent-pools`;
    const broken = await platform.api('POST', path, '{"data":');
    expect(broken.status).toBe(400);
    const wrongType = await platform.api('POST', path, { data: { type: 'workspaces', attributes: { name: 'x' } } });
    expect(wrongType.status).toBe(422);
    expect(at(wrongType.body, 'errors', 0)).toMatchObject({ status: '422', source: { pointer: '/data/type' } });
  });

  it('names the attribute that is not acceptable', async () => {
    platform = await startPlatform();
    const answer = await platform.api('POST', `/organizations/${platform.server.organization}/agent-pools`, {
      data: { type: 'agent-pools', attributes: { name: platform.server.agentPool.name } },
    });
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({
      errors: [
        {
          status: '422',
          title: 'invalid attribute',
          detail: 'Name has already been taken',
          source: { pointer: '/data/attributes/name' },
        },
      ],
    });
  });

  it('answers 404 for what does not exist, as an errors document', async () => {
    platform = await startPlatform();
    const answer = await platform.api('GET', '/no-such-thing');
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toContain('application/vnd.api+json');
    expect(at(answer.body, 'errors', 0, 'title')).toBe('not found');
  });

  it('refuses an include it does not know', async () => {
    platform = await startPlatform();
    const answer = await platform.api(
      'GET',
      `/organizations/${platform.server.organization}/runs?include=plan,nonsense`,
    );
    expect(answer.status).toBe(400);
    expect(textAt(answer.body, 'errors', 0, 'detail')).toContain('nonsense');
  });
});

describe('rate limits', () => {
  it('allows 30 lists of runs a minute per user, the two lists together, and says how long to wait', async () => {
    const clock = clockAt('2026-03-01T12:00:00Z');
    platform = await startPlatform({
      now: clock.now,
      rateLimits: { requests: { limit: 30, windowMs: 1_000 }, runLists: { limit: 30, windowMs: 60_000 } },
    });
    const workspaceId = await platform.workspace('one');
    const organizationList = `/organizations/${platform.server.organization}/runs`;
    for (let request = 1; request <= 30; request += 1) {
      clock.advance(1_000);
      const answer = await platform.api(
        'GET',
        request % 2 === 0 ? organizationList : `/workspaces/${workspaceId}/runs`,
      );
      expect(answer.status).toBe(200);
      expect(answer.headers['x-ratelimit-limit']).toBe('30');
      expect(answer.headers['x-ratelimit-remaining']).toBe(String(30 - request));
    }
    const refused = await platform.api('GET', organizationList);
    expect(refused.status).toBe(429);
    expect(at(refused.body, 'errors', 0, 'title')).toBe('Too many requests');
    // The first request was 29 s ago: it leaves the window in 31 s.
    expect(refused.headers['x-ratelimit-reset']).toBe('31.000');

    const other = await platform.api('GET', organizationList, undefined, platform.server.launcherApiToken);
    expect(other.status).toBe(200);
    expect((await platform.api('GET', `/workspaces/${workspaceId}`)).status).toBe(200);

    clock.advance(31_000);
    expect((await platform.api('GET', organizationList)).status).toBe(200);
  });

  it('allows 30 requests a second per user, and per address without one', async () => {
    const clock = clockAt('2026-03-01T12:00:00Z');
    platform = await startPlatform({
      now: clock.now,
      rateLimits: { requests: { limit: 30, windowMs: 1_000 }, runLists: { limit: 30, windowMs: 60_000 } },
    });
    const ask = () => platform.api('GET', '/account/details');
    const statuses = (await Promise.all(Array.from({ length: 31 }, ask))).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    expect((await platform.send('GET', '/api/v2/ping')).status).toBe(204);
    clock.advance(1_000);
    expect((await ask()).status).toBe(200);
  });
});

describe('what is asked before anything else', () => {
  it('is HCP Terraform unless it is started as Terraform Enterprise', async () => {
    platform = await startPlatform();
    const ping = await platform.api('GET', '/ping');
    expect(ping.status).toBe(204);
    expect(ping.headers).toMatchObject({ 'tfp-appname': 'HCP Terraform', 'tfp-api-version': '2.6' });
    expect(ping.headers['x-tfe-version']).toBeUndefined();
  });

  it('can be a Terraform Enterprise of a version', async () => {
    platform = await startPlatform({ tfeVersion: 'v202401-2' });
    const ping = await platform.api('GET', '/ping');
    expect(ping.headers).toMatchObject({ 'tfp-appname': 'Terraform Enterprise', 'x-tfe-version': 'v202401-2' });
  });

  it.each([
    ['v202408-1', 404],
    ['v202409-1', 200],
    ['v202501-1', 200],
    ['1.2.0', 200],
  ])(
    'as Terraform Enterprise %s it answers the list of runs of an organization with %i',
    async (tfeVersion, status) => {
      platform = await startPlatform({ tfeVersion });
      const answer = await platform.api('GET', `/organizations/${platform.server.organization}/runs`);
      expect(answer.status).toBe(status);
    },
  );

  it('offers service discovery and address ranges to anybody', async () => {
    platform = await startPlatform();
    const discovery = await platform.send('GET', '/.well-known/terraform.json');
    expect(discovery.body).toEqual({
      'state.v2': '/api/v2/',
      'tfe.v2': '/api/v2/',
      'tfe.v2.1': '/api/v2/',
      'tfe.v2.2': '/api/v2/',
    });
    const ranges = await platform.send('GET', '/api/meta/ip-ranges');
    expect(listAt(ranges.body, 'notifications').length).toBeGreaterThan(0);
    const unchanged = await platform.send('GET', '/api/meta/ip-ranges', {
      headers: { 'if-modified-since': String(ranges.headers['last-modified']) },
    });
    expect(unchanged.status).toBe(304);
  });
});

describe('what would keep the server busy', () => {
  it.each([
    ['*one*', ['one', 'two-one-three']],
    ['one', ['one']],
    ['two*', ['two-one-three']],
    ['*one', ['one']],
    ['o*e*e', []],
    [`${'*o'.repeat(40)}x`, []],
    ['*', ['one', 'two-one-three']],
  ])('the wildcard %s is searched for in no time', async (pattern, names) => {
    platform = await startPlatform();
    await platform.workspace('one');
    await platform.workspace('two-one-three');
    await platform.workspace('o'.repeat(90));
    const path = `/organizations/${platform.server.organization}/workspaces?search[wildcard-name]=${pattern}`;
    const found = listAt((await platform.api('GET', path)).body, 'data').map((each) =>
      textAt(each, 'attributes', 'name'),
    );
    expect(found.filter((name) => name.length < 90)).toEqual(names);
  });

  it('a body or a state that is nested too deeply is refused, and never written out again', async () => {
    platform = await startPlatform();
    const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const path = `/organizations/${platform.server.organization}/agent-pools`;
    expect((await platform.api('POST', path, `{"data":${deep(200_000)}}`)).status).toBe(400);
    const workspaceId = await platform.workspace('one');
    await platform.createRun(workspaceId);
    const { agent, job } = await takeJob(platform);
    const state = (depth: number) =>
      `{"version":4,"serial":1,"outputs":{"o":{"value":${deep(depth)},"type":"dynamic"}}}`;
    expect((await agent.send('PUT', `/jobs/${job.operationId}/state`, state(50_000))).status).toBe(422);
    expect((await agent.send('PUT', `/jobs/${job.operationId}/state`, state(100))).status).toBe(204);
    expect((await platform.api('GET', `/workspaces/${workspaceId}/current-state-version-outputs`)).status).toBe(200);
  });
});

describe('reset', () => {
  it('forgets everything but the organization, its pool and their tokens', async () => {
    platform = await startPlatform();
    const workspaceId = await platform.workspace('one');
    const runId = await platform.createRun(workspaceId);
    await platform.register();
    platform.server.reset();
    expect((await platform.api('GET', `/runs/${runId}`)).status).toBe(404);
    const { organization, agentPool } = platform.server;
    expect(listAt((await platform.api('GET', `/organizations/${organization}/workspaces`)).body, 'data')).toEqual([]);
    expect(listAt((await platform.api('GET', `/agent-pools/${agentPool.id}/agents`)).body, 'data')).toEqual([]);
    expect((await platform.registration()).status).toBe(201);
  });
});
