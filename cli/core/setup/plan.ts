/**
 * The plan of `setup`: from what exists and what is wanted to steps in order. Each step can be undone.
 *
 * The file comes last, so that it never refers to something that doesn't exist. A secret that has a value is never overwritten unless the
 * user asks for it: a running launcher may use it, and `rotate` replaces its value without ending a job.
 */

import { tokenOfVersion } from '../../../functions/token-rotation/core/agent-tokens.ts';
import type { AgentToken } from '../../../functions/token-rotation/core/rotation.ts';
import type { SecretState } from '../../aws/secrets.ts';
import type { Pool } from '../../hcp-terraform/agent-pools.ts';
import { CommandError } from '../../io.ts';
import type { PoolScope } from '../pool-calls.ts';
import type { SettingChange } from './settings.ts';

/** What exists. */
export interface Existing {
  /** The pool with the wanted name. */
  readonly pool: Pool | undefined;
  /** Agent tokens of that pool; `undefined` if the token can't list them. */
  readonly agentTokens: readonly AgentToken[] | undefined;
  readonly agentSecret: SecretState;
  readonly apiSecret: SecretState;
}

/** What the user wants to exist. */
export interface Wanted {
  readonly organization: string;
  readonly poolName: string;
  /** Absent: the scope of an existing pool doesn't change. Required for a new pool. */
  readonly scope?: PoolScope;
  /** `create`: a new token through the API. `given`: a token that the user has. `keep`: the one in the secret. */
  readonly agentToken: 'create' | 'given' | 'keep';
  /** Description of a new agent token. */
  readonly tokenDescription: string;
  readonly apiToken: 'given' | 'keep';
  readonly file: {
    readonly path: string;
    /** The path as the user wrote it. */
    readonly shown: string;
    readonly before: string;
    readonly after: string;
    readonly changes: readonly SettingChange[];
  };
}

/** Steps that store a value: in a new secret, in an empty one, or as the next version of one with a value. */
type StoreStep = {
  readonly secret: string;
  readonly how: 'create' | 'put';
  /** Id of the version that is current before the step. */
  readonly previous: string | undefined;
};

export type Step =
  | { readonly kind: 'create-pool'; readonly organization: string; readonly name: string; readonly scope: PoolScope }
  | {
      readonly kind: 'scope-pool';
      readonly pool: Pool;
      readonly scope: PoolScope;
      readonly before: PoolScope;
    }
  | {
      readonly kind: 'create-agent-token';
      /** `undefined`: the pool that an earlier step creates. */
      readonly poolId: string | undefined;
      readonly description: string;
    }
  | ({ readonly kind: 'store-agent-token'; readonly from: 'created' | 'given' } & StoreStep)
  | ({ readonly kind: 'store-api-token' } & StoreStep)
  | {
      readonly kind: 'write-settings';
      readonly path: string;
      readonly shown: string;
      readonly before: string;
      readonly after: string;
      readonly changes: readonly SettingChange[];
    };

/** What the secret of the agent token shows about the token in it. */
export type AgentSecretFinding =
  | { readonly finding: 'missing' | 'empty' }
  /** `setup` or `rotate` stored the token, and the pool has it. */
  | { readonly finding: 'valid'; readonly tokenId: string }
  /** `setup` or `rotate` stored the token, but the pool doesn't have it: it was revoked, or belongs to another pool. */
  | { readonly finding: 'dead'; readonly tokenId: string }
  /** A value that the API can't be compared with. */
  | { readonly finding: 'unknown' };

/** Finds out whether the secret of the agent token already has a token of the pool. */
export function agentSecretFinding({ pool, agentTokens, agentSecret }: Existing): AgentSecretFinding {
  if (agentSecret.state === 'missing' || agentSecret.state === 'deleted') return { finding: 'missing' };
  if (agentSecret.state === 'empty') return { finding: 'empty' };
  const tokenId = tokenOfVersion(agentSecret.currentVersion);
  if (tokenId === undefined) return { finding: 'unknown' };
  if (pool === undefined) return { finding: 'dead', tokenId };
  if (agentTokens === undefined) return { finding: 'unknown' };
  return { finding: agentTokens.some(({ id }) => id === tokenId) ? 'valid' : 'dead', tokenId };
}

/** What to do about the agent token if the user doesn't say it. */
export function agentTokenByDefault(existing: Existing): 'create' | 'keep' {
  const { finding } = agentSecretFinding(existing);
  if (finding === 'valid') return 'keep';
  // A value of unknown origin can only belong to the pool if the pool already existed.
  return finding === 'unknown' && existing.pool !== undefined ? 'keep' : 'create';
}

/** @throws CommandError if the plan isn't possible */
export function planSetup(existing: Existing, wanted: Wanted): readonly Step[] {
  const { pool, agentSecret, apiSecret } = existing;
  for (const { name, state } of [agentSecret, apiSecret]) {
    if (state !== 'deleted') continue;
    throw new CommandError(
      `The secret ${name} is scheduled for deletion, so its name can't be used.\nRestore it with \`aws secretsmanager restore-secret --secret-id ${name}\`, or choose another name.`,
    );
  }
  const steps: Step[] = [];
  if (pool === undefined) {
    if (wanted.scope === undefined) throw new TypeError('A new pool needs a scope.');
    const { organization, poolName: name, scope } = wanted;
    steps.push({ kind: 'create-pool', organization, name, scope });
  } else if (wanted.scope !== undefined && !isScoped(pool, wanted.scope)) {
    steps.push({ kind: 'scope-pool', pool, scope: wanted.scope, before: scopeOf(pool) });
  }
  if (wanted.agentToken === 'keep' && agentSecret.state !== 'has-value') {
    throw new CommandError(
      `The secret ${agentSecret.name} has no agent token to keep.\nLet setup create one, or pass one with --agent-token.`,
    );
  }
  if (wanted.agentToken === 'create') {
    steps.push({ kind: 'create-agent-token', poolId: pool?.id, description: wanted.tokenDescription });
  }
  if (wanted.agentToken !== 'keep') {
    const from = wanted.agentToken === 'create' ? 'created' : 'given';
    steps.push({ kind: 'store-agent-token', from, ...storing(agentSecret) });
  }
  if (wanted.apiToken === 'keep' && apiSecret.state !== 'has-value') {
    throw new CommandError(
      `The secret ${apiSecret.name} has no API token to keep.\nPass the launcher's API token with --api-token.`,
    );
  }
  if (wanted.apiToken === 'given') steps.push({ kind: 'store-api-token', ...storing(apiSecret) });
  if (wanted.file.changes.length > 0) steps.push({ kind: 'write-settings', ...wanted.file });
  return steps;
}

function storing({ name, state, currentVersion }: SecretState): StoreStep {
  return { secret: name, how: state === 'missing' ? 'create' : 'put', previous: currentVersion };
}

/** The scope of an existing pool. The names of its projects are unknown here. */
export function scopeOf({ organizationScoped, allowedProjectIds }: Pool): PoolScope {
  if (organizationScoped) return { kind: 'organization' };
  return { kind: 'projects', projects: allowedProjectIds.map((id) => ({ id, name: id })) };
}

function isScoped(pool: Pool, scope: PoolScope): boolean {
  if (scope.kind === 'organization') return pool.organizationScoped;
  const wanted = scope.projects.map(({ id }) => id).toSorted();
  return !pool.organizationScoped && wanted.join() === pool.allowedProjectIds.toSorted().join();
}
