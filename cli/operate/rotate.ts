/** Rotates the agent token of a pool. */
import { type TokenOwner, tokenDescription, versionOfToken } from '../../functions/token-rotation/core/agent-tokens.ts';
import {
  currentOf,
  isFilledByHand,
  nextStep,
  quietSince,
  type RotationState,
  type RotationStep,
  type SecretVersion,
  tokensInNoVersion,
} from '../../functions/token-rotation/core/rotation.ts';
import { textWithToken } from '../../functions/token-rotation/core/secret-value.ts';
import { agentTokenSecretOf, tasksOfPool } from '../aws/pool-tasks.ts';
import { currentText, putSecret, secretFacts, secretState, secretVersions } from '../aws/secrets.ts';
import type { Context } from '../context.ts';
import { endInWords, leftoverInWords, strangersInWords, tokenInWords, waitInWords } from '../core/rotate-wording.ts';
import {
  agentPoolsOf,
  agentTokensOf,
  connectedAgents,
  createAgentToken,
  revokeAgentToken,
} from '../hcp-terraform/agent-pools.ts';
import { type HcpTerraform, HcpTerraformError } from '../hcp-terraform/client.ts';
import { hcpTerraformAt } from '../hcp-terraform/connect.ts';
import { findToken } from '../hcp-terraform/token.ts';
import { CommandError, EXIT, type ExitCode, UsageError } from '../io.ts';
import { Questions } from '../setup/questions.ts';

export interface RotateFlags {
  readonly pool?: string;
  readonly oldToken?: readonly string[];
  readonly deadline: number;
  readonly force?: boolean;
  readonly nonInteractive?: boolean;
}

/** A value that somebody stored by hand may have been invalid. A user who sees its failures again would rotate again. */
const NEXT_TRIAL =
  'If tasks failed because of the old value, the launcher waits before its next trial, 15 minutes at most. Until then, `agent-launcher status` shows the old failures.';

/** Time between two looks, in milliseconds. */
const LOOK_EVERY_MS = 10_000;

export async function rotate(context: Context, flags: RotateFlags): Promise<ExitCode> {
  const { aws, io } = context;
  const deployment = await context.deployment();
  const pool = poolOf(deployment.pools, flags.pool);
  const { hostname } = deployment;
  const organization = pool.organization ?? deployment.organization;
  const { token, source } = await findToken(
    { hostname, apiTokenSecret: pool.apiTokenSecret ?? deployment.apiTokenSecret },
    { env: io.env, aws },
  );
  const client = hcpTerraformAt(context, { hostname, token });
  try {
    const poolId = pool.id ?? (await poolIdOf(client, organization, pool.name));
    const { id: secret, jsonKey } = await agentTokenSecretOf(aws, pool);
    const owner: TokenOwner = {
      account: deployment.account,
      region: deployment.region,
      stack: deployment.stackName,
      pool: pool.name,
      secret: (await secretFacts(aws, secret)).name,
    };
    context.note(`Agent pool ${pool.name} of ${organization} on ${hostname}, with the token from ${source}`);
    const rotation = new Rotation({
      context,
      client,
      poolId,
      secret,
      jsonKey,
      owner,
      questions: flags.nonInteractive === true ? undefined : await Questions.at(io),
      tasks: () => tasksOfPool(aws, deployment.name, pool),
      deadlineMs: io.now() + flags.deadline * 60_000,
      force: flags.force === true,
    });
    return await rotation.run(flags.oldToken ?? []);
  } finally {
    await client.close();
  }
}

function poolOf<Pool extends { readonly name: string }>(pools: readonly Pool[], name: string | undefined): Pool {
  const names = pools.map((pool) => pool.name).join(', ');
  const [only, ...others] = pools;
  if (name === undefined) {
    if (only !== undefined && others.length === 0) return only;
    throw new UsageError(`The stack has several pools: ${names}.\nPass --pool NAME.`);
  }
  const found = pools.find((pool) => pool.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`The stack has no pool ${name}. Its pools: ${names}.`);
}

