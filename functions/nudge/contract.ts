/** The names that both deploy time (`lib`) and run time (`functions`) use. This file contains no logic. */
import { CONNECTION_ENV } from '../connection/contract.ts';

/** Environment variables of the nudge's Lambda function. `lib` sets them, `config.ts` parses them. */
export const NUDGE_ENV = {
  /** Host of HCP Terraform or Terraform Enterprise without a scheme, and with the port unless it is 443: `app.terraform.io`. */
  hostname: 'HCP_TERRAFORM_HOSTNAME',
  /** Name or ARN of the Secrets Manager secret whose string is the HMAC key. */
  hmacKeySecret: 'NUDGE_HMAC_KEY_SECRET',
  /** Key of the HMAC key in the secret's JSON object; absent: the secret contains only the HMAC key. */
  hmacKeyJsonKey: 'NUDGE_HMAC_KEY_JSON_KEY',
  /** URL of the queue whose messages wake the launcher up. */
  wakeUpsQueueUrl: 'WAKE_UPS_QUEUE_URL',
  /** Name or ARN of the secret with certificates that the function trusts in addition to the public ones; absent: there is none. */
  caCertificatesSecret: CONNECTION_ENV.caCertificatesSecret,
} as const;

/** The message that wakes the launcher up. The launcher may follow the run, and then ticks as always. */
export interface Nudge {
  readonly kind: 'nudge';
  readonly runId: string;
}
