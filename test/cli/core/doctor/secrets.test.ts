import { describe, expect, it } from 'vitest';
import { checkSecret, type SecretFacts, shapeOf, shapeOfKey } from '../../../../cli/core/doctor/secrets.ts';
import type { SecretKind, SecretUse } from '../../../../cli/core/doctor/target.ts';
import { newAuthority } from '../../../certificates.ts';
import { DENIED, NOW, shown } from './builders.ts';

const { cert: CA } = await newAuthority('Acme');
const use: SecretUse = { id: 'acme/agent-token', kind: 'agent-token', purpose: 'the agent token of pool aws' };
const facts = (more: Partial<SecretFacts> = {}): SecretFacts => ({ hasValue: true, ...more });

describe('the form of a value', () => {
  it.each<[string, SecretKind, string, string]>([
    ['a token', 'agent-token', 'abc.atlasv1.DEF', 'ok'],
    ['a token with a line break at its end', 'api-token', 'abc.atlasv1.DEF\n', 'ok'],
    ['white space', 'api-token', ' \n', 'empty'],
    ['what the console stores for a key and a value', 'agent-token', '{"token":"abc"}', 'json'],
    ['a quoted token', 'agent-token', '"abc.atlasv1.DEF"', 'not-a-token'],
    ['a token with a name', 'api-token', 'TOKEN=a b', 'not-a-token'],
    ['a key', 'hmac-key', 'any words are fine', 'ok'],
    ['JSON as a key', 'hmac-key', '{"key":"x"}', 'json'],
    ['a login', 'registry-login', '{"username":"me","accessToken":"x"}', 'ok'],
    ['a login with a password', 'registry-login', '{"username":"me","password":"x"}', 'ok'],
    ['a login for ECS', 'pull-login', '{"username":"me","password":"x"}', 'ok'],
    ['a login for copies only', 'pull-login', '{"username":"me","accessToken":"x"}', 'not-a-login'],
    ['a login without a token', 'registry-login', '{"username":"me"}', 'not-a-login'],
    ['a token as a login', 'registry-login', 'abc', 'not-a-login'],
    ['a login for the proxy', 'proxy-login', 'me:secret\n', 'ok'],
    ['a user without a password', 'proxy-login', 'me', 'not-a-proxy-login'],
    ['a JSON object as a login for the proxy', 'proxy-login', '{"login":"me:secret"}', 'not-a-proxy-login'],
    ['certificates', 'ca-certificates', `${CA}\n${CA}`, 'ok'],
    ['a broken certificate', 'ca-certificates', CA.replace(/MII.{20}/, ''), 'no-certificates'],
    ['a key instead of a certificate', 'ca-certificates', 'abc', 'no-certificates'],
  ])('of %s is recognized', (_, kind, value, shape) => {
    expect(shapeOf(kind, value)).toBe(shape);
  });
});

it.each([
  ['a token', '{"agent":"abc.atlasv1.DEF","other":1}', 'ok'],
  ['a text that isn’t JSON', 'abc.atlasv1.DEF', 'not-json'],
  ['a list', '["agent"]', 'not-json'],
  ['an object without the key', '{"other":"abc"}', 'no-such-key'],
  ['an inherited property', '{}', 'no-such-key', 'toString'],
  ['a number', '{"agent":1}', 'no-such-key'],
  ['an empty text', '{"agent":""}', 'empty'],
])('under a key, the form of %s is recognized', (_, value, shape, key = 'agent') => {
  expect(shapeOfKey('agent-token', value, key)).toBe(shape);
});

it.each([
  ['an object', '{"agent":{"username":"me","password":"x"}}', 'ok'],
  ['a string with JSON', '{"agent":"{\\"username\\":\\"me\\",\\"accessToken\\":\\"x\\"}"}', 'ok'],
  ['a token', '{"agent":"abc"}', 'not-a-login'],
  ['null', '{"agent":null}', 'not-a-login'],
  ['nothing', '{"other":{"username":"me","password":"x"}}', 'no-such-key'],
])('under a key, the login for a copy can be %s', (_, value, shape) => {
  expect(shapeOfKey('registry-login', value, 'agent')).toBe(shape);
});