async function poolIdOf(client: HcpTerraform, organization: string, name: string): Promise<string> {
  const pools = await agentPoolsOf(client, organization);
  const found = pools.find((pool) => pool.name === name);
  if (found !== undefined) return found.id;
  throw new CommandError(
    `The organization ${organization} has no agent pool ${name}, or the token may not see it.\nIt sees: ${pools.map((pool) => pool.name).join(', ') || 'none'}.`,
  );
}

interface RotationParts {
  readonly context: Context;
  readonly client: HcpTerraform;
  readonly poolId: string;
  readonly secret: string;
  /** Key of the agent token in the secret's JSON object. */
  readonly jsonKey: string | undefined;
  readonly owner: TokenOwner;
  readonly questions: Questions | undefined;
  readonly tasks: () => Promise<RotationState['tasks']>;
  readonly deadlineMs: number;
  readonly force: boolean;
}

class Rotation {
  readonly #parts: RotationParts;
  readonly #named = new Set<string>();
  readonly #revoked = new Set<string>();
  #rotated = false;
  #revokedOld = false;
  #quietSinceMs: number | undefined;
  #renewedAtMs: number | undefined;
  /** The version that was current at the beginning, if somebody stored it by hand. */
  #byHand: SecretVersion | undefined;
  #waits = false;
  #force: boolean;
  /** Ids of the tasks in the last note about the wait; `undefined` before the first one. */
  #lastNote: string | undefined;

  constructor(parts: RotationParts) {
    this.#parts = parts;
    this.#force = parts.force;
  }

  async run(oldTokens: readonly string[]): Promise<ExitCode> {
    await this.#nameOldTokens(oldTokens);
    for (;;) {
      const state = await this.#lookAgain();
      if (state === undefined) return EXIT.problem;
      const next = nextStep(state);
      this.#quietSinceMs = quietSince(next, state);
      const exit = await this.#do(next, state);
      if (exit !== undefined) return exit;
    }
  }

  /**
   * Looks until an answer comes. While the rotation waits, one failed request must not end it.
   *
   * @returns `undefined` if the user stops it
   */
  async #lookAgain(): Promise<RotationState | undefined> {
    const { context, deadlineMs } = this.#parts;
    for (;;) {
      try {
        return await this.#look();
      } catch (error) {
        const isTransient = error instanceof CommandError && !isRefusal(error);
        if (!this.#waits || !isTransient || context.io.now() >= deadlineMs) throw error;
        this.#note(`Looking again, because: ${error.message.split('\n')[0]}`);
        if (await this.#sleep()) return undefined;
      }
    }
  }

  async #look(): Promise<RotationState> {
    const { context, client, poolId, secret, owner, tasks } = this.#parts;
    return {
      // Before the lists, so that they are at least this new.
      nowMs: context.io.now(),
      owner,
      versions: await secretVersions(context.aws, secret),
      changedAtMs: (await secretFacts(context.aws, secret)).changedAtMs,
      tokens: await agentTokensOf(client, poolId),
      tasks: await tasks(),
      agents: await connectedAgents(client, poolId),
      named: this.#named,
      rotated: this.#rotated,
      quietSinceMs: this.#quietSinceMs,
      renewedAtMs: this.#renewedAtMs,
      force: this.#force,
      patient: false,
    };
  }

