import * as z from 'zod';
import {
  type ConnectionConfig,
  connectionConfig,
  connectionVariables,
  faultsOf,
  jsonText,
} from '../connection/config.ts';
import { ROTATION_ENV, type RotatedPoolEnvironment } from './contract.ts';
import { DAY_MS } from './core/rotation.ts';
import { RotationError } from './errors.ts';
import { rotatedPools } from './pool-environment.ts';

export interface ConfiguredPool extends RotatedPoolEnvironment {
  /** All families that the pool's task definitions can have. */
  readonly families: readonly string[];
}

/** The function's configuration, read from its environment variables. */
export interface RotationConfig extends ConnectionConfig {
  readonly hostname: string;
  readonly apiTokenSecret: string;
  /** Key of the API token, if the secret is a JSON object; absent: the secret contains only the token. */
  readonly apiTokenJsonKey?: string | undefined;
  readonly pools: readonly ConfiguredPool[];
  readonly cluster: string;
  readonly maxAgeMs: number;
  readonly ignoreOtherAgents: boolean;
  readonly account: string;
  readonly stack: string;
  readonly region: string;
}

const text = z.string().min(1);

const variables = {
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/)
    .describe('a host name in lower case, with an optional port and without a scheme, such as app.terraform.io'),
  apiTokenSecret: text.describe('name or ARN of a secret'),
  apiTokenJsonKey: text.optional().describe('key of a JSON object, or no value'),
  pools: jsonText.pipe(rotatedPools).describe('a JSON list of pools'),
  cluster: text.describe('name or ARN of an ECS cluster'),
  familyPrefixes: z
    .string()
    .regex(/^[\w-]+(,[\w-]+)*$/)
    .transform((prefixes) => prefixes.split(','))
    .describe('a comma-separated list of beginnings of task definition families'),
  ...connectionVariables,
  days: z.coerce.number().int().min(1).max(3650).describe('an integer from 1 to 3650'),
  ignoreOtherAgents: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .describe('true or false'),
  account: text.describe('the account of the stack'),
  stack: text.describe('the name of the stack'),
  region: text.describe('a region'),
} satisfies Record<keyof typeof ROTATION_ENV, z.ZodType>;

/**
 * Reads the configuration from the environment variables.
 * @throws `RotationError` that lists every fault
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): RotationConfig {
  const texts = Object.fromEntries(Object.entries(ROTATION_ENV).map(([key, name]) => [key, environment[name]]));
  const { data, error } = z.object(variables).safeParse(texts);
  if (data !== undefined) {
    const { hostname, apiTokenSecret, apiTokenJsonKey, pools, cluster, familyPrefixes, days, ignoreOtherAgents } = data;
    const { account, stack, region } = data;
    return {
      ...connectionConfig(data),
      hostname,
      apiTokenSecret,
      apiTokenJsonKey,
      cluster,
      ignoreOtherAgents,
      account,
      stack,
      region,
      pools: pools.map((pool) => ({ ...pool, families: familyPrefixes.map((prefix) => `${prefix}${pool.name}`) })),
      maxAgeMs: days * DAY_MS,
    };
  }
  const faults = faultsOf(error, variables, ROTATION_ENV, texts);
  throw new RotationError(`The configuration of the rotation has ${faults.length} fault(s):\n${faults.join('\n')}`);
}
