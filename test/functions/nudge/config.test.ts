import { expect, it } from 'vitest';
import { parseConfig } from '../../../functions/nudge/config.ts';
import { NUDGE_ENV } from '../../../functions/nudge/contract.ts';

const VALID = {
  [NUDGE_ENV.hostname]: 'app.terraform.io',
  [NUDGE_ENV.hmacKeySecret]: 'acme/nudge-key',
  [NUDGE_ENV.wakeUpsQueueUrl]: 'https://sqs.eu-central-1.amazonaws.com/123456789012/wake-ups',
};

it('the default port is removed from the host, because callback URLs do not contain it', () => {
  expect(parseConfig({ ...VALID, [NUDGE_ENV.hostname]: 'tfe.example.com:443' }).hostname).toBe('tfe.example.com');
  expect(parseConfig({ ...VALID, [NUDGE_ENV.hostname]: 'tfe.example.com:8443' }).hostname).toBe('tfe.example.com:8443');
});

it('an error lists every variable that is wrong, with what is allowed and what to do', () => {
  const wrong = { [NUDGE_ENV.hostname]: 'https://app.terraform.io/', [NUDGE_ENV.wakeUpsQueueUrl]: 'wake-ups' };
  expect(() => parseConfig(wrong)).toThrow(
    [
      "The nudge's configuration has 3 fault(s):",
      '- HCP_TERRAFORM_HOSTNAME: given 25 characters; allowed: a host name in lower case, with an optional port and without a scheme, such as app.terraform.io; to do: deploy the stack again',
      '- NUDGE_HMAC_KEY_SECRET: given nothing; allowed: name or ARN of a secret; to do: deploy the stack again',
      '- WAKE_UPS_QUEUE_URL: given 8 characters; allowed: URL of an SQS queue; to do: deploy the stack again',
    ].join('\n'),
  );
});
