/**
 * `setup`: finds out what exists, asks for what it can't find, and makes a plan. Then it executes the plan, or prints it.
 *
 * Everything before the plan only reads. Answers come from flags first, then from the settings file, then from questions.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { tokenDescription } from '../../functions/token-rotation/core/agent-tokens.ts';
import { dollars } from '../../lib/aws/costs.ts';
import { DEFAULT_HOSTNAME } from '../../lib/defaults.ts';
import { SettingsError } from '../../lib/settings/errors.ts';
import { parseSettings, type Settings } from '../../lib/settings/parse.ts';
import { secretReference } from '../../lib/settings/secret-reference.ts';
import { ask } from '../aws/errors.ts';
import { secretState } from '../aws/secrets.ts';
import type { Context } from '../context.ts';
import { secretNameOf } from '../core/secret-name.ts';
import { faultsInWords } from '../core/setup/faults.ts';
import { idleNetworkPrice, type Place } from '../core/setup/network-price.ts';
import { nextSteps } from '../core/setup/next-steps.ts';
import { apiTokenAdvice, grantHint, type Permission } from '../core/setup/permissions.ts';
import { type Existing, planSetup, type Step } from '../core/setup/plan.ts';
import { runPlan } from '../core/setup/run-plan.ts';
import {
  changedText,
  changesInWords,
  type PresentSettings,
  poolsIn,
  presentSettings,
  settingsChanges,
  type WantedSettings,
} from '../core/setup/settings.ts';
import {
  callOf,
  existingInWords,
  leftoverOf,
  REGISTRY_IMAGE_RISK,
  replacedByNewSettings,
  replacedInWords,
  shownValue,
  stepInWords,
  type Where,
} from '../core/setup/wording.ts';
import type { Organization } from '../hcp-terraform/access.ts';
import { agentTokensOf, type Pool } from '../hcp-terraform/agent-pools.ts';
import { unlessHidden } from '../hcp-terraform/client.ts';
import { CommandError, EXIT, type ExitCode, UsageError } from '../io.ts';
import { type Access, AccessCheck } from './access.ts';
import { Choices } from './choices.ts';
import { chooseStack } from './deployed.ts';
import { SetupHands } from './execute.ts';
import {
  API_TOKEN_SECRET,
  checkFlagValues,
  checkSetting,
  definedOf,
  type SetupFlags,
  type SetupSession,
  textIn,
  textOf,
} from './flags.ts';
import { Questions } from './questions.ts';
import { TokenInput } from './tokens.ts';

/** Steps that need the permission *Manage agent pools*. */
const POOL_STEPS: ReadonlySet<Step['kind']> = new Set(['create-pool', 'scope-pool', 'create-agent-token']);

export async function runSetup(context: Context, flags: SetupFlags): Promise<ExitCode> {
  const { io } = context;
  checkFlags(context, flags);
  const path = resolve(io.cwd, flags.settings);
  const present = readSettingsFile(path);
  checkFlagValues(flags, present);
  const questions = flags.nonInteractive === true ? undefined : await Questions.at(io);
  const place = await placeOf(context);
  checkSetting('hostname', flags.hostname, { value: textIn(present, 'hostname'), file: flags.settings });
  const hostname = flags.hostname ?? textIn(present, 'hostname') ?? DEFAULT_HOSTNAME;
  const session: SetupSession = { context, flags, input: new TokenInput(io), questions, present, hostname };
  const access = new AccessCheck(session);
  try {
    return await new Setup(session, access, place, path).run();
  } finally {
    await access.close();
  }
}

class Setup {
  readonly #session: SetupSession;
  readonly #access: AccessCheck;
  readonly #choices: Choices;
  readonly #place: Place;
  readonly #path: string;

  constructor(session: SetupSession, access: AccessCheck, place: Place, path: string) {
    this.#session = session;
    this.#access = access;
    this.#choices = new Choices(session);
    this.#place = place;
    this.#path = path;
  }

