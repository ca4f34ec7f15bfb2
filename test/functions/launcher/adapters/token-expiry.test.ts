/** The expiry of API tokens, over HTTP: with the emulator of HCP Terraform, and with answers that it never sends. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HcpTerraformHttp } from '../../../../functions/launcher/adapters/hcp-terraform/http.ts';
import { connections, sendOver } from '../../../../functions/launcher/adapters/hcp-terraform/send.ts';
import { TokenExpiryReader } from '../../../../functions/launcher/adapters/hcp-terraform/token-expiry.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../../../local/hcp-terraform/server.ts';
import { json, type ScriptedServer, startScriptedServer, status } from './scripted-server.ts';

const { signal } = new AbortController();

function readerOf({ hostname, ca, token }: { hostname: string; ca: string; token: string }): TokenExpiryReader {
  const send = sendOver(connections({ ca }), hostname, 'test', (ms) => AbortSignal.timeout(ms));
  const secrets = { value: async () => token, renew: async () => token };
  return new TokenExpiryReader(new HcpTerraformHttp({ hostname, secrets, send }));
}

describe('at HCP Terraform', () => {
  let platform: HcpTerraformServer;
  let reader: TokenExpiryReader;
  beforeAll(async () => {
    platform = await startHcpTerraform();
    const { hostname, certPem: ca, launcherApiToken: token } = platform;
    reader = readerOf({ hostname, ca, token });
  });
  afterAll(() => platform.close());

  /** Gives the launcher's token an expiry, or none. */
  function expireAt(at: number | undefined): void {
    for (const user of platform.world.users.values()) {
      if (user.apiToken !== platform.launcherApiToken) continue;
      if (at === undefined) delete user.apiTokenExpiresAt;
      else user.apiTokenExpiresAt = at;
    }
  }

  it('a team token shows its own expiry, with two requests that are no lists of runs', async () => {
    const at = Date.now() + 3 * 86_400_000;
    expireAt(at);
    const before = platform.calls().length;
    expect(await reader.expiryOf('acme', signal)).toBe(at);
    expect(platform.calls().slice(before)).toEqual([
      { method: 'GET', path: '/api/v2/account/details', status: 200 },
      { method: 'GET', path: expect.stringMatching(/^\/api\/v2\/authentication-tokens\/[\w-]+$/), status: 200 },
    ]);
  });

  it('a token without an expiry never expires', async () => {
    expireAt(undefined);
    expect(await reader.expiryOf('acme', signal)).toBe('never');
  });

  it('an expired token is rejected', async () => {
    expireAt(Date.now() - 1);
    await expect(reader.expiryOf('acme', signal)).rejects.toMatchObject({ fault: 'rejected', status: 401 });
  });
});

describe('at a server with other answers', () => {
  let server: ScriptedServer;
  let reader: TokenExpiryReader;
  beforeAll(async () => {
    server = await startScriptedServer();
    reader = readerOf({ ...server, token: 'secret' });
  });
  afterAll(() => server.close());

  const account = (links?: object) => json({ data: { id: 'user-1', type: 'users', ...(links && { links }) } });
  const linked = account({ 'auth-token': '/api/v2/authentication-tokens/at-1' });

  it.each([
    ['the account is not visible', status(404), status(500)],
    ['the account has no links', account(), status(500)],
    ['the account links to no token', account({ self: '/api/v2/users/user-1' }), status(500)],
    ['the link leads elsewhere', account({ 'auth-token': 'https://elsewhere.example/' }), status(500)],
    ['the token’s record is not visible', linked, status(404)],
    ['the token may not see its record', linked, status(403)],
  ])('the expiry is hidden if %s', async (_, first, second) => {
    server.on('/api/v2/account/details', first);
    server.on('/api/v2/authentication-tokens/at-1', second);
    expect(await reader.expiryOf('acme', signal)).toBe('hidden');
  });

  it.each([
    ['a request to wait', status(429), 'throttled'],
    ['an error of the server', status(503), 'unavailable'],
    ['a record without attributes', json({ data: {} }), 'unexpected-answer'],
  ])('reading fails after %s', async (_, answer, fault) => {
    server.on('/api/v2/account/details', linked);
    server.on('/api/v2/authentication-tokens/at-1', answer);
    await expect(reader.expiryOf('acme', signal)).rejects.toMatchObject({ system: 'HCP Terraform', fault });
  });
});
