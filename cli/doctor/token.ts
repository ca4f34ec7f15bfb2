/** Reads what the launcher's API tokens may do, and keeps the clients that the other groups read HCP Terraform with. */
import * as z from 'zod';
import { expiryIn, type TokenExpiry, tokenRecordPath } from '../../functions/launcher/core/token-expiry.ts';
import { valueOfReference } from '../aws/secrets.ts';
import type { Context } from '../context.ts';
import { couldNotCheck, type Finding, type Observed } from '../core/doctor/findings.ts';
import { shapeOf } from '../core/doctor/secrets.ts';
import type { Target } from '../core/doctor/target.ts';
import {
  checkToken,
  type OrganizationAccess,
  type OrganizationFacts,
  type TokenFacts,
  type TokenOwner,
} from '../core/doctor/token.ts';
import { secretLabelOf } from '../core/secret-name.ts';
import { READS_ALL_RUNS } from '../core/setup/permissions.ts';
import { type Account, accountOf, listsRuns, organizationOf, teamOf } from '../hcp-terraform/access.ts';
import { type HcpTerraform, unless, unlessHidden } from '../hcp-terraform/client.ts';
import { hcpTerraformAt } from '../hcp-terraform/connect.ts';
import { usersToken } from '../hcp-terraform/token.ts';
import { CommandError } from '../io.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';
import type { ObservedPool } from './pool.ts';

const authenticationToken = z.looseObject({
  data: z.looseObject({ attributes: z.looseObject({ 'expired-at': z.string().nullish() }) }),
});
const entitlements = z.looseObject({
  data: z.looseObject({ attributes: z.looseObject({ agents: z.boolean().optional() }) }),
});

/** A client with the token that it uses. */
export interface ApiAccess {
  readonly client: HcpTerraform;
  /** Where the token is from, in the form "the secret agent-launcher/api-token". */
  readonly source: string;
}

interface LaunchersToken {
  readonly access: ApiAccess;
  /** The account of the token; `undefined`: HCP Terraform rejects the token. */
  readonly account: Observed<Account | undefined>;
}

export class Tokens {
  readonly #context: Context;
  readonly #hostname: string;
  readonly #awsWorks: boolean;
  readonly #known = new Map<string, Promise<Observed<LaunchersToken>>>();
  readonly #clients: HcpTerraform[] = [];

  constructor(context: Context, { hostname }: Pick<Target, 'hostname'>, awsWorks: boolean) {
    this.#context = context;
    this.#hostname = hostname;
    this.#awsWorks = awsWorks;
  }

  /** The launcher's token. A failure: the secret can't be read, or contains no token. */
  launchers(secretId: string): Promise<Observed<LaunchersToken>> {
    const known = this.#known.get(secretId) ?? this.#read(secretId);
    this.#known.set(secretId, known);
    return known;
  }

  /** The launcher's token if it works; otherwise a token of the user's own, so that doctor can still check the pools. */
  async usable(secretId: string): Promise<Observed<ApiAccess>> {
    const own = await this.launchers(secretId);
    const isAccepted = 'value' in own && 'value' in own.value.account && own.value.account.value !== undefined;
    if (isAccepted) return { value: own.value.access };
    const users = this.own();
    if (users !== undefined) return { value: users };
    if ('failure' in own) return { failure: { ...own.failure, kind: 'explained' } };
    if ('failure' in own.value.account) return own.value.account;
    return {
      failure: { reason: `HCP Terraform rejects the API token in ${own.value.access.source}`, kind: 'explained' },
    };
  }

