/** The names that both deploy time (`lib`) and run time (`functions`) use. This file contains no logic. */
import { CONNECTION_ENV } from '../connection/contract.ts';

/** Environment variables of the function that rotates agent tokens. `lib` sets them, `config.ts` parses them. */
export const ROTATION_ENV = {
  /** Host of HCP Terraform or Terraform Enterprise without a scheme, and with the port unless it is 443: `app.terraform.io`. */
  hostname: 'HCP_TERRAFORM_HOSTNAME',
  /** Name or ARN of the Secrets Manager secret with an API token that may manage agent pools. */
  apiTokenSecret: 'ROTATION_API_TOKEN_SECRET',
  /** Key of the API token, if that secret is a JSON object; absent: the secret contains only the token. */
  apiTokenJsonKey: 'ROTATION_API_TOKEN_JSON_KEY',
  /** JSON list of `RotatedPoolEnvironment`. */
  pools: 'ROTATED_POOLS',
  /** Name or ARN of the ECS cluster that holds the agents' tasks. */
  cluster: 'ECS_CLUSTER',
  /**
   * Comma-separated beginnings of the families of task definitions. Each family ends with the pool's name. They include families that aren't
   * deployed now, because tasks from before the last deployment may still run.
   */
  familyPrefixes: 'TASK_FAMILY_PREFIXES',
  ...CONNECTION_ENV,
  /** Days after which a token is replaced. */
  days: 'ROTATION_DAYS',
  /** `true`: agents that this stack didn't start have their own tokens, so the rotation doesn't wait for them. */
  ignoreOtherAgents: 'IGNORE_OTHER_AGENTS',
  /** Account of the stack. With the region and the stack's name, it is part of every token's description. */
  account: 'STACK_ACCOUNT',
  stack: 'STACK_NAME',
  /** Lambda sets this one. */
  region: 'AWS_REGION',
} as const;

/** The metrics, in the namespace of the launcher's metrics. Each comment starts with the unit. */
export const ROTATION_METRICS = {
  /** Days: age of the pool's oldest agent token that the rotation hasn't revoked yet. Written per pool in each invocation. */
  agentTokenAge: 'AgentTokenAgeDays',
} as const;

/** CloudWatch namespace and dimensions of the metrics: those of the launcher. */
export const ROTATION_NAMESPACE = 'AgentLauncher';
export const ROTATION_POOL_DIMENSION = 'pool';

/** A pool in the variable `ROTATION_ENV.pools`. */
export interface RotatedPoolEnvironment {
  readonly name: string;
  /** The pool's id; absent: the function looks it up by the name. */
  readonly id?: string | undefined;
  readonly organization: string;
  /** Name or ARN of the secret with the agent token. */
  readonly secret: string;
  /** Key of the agent token, if the secret is a JSON object; absent: the secret contains only the token. */
  readonly jsonKey?: string | undefined;
}
