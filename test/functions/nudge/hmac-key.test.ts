import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { expect, it } from 'vitest';
import { RENEW_MS, SecretsManagerHmacKey } from '../../../functions/nudge/adapters/hmac-key.ts';
import { RecentSignatures } from '../../../functions/nudge/core/recent.ts';
import { type ReceiveDeps, receive } from '../../../functions/nudge/receive.ts';
import { notificationBody, signatureOf } from './platform.ts';

const OLD = 'the-old-key-of-32-characters-0000';
const NEW = 'the-new-key-of-32-characters-0000';

/** A secret that changes, in a client that sends nothing. */
function secret(jsonKey?: string) {
  const client = new SecretsManagerClient({ region: 'eu-central-1' });
  const state = { value: OLD, reads: 0, fails: false, now: 0 };
  client.middlewareStack.add(
    () => async () => {
      state.reads += 1;
      if (state.fails) throw new Error('unavailable');
      return { output: { SecretString: state.value, $metadata: {} }, response: {} };
    },
    { step: 'finalizeRequest', priority: 'high', name: 'answer', override: true },
  );
  return { state, keys: new SecretsManagerHmacKey(client, { id: 'acme/nudge-key', jsonKey }, () => state.now) };
}

it('a key is read once, by however many requests', async () => {
  const { state, keys } = secret();
  expect(await Promise.all([keys.current(), keys.current()])).toEqual([OLD, OLD]);
  state.now = 10 * RENEW_MS;
  expect(await keys.current()).toBe(OLD);
  expect(state.reads).toBe(1);
});

it('a rotated key is read again after a signature did not match, but only once per minute', async () => {
  const { state, keys } = secret();
  await keys.current();
  state.value = NEW;
  state.now = RENEW_MS - 1;
  expect(await keys.renewed()).toBeUndefined();
  expect(await keys.current()).toBe(OLD);
  state.now = RENEW_MS;
  expect(await keys.renewed()).toBe(NEW);
  expect(await keys.current()).toBe(NEW);
  expect(await keys.renewed()).toBeUndefined();
  expect(state.reads).toBe(2);
});

it('a failed renewal keeps the old key', async () => {
  const { state, keys } = secret();
  await keys.current();
  Object.assign(state, { fails: true, now: RENEW_MS });
  await expect(keys.renewed()).rejects.toThrow('acme/nudge-key');
  expect(await keys.current()).toBe(OLD);
});

it('a failed first read is repeated after a minute', async () => {
  const { state, keys } = secret();
  state.fails = true;
  await expect(keys.current()).rejects.toThrow('acme/nudge-key');
  await expect(keys.current()).rejects.toThrow('acme/nudge-key');
  expect(state.reads).toBe(1);
  Object.assign(state, { fails: false, now: RENEW_MS });
  expect(await keys.current()).toBe(OLD);
});

it('after a rotation, the new key is accepted within a minute, and the old one no longer', async () => {
  const { state, keys } = secret();
  const woken: string[] = [];
  const deps: ReceiveDeps = {
    hostname: 'app.terraform.io',
    keys,
    recent: new RecentSignatures(),
    reportPassed: () => Promise.resolve({ outcome: 'reported', detail: '200' }),
    wakeUp: async (runId) => {
      woken.push(runId);
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  const statusOf = async (key: string): Promise<number> => {
    const body = notificationBody('run:created');
    const headers = { 'x-tfe-notification-signature': signatureOf(body, key) };
    const event = { headers, body, isBase64Encoded: false, requestContext: { http: { method: 'POST' } } };
    return (await receive(event, deps)).statusCode;
  };
  expect(await statusOf(OLD)).toBe(200);
  state.value = NEW;
  state.now = RENEW_MS - 1;
  expect([await statusOf(NEW), await statusOf(OLD)]).toEqual([401, 200]);
  state.now = RENEW_MS;
  expect([await statusOf(NEW), await statusOf(OLD)]).toEqual([200, 401]);
  expect([state.reads, woken.length]).toEqual([2, 3]);
});

it('a key is read from a key of a JSON secret', async () => {
  const { state, keys } = secret('hmac');
  state.value = JSON.stringify({ hmac: OLD, other: 'x' });
  expect(await keys.current()).toBe(OLD);
});

it.each([
  ['plain text', OLD, /no string under the key hmac.*nudge\.hmacKeySecret/],
  ['another key', JSON.stringify({ other: OLD }), /no string under the key hmac/],
  ['a short key', JSON.stringify({ hmac: 'short' }), /under the key hmac: it has 5 characters/],
])('a JSON secret with %s is refused, and its value is not shown', async (_, value, message) => {
  const { state, keys } = secret('hmac');
  state.value = value;
  await expect(keys.current()).rejects.toThrow(message);
  await expect(keys.current()).rejects.not.toThrow(OLD);
});
