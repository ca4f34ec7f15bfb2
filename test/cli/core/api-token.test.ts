import { expect, it } from 'vitest';
import { newApiToken, rejectedTokenSecret } from '../../../cli/core/api-token.ts';
import { secretLabelOf, secretNameOf } from '../../../cli/core/secret-name.ts';

const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-AbCdEf';

it('the command that stores a new API token has the name of the secret', () => {
  expect(newApiToken(ARN)[1]).toBe(
    'Write it to token.txt, and store it: `aws secretsmanager put-secret-value --secret-id acme/tokens --secret-string file://token.txt`.',
  );
});

it('the command that stores a new API token under a key keeps the other keys', () => {
  expect(newApiToken(`${ARN}:api`)[1]).toBe(
    "Write the secret's JSON object to secret.json, with the token under the key api and all other keys as they are, and store it: `aws secretsmanager put-secret-value --secret-id acme/tokens --secret-string file://secret.json`.",
  );
});

it('the secret of a rejected token has its key, which distinguishes two tokens of one secret', () => {
  const rejected = rejectedTokenSecret('HCP Terraform: the API token in secret acme/tokens:api was rejected, also …');
  expect(rejected).toBe('acme/tokens:api');
  expect(secretLabelOf(`${ARN}:api`)).toBe(rejected);
  expect(secretNameOf(`${ARN}:api`)).toBe('acme/tokens');
});
