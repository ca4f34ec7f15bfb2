/** Settings of customer managed keys. */
import * as z from 'zod';
import { PRICES } from '../aws/prices.ts';
import { shown } from '../credentials.ts';
import { type Explanation, setting } from './fields.ts';

/** ARN of a KMS key. An alias can be moved to another key, and not every service accepts one. */
const KEY = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
  );

const KEY_DOC = {
  allowed: 'the ARN of a symmetric key: arn:aws:kms:<region>:<account>:key/<id>',
  remedy: 'set the ARN of the key. This prints it: aws kms describe-key --key-id ALIAS-OR-ID --query KeyMetadata.Arn',
  explain: (value: unknown) => (typeof value === 'string' ? keyExplanation(value) : undefined),
};

function keyExplanation(value: string): Explanation | undefined {
  const alias = /^(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:)?(alias\/.+)$/.exec(value)?.[1];
  if (alias === undefined) return undefined;
  return {
    given: `${shown(value)}, an alias`,
    remedy: `set the ARN of the key that the alias has now: aws kms describe-key --key-id ${alias} --query KeyMetadata.Arn`,
  };
}

const SAME_ACCOUNT = 'The key must be in the region and the account of the stack.';
const NO_KEY = '`encryption.keyArn`; without it, a key of AWS';

export const encryptionSettings = z.strictObject({
  keyArn: setting(KEY.optional(), {
    description: `Customer managed key of KMS for everything in this group without its own key. A key costs $${PRICES.kmsKeyMonth.usd.toFixed(2)} per month, and $${(PRICES.kmsRequest.usd * 10_000).toFixed(2)} per 10,000 requests. The output \`KeyPolicy\` shows what its policy must allow.`,
    ...KEY_DOC,
    absent: 'keys that AWS owns or manages',
  }),
  secretsKeyArn: setting(KEY.optional(), {
    description:
      'Key of the secrets that the settings name. The roles that read a secret get the permission to decrypt it with this key, and nothing else. The key and the secrets can be in another account; the region is that of the stack.',
    ...KEY_DOC,
    absent: NO_KEY,
  }),
  logsKeyArn: setting(KEY.optional(), {
    description: `Key of every log group of the stack. ${SAME_ACCOUNT} Allow CloudWatch Logs in the policy of the key before the deployment.`,
    ...KEY_DOC,
    absent: NO_KEY,
  }),
  environmentKeyArn: setting(KEY.optional(), {
    description: `Key of the functions' environment variables. ${SAME_ACCOUNT}`,
    ...KEY_DOC,
    absent: NO_KEY,
  }),
  ephemeralStorageKeyArn: setting(KEY.optional(), {
    description: `Key of the agents' disks. It can't be a multi-Region key. ${SAME_ACCOUNT} Allow Fargate in the policy of the key before the deployment: without it, no task starts.`,
    ...KEY_DOC,
    absent: NO_KEY,
  }),
  queueKeyArn: setting(KEY.optional(), {
    description: `Key of the queue that \`idlePollSeconds\` below 60 and \`nudge\` use. ${SAME_ACCOUNT}`,
    ...KEY_DOC,
    absent: NO_KEY,
  }),
  topicKeyArn: setting(KEY.optional(), {
    description: `Key of the topic that \`alarmEmail\` creates. ${SAME_ACCOUNT} Allow CloudWatch and EventBridge in the policy of the key before the deployment: without it, no alarm arrives.`,
    ...KEY_DOC,
    absent: NO_KEY,
  }),
  imagesKeyArn: setting(KEY.optional(), {
    description: `Key of the ECR repository with the copies of images, with \`agentImage.copy\`. ${SAME_ACCOUNT} A change replaces the repository, and the deployment copies the images again.`,
    ...KEY_DOC,
    absent: NO_KEY,
  }),
  gatewayVolumesKeyArn: setting(KEY.optional(), {
    description: `Key of the volumes of the gateways, with \`network.egress\` on-demand. The role of the launcher gets the permissions that EC2 needs to use it. If the account encrypts volumes with a customer managed key by default, set that key. ${SAME_ACCOUNT}`,
    ...KEY_DOC,
    absent: "`encryption.keyArn`; without it, the account's default key of EBS",
  }),
});
