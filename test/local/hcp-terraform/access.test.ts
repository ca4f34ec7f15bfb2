/** Who a token belongs to and what it may do, and the faults that tests add. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHcpTerraform } from '../../../local/hcp-terraform/server.ts';
import { at, Platform } from './client.ts';

let platform: Platform;
beforeAll(async () => {
  platform = new Platform(await startHcpTerraform({ rateLimits: 'off' }));
});
afterAll(() => platform.close());

describe('the account of a token', () => {
  test('is the user of a user token', async () => {
    const { body } = await platform.api('GET', '/account/details');
    expect(at(body, 'data', 'attributes', 'is-service-account')).toBe(false);
    expect(at(body, 'data', 'relationships', 'authenticated-resource', 'data')).toEqual({
      id: at(body, 'data', 'id'),
      type: 'users',
    });
  });

  test('contains the team of a team token, which shows its permissions', async () => {
    const token = platform.server.launcherApiToken;
    const { body } = await platform.api('GET', '/account/details', undefined, token);
    const id = at(body, 'data', 'relationships', 'authenticated-resource', 'data', 'id');
    const team = await platform.api('GET', `/teams/${id}`, undefined, token);
    expect(at(team.body, 'data', 'attributes', 'organization-access')).toMatchObject({
      'read-workspaces': true,
      'manage-agent-pools': false,
    });
    const other = platform.server.addUser('api-team-other', 'read', true).apiToken;
    expect((await platform.api('GET', `/teams/${id}`, undefined, other)).status).toBe(404);
  });
});

test.each([
  ['owner', true, 201],
  ['pools', true, 201],
  ['read', false, 404],
] as const)(
  'a token with the access %s shows %s for agent pools, and gets %i for a new one',
  async (access, shown, status) => {
    const { apiToken } = platform.server.addUser(`api-team-${access}`, access, true);
    const { body } = await platform.api('GET', platform.organization, undefined, apiToken);
    expect(at(body, 'data', 'attributes', 'permissions', 'can-update-agent-pools')).toBe(shown);
    const pool = { data: { type: 'agent-pools', attributes: { name: `of-${access}` } } };
    const created = await platform.api('POST', `${platform.organization}/agent-pools`, pool, apiToken);
    expect(created.status).toBe(status);
    const project = { data: { type: 'projects', attributes: { name: `of-${access}` } } };
    const other = await platform.api('POST', `${platform.organization}/projects`, project, apiToken);
    expect(other.status).toBe(access === 'owner' ? 201 : 404);
  },
);

describe('a fault', () => {
  test('answers one request with an error, before it has an effect', async () => {
    platform.server.faults.next('POST', /agent-pools$/, { kind: 'error', status: 500, title: 'internal server error' });
    const pool = { data: { type: 'agent-pools', attributes: { name: 'faulty' } } };
    const send = () => platform.api('POST', `${platform.organization}/agent-pools`, pool);
    expect((await send()).status).toBe(500);
    expect((await send()).status).toBe(201);
  });

  test('breaks the connection after the request had its effect', async () => {
    platform.server.faults.next('POST', /agent-pools$/, { kind: 'lost-response' });
    const pool = { data: { type: 'agent-pools', attributes: { name: 'lost' } } };
    await expect(platform.api('POST', `${platform.organization}/agent-pools`, pool)).rejects.toThrow();
    expect([...platform.server.world.pools.values()].map(({ name }) => name)).toContain('lost');
  });

  test('does not concern other requests, and can be removed', async () => {
    const remove = platform.server.faults.next('GET', /agent-pools$/, { kind: 'lost-response' });
    expect((await platform.api('GET', platform.organization)).status).toBe(200);
    remove();
    expect((await platform.api('GET', `${platform.organization}/agent-pools`)).status).toBe(200);
  });
});

test('the server records the requests of the API', async () => {
  await platform.api('GET', '/account/details');
  expect(platform.server.calls().at(-1)).toEqual({ method: 'GET', path: '/api/v2/account/details', status: 200 });
});
