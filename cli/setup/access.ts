/** Tokens, the organization, and what the tokens may do. */
import { secretReference } from '../../lib/settings/secret-reference.ts';
import { ask } from '../aws/errors.ts';
import { secretState, secretValue, valueOfReference } from '../aws/secrets.ts';
import { type AccessFacts, grantHint, type Permission, permissionsOf } from '../core/setup/permissions.ts';
import type { Existing, Wanted } from '../core/setup/plan.ts';
import {
  type Account,
  accountOf,
  listsAgents,
  listsRuns,
  type Organization,
  organizationOf,
  organizationsOf,
  teamOf,
} from '../hcp-terraform/access.ts';
import { agentPoolsOf, type Pool } from '../hcp-terraform/agent-pools.ts';
import { type HcpTerraform, HcpTerraformError, unlessHidden } from '../hcp-terraform/client.ts';
import { hcpTerraformAt } from '../hcp-terraform/connect.ts';
import { tokenVariable, usersToken } from '../hcp-terraform/token.ts';
import { CommandError, UsageError } from '../io.ts';
import { unlessRefused } from '../unless-refused.ts';
import { API_TOKEN_SECRET, checkSetting, type SetupSession, textIn } from './flags.ts';
import type { Questions } from './questions.ts';

/** A token with the client that uses it, and what it may do. */
export interface Access {
  readonly client: HcpTerraform;
  readonly token: string;
  readonly source: string;
  readonly account: Account;
  readonly permissions: readonly Permission[];
}

export class AccessCheck {
  readonly #session: SetupSession;
  readonly #clients: HcpTerraform[] = [];

  constructor(session: SetupSession) {
    this.#session = session;
  }

  /** The user's own access, which creates the pool and the agent token, and the organization with its pools. */
  async own(): Promise<{
    readonly own: Access;
    readonly organization: Organization;
    readonly pools: readonly Pool[];
  }> {
    const { hostname } = this.#session;
    const { client, token, source, account } = await this.#ownAccount();
    const organization = await this.#organization(client, account);
    const pools = (await unlessHidden(agentPoolsOf(client, organization.name))) ?? [];
    const permissions = permissionsOf(await factsOf(client, account, organization, pools));
    const own = { client, token, source, account, permissions };
    this.#report(own, hostname, organization.name);
    return { own, organization, pools };
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
  }

