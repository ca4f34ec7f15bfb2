import * as z from 'zod';
import { faultsOf } from '../connection/config.ts';
import { NUDGE_ENV } from './contract.ts';
import { NudgeError } from './errors.ts';

/** The function's configuration, read from its environment variables. */
export interface NudgeConfig {
  readonly hostname: string;
  readonly hmacKeySecret: string;
  /** Key of the HMAC key in the secret's JSON object. */
  readonly hmacKeyJsonKey?: string | undefined;
  readonly wakeUpsQueueUrl: string;
  /** Secret with certificates to trust in addition to the public ones. */
  readonly caCertificatesSecret?: string | undefined;
}

const variables = {
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/)
    // HCP Terraform's URLs don't contain the default port.
    .transform((host) => host.replace(/:443$/, ''))
    .describe('a host name in lower case, with an optional port and without a scheme, such as app.terraform.io'),
  hmacKeySecret: z.string().min(1).describe('name or ARN of a secret'),
  hmacKeyJsonKey: z.string().min(1).optional().describe('key of a JSON object, or no value'),
  wakeUpsQueueUrl: z.url({ protocol: /^https?$/ }).describe('URL of an SQS queue'),
  caCertificatesSecret: z.string().min(1).optional().describe('name or ARN of a secret, or no value'),
} satisfies Record<keyof typeof NUDGE_ENV, z.ZodType<string | undefined>>;

/**
 * Reads the configuration from the environment variables.
 * @throws `NudgeError` that lists every fault
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): NudgeConfig {
  const texts = Object.fromEntries(Object.entries(NUDGE_ENV).map(([key, name]) => [key, environment[name]]));
  const { data, error } = z.object(variables).safeParse(texts);
  if (data !== undefined) return data;
  const faults = faultsOf(error, variables, NUDGE_ENV, texts);
  throw new NudgeError(`The nudge's configuration has ${faults.length} fault(s):\n${faults.join('\n')}`);
}