  /** A token of the user's own, which may see what the launcher's token can't; `undefined`: there is none. */
  own(): ApiAccess | undefined {
    const users = usersToken(this.#hostname, this.#context.io.env);
    return users === undefined ? undefined : { client: this.#client(users.token), source: users.source };
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #read(secretId: string): Promise<Observed<LaunchersToken>> {
    if (!this.#awsWorks) return { failure: { reason: 'AWS can’t be used', kind: 'explained' } };
    const token = await observe(() => this.#token(secretId));
    if ('failure' in token) return token;
    const access = { client: this.#client(token.value), source: `the secret ${secretLabelOf(secretId)}` };
    return { value: { access, account: await observe(() => unless([401], accountOf(access.client))) } };
  }

  async #token(secretId: string): Promise<string> {
    const token = (await valueOfReference(this.#context.aws, secretId)) ?? '';
    if (shapeOf('api-token', token) === 'ok') return token;
    throw new CommandError(`the secret ${secretLabelOf(secretId)} does not contain a token`);
  }

  #client(token: string): HcpTerraform {
    const client = hcpTerraformAt(this.#context, { hostname: this.#hostname, token });
    this.#clients.push(client);
    return client;
  }
}

/** @param observed the pools, as far as they were read with the launcher's tokens */
export async function tokenFindings(
  { context, target, tokens }: TargetCheckup,
  observed: readonly ObservedPool[],
): Promise<Finding[]> {
  const bySecret = Map.groupBy(target.pools, ({ apiTokenSecret }) => apiTokenSecret);
  const all = await Promise.all(
    [...bySecret].map(async ([secretId, pools]) => {
      const token = await tokens.launchers(secretId);
      if ('failure' in token) {
        const what = `the API token in the secret ${secretLabelOf(secretId)}`;
        return [couldNotCheck('token.valid', what, token.failure, 'secretsmanager:GetSecretValue')];
      }
      const names = [...new Set(pools.map(({ organization: name }) => name))];
      const facts = await factsOf(token.value, names);
      const lists = listsAgents(observed.filter(({ pool }) => pools.includes(pool)));
      return checkToken({ ...facts, ...(lists !== undefined && { listsAgents: lists }) }, context.io.now());
    }),
  );
  return all.flat();
}

/** Whether the agents of all pools were listed; `undefined`: unknown. */
function listsAgents(observed: readonly ObservedPool[]): boolean | undefined {
  const answers = observed.flatMap(({ answer }) =>
    'value' in answer && !('missing' in answer.value) ? [answer.value.agents] : [],
  );
  if (answers.length === 0) return undefined;
  return answers.every((agents) => 'value' in agents);
}

async function factsOf(
  { access, account: observed }: LaunchersToken,
  organizations: readonly string[],
): Promise<TokenFacts> {
  const { client, source } = access;
  const found = 'value' in observed ? observed.value : undefined;
  const accepted = 'value' in observed ? { value: observed.value !== undefined } : observed;
  if (found === undefined) return { source, accepted, expiry: { value: 'hidden' }, organizations: [] };
  const [expiry, team, facts] = await Promise.all([
    observe(() => expiryOf(client, found)),
    teamFacts(client, found),
    Promise.all(organizations.map((name) => organizationFacts(client, name))),
  ]);
  const owner = ownerOf(found, team?.name);
  return { source, accepted, owner, expiry, organizations: facts, ...(team !== undefined && { team }) };
}

function ownerOf({ kind, username, isService, ownerId }: Account, teamName: string | undefined): TokenOwner {
  if (kind === 'team') return { kind, name: teamName ?? ownerId ?? username };
  if (kind === 'organization') return { kind, name: ownerId ?? username };
  return { kind: isService ? 'service' : 'user', name: username };
}

async function expiryOf(client: HcpTerraform, { tokenPath }: Account): Promise<TokenExpiry> {
  const path = tokenRecordPath(tokenPath);
  if (path === undefined) return 'hidden';
  const answer = await unlessHidden(client.get(path, authenticationToken));
  return answer === undefined ? 'hidden' : expiryIn(answer.data.attributes['expired-at']);
}

/** The permissions of the token's team; `undefined` if it has none, or they can't be seen. */
async function teamFacts(
  client: HcpTerraform,
  { kind, ownerId = '' }: Account,
): Promise<(NonNullable<TokenFacts['team']> & { readonly name: string }) | undefined> {
  if (kind !== 'team') return undefined;
  const team = await observe(() => teamOf(client, ownerId));
  if ('failure' in team || team.value === undefined) return undefined;
  const { name, access = {} } = team.value;
  const has = (permission: string): boolean => name === 'owners' || access[permission] === true;
  return {
    name,
    managesAgentPools: has('manage-agent-pools'),
    viewsAllWorkspaces: READS_ALL_RUNS.some(has),
  };
}

async function organizationFacts(client: HcpTerraform, name: string): Promise<OrganizationFacts> {
  const access = await observe(() => accessTo(client, name));
  if (!('value' in access) || access.value === undefined) return { name, access, runs: { value: false } };
  // One request of the 30 per minute that HCP Terraform allows for lists of runs. The launcher has the same budget.
  return { name, access, runs: await observe(() => listsRuns(client, name)) };
}

async function accessTo(client: HcpTerraform, name: string): Promise<OrganizationAccess | undefined> {
  const organization = await organizationOf(client, name);
  if (organization === undefined) return undefined;
  const path = `/api/v2/organizations/${encodeURIComponent(name)}/entitlement-set`;
  const hasAgents = (await unlessHidden(client.get(path, entitlements)))?.data.attributes.agents;
  return {
    isOwner: organization.permissions['can-update'] === true,
    ...(hasAgents !== undefined && { hasAgents }),
  };
}
