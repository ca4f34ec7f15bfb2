/**
 * One invocation's part of the rotation of one pool: look, decide, do one step, look again.
 *
 * It ends when nothing is left to do, or when the rest has to wait for tasks. A later invocation then continues. It keeps nothing for that:
 * everything that it needs is in HCP Terraform's list of tokens, in the versions of the secret and in ECS. So it can be killed at any
 * point, and two invocations can overlap.
 */
import { type TokenOwner, tokenDescription, tokenOfVersion, versionOfToken } from './core/agent-tokens.ts';
import {
  currentOf,
  isFilledByHand,
  needsRenewal,
  nextStep,
  oldestAgeMs,
  QUIET_MS,
  quietSince,
  type RotationState,
  type RotationStep,
  tokensBefore,
} from './core/rotation.ts';
import { RotationError } from './errors.ts';
import type { AgentTokens, Clock, PoolTasks, TokenPlace, TokenSecrets } from './ports.ts';

/** Maximum number of looks per invocation. A rotation without obstacles needs five. */
const MOST_LOOKS = 12;

/** Maximum number of names and ids in a log line. */
const MOST_LISTED = 10;

export interface RotatedPool extends TokenPlace {
  readonly name: string;
  /** Absent: it is looked up by the name. */
  readonly id?: string | undefined;
  readonly organization: string;
  readonly families: readonly string[];
  /** Without the secret's name, which Secrets Manager shows. */
  readonly owner: Omit<TokenOwner, 'secret'>;
}

export interface RotatePoolDeps {
  readonly hcpTerraform: AgentTokens;
  readonly secrets: TokenSecrets;
  readonly ecs: PoolTasks;
  readonly clock: Clock;
  readonly maxAgeMs: number;
  readonly ignoreOtherAgents: boolean;
}

/** What one invocation did in a pool. */
export interface RotationResult {
  readonly pool: string;
  /**
   * - `rested`: no token is old enough, and nothing is left of an earlier rotation.
   * - `waiting`: the new token is stored. Tasks may still use the old one, or it isn't certain yet that none does.
   * - `blocked`: agents that this stack didn't start may use the old token.
   * - `deferred`: another run seems to be creating a token.
   */
  readonly outcome: 'rested' | 'waiting' | 'blocked' | 'deferred';
  /** Id of the current token; `undefined` if it was stored by hand. */
  readonly current: string | undefined;
  /** Id of the token that this invocation stored. */
  readonly stored?: string;
  readonly revoked?: readonly string[];
  /** Tokens that still work and that the rotation is about to revoke. */
  readonly old?: readonly string[];
  /** Tasks that may use the old tokens. */
  readonly tasks?: readonly string[];
  /** Names of agents that may use the old tokens. */
  readonly agents?: readonly string[];
  /** Tokens of which one may be the value that this invocation replaced. Only if somebody stored that value by hand. */
  readonly unknownTokens?: readonly string[];
  readonly ageMs: number | undefined;
}

export async function rotatePool(pool: RotatedPool, deps: RotatePoolDeps): Promise<RotationResult> {
  const poolId = pool.id ?? (await deps.hcpTerraform.poolId(pool.organization, pool.name));
  return new PoolRotation(pool, poolId, deps).run();
}

class PoolRotation {
  readonly #pool: RotatedPool;
  readonly #poolId: string;
  readonly #deps: RotatePoolDeps;
  #stored: string | undefined;
  #storedAtMs: number | undefined;
  #quietSinceMs: number | undefined;
  readonly #revoked: string[] = [];

  constructor(pool: RotatedPool, poolId: string, deps: RotatePoolDeps) {
    this.#pool = pool;
    this.#poolId = poolId;
    this.#deps = deps;
  }