  /** @returns the exit code if the work is done, or can't be done */
  async #do(next: RotationStep, state: RotationState): Promise<ExitCode | undefined> {
    const { context } = this.#parts;
    switch (next.step) {
      case 'renew':
        await this.#renew();
        return undefined;
      case 'wait':
        // Also if an earlier run made the change: from here on, the rotation says what is left when the user stops it.
        context.interruption.hold();
        return this.#wait(next);
      case 'revoke':
        if (next.what === 'old' && context.io.interrupted.aborted) {
          this.#note(this.#unfinished());
          return EXIT.problem;
        }
        if (!(await this.#revoke(next, state)) || next.what === 'abandoned') return undefined;
        this.#revokedOld = true;
        // What follows is the end of this rotation, also if an earlier run had begun it.
        this.#rotated = true;
        return undefined;
      case 'ask': {
        this.#note(strangersInWords(next));
        const asks = this.#parts.questions;
        this.#force =
          asks !== undefined && (await asks.confirm('Revoke the old token all the same?', false, this.#unfinished()));
        if (this.#force) return undefined;
        this.#note(
          `The old token still works. Run \`${this.#again()}\` again when these agents are gone, or pass --force.`,
        );
        return EXIT.problem;
      }
      case 'defer':
        throw new CommandError(
          `Another run seems to be about to store ${next.young.map(tokenInWords).join(', ')}.\nRun \`${this.#again()}\` again in ten minutes.`,
        );
      case 'conflict':
        throw new CommandError(
          `The secret ${this.#parts.owner.secret} was changed while rotate ran. ${this.#revoked.size === 0 ? 'No token was revoked.' : 'No token was revoked after that.'}\nFind out who changed it, and run \`${this.#again()}\` again.`,
        );
      case 'done':
        return this.#end(next);
    }
  }

  /** Creates a token and stores it. If it can't be stored, the token is revoked, because nothing uses it. */
  async #renew(): Promise<void> {
    const { context, client, poolId, secret, owner } = this.#parts;
    const store = await this.#openSecret();
    const token = await createAgentToken(client, poolId, tokenDescription(owner, context.io.now()));
    const version = versionOfToken(token.id);
    try {
      await store(token.value, version);
    } catch (error) {
      // The answer may be lost although the value is stored.
      const { versions } = await secretState(context.aws, secret);
      if (!Object.hasOwn(versions, version)) {
        await revokeAgentToken(client, token.id);
        throw error;
      }
    }
    this.#rotated = true;
    this.#renewedAtMs = context.io.now();
    this.#quietSinceMs = undefined;
    this.#note(`The agent token ${token.id} is now the value of the secret ${owner.secret}.`);
  }

  /**
   * Makes certain that the secret has a place for the token, before there is one.
   *
   * @returns stores a token: alone, or in the JSON object with all its other keys
   */
  async #openSecret(): Promise<(token: string, version: string) => Promise<void>> {
    const { context, secret, jsonKey, owner } = this.#parts;
    const { aws } = context;
    if (jsonKey === undefined) return (token, version) => putSecret(aws, { name: secret, value: token, version });
    const before = await currentText(aws, secret, { orEmpty: true });
    const textWith = (token: string): string => {
      const text = textWithToken(before.text, jsonKey, token);
      if (text !== undefined) return text;
      throw new CommandError(
        `The secret ${owner.secret} isn't a JSON object, so the agent token can't be stored under the key ${jsonKey}.\nCorrect the secret, or remove the key from pools[].agentTokenSecret and deploy.`,
      );
    };
    textWith('');
    return async (token, version) => {
      // PutSecretValue accepts no condition, so a change in the moment between these two requests gets lost.
      if ((await secretState(aws, secret)).currentVersion !== before.version) {
        throw new CommandError(
          `The secret ${owner.secret} was changed while rotate created a token for it. The token was not stored, so that the change of the other keys isn't lost.\nRun \`${this.#again()}\` again.`,
        );
      }
      await putSecret(aws, { name: secret, value: textWith(token), version });
    };
  }

  /** @returns whether the tokens are revoked. Otherwise somebody changed the secret after the look, so the decision is out of date. */
  async #revoke(
    { tokens }: Extract<RotationStep, { step: 'revoke' }>,
    { changedAtMs }: RotationState,
  ): Promise<boolean> {
    const { context, client, secret } = this.#parts;
    for (const token of tokens) {
      if (this.#revoked.has(token.id)) {
        throw new CommandError(
          `HCP Terraform still lists the agent token ${token.id} after rotate revoked it.\nRun \`${this.#again()}\` again later.`,
        );
      }
      if ((await secretFacts(context.aws, secret)).changedAtMs !== changedAtMs) return false;
      await revokeAgentToken(client, token.id);
      this.#revoked.add(token.id);
      this.#note(`Revoked the agent token ${tokenInWords(token)}.`);
    }
    return true;
  }

