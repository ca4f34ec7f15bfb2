import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { valueOfReference } from '../../../cli/aws/secrets.ts';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { clientSettings } from '../../local/ecs/local-ecs.ts';

let server: EcsServer;
let client: SecretsManagerClient;

beforeEach(async () => {
  server = await startEcs();
  client = new SecretsManagerClient(clientSettings(server));
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

const read = (reference: string) => valueOfReference({ secretsManager: async () => client }, reference);

it('the value of a secret is its string, or the string under the key of the reference', async () => {
  server.putSecret('acme/api-token', ' token\n');
  const arn = server.putSecret('acme/tokens', JSON.stringify({ api: 'one\n', other: 'two' }));
  expect(await read('acme/api-token')).toBe('token');
  expect(await read('acme/tokens:api')).toBe('one');
  expect(await read(`${arn}:other`)).toBe('two');
});

it('a secret without the key of the reference has no value', async () => {
  server.putSecret('acme/tokens', '{"other": "two"}');
  expect(await read('acme/tokens:api')).toBeUndefined();
});
