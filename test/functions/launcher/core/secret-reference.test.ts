import { expect, it } from 'vitest';
import {
  secretNameOf,
  secretReference,
  secretReferenceText,
} from '../../../../functions/launcher/core/secret-reference.ts';

const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-AbCdEf';

it.each([
  ['acme/tokens', { id: 'acme/tokens' }],
  ['acme/tokens:api', { id: 'acme/tokens', jsonKey: 'api' }],
  [ARN, { id: ARN }],
  [`${ARN}:api`, { id: ARN, jsonKey: 'api' }],
])('the reference %s selects its secret and its key, and is the text of both', (text, reference) => {
  expect(secretReference(text)).toEqual(reference);
  expect(secretReferenceText(reference)).toBe(text);
});

it.each([
  ['acme/api-token', 'acme/api-token'],
  ['api-token', 'api-token'],
  ['arn:aws-cn:secretsmanager:cn-north-1:000000000000:secret:api-token-AbC123', 'api-token'],
  ['arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/api-token-AbCd12', 'acme/api-token'],
  ['arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a-b-c-AbCd12', 'a-b-c'],
  // Two keys of one secret are two tokens.
  ['acme/tokens:api', 'acme/tokens:api'],
  [`${ARN}:api`, 'acme/tokens:api'],
  // Incomplete ARNs of secrets are used unchanged.
  ['arn:aws:secretsmanager:r:1:secret:acme/api-token', 'arn:aws:secretsmanager:r:1:secret:acme/api-token'],
  ['arn:aws:secretsmanager:r:1:secret:team-tokens1', 'arn:aws:secretsmanager:r:1:secret:team-tokens1'],
  [
    'arn:aws:ssm:eu-central-1:123456789012:parameter:x-AbCd12',
    'arn:aws:ssm:eu-central-1:123456789012:parameter:x-AbCd12',
  ],
])('the name of the secret %s is %s', (id, name) => {
  expect(secretNameOf(id)).toBe(name);
});