  /** The first token that HCP Terraform accepts. A person gets another chance. */
  async #ownAccount(): Promise<Pick<Access, 'client' | 'token' | 'source' | 'account'>> {
    const { questions, context } = this.#session;
    let found = await this.#findOwnToken();
    for (;;) {
      const client = this.#client(found.token);
      try {
        return { client, ...found, account: await accountOf(client) };
      } catch (error) {
        if (questions === undefined || !isRejectedToken(error)) throw error;
        context.note(`The token from ${found.source} does not work. ${error.message}`);
        found = await this.#askForOwnToken(questions);
      }
    }
  }

  async #askForOwnToken(questions: Questions): Promise<{ token: string; source: string }> {
    const { hostname, context } = this.#session;
    context.note(
      `Setup needs a token that may manage agent pools. You can create one on https://${hostname}/app/settings/tokens`,
    );
    const token = await questions.token(`Token for ${hostname}`);
    return { token: token.trim(), source: 'your input' };
  }

  async #findOwnToken(): Promise<{ token: string; source: string }> {
    const { hostname, present, questions } = this.#session;
    if (this.#session.flags.tokenStdin === true) {
      return { token: await this.#session.input.fromStdin('token for setup'), source: 'standard input' };
    }
    const found = usersToken(hostname, this.#session.context.io.env);
    if (found !== undefined) return found;
    if (questions !== undefined) return this.#askForOwnToken(questions);
    const name = this.#session.flags.apiTokenSecret ?? textIn(present, 'apiTokenSecret') ?? API_TOKEN_SECRET;
    const { aws } = this.#session.context;
    const { state } = await secretState(aws, secretReference(name).id);
    const token = state === 'has-value' ? await ask(`read the secret ${name}`, valueOfReference(aws, name)) : undefined;
    if (token !== undefined) return { token, source: `the secret ${name}` };
    throw new UsageError(
      `There is no token for ${hostname}: ${tokenVariable(hostname)} and TFE_TOKEN aren't set, \`terraform login\` has stored none, and the secret ${name} has none.\nRun \`terraform login ${hostname}\`, set TFE_TOKEN, or pass --token-stdin.`,
    );
  }

  #client(token: string): HcpTerraform {
    const { context, hostname } = this.#session;
    const client = hcpTerraformAt(context, { hostname, token, hostnameOption: '--hostname' });
    this.#clients.push(client);
    return client;
  }

  async #organization(client: HcpTerraform, account: Account): Promise<Organization> {
    const { hostname, present } = this.#session;
    const given = this.#session.flags.organization ?? (present.isExample ? undefined : textIn(present, 'organization'));
    if (given !== undefined) {
      checkSetting('organization', this.#session.flags.organization, {
        value: given,
        file: this.#session.flags.settings,
      });
      const found = await organizationOf(client, given);
      if (found !== undefined) return found;
      const seen = (await unlessHidden(organizationsOf(client))) ?? [];
      const names = seen.map(({ name }) => name).join(', ');
      const what = `There is no organization ${given} on ${hostname}, or the token of ${account.username} may not see it.\nIt sees: ${names === '' ? 'none' : names}.`;
      if (this.#session.questions === undefined || seen.length === 0) {
        throw new CommandError(`${what} Pass --organization NAME.`);
      }
      this.#session.context.note(what);
      return this.#askForOrganization(this.#session.questions, seen);
    }
    const all = await organizationsOf(client);
    const [only] = all;
    if (only === undefined) {
      throw new CommandError(
        `The token of ${account.username} sees no organization on ${hostname}.\nUse a token of a user or a team of your organization.`,
      );
    }
    if (all.length === 1) return only;
    if (this.#session.questions !== undefined) return this.#askForOrganization(this.#session.questions, all);
    const names = all.map(({ name }) => name).join(', ');
    throw new UsageError(`The token sees several organizations: ${names}.\nPass --organization NAME.`);
  }

  async #askForOrganization(questions: Questions, all: readonly Organization[]): Promise<Organization> {
    const options = all.map(({ name }) => ({ value: name, label: name }));
    const chosen = await questions.select('Organization', options);
    const found = all.find(({ name }) => name === chosen);
    if (found === undefined) throw new TypeError('The answer is none of the options.');
    return found;
  }

  /** Prints what a token may do, by the names on HCP Terraform's page. */
  #report({ source, account, permissions }: Access, hostname: string, organization: string, whose = 'Token'): void {
    const { note } = this.#session.context;
    const say = note.bind(this.#session.context);
    say(`${whose} from ${source} (${account.kind} ${account.username}) in ${organization} on ${hostname}`);
    for (const { ability, name, granted, evidence } of permissions) {
      const mark = granted === 'yes' ? '✓' : granted === 'no' ? '✗' : '?';
      const why = granted === 'yes' ? '' : `${granted}: ${evidence}`;
      say(`  ${mark} ${ability.padEnd(13)}${name.padEnd(21)}${why}`.trimEnd());
    }
    if (permissions.some(({ granted }) => granted === 'no')) say(`  ${grantHint(hostname, organization, account)}`);
  }

  /** Checks the token that the launcher will use. @returns `undefined` if it can't be read */
  async launcher(
    given: { readonly from: Wanted['apiToken']; readonly value?: string; readonly source?: string },
    { apiSecret }: Existing,
    own: Access,
    at: { readonly organization: Organization; readonly pools: readonly Pool[] },
  ): Promise<Pick<Access, 'account' | 'permissions'> | undefined> {
    const { hostname } = this.#session;
    const { organization, pools } = at;
    const source = given.source ?? `the secret ${apiSecret.name}`;
    let { value } = given;
    if (value === undefined) {
      try {
        value = await secretValue(this.#session.context.aws, apiSecret.name);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        this.#session.context.note(`The API token of the launcher was not checked: ${error.message.split('\n')[0]}`);
        return undefined;
      }
    }
    if (value === own.token) return own;
    const client = this.#client(value);
    const account = await accountOf(client).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      throw new CommandError(`The API token of the launcher from ${source} does not work.\n${error.message}`, {
        cause: error,
      });
    });
    const seen = await organizationOf(client, organization.name);
    if (seen === undefined) {
      throw new CommandError(
        `The API token of the launcher from ${source} (${account.kind} ${account.username}) may not see the organization ${organization.name}.\nUse a token of a team of this organization.`,
      );
    }
    const permissions = permissionsOf(await factsOf(client, account, seen, pools));
    // The launcher changes no pool.
    const required = permissions.filter(({ ability }) => ability !== 'manage pools');
    this.#report(
      { client, token: value, source, account, permissions: required },
      hostname,
      organization.name,
      "Launcher's token",
    );
    return { account, permissions };
  }
}

/** Whether HCP Terraform rejected the token itself. */
function isRejectedToken(error: unknown): error is HcpTerraformError {
  return error instanceof HcpTerraformError && error.status === 401;
}

/** What the API shows about the permissions of a token. */
async function factsOf(
  client: HcpTerraform,
  account: Account,
  organization: { readonly name: string; readonly permissions: Readonly<Record<string, unknown>> },
  pools: readonly Pool[],
): Promise<AccessFacts> {
  const [pool] = pools;
  return {
    kind: account.kind,
    organization: organization.permissions,
    team: account.kind === 'team' ? (await teamOf(client, account.ownerId ?? ''))?.access : undefined,
    listsRuns: await unlessRefused(listsRuns(client, organization.name)),
    listsAgents: pool && (await unlessRefused(listsAgents(client, pool.id))),
  };
}
