/** Checks of the API token that the launcher uses: whether HCP Terraform accepts it, what it may do, and when it expires. */
import { daysUntil, type TokenExpiry } from '../../../functions/launcher/core/token-expiry.ts';
import { newApiToken } from '../api-token.ts';
import { capital } from '../sentences.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok, warning } from './findings.ts';

export interface TokenFacts {
  /** Where the token is from, in the form "the secret agent-launcher/api-token". */
  readonly source: string;
  /** Whether HCP Terraform accepts it. A failure: no answer. */
  readonly accepted: Observed<boolean>;
  readonly owner?: TokenOwner;
  readonly expiry: Observed<TokenExpiry>;
  /** The team's permissions; absent: it isn't a team's token, or they can't be seen. */
  readonly team?: { readonly viewsAllWorkspaces: boolean; readonly managesAgentPools: boolean };
  /** Whether the token lists the agents of its pools now; absent: unknown. */
  readonly listsAgents?: boolean;
  /** One entry for each organization that is served with the token. */
  readonly organizations: readonly OrganizationFacts[];
}

export interface TokenOwner {
  readonly name: string;
  /** What the token belongs to; `service`: a team or an organization, which one isn't known. */
  readonly kind: 'user' | 'team' | 'organization' | 'service';
}

export interface OrganizationFacts {
  readonly name: string;
  /** `undefined`: it doesn't exist, or the token can't see it. */
  readonly access: Observed<OrganizationAccess | undefined>;
  /** Whether the token may list the organization's runs. */
  readonly runs: Observed<boolean>;
}

export interface OrganizationAccess {
  /** Whether the token may change the organization, as an owner. */
  readonly isOwner: boolean;
  /** Whether the subscription includes agents; absent: unknown. */
  readonly hasAgents?: boolean;
}

/** Days before the expiry from which on the user must act. */
export const EXPIRY_DAYS = { warning: 30, error: 7 } as const;

export function checkToken(facts: TokenFacts, nowMs: number): Finding[] {
  const { accepted, source } = facts;
  const what = `the API token in ${source}`;
  if ('failure' in accepted) {
    return [couldNotCheck('token.valid', what, accepted.failure, 'a connection to HCP Terraform')];
  }
  if (!accepted.value) {
    return [
      error('token.valid', {
        what: `HCP Terraform rejects ${what}.`,
        why: 'The launcher can’t see queued jobs, so no agent starts. The token is wrong, has expired or was revoked, or it is an agent token.',
        todo: newApiToken(source.replace(/^the secret /, '')).join(' '),
      }),
    ];
  }
  return [
    ok('token.valid', `HCP Terraform accepts ${what}${facts.owner === undefined ? '' : ` (${inWords(facts.owner)})`}.`),
    ...facts.organizations.flatMap((organization) => organizationFindings(organization, what)),
    ...teamFindings(facts, what),
    ...ownerFindings(facts, what),
    ...expiryFindings(facts.expiry, what, nowMs),
  ];
}

function organizationFindings({ name, access, runs }: OrganizationFacts, what: string): Finding[] {
  if ('failure' in access) {
    return [
      couldNotCheck('token.organization', `the organization ${name}`, access.failure, 'access to the organization'),
    ];
  }
  if (access.value === undefined) {
    return [
      error('token.organization', {
        what: `The organization ${name} doesn’t exist, or ${what} can’t see it.`,
        why: 'The launcher can’t see queued jobs, so no agent starts.',
        todo: 'Correct the setting organization, or use a token of a team in this organization.',
      }),
    ];
  }
  return [
    ok('token.organization', `The token sees the organization ${name}.`),
    ...(access.value.hasAgents === false ? [noAgents(name)] : []),
    runsFinding(name, runs, what),
  ];
}

function noAgents(name: string): Finding {
  return error('token.agents-entitlement', {
    what: `The subscription of the organization ${name} doesn’t include agents.`,
    why: 'HCP Terraform then has no agent pools for it.',
    todo: 'Choose a plan with HCP Terraform agents: https://www.hashicorp.com/products/terraform/pricing',
  });
}

