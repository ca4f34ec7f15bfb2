import * as z from 'zod';
import { DEFAULT_NUDGE_CONCURRENCY } from '../defaults.ts';
import { SECRET_OR_KEY, SECRET_OR_KEY_DOC, setting, whole } from './fields.ts';

export const nudgeSettings = z.strictObject({
  hmacKeySecret: setting(SECRET_OR_KEY, {
    description:
      'Secret that contains the HMAC key of the run task or the notification: only the key, or a JSON object that has it under a key.',
    ...SECRET_OR_KEY_DOC,
    remedy:
      'create the secret (openssl rand -hex 32 > key.txt; aws secretsmanager create-secret --name NAME --secret-string file://key.txt) and set its name here, never the key itself',
  }),
  reservedConcurrency: setting(whole(1, 100).default(DEFAULT_NUDGE_CONCURRENCY), {
    description:
      "Reserved concurrency of the nudge's function. It limits what a flood of requests can cost and use: the URL accepts ten times as many requests per second. New AWS accounts refuse any reservation: raise the quota of Lambda's concurrent executions first.",
  }),
});
