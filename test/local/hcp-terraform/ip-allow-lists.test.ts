import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHcpTerraform } from '../../../local/hcp-terraform/server.ts';
import { at, Platform, textAt } from './client.ts';

let platform: Platform;
const clock = { now: Date.parse('2026-11-29T12:00:00Z') };
beforeAll(async () => {
  platform = new Platform(await startHcpTerraform({ now: () => clock.now, rateLimits: 'off' }));
});
afterAll(() => platform.close());

describe('an IP allowlist', () => {
  const create = (name: string, scope: string) =>
    platform.create(`${platform.organization}/cidr-range-lists`, 'cidr-range-lists', {
      name,
      'enforcement-scope': scope,
    });

  it('has its scope, ranges and pools, which the list of allowlists shows only in part', async () => {
    const list = textAt((await create('agents', 'selected_agent_pools')).body, 'data', 'id');
    const path = `/cidr-range-lists/${list}`;
    const range = { range: '192.0.2.0/24', enabled: true };
    expect((await platform.create(`${path}/relationships/cidr-ranges`, 'cidr-ranges', range)).status).toBe(201);
    const pool = { id: platform.server.agentPool.id, type: 'agent-pools' };
    expect((await platform.api('POST', `${path}/relationships/agent-pools`, { data: [pool] })).status).toBe(204);
    expect(await platform.attributes(path)).toMatchObject({ 'enforcement-scope': 'selected_agent_pools' });
    expect(at((await platform.api('GET', path)).body, 'data', 'relationships', 'agent-pools', 'data')).toEqual([pool]);
    const ranges = await platform.api('GET', `${path}/relationships/cidr-ranges`);
    expect(at(ranges.body, 'data', 0, 'attributes')).toMatchObject(range);
    const all = await platform.api('GET', `${platform.organization}/cidr-range-lists`);
    expect(at(all.body, 'data', 0, 'attributes')).toEqual({ name: 'agents', description: null });
  });

  it('for the whole organization exists once', async () => {
    expect((await create('one', 'organization')).status).toBe(201);
    expect((await create('two', 'organization')).status).toBe(422);
  });

  it('isn’t visible to the launcher’s team', async () => {
    const path = `${platform.organization}/cidr-range-lists`;
    expect((await platform.api('GET', path, undefined, platform.server.launcherApiToken)).status).toBe(404);
  });
});

describe('an API token', () => {
  const details = (token: string) => platform.api('GET', '/account/details', undefined, token);

  it('links to its own record, which has its expiry but not the token', async () => {
    const user = platform.server.addUser('api-team-short', 'read', true);
    user.apiTokenExpiresAt = clock.now + 1_000;
    const link = textAt((await details(user.apiToken)).body, 'data', 'links', 'auth-token');
    const record = await platform.send('GET', link, { headers: { authorization: `Bearer ${user.apiToken}` } });
    expect(at(record.body, 'data', 'attributes')).toMatchObject({
      token: null,
      'expired-at': '2026-11-29T12:00:01.000Z',
    });
    const other = { authorization: `Bearer ${platform.server.launcherApiToken}` };
    expect((await platform.send('GET', link, { headers: other })).status).toBe(404);
  });

  it('is rejected from its expiry on', async () => {
    const user = platform.server.addUser('api-team-expired', 'read', true);
    user.apiTokenExpiresAt = clock.now + 1_000;
    expect((await details(user.apiToken)).status).toBe(200);
    clock.now += 1_000;
    expect((await details(user.apiToken)).status).toBe(401);
  });
});