  async run(): Promise<RotationResult> {
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const state = await this.#look();
      const next = nextStep(state);
      this.#quietSinceMs = quietSince(next, state);
      const result = await this.#do(next, state);
      if (result !== undefined) return result;
    }
    throw new RotationError(
      `The rotation of pool ${this.#pool.name} did not finish: HCP Terraform or Secrets Manager shows old data again and again. The next invocation continues.`,
    );
  }

  async #look(): Promise<RotationState> {
    const { hcpTerraform, secrets, ecs, clock, maxAgeMs, ignoreOtherAgents } = this.#deps;
    const { owner, secret, families } = this.#pool;
    // Before the lists, so that they are at least this new.
    const nowMs = clock.now();
    const versions = await secrets.versions(secret);
    const { name, changedAtMs } = await secrets.facts(secret);
    const tokens = await hcpTerraform.tokens(this.#poolId);
    return {
      nowMs,
      owner: { ...owner, secret: name },
      versions,
      changedAtMs,
      tokens,
      tasks: await ecs.tasks(families),
      agents: await hcpTerraform.connectedAgents(this.#poolId),
      named: new Set(),
      rotated: this.#stored !== undefined || !needsRenewal({ nowMs, versions, tokens }, maxAgeMs),
      quietSinceMs: this.#quietSinceMs,
      renewedAtMs: this.#storedAtMs,
      force: ignoreOtherAgents,
      patient: true,
    };
  }

  /** @returns the result if nothing is left to do now */
  async #do(next: RotationStep, state: RotationState): Promise<RotationResult | undefined> {
    const { clock } = this.#deps;
    switch (next.step) {
      case 'renew':
        await this.#renew(state);
        return undefined;
      case 'revoke':
        await this.#revoke(next, state);
        return undefined;
      case 'wait':
        // It takes more than a minute until nothing can have read the old version. By the next invocation, that time is over.
        if (next.tasks.length > 0 || this.#stored !== undefined) {
          return this.#result('waiting', state, {
            old: idsOf(next.old),
            tasks: next.tasks.slice(0, MOST_LISTED).map(({ id }) => id),
          });
        }
        await clock.sleep(QUIET_MS);
        return undefined;
      case 'ask':
        return this.#result('blocked', state, {
          old: idsOf(next.old),
          agents: next.agents.slice(0, MOST_LISTED).map(({ name }) => name),
        });
      case 'defer':
        return this.#result('deferred', state, { old: idsOf(next.young) });
      case 'conflict':
        // A value that was stored by hand stays until it is old enough.
        if (this.#stored === undefined) return this.#result('rested', state, {});
        throw new RotationError(
          `The secret ${this.#pool.secret} was changed, or its token was revoked, while the rotation ran. It revoked nothing since then. The next invocation looks again.`,
        );
      case 'done':
        return this.#result('rested', state, {});
    }
  }

  /**
   * Creates a token and stores it. If that fails, the token stays: nothing shows at once whether it was stored all the same. A later
   * invocation revokes it if no version contains it.
   */
  async #renew({ owner }: RotationState): Promise<void> {
    const { hcpTerraform, secrets, clock } = this.#deps;
    const { secret } = this.#pool;
    const store = await secrets.open(this.#pool);
    const { id, value } = await hcpTerraform.create(this.#poolId, tokenDescription(owner, clock.now()));
    const version = versionOfToken(id);
    try {
      await store(value, version);
    } catch (error) {
      // The answer may be lost although the value is stored.
      if (!(await secrets.versions(secret)).some((stored) => stored.id === version)) throw error;
    }
    this.#stored = id;
    this.#storedAtMs = clock.now();
    this.#quietSinceMs = undefined;
  }

  async #revoke({ tokens }: Extract<RotationStep, { step: 'revoke' }>, state: RotationState): Promise<void> {
    const { hcpTerraform, secrets } = this.#deps;
    for (const { id } of tokens) {
      if (this.#revoked.includes(id)) {
        throw new RotationError(`HCP Terraform still lists the agent token ${id} after the rotation revoked it.`);
      }
      // Somebody may have changed the secret since the look. The decision is then worth nothing.
      if ((await secrets.facts(this.#pool.secret)).changedAtMs !== state.changedAtMs) return;
      await hcpTerraform.revoke(id);
      this.#revoked.push(id);
    }
  }

  #result(
    outcome: RotationResult['outcome'],
    state: RotationState,
    more: Pick<RotationResult, 'old' | 'tasks' | 'agents'>,
  ): RotationResult {
    const unknownTokens = this.#stored === undefined ? [] : tokensBefore(state);
    return {
      pool: this.#pool.name,
      outcome,
      current: isFilledByHand(state.versions) ? undefined : tokenOfVersion(currentOf(state.versions)?.id),
      ...(this.#stored !== undefined && { stored: this.#stored }),
      ...(this.#revoked.length > 0 && { revoked: this.#revoked }),
      ...more,
      ...(unknownTokens.length > 0 && { unknownTokens: idsOf(unknownTokens) }),
      ageMs: oldestAgeMs(state),
    };
  }
}

const idsOf = (tokens: readonly { readonly id: string }[]): string[] =>
  tokens.slice(0, MOST_LISTED).map(({ id }) => id);