  async #wait(next: Extract<RotationStep, { step: 'wait' }>): Promise<ExitCode | undefined> {
    const { context, deadlineMs } = this.#parts;
    const { io } = context;
    const nowMs = io.now();
    const text = waitInWords(next, nowMs);
    if (nowMs >= deadlineMs) {
      this.#note(`The deadline has passed. ${text}`);
      this.#note(`The new token is in use, and the old one still works. Run \`${this.#again()}\` again to finish.`);
      return EXIT.problem;
    }
    // The same tasks are reported once.
    const key = next.tasks.map(({ id }) => id).join();
    if (key !== this.#lastNote) this.#note(text);
    this.#lastNote = key;
    this.#waits = true;
    return (await this.#sleep()) ? EXIT.problem : undefined;
  }

  /** @returns whether the user stopped the command */
  async #sleep(): Promise<boolean> {
    const { context, deadlineMs } = this.#parts;
    const { io } = context;
    try {
      await io.sleep(Math.min(LOOK_EVERY_MS, Math.max(1, deadlineMs - io.now())), io.interrupted);
    } catch (error) {
      if (!io.interrupted.aborted) throw error;
    }
    if (!io.interrupted.aborted) return false;
    this.#note(this.#unfinished());
    return true;
  }

  #note(text: string): void {
    const { context } = this.#parts;
    context.note(context.withCommands(text));
  }

  /** What a rotation says that the user stops after the new token was stored. */
  #unfinished(): string {
    return `Stopped. The new token is in use, and the old one still works. Run \`${this.#again()}\` again to finish.`;
  }

  /** The command line that continues this rotation, for {@link Context.withCommands}. */
  #again(): string {
    return `agent-launcher rotate --pool ${this.#parts.owner.pool}`;
  }

  #end({ foreign, young }: Extract<RotationStep, { step: 'done' }>): ExitCode {
    const { context, owner } = this.#parts;
    const hidden = this.#named.size === 0 ? this.#byHand : undefined;
    const leftover = hidden && leftoverInWords(foreign, hidden, `${this.#again()} --old-token ID`);
    const old = hidden !== undefined && foreign.length > 0 ? 'unknown' : this.#revokedOld ? 'revoked' : 'none';
    context.print(endInWords(owner.pool, old));
    if (young.length > 0) {
      this.#note(
        `An earlier rotation left ${young.map(tokenInWords).join(', ')}. It is in no secret. Run \`${this.#again()}\` again in ten minutes to revoke it.`,
      );
    }
    if (this.#byHand !== undefined && this.#renewedAtMs !== undefined) this.#note(NEXT_TRIAL);
    if (leftover === undefined) return EXIT.fine;
    this.#note(leftover.text);
    return leftover.mustAct ? EXIT.problem : EXIT.fine;
  }

  /** The tokens that the user declares as old. Without them, a token that was stored by hand can't be found. */
  async #nameOldTokens(given: readonly string[]): Promise<void> {
    const { context, client, poolId, secret, owner, questions } = this.#parts;
    const tokens = await agentTokensOf(client, poolId);
    const versions = await secretVersions(context.aws, secret);
    const current = currentOf(versions);
    this.#byHand = isFilledByHand(versions) ? current : undefined;
    for (const id of given) {
      const known = tokens.map((token) => token.id);
      if (!known.includes(id)) {
        throw new UsageError(`The pool ${owner.pool} has no agent token ${id}. It has: ${known.join(', ') || 'none'}.`);
      }
      if (current?.id === versionOfToken(id)) {
        throw new UsageError(`The agent token ${id} is in use: it is the value of the secret ${owner.secret}.`);
      }
      this.#named.add(id);
    }
    // Whatever their description says: somebody may have copied the value of a token that setup or rotate created.
    const candidates = tokensInNoVersion(tokens, versions);
    if (this.#byHand === undefined || given.length > 0 || questions === undefined || candidates.length === 0) return;
    const chosen = await questions.choose(
      'Which agent tokens shall be revoked at the end? HCP Terraform does not show which one is in the secret now.',
      candidates.map((token) => ({ value: token.id, label: tokenInWords(token) })),
    );
    for (const id of chosen) this.#named.add(id);
  }
}

/** Whether HCP Terraform refused the request for a reason that stays. */
function isRefusal(error: CommandError): boolean {
  return error instanceof HcpTerraformError && error.status < 500 && error.status !== 429;
}
