/** Does the steps of `setup` in HCP Terraform, Secrets Manager and the settings file, and undoes them. It never prints a token. */
import { randomBytes } from 'node:crypto';
import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { versionOfToken } from '../../functions/token-rotation/core/agent-tokens.ts';
import type { Aws } from '../aws/clients.ts';
import { createSecret, deleteSecret, putSecret, restoreVersion, secretState } from '../aws/secrets.ts';
import type { Step } from '../core/setup/plan.ts';
import type { Hands } from '../core/setup/run-plan.ts';
import {
  agentPoolsOf,
  agentTokensOf,
  createAgentToken,
  createPool,
  deletePool,
  revokeAgentToken,
  scopePool,
} from '../hcp-terraform/agent-pools.ts';
import { type HcpTerraform, HcpTerraformError } from '../hcp-terraform/client.ts';
import { CommandError } from '../io.ts';

export interface ExecuteParts {
  readonly client: HcpTerraform;
  readonly aws: Aws;
  readonly organization: string;
  /** Value of the step `store-api-token`. */
  readonly apiToken: string | undefined;
  /** Value of the step `store-agent-token`, unless an earlier step creates the token. */
  readonly agentToken: string | undefined;
}

type StoreStep = Extract<Step, { kind: 'store-agent-token' | 'store-api-token' }>;

export class SetupHands implements Hands {
  readonly #parts: ExecuteParts;
  readonly #ids = new Map<Step, string>();
  readonly #refused = new Set<Step>();
  readonly #restored: { readonly secret: string; readonly version: string }[] = [];
  #createdPoolId: string | undefined;
  #createdToken: { readonly id: string; readonly value: string } | undefined;

  constructor(parts: ExecuteParts) {
    this.#parts = parts;
  }

  /** Id of the pool, the token or the secret's version that a step created; `undefined` if the answer got lost. */
  idOf(step: Step): string | undefined {
    return this.#ids.get(step);
  }

  /** The secrets whose earlier value is current again. The value that this run stored is now in the version AWSPREVIOUS. */
  get restored(): readonly { readonly secret: string; readonly version: string }[] {
    return this.#restored;
  }

  async perform(step: Step): Promise<void> {
    try {
      await this.#perform(step);
    } catch (error) {
      // An answer with a 4xx status says that nothing happened.
      if (error instanceof HcpTerraformError && error.status < 500) this.#refused.add(step);
      throw error;
    }
  }

  async #perform(step: Step): Promise<void> {
    const { client } = this.#parts;
    switch (step.kind) {
      case 'create-pool': {
        const { id } = await createPool(client, step.organization, step.name, step.scope);
        this.#createdPoolId = id;
        this.#ids.set(step, id);
        return;
      }
      case 'scope-pool':
        return scopePool(client, step.pool.id, step.pool.name, step.scope);
      case 'create-agent-token': {
        const token = await createAgentToken(client, this.#poolOf(step), step.description);
        this.#createdToken = token;
        this.#ids.set(step, token.id);
        return;
      }
      case 'store-agent-token':
      case 'store-api-token':
        return this.#store(step);
      case 'write-settings':
        return writeText(step.path, step.before, step.after);
    }
  }

  async undo(step: Step): Promise<void> {
    if (this.#refused.has(step)) return;
    const { client, organization } = this.#parts;
    const id = this.#ids.get(step);
    switch (step.kind) {
      case 'create-pool': {
        if (id !== undefined) return deletePool(client, id);
        const pools = await agentPoolsOf(client, organization);
        // A pool with this name may be of somebody else, so it stays.
        if (pools.some(({ name }) => name === step.name)) throw new CommandError('Its creation was not confirmed.');
        return;
      }
      case 'scope-pool':
        return scopePool(client, step.pool.id, step.pool.name, step.before);
      case 'create-agent-token': {
        if (id !== undefined) return revokeAgentToken(client, id);
        const tokens = await agentTokensOf(client, this.#poolOf(step));
        for (const token of tokens)
          if (token.description === step.description) await revokeAgentToken(client, token.id);
        return;
      }
      case 'store-agent-token':
      case 'store-api-token':
        return this.#unstore(step);
      case 'write-settings':
        if (readFileSync(step.path, 'utf8') === step.after) writeText(step.path, step.after, step.before);
    }
  }

  #poolOf({ poolId = this.#createdPoolId }: Extract<Step, { kind: 'create-agent-token' }>): string {
    if (poolId === undefined) throw new Error('The pool of the agent token is unknown.');
    return poolId;
  }

  async #store(step: StoreStep): Promise<void> {
    const { aws, apiToken, agentToken } = this.#parts;
    const created = step.kind === 'store-agent-token' && step.from === 'created' ? this.#createdToken : undefined;
    const value = created?.value ?? (step.kind === 'store-api-token' ? apiToken : agentToken);
    if (value === undefined) throw new Error(`There is no value for ${step.kind}.`);
    const version = created === undefined ? randomBytes(16).toString('hex') : versionOfToken(created.id);
    this.#ids.set(step, version);
    const secret = { name: step.secret, value, version };
    const what = step.kind === 'store-api-token' ? 'API token of the launcher' : 'agent token';
    if (step.how === 'create') {
      await createSecret(aws, { ...secret, description: `${what} for agent-launcher` });
    } else await putSecret(aws, secret);
  }

  async #unstore(step: StoreStep): Promise<void> {
    const { secret, how, previous } = step;
    const version = this.#ids.get(step);
    if (version === undefined) return;
    const { aws } = this.#parts;
    const { state, versions, currentVersion } = await secretState(aws, secret);
    // Without our version, the call had no effect, or the secret belongs to somebody else.
    if (state === 'missing' || !Object.hasOwn(versions, version)) return;
    if (how === 'create') return deleteSecret(aws, secret);
    if (currentVersion !== version) return;
    if (previous === undefined) throw new CommandError('The secret was empty before, and AWS keeps its last value.');
    await restoreVersion(aws, secret, { from: version, to: previous });
    this.#restored.push({ secret, version });
  }
}

/** Replaces the text in one step, so that the file is never half written. */
function writeText(path: string, before: string, after: string): void {
  const file = realpathSync(path);
  if (readFileSync(file, 'utf8') !== before) {
    throw new CommandError(`${path} was changed while setup ran. Run setup again.`);
  }
  const temporary = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, after, { mode: statSync(file).mode });
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}