  async run(): Promise<ExitCode> {
    const { context, flags, present, hostname } = this.#session;
    const choices = this.#choices;
    const { own, organization, pools } = await this.#access.own();
    const { client } = own;
    const where: Where = { hostname, organization: organization.name, ...this.#place };
    await choices.askForParts();

    const poolName = await choices.poolName(pools);
    const pool = pools.find(({ name }) => name === poolName);
    const scope = await choices.scope(client, organization.name, pool);
    const entry = poolsIn(present).find(({ name }) => name === poolName);
    const { stackName, warnings } = await chooseStack(this.#session, organization.name, poolName);
    const agentTokenSecret =
      flags.agentTokenSecret ?? textOf(entry?.['agentTokenSecret']) ?? `agent-launcher/${poolName}/agent-token`;
    const apiTokenSecret = flags.apiTokenSecret ?? textIn(present, 'apiTokenSecret') ?? API_TOKEN_SECRET;
    const file = flags.settings;
    checkSetting('apiTokenSecret', flags.apiTokenSecret, { value: apiTokenSecret, file });
    checkSetting('pools.0.agentTokenSecret', flags.agentTokenSecret, { value: agentTokenSecret, file });
    const { jsonKey } = secretReference(agentTokenSecret);
    if (jsonKey !== undefined) {
      throw new CommandError(
        `The agent token is under the key ${jsonKey} of the secret ${secretNameOf(agentTokenSecret)}. Setup stores a token only in a secret that contains nothing else.\nPass another secret with --agent-token-secret, or change the token with \`agent-launcher rotate\` and the settings in the file.`,
      );
    }
    const { jsonKey: apiTokenKey } = secretReference(apiTokenSecret);
    if (apiTokenKey !== undefined) {
      throw new CommandError(
        `The API token is under the key ${apiTokenKey} of the secret ${secretNameOf(apiTokenSecret)}. Setup stores a token only in a secret that contains nothing else.\nPass another secret with --api-token-secret, or change the settings in the file and the secret without setup.`,
      );
    }
    const existing: Existing = {
      pool,
      agentTokens: pool && (await unlessHidden(agentTokensOf(client, pool.id))),
      agentSecret: await secretState(context.aws, agentTokenSecret),
      apiSecret: await secretState(context.aws, apiTokenSecret),
    };
    for (const line of existingInWords(existing)) context.note(line);
    // Standard input has the API token before the agent token.
    const { apiToken, launcher } = await this.#launcherToken(existing, own, { organization, pools });
    const agentToken = await this.#agentToken(existing, organization.name, [own.token, apiToken.value]);

    const base: WantedSettings = {
      ...definedOf({ stackName }),
      hostname,
      organization: organization.name,
      apiTokenSecret,
      pool: { name: poolName, agentTokenSecret, ...definedOf({ maxAgents: await choices.maxAgents(entry) }) },
    };
    const network = await choices.network(base, this.#place);
    const size = await choices.size(entry);
    const phases = await choices.phases(entry);
    const image = await choices.image();
    const alarmEmail = await choices.alarmEmail();
    const { settings, change } = this.#settingsFile({
      ...base,
      pool: { ...base.pool, ...size, ...definedOf(phases) },
      ...definedOf({ network, image, alarmEmail }),
    });
    const secret = secretNameOf(agentTokenSecret);
    const owner = { ...this.#place, stack: settings.stackName, pool: poolName, secret };
    const steps = planSetup(existing, {
      organization: organization.name,
      poolName,
      ...definedOf({ scope }),
      agentToken: agentToken.from,
      tokenDescription: tokenDescription(owner, context.io.now()),
      apiToken: apiToken.from,
      file: change,
    });
    requirePermissions(steps, own, where);
    const risks = image !== undefined && 'registry' in image ? [REGISTRY_IMAGE_RISK] : [];
    const advice =
      launcher === undefined || apiToken.from === 'keep' ? undefined : apiTokenAdvice(launcher.account, where);
    this.#printPlan(steps, settings, [
      ...warnings,
      ...(present.isExample ? replacedByNewSettings(steps) : []),
      ...risks,
      ...(advice === undefined ? [] : [advice]),
    ]);
    if (flags.dryRun === true) return this.#printCalls(steps, where);
    if (steps.length > 0) {
      const values = { apiToken: apiToken.value, agentToken: agentToken.value };
      const hands = new SetupHands({ client, aws: context.aws, organization: organization.name, ...values });
      await this.#confirm();
      await this.#execute(steps, hands, where);
    }
    return this.#printEnd(launcher?.permissions, where, { pool: poolName, alarmEmail, isChanged: steps.length > 0 });
  }