it.each([
  ['a string', '{"agent":"me:secret","other":1}', 'ok'],
  ['a token', '{"agent":"secret"}', 'not-a-proxy-login'],
])('under a key, the login for a proxy can be %s', (_, value, shape) => {
  expect(shapeOfKey('proxy-login', value, 'agent')).toBe(shape);
});

it.each([
  ['proxy-login', 'not-a-proxy-login', 'user:password', 'proxy-login.txt'],
  ['ca-certificates', 'no-certificates', 'PEM', 'ca.pem'],
] as const)('the finding of a wrong %s says which form is right', (kind, shape, form, file) => {
  const [finding] = shown(checkSecret({ ...use, kind }, { value: facts({ value: { value: shape } }) }));
  expect(finding).toMatch(/^error secrets\.value: /);
  expect(finding).toContain(form);
  expect(finding).toContain(file);
});

it('the findings of a secret with a key say where the token belongs, and never to overwrite the other keys', () => {
  const id = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-AbC123:agent';
  for (const shape of ['not-json', 'no-such-key'] as const) {
    const [finding] = shown(checkSecret({ ...use, id }, { value: facts({ value: { value: shape } }) }));
    expect(finding).toMatch(/^error secrets\.value: The secret acme\/tokens \(/);
    expect(finding).toContain('under the key agent, and keep its other keys');
    expect(finding).not.toContain('agent-token.txt');
  }
});

it.each<[string, SecretFacts | undefined, string[]]>([
  ['doesn’t exist', undefined, ['error secrets.exists']],
  ['is scheduled for deletion', facts({ deletedAt: NOW }), ['error secrets.exists']],
  ['has no value', facts({ hasValue: false }), ['error secrets.value']],
  ['exists and wasn’t read', facts(), ['ok secrets.exists']],
  ['has a good value', facts({ value: { value: 'ok' } }), ['ok secrets.value']],
  ['is empty', facts({ value: { value: 'empty' } }), ['error secrets.value']],
  ['contains JSON', facts({ value: { value: 'json' } }), ['error secrets.value']],
  ['contains quotes', facts({ value: { value: 'not-a-token' } }), ['error secrets.value']],
  ['contains no login', facts({ value: { value: 'not-a-login' } }), ['error secrets.value']],
  ['can’t be read', facts({ value: DENIED }), ['warning secrets.value']],
  ['has its own key', facts({ kmsKeyId: 'arn:aws:kms:…:key/1' }), ['ok secrets.exists', 'note secrets.key']],
])('a secret that %s has the finding that fits', (_, value, expected) => {
  expect(shown(checkSecret(use, { value })).map((text) => text.split(':')[0])).toEqual(expected);
});

it('the findings of a secret name it, what it is for, and the command that corrects it', () => {
  expect(shown(checkSecret(use, { value: undefined }))[0]).toContain(
    'The secret acme/agent-token (the agent token of pool aws) doesn’t exist in this account and region.',
  );
  expect(shown(checkSecret(use, { value: facts({ deletedAt: NOW }) }))[0]).toContain(
    'scheduled for deletion on 2026-11-29.',
  );
  expect(shown(checkSecret(use, { value: facts({ hasValue: false }) }))[0]).toContain(
    'aws secretsmanager put-secret-value --secret-id acme/agent-token --secret-string file://agent-token.txt',
  );
});

it('the command that creates a secret uses the name in its ARN, without the random characters', () => {
  const id = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/agent-token-AbC123';
  expect(shown(checkSecret({ ...use, id }, { value: undefined }))[0]).toContain('--name acme/agent-token ');
});

it('a secret that can’t be described is a warning, never ok', () => {
  expect(shown(checkSecret(use, DENIED))[0]).toMatch(/^warning secrets\.exists: .*secretsmanager:DescribeSecret/);
});
