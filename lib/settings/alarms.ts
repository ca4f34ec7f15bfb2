import * as z from 'zod';
import { DEFAULT_API_TOKEN_EXPIRY_DAYS } from '../defaults.ts';
import { type Explanation, setting, whole } from './fields.ts';

/** An address as in the `mail` of HTML forms: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, with a domain that has a dot. */
const EMAIL = z
  .string()
  .max(254)
  .regex(
    /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$/,
  );

/** Settings of the alarms, in addition to `alarmTopicArn`. */
export const alarmSettings = {
  alarmEmail: setting(EMAIL.optional(), {
    description:
      'E-mail address that receives the alarms. The stack creates an SNS topic for it. SNS sends a message with a link to the address: open the link, or no alarm arrives.',
    allowed: 'one e-mail address, and only without alarmTopicArn',
    remedy: 'set one address. For several people, set the address of a mailing list',
    explain: emailExplanation,
    absent: 'no topic',
  }),
  apiTokenExpiryDays: setting(whole(1, 90).default(DEFAULT_API_TOKEN_EXPIRY_DAYS), {
    description:
      'Days before the expiry of an API token at which the alarm *API token expires soon* begins to fire. It fires only if HCP Terraform shows when the token expires.',
  }),
  auditEvents: setting(z.boolean().optional(), {
    description:
      'Whether the alarm topic gets a message when anyone other than the launcher and CloudFormation starts a task in the cluster, or changes a function or a task definition. Changes that anyone makes through CloudFormation are not reported. It needs alarmEmail or alarmTopicArn, and a CloudTrail trail in the region. The policy of the topic in alarmTopicArn must let events.amazonaws.com publish: set `true` once it does, which ends the warning at synthesis.',
    absent: '`true`, with a warning if `alarmTopicArn` is set',
  }),
};

function emailExplanation(value: unknown): Explanation | undefined {
  if (typeof value !== 'string') return undefined;
  if (value.startsWith('arn:')) return { remedy: 'set the ARN of a topic as alarmTopicArn' };
  const [, inside] = /^\s*(?:mailto:|[^<>]*<)?\s*([^\s<>,;]+@[^\s<>,;]+?)\s*>?\s*$/.exec(value) ?? [];
  return inside !== undefined && inside !== value && EMAIL.safeParse(inside).success
    ? { remedy: `set the address alone: ${inside}` }
    : undefined;
}