  /** The launcher's API token, after HCP Terraform accepted it. A person who chose a wrong one gets another chance. */
  async #launcherToken(
    existing: Existing,
    own: Access,
    at: { readonly organization: Organization; readonly pools: readonly Pool[] },
  ) {
    for (;;) {
      const apiToken = await this.#choices.apiToken(existing, own, at.organization.name);
      try {
        return { apiToken, launcher: await this.#access.launcher(apiToken, existing, own, at) };
      } catch (error) {
        if (apiToken.isAnswer !== true || !(error instanceof CommandError)) throw error;
        this.#session.context.note(error.message);
      }
    }
  }

  /** The agent token. @param others tokens that no task may get */
  async #agentToken(existing: Existing, organization: string, others: readonly (string | undefined)[]) {
    for (;;) {
      const agentToken = await this.#choices.agentToken(existing, organization);
      if (agentToken.value === undefined || !others.includes(agentToken.value)) return agentToken;
      const what = 'The agent token is your own token or the launcher’s API token. Every task would get it.';
      if (agentToken.isAnswer !== true) {
        throw new CommandError(
          `${what} Let setup create an agent token (--agent-token create), or pass one of the pool.`,
        );
      }
      this.#session.context.note(what);
    }
  }

  /** The settings after the changes. @throws CommandError with every fault */
  #settingsFile(wanted: WantedSettings) {
    const { present, flags } = this.#session;
    const changes = settingsChanges(present, wanted);
    const after = changedText(present, changes);
    const inWords = changesInWords(present, changes);
    const change = { path: this.#path, shown: flags.settings, before: present.text, after, changes: inWords };
    return { settings: parsed(presentSettings(after), this.#place), change };
  }

  #printPlan(steps: readonly Step[], settings: Settings, warnings: readonly string[]): void {
    const { context } = this.#session;
    context.note(steps.length === 0 ? 'Everything exists already. There is nothing to change.' : 'Plan:');
    for (const [index, step] of steps.entries()) context.note(`  ${index + 1}. ${stepInWords(step)}`);
    for (const step of steps) {
      if (step.kind !== 'write-settings') continue;
      for (const { path, from, to } of step.changes) {
        context.note(`     ${path}: ${shownValue(from)} → ${shownValue(to)}`);
      }
    }
    const price = dollars(idleNetworkPrice(settings, this.#place));
    context.note(
      `While idle, the network (${settings.network.egress}) costs ${price} a month at the list prices of us-east-1.`,
    );
    for (const warning of warnings) context.note(context.withCommands(`Warning: ${warning}`));
  }

  #printCalls(steps: readonly Step[], where: Where): ExitCode {
    const { context } = this.#session;
    for (const step of steps) context.print(`${callOf(step, where)}\n`);
    context.note('This was a dry run: nothing was changed.');
    return EXIT.fine;
  }

  async #confirm(): Promise<void> {
    const { questions, flags } = this.#session;
    if (flags.yes === true || flags.nonInteractive === true) return;
    if (questions === undefined) {
      throw new UsageError(
        'Standard input is not a terminal, so setup can’t ask whether to do this. Nothing was changed. Add --yes to do it, or --dry-run to see each call.',
      );
    }
    if (await questions.confirm('Do this now?')) return;
    throw new CommandError('Stopped. Nothing was changed.');
  }

  async #execute(steps: readonly Step[], hands: SetupHands, where: Where): Promise<void> {
    const { context } = this.#session;
    const outcome = await runPlan(steps, hands, context.io.interrupted, ({ doing, step }) => {
      context.note(doing === 'perform' ? `• ${stepInWords(step)}` : `• undo: ${stepInWords(step)}`);
    });
    if (outcome.done) return;
    const { failed, error, undone, left } = outcome;
    const lines = [failed === undefined ? 'Interrupted.' : `Could not ${stepInWords(failed)}:\n${messageOf(error)}`];
    if (left.length === 0) {
      lines.push(undone.length === 0 ? 'Nothing was changed.' : 'Everything that was done is undone.');
    } else {
      lines.push('This is left:');
      for (const { step, error: why } of left) {
        const { what, remove } = leftoverOf(step, hands.idOf(step), where);
        lines.push(`  - ${what} (${messageOf(why).split('\n')[0]})`, `    remove it: ${remove}`);
      }
    }
    lines.push(...hands.restored.map((one) => replacedInWords(one, where)));
    throw new CommandError(lines.join('\n'), { cause: error });
  }

  #printEnd(
    launcher: readonly Permission[] | undefined,
    { hostname, organization }: Where,
    {
      pool,
      alarmEmail,
      isChanged,
    }: { readonly pool: string; readonly alarmEmail: string | undefined; readonly isChanged: boolean },
  ): ExitCode {
    const { context, flags } = this.#session;
    const missing = (launcher ?? []).filter(({ ability, granted }) => ability !== 'manage pools' && granted === 'no');
    if (missing.length > 0) {
      const names = [...new Set(missing.map(({ name }) => `"${name}"`))].join(' and ');
      const abilities = missing.map(({ ability }) => ability).join(' or ');
      context.print(`The launcher's token lacks ${names}, so the launcher can't ${abilities}.`);
      context.print(`Grant it to the token's team: https://${hostname}/app/${organization}/settings/teams`);
      return EXIT.problem;
    }
    const { io, options } = context;
    const folder = dirname(this.#path);
    const place = {
      ...options,
      folder,
      isCwd: folder === io.cwd,
      isInstalled: existsSync(join(folder, 'node_modules')),
    };
    for (const line of nextSteps(flags.settings, io.env, place, {
      hostname,
      organization,
      pool,
      alarmEmail,
      isChanged,
    }))
      context.print(line);
    return EXIT.fine;
  }
}

