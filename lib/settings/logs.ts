/** Settings of what happens to the logs, in addition to their retention. */
import * as z from 'zod';
import { ROLE_ARN } from './aws-ids.ts';
import { setting } from './fields.ts';

/** Forms of the ARNs that a subscription filter accepts: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html */
const EXPORTS = {
  stream: /^arn:aws[a-z-]*:(?:kinesis|firehose):[a-z0-9-]+:\d{12}:(?:stream|deliverystream)\/[A-Za-z0-9_.-]{1,128}$/,
  function: /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9_$-]{1,128})?$/,
  destination: /^arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:destination:[^:*]{1,512}$/,
} as const;

/** What receives the logs; `undefined` if it isn't a known ARN. */
export function exportKind(arn: string): keyof typeof EXPORTS | undefined {
  if (EXPORTS.stream.test(arn)) return 'stream';
  if (EXPORTS.function.test(arn)) return 'function';
  return EXPORTS.destination.test(arn) ? 'destination' : undefined;
}

export const logSettings = z.strictObject({
  onDelete: setting(z.enum(['delete', 'retain']).default('delete'), {
    description:
      'What happens to the log groups when the stack is deleted. With `retain`, they stay. A new stack with the same name then fails until you delete them, because log groups have fixed names.',
  }),
  exportTo: setting(
    z
      .string()
      .refine((arn) => exportKind(arn) !== undefined)
      .optional(),
    {
      description:
        'What receives every log event of the stack, in addition to the log groups: a Kinesis stream, a Firehose stream, a Lambda function, or a destination of CloudWatch Logs, which can be in another account. The receiver must exist before the deployment, and CloudWatch Logs must be allowed to use it.',
      allowed:
        'the ARN of a Kinesis stream, a Firehose stream, a Lambda function or a destination of CloudWatch Logs (arn:aws:logs:<region>:<account>:destination:<name>), in the region of the stack',
      remedy: 'set the ARN of one of these. For a receiver in another account, create a destination there',
      absent: 'nothing',
    },
  ),
  exportRoleArn: setting(z.string().regex(ROLE_ARN).optional(), {
    description: 'Existing role with which CloudWatch Logs writes to the stream in `logs.exportTo`.',
    allowed: 'the ARN of a role; only with a Kinesis or Firehose stream, which require it',
    remedy:
      'create a role that logs.amazonaws.com can assume, and that can write to the stream (docs/encryption.md has both policies)',
    absent: 'no role',
  }),
});
