import * as z from 'zod';
import { dollars, tokenRotationCost, total } from '../aws/costs.ts';
import { SECRET_OR_KEY, SECRET_OR_KEY_DOC, setting, whole } from './fields.ts';

export const agentTokenRotationSettings = z.strictObject({
  days: setting(whole(1, 365), {
    description: 'Days after which an agent token is replaced.',
    remedy: 'set the number of days, such as 30',
  }),
  apiTokenSecret: setting(SECRET_OR_KEY, {
    description:
      'Secret that contains an API token with the permission *Manage agent pools*: only the token, or a JSON object that has it under a key. Only the function that rotates reads it. The launcher keeps its own token.',
    ...SECRET_OR_KEY_DOC,
  }),
  ignoreOtherAgents: setting(z.boolean().default(false), {
    description:
      'Whether an old token is revoked although the pool has agents that this stack did not start. Set it only if those agents have their own tokens: otherwise their jobs end.',
  }),
});

/** Monthly price of the rotation for one pool, at list prices of us-east-1. */
export const ROTATION_PRICE = dollars(total(tokenRotationCost(1)));