function checkFlags({ io }: Context, flags: SetupFlags): void {
  const { apiToken, agentToken, tokenStdin, image, agentVersion } = flags;
  if (agentVersion !== undefined && image !== undefined && image !== 'build' && image !== 'registry') {
    throw new UsageError(
      `--agent-version has no effect with --image ${image}, which has its own version. Pass one of them.`,
    );
  }
  const fromStdin = tokenStdin === true || apiToken === 'stdin' || agentToken === 'stdin';
  if (fromStdin && io.stdin.isTTY === true) {
    throw new UsageError('Standard input is a terminal. Pass tokens through a pipe or a file.');
  }
}

function readSettingsFile(path: string): PresentSettings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(
      `There is no settings file ${path}.\nRun the command in the clone of agent-launcher, or pass --settings FILE.`,
      { cause: error },
    );
  }
  try {
    return presentSettings(text);
  } catch (error) {
    throw new CommandError(`${path} isn't a settings file of the CDK: ${messageOf(error)}`, { cause: error });
  }
}

/** Account and region in which the secrets are, and the stack will be. */
async function placeOf(context: Context): Promise<Place> {
  const sts = await context.aws.sts();
  const region = await ask('find out the AWS Region', sts.config.region());
  const { Account: account = '' } = await ask('find out the AWS account', sts.send(new GetCallerIdentityCommand({})));
  context.note(`AWS account ${account}, region ${region}`);
  return { account, region };
}

/** Stops before anything changes if the token certainly can't do a step. */
function requirePermissions(steps: readonly Step[], { account, permissions }: Access, where: Where): void {
  const { hostname, organization } = where;
  const needed = steps.filter(({ kind }) => POOL_STEPS.has(kind));
  const missing = permissions.find(({ ability, granted }) => ability === 'manage pools' && granted === 'no');
  if (needed.length === 0 || missing === undefined) return;
  const what = needed.map((step) => `  - ${stepInWords(step)}`).join('\n');
  throw new CommandError(
    `The token of ${account.kind} ${account.username} has no permission "${missing.name}", so setup can't:\n${what}\nNothing was changed. ${grantHint(hostname, organization, account)}\nOr create the pool and an agent token on https://${hostname}/app/${organization}/settings/agents, and pass the token with --agent-token stdin or env.`,
  );
}

/** Parses the settings as the synthesis does. @throws CommandError with every fault */
function parsed({ context }: PresentSettings, place: Place): Settings {
  try {
    return parseSettings(context, place);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new CommandError(faultsInWords(error.faults), { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
