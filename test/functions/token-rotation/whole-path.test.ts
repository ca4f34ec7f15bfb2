/** The handler over HTTP, against the local AWS and the local HCP Terraform. */
import { DescribeSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ROTATION_ENV } from '../../../functions/token-rotation/contract.ts';
import { tokenOfVersion } from '../../../functions/token-rotation/core/agent-tokens.ts';
import { handler } from '../../../functions/token-rotation/handler.ts';
import { taskFamilies } from '../../../lib/names.ts';
import { SETTINGS_HOSTNAME } from '../../../local/start/settings-hostname.ts';
import { startSystem, type TestSystem } from '../../cli/system.ts';
import { startConnectProxy } from '../../connect-proxy.ts';
import { clientSettings } from '../../local/ecs/local-ecs.ts';

const SECRET = 'agent-launcher/production/agent-token';

let system: TestSystem;
let secrets: SecretsManagerClient;
const lines: string[] = [];

beforeAll(async () => {
  system = await startSystem({ launcher: false, rateLimits: 'off' });
  secrets = new SecretsManagerClient(clientSettings(system.ecs));
  const { hcpTerraform, ecs } = system;
  ecs.putSecret('acme/rotation-api-token', hcpTerraform.apiToken);
  const environment = {
    [ROTATION_ENV.hostname]: new URL(hcpTerraform.url).host,
    [ROTATION_ENV.apiTokenSecret]: 'acme/rotation-api-token',
    [ROTATION_ENV.pools]: JSON.stringify([{ name: 'production', organization: 'acme', secret: SECRET }]),
    [ROTATION_ENV.cluster]: 'AgentLauncher',
    [ROTATION_ENV.familyPrefixes]: taskFamilies('AgentLauncher', '').join(','),
    [ROTATION_ENV.days]: '30',
    [ROTATION_ENV.ignoreOtherAgents]: 'false',
    [ROTATION_ENV.account]: '000000000000',
    [ROTATION_ENV.stack]: 'AgentLauncher',
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const keep = (line: unknown) => {
    lines.push(JSON.stringify(line));
  };
  for (const level of ['info', 'warn', 'error', 'log'] as const) vi.spyOn(console, level).mockImplementation(keep);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  secrets.destroy();
  await system.close();
});

const tokens = () => [...system.hcpTerraform.world.agentTokens.values()];
const currentId = async () => {
  const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: SECRET }));
  const current = Object.entries(VersionIdsToStages).find(([, labels]) => labels.includes('AWSCURRENT'));
  return tokenOfVersion(current?.[0]);
};

test('a token that was stored by hand stays until it is old enough', async () => {
  const before = tokens();
  await handler();
  expect(tokens()).toEqual(before);
  expect(await currentId()).toBeUndefined();
});

test('a token that was revoked is replaced by one that the secret contains', async () => {
  // The command stores a token that the function knows.
  let skippedMs = 0;
  await system.run(['rotate'], {
    env: { TFE_TOKEN: system.hcpTerraform.apiToken },
    now: () => Date.now() + skippedMs,
    sleep: async (ms) => {
      skippedMs += ms;
    },
  });
  const revoked = await currentId();
  expect(revoked).toBeDefined();
  system.hcpTerraform.world.agentTokens.delete(revoked ?? '');
  await handler();
  const stored = await currentId();
  const token = tokens().find(({ id }) => id === stored);
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: SECRET }));
  expect(SecretString).toBe(token?.secret);
  expect(token?.description).toMatch(
    /^agent-launcher 000000000000\/eu-central-1\/AgentLauncher\/production in agent-launcher\/production\/agent-token, /,
  );
  expect(lines.join('\n')).toContain(`"stored":"${stored}"`);
  expect(lines.join('\n')).not.toContain(SecretString);
});

test('a rotation that fails says why, and the invocation fails', async () => {
  system.ecs.putSecret('acme/rotation-api-token', 'not.a.token');
  await expect(handler()).rejects.toThrow('The rotation failed in production.');
  expect(lines.at(-1)).toContain('with 401. The rotation');
});

test('the function finds its API token under the key of a JSON secret, and says which key is wrong', async () => {
  const { hcpTerraform, ecs } = system;
  vi.stubEnv(ROTATION_ENV.apiTokenJsonKey, 'rotation');
  vi.resetModules();
  const again: typeof import('../../../functions/token-rotation/handler.ts') = await import(
    '../../../functions/token-rotation/handler.ts'
  );
  ecs.putSecret('acme/rotation-api-token', JSON.stringify({ rotation: hcpTerraform.apiToken, other: 'x' }));
  await again.handler();
  ecs.putSecret('acme/rotation-api-token', JSON.stringify({ other: hcpTerraform.apiToken }));
  await expect(again.handler()).rejects.toThrow('The rotation failed in production.');
  expect(lines.at(-1)).toContain('acme/rotation-api-token has no API token under the key rotation, but no string');
  expect(lines.join('\n')).not.toContain(hcpTerraform.apiToken);
  vi.stubEnv(ROTATION_ENV.apiTokenJsonKey, undefined);
});

test('the function reaches HCP Terraform through the proxy of the settings', async () => {
  const { hcpTerraform, ecs } = system;
  ecs.putSecret('acme/rotation-api-token', hcpTerraform.apiToken);
  const proxy = await startConnectProxy(() => Number(new URL(hcpTerraform.url).port));
  // Loopback never goes through a proxy, so HCP Terraform needs another hostname.
  vi.stubEnv(ROTATION_ENV.hostname, SETTINGS_HOSTNAME);
  vi.stubEnv(ROTATION_ENV.httpsProxy, proxy.url);
  vi.resetModules();
  const again: typeof import('../../../functions/token-rotation/handler.ts') = await import(
    '../../../functions/token-rotation/handler.ts'
  );
  proxy.refusal = '403 Forbidden';
  await expect(again.handler()).rejects.toThrow('The rotation failed in production.');
  expect(lines.at(-1)).toContain(`refuses connections to ${SETTINGS_HOSTNAME}:443`);
  proxy.refusal = undefined;
  await again.handler();
  expect(new Set(proxy.requested)).toEqual(new Set([`${SETTINGS_HOSTNAME}:443`]));
  await proxy.close();
});