function runsFinding(name: string, runs: Observed<boolean>, what: string): Finding {
  if ('failure' in runs) {
    return couldNotCheck('token.runs', `whether ${what} may list runs`, runs.failure, 'View all workspaces');
  }
  if (runs.value) return ok('token.runs', `The token may list the runs of ${name}.`);
  return error('token.runs', {
    what: `${capital(what)} may not list the runs of ${name}.`,
    why: 'The launcher can’t see queued jobs, so no agent starts.',
    todo: 'In HCP Terraform, open Settings, Teams, the token’s team, and turn on "View all workspaces".',
  });
}

function* teamFindings({ team, listsAgents }: TokenFacts, what: string): Iterable<Finding> {
  if (team === undefined) return;
  if (!team.viewsAllWorkspaces) {
    yield warning('token.view-all-workspaces', {
      what: `The team of ${what} doesn’t have the permission "View all workspaces".`,
      why: 'The launcher sees only the runs of workspaces that the team has access to. Jobs of other workspaces wait forever.',
      todo: 'In HCP Terraform, open Settings, Teams, this team, and turn on "View all workspaces".',
    });
  }
  if (!team.managesAgentPools) {
    const lists = listsAgents === true;
    yield note('token.manage-agent-pools', {
      what: `The team of ${what} doesn’t have the permission "Manage agent pools"${lists ? ', but the token can list the agents now' : ''}.`,
      why: lists
        ? 'HashiCorp documents only this permission for lists of agents. Without a list, the launcher can’t distinguish idle agents from starting ones, and never stops a task that hangs.'
        : 'If the token can’t list agents, the launcher can’t distinguish idle agents from starting ones, and never stops a task that hangs.',
      todo: lists
        ? 'Nothing, while listing works. docs/security.md says what the permission allows.'
        : 'Turn on "Manage agent pools" for this team; docs/security.md says what it allows. Otherwise, stop tasks that hang yourself.',
    });
  }
}

function* ownerFindings({ owner, organizations }: TokenFacts, what: string): Iterable<Finding> {
  const owned = organizations.filter(({ access }) => 'value' in access && access.value?.isOwner === true);
  const names = owned.map(({ name }) => name).join(' and ');
  if (owner?.kind === 'user') {
    const change = owned.length === 0 ? '' : `, such as change the organization ${names}`;
    yield note('token.owner', {
      what: `${capital(what)} belongs to the user ${owner.name}, not to a team.`,
      why: `It stops working when this user leaves, and anyone who gets it may do everything that this user may do${change}.`,
      todo: 'Use the token of a team that has only "View all workspaces" and "Manage agent pools".',
    });
  } else if (owned.length > 0) {
    yield note('token.permissions', {
      what: `${capital(what)} may change the organization ${names}.`,
      why: 'The launcher needs only to list runs and agents, but anyone who gets this token can change the organization.',
      todo: 'Use the token of a team that has only "View all workspaces" and "Manage agent pools".',
    });
  }
}

function expiryFindings(expiry: Observed<TokenExpiry>, what: string, nowMs: number): Finding[] {
  const id = 'token.expiry';
  if ('failure' in expiry) {
    return [couldNotCheck(id, `when ${what} expires`, expiry.failure, 'access to the token’s own record')];
  }
  const at = expiry.value;
  if (at === 'never') return [ok(id, 'The token doesn’t expire.')];
  if (at === 'hidden') {
    return [
      note(id, {
        what: `HCP Terraform doesn’t show when ${what} expires.`,
        why: 'After the expiry, no agent starts. Team and user tokens expire after two years at the latest, unless you chose otherwise.',
        todo: 'Look up the date in Settings, API Tokens, and set a reminder.',
      }),
    ];
  }
  const days = daysUntil(at, nowMs);
  const date = new Date(at).toISOString().slice(0, 10);
  if (days >= EXPIRY_DAYS.warning) return [ok(id, `The token expires on ${date}, in ${days} days.`)];
  const level = days >= EXPIRY_DAYS.error ? warning : error;
  return [
    level(id, {
      what: `${capital(what)} expires on ${date}, in ${days} ${days === 1 ? 'day' : 'days'}.`,
      why: 'From then on, no agent starts.',
      todo: 'Create a new token and store it in the same secret: docs/runbook.md, "Rotate the API token".',
    }),
  ];
}

function inWords({ name, kind }: TokenOwner): string {
  return kind === 'user' ? `user ${name}` : kind === 'service' ? `service user ${name}` : `${kind} ${name}`;
}
