/** What the function needs from external services. Adapters implement these ports. Each method throws `RotationError`. */
import type { AgentToken, PoolAgent, PoolTask, SecretVersion } from './core/rotation.ts';
import type { SecretFacts } from './core/secret-answers.ts';

/** A new agent token. HCP Terraform shows the value only once. */
export interface NewToken {
  readonly id: string;
  readonly value: string;
}

/** HCP Terraform. */
export interface AgentTokens {
  poolId(organization: string, name: string): Promise<string>;
  /** All agent tokens of the pool, from all pages. */
  tokens(poolId: string): Promise<readonly AgentToken[]>;
  /** All agents of the pool that are still connected. */
  connectedAgents(poolId: string): Promise<readonly PoolAgent[]>;
  create(poolId: string, description: string): Promise<NewToken>;
  /** Revokes the token. A token that doesn't exist any more counts as revoked. */
  revoke(tokenId: string): Promise<void>;
}

/** Where a token is stored. */
export interface TokenPlace {
  /** Name or ARN of the secret. */
  readonly secret: string;
  /** Key of the token, if the secret is a JSON object. */
  readonly jsonKey?: string | undefined;
}

/** Secrets Manager. */
export interface TokenSecrets {
  /** All versions, also those without a label. */
  versions(secret: string): Promise<readonly SecretVersion[]>;
  /** The secret's name, and when it was last changed. */
  facts(secret: string): Promise<SecretFacts>;
  /** Makes certain that the place can contain a token. Rejects before a token is created for a place that can't. */
  open(place: TokenPlace): Promise<StoreToken>;
}

/**
 * Stores the value as a new version with this id, and makes it the current one. Other keys of a JSON object stay as they are. Rejects if somebody
 * changed them after the place was opened.
 */
export type StoreToken = (value: string, versionId: string) => Promise<void>;

/** ECS. */
export interface PoolTasks {
  /** Every task of these families that ECS shows: live, stopping and recently stopped ones. */
  tasks(families: readonly string[]): Promise<readonly PoolTask[]>;
}

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export interface Log {
  info(line: object): void;
  warn(line: object): void;
  error(line: object): void;
}

/** Reports the age of a pool's oldest token. */
export type ReportAge = (pool: string, days: number) => void;
