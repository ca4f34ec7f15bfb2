import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SecretsManagerSecrets } from '../../../../functions/launcher/adapters/secrets.ts';
import { type EcsServer, startEcs } from '../../../../local/ecs/server.ts';
import { clientSettings } from '../../../local/ecs/local-ecs.ts';

const signal = new AbortController().signal;
let aws: EcsServer;
let client: SecretsManagerClient;
let secrets: SecretsManagerSecrets;

beforeEach(async () => {
  aws = await startEcs();
  client = new SecretsManagerClient(clientSettings(aws));
  secrets = new SecretsManagerSecrets(client);
});

afterEach(async () => {
  client.destroy();
  await aws.close();
});

const read = () => secrets.value('acme/api-token', signal);
const reads = () => aws.calls().filter(({ action }) => action === 'GetSecretValue').length;

describe('a secret', () => {
  it('is read by name or ARN, without surrounding spaces, and only once while the function is warm', async () => {
    const arn = aws.putSecret('acme/api-token', ' the.token\n');
    expect(await read()).toBe('the.token');
    expect(await read()).toBe('the.token');
    expect(await secrets.value(arn, signal)).toBe('the.token');
    expect(reads()).toBe(2);
  });

  it('is read again on request, and the new value is kept', async () => {
    aws.putSecret('acme/api-token', 'old');
    await read();
    aws.putSecret('acme/api-token', 'new');
    expect(await read()).toBe('old');
    expect(await secrets.renew('acme/api-token', signal)).toBe('new');
    expect(await read()).toBe('new');
  });

  it('is reported by name with a remedy if it doesn’t exist, and read again the next time', async () => {
    await expect(secrets.value('nobody', signal)).rejects.toMatchObject({
      fault: 'rejected',
      message: expect.stringMatching(/secret nobody.*create it/),
    });
    aws.putSecret('nobody', 'somebody');
    expect(await secrets.value('nobody', signal)).toBe('somebody');
  });
});

describe('a key of a JSON secret', () => {
  const KEY = 'acme/tokens:api';

  it('is read by name or ARN, and each key has its own value', async () => {
    const arn = aws.putSecret('acme/tokens', JSON.stringify({ api: ' the.token\n', other: 'other.token' }));
    expect(await secrets.value(KEY, signal)).toBe('the.token');
    expect(await secrets.value('acme/tokens:other', signal)).toBe('other.token');
    expect(await secrets.value(`${arn}:api`, signal)).toBe('the.token');
  });

  it.each([
    ['plain text', 'the.token', 'no string'],
    ['another key', '{"other": "the.token"}', 'no string'],
    ['a number', '{"api": 1}', 'no string'],
    ['an empty string', '{"api": ""}', 'no string'],
    ['two words', '{"api": "the token"}', 'a string with spaces'],
  ])('is refused with %s, with a remedy and without the value', async (_, value, found) => {
    aws.putSecret('acme/tokens', value);
    const error = await secrets.value(KEY, signal).catch((reason: Error) => reason);
    expect(error).toMatchObject({
      fault: 'unexpected-answer',
      message: expect.stringMatching(
        new RegExp(`secret acme/tokens has ${found}.* under the key api; store a JSON object`),
      ),
    });
    expect(String(error)).not.toContain('the.token');
  });
});

describe('a secret that cannot be read', () => {
  const refusal = async (code: string) => {
    aws.putSecret('acme/api-token', 'x');
    aws.faults.next('GetSecretValue', { kind: 'error', code, message: 'words-of-aws', status: 400 });
    return expect(read()).rejects;
  };

  it.each([
    ['ResourceNotFoundException', /create it, or correct its name in the settings/],
    ['AccessDeniedException', /role is not allowed to read it.*customer managed key, the role also needs kms:Decrypt/],
    ['DecryptionFailure', /needs kms:Decrypt for the secret’s key/],
    ['InvalidRequestException', /scheduled for deletion.*restore it or store a value/],
  ])('is refused with %s and what to do about it', async (code, remedy) => {
    await (await refusal(code)).toMatchObject({
      system: 'Secrets Manager',
      fault: 'rejected',
      request: 'GetSecretValue',
      message: expect.stringMatching(
        new RegExp(`secret acme/api-token cannot be read \\(${code}\\): .*${remedy.source}`, 's'),
      ),
      cause: expect.objectContaining({ name: code }),
    });
  });

  it('is unavailable after an error without a remedy, and only the error’s name is reported', async () => {
    await (await refusal('InternalServiceError')).toMatchObject({
      fault: 'unavailable',
      message: expect.stringMatching(/secret acme\/api-token cannot be read \(InternalServiceError\)(?=$| \()/),
    });
  });

  it('is unavailable if the connection breaks, and the error code is reported', async () => {
    aws.faults.next('GetSecretValue', { kind: 'reset' });
    await expect(read()).rejects.toMatchObject({
      fault: 'unavailable',
      message: expect.stringContaining('cannot be read (ECONNRESET)'),
    });
  });

  it.each([
    [
      'the error’s name if its code isn’t a string',
      Object.assign(new Error('x'), { name: 'OddError', code: 7 }),
      'OddError',
    ],
    ['another word when the thrown value isn’t an Error', 'just a string', 'unknown'],
  ])('is reported with %s', async (_, thrown, word) => {
    client.middlewareStack.add(() => () => Promise.reject(thrown), { step: 'initialize' });
    await expect(read()).rejects.toThrow(`cannot be read (${word})`);
  });
});

describe('the string of a secret', () => {
  it.each(['first.atlasv1.ABCxyz019', 'a-b_c~d+e/f', 'padded==', 'p='])('%s is a token', async (value) => {
    aws.putSecret('acme/api-token', value);
    expect(await read()).toBe(value);
  });

  it.each([
    ...['=', 'a=b', 'a,b', 'a\nb', 'tokén', '{t0ken', 't0ken}'],
    ...['{"token": "t0ken"}', '{"token":"t0ken"}', '"t0ken"', 'two tokens'],
  ])('%j is refused without showing it, because it is not a token', async (value) => {
    aws.putSecret('acme/api-token', value);
    const refused = read();
    await expect(refused).rejects.toMatchObject({
      system: 'Secrets Manager',
      fault: 'unexpected-answer',
      request: 'GetSecretValue',
      message: expect.stringMatching(
        /secret acme\/api-token contains a string with .*characters that are not allowed in a token; store only the token/,
      ),
    });
    await expect(refused).rejects.not.toThrow(/t0ken|two tokens/);
  });

  it.each([' ', ' \n'])('is reported as missing if it contains only white space: %j', async (value) => {
    aws.putSecret('acme/api-token', value);
    await expect(read()).rejects.toMatchObject({
      fault: 'unexpected-answer',
      message: expect.stringContaining('contains no string; store only the token'),
    });
  });

  it('is reported as missing if the secret is binary', async () => {
    client.middlewareStack.add(() => async () => ({ response: {}, output: { $metadata: {} } }), { step: 'initialize' });
    await expect(read()).rejects.toThrow(/contains no string; store only the token/);
  });
});

it('the read of a secret ends with the tick', async () => {
  aws.putSecret('acme/api-token', 'x');
  await expect(secrets.value('acme/api-token', AbortSignal.abort())).rejects.toThrow(/AbortError/);
  expect(reads()).toBe(0);
});
