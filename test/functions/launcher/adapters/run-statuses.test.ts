import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HcpTerraformHttp } from '../../../../functions/launcher/adapters/hcp-terraform/http.ts';
import { RunStatusReader } from '../../../../functions/launcher/adapters/hcp-terraform/run-statuses.ts';
import { connections, sendOver } from '../../../../functions/launcher/adapters/hcp-terraform/send.ts';
import { json, type ScriptedServer, startScriptedServer, status, text } from './scripted-server.ts';

const { signal } = new AbortController();
let server: ScriptedServer;
let reader: RunStatusReader;
beforeAll(async () => {
  server = await startScriptedServer();
  const secrets = { value: async (id: string) => `token-of-${id}`, renew: async () => 'renewed' };
  const send = sendOver(connections({ ca: server.ca }), server.hostname, 'test', (ms) => AbortSignal.timeout(ms));
  reader = new RunStatusReader(new HcpTerraformHttp({ hostname: server.hostname, secrets, send }), 'acme');
});
afterAll(() => server.close());

describe('the status of a run', () => {
  it('is read with the default API token, by the run’s id', async () => {
    server.on('/api/v2/runs/run-1', json({ data: { id: 'run-1', type: 'runs', attributes: { status: 'fetching' } } }));
    expect(await reader.statusOf('run-1', signal)).toBe('fetching');
    expect(server.requests.at(-1)).toBe('/api/v2/runs/run-1');
    expect(server.authorizations.at(-1)).toBe('Bearer token-of-acme');
  });

  it('is undefined if the run doesn’t exist or the token can’t see it', async () => {
    expect(await reader.statusOf('run-unknown', signal)).toBeUndefined();
  });

  it('stays one segment of the path, whatever the id is', async () => {
    await reader.statusOf('../organizations/acme/runs?x', signal);
    expect(server.requests.at(-1)).toBe('/api/v2/runs/../organizations/acme/runs?x');
  });

  it.each([
    ['an error of the server', status(500), 'unavailable'],
    ['a request to wait', status(429), 'throttled'],
    ['an answer without a status', json({ data: { attributes: {} } }), 'unexpected-answer'],
    ['an answer that isn’t JSON', text('<html>', 'text/html'), 'unexpected-answer'],
  ])('is an error after %s', async (_, answer, fault) => {
    server.on('/api/v2/runs/run-2', answer);
    await expect(reader.statusOf('run-2', signal)).rejects.toMatchObject({ system: 'HCP Terraform', fault });
  });
});
