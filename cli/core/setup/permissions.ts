/**
 * What a token may do in an organization, by the names on HCP Terraform's page of a team's permissions.
 *
 * The API shows permissions in four places, and each of them is incomplete:
 *
 * - The organization shows `can-update-agent-pools`, and `can-update` for owners. It doesn't show *View all workspaces*.
 * - The team of a team token shows all of the team's permissions, if the token may see its own team. A user has no such list, because a
 *   user's permissions are those of all the user's teams together.
 * - A request that answers shows that the token may send it. It doesn't show whether a list is complete.
 * - HashiCorp documents no permission for listing agents. *Manage agent pools* certainly includes it.
 *
 * https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/permissions/organization
 */
import type { Account } from '../../hcp-terraform/access.ts';

/** What the API showed. `undefined` means that it could not be read. */
export interface AccessFacts {
  readonly kind: Account['kind'];
  /** `permissions` of the organization. */
  readonly organization: Readonly<Record<string, unknown>>;
  /** `organization-access` of the token's team. */
  readonly team: Readonly<Record<string, unknown>> | undefined;
  /** Whether the organization's list of runs answers. */
  readonly listsRuns: boolean | undefined;
  /** Whether the agents of a pool can be listed; `undefined` if there is no pool to try it with. */
  readonly listsAgents: boolean | undefined;
}

export type Ability = 'list runs' | 'list agents' | 'manage pools';

export interface Permission {
  readonly ability: Ability;
  /** The permission's name on HCP Terraform's page. */
  readonly name: 'View all workspaces' | 'Manage agent pools';
  readonly granted: 'yes' | 'no' | 'unknown';
  /** Where the answer is from; for `unknown`, why there is none. */
  readonly evidence: string;
}

/** Permissions of a team that include reading the runs of every workspace, by HashiCorp's page. */
export const READS_ALL_RUNS = [
  'read-workspaces',
  'manage-workspaces',
  'manage-projects',
  'manage-agent-pools',
  'manage-policies',
  'manage-policy-overrides',
];

export function permissionsOf(facts: AccessFacts): readonly Permission[] {
  return [listRuns(facts), listAgents(facts), managePools(facts)];
}

function listRuns({ organization, team, listsRuns, kind }: AccessFacts): Permission {
  const permission = { ability: 'list runs', name: 'View all workspaces' } as const;
  if (listsRuns === false) return { ...permission, granted: 'no', evidence: 'the list of runs answers 404' };
  if (organization['can-update'] === true) return { ...permission, granted: 'yes', evidence: 'the token is an owner' };
  if (team !== undefined) {
    const reason = READS_ALL_RUNS.find((name) => team[name] === true);
    if (reason === undefined) return { ...permission, granted: 'no', evidence: 'the team does not have it' };
    const from = reason === 'read-workspaces' ? 'the team has it' : `the team has ${reason}, which includes it`;
    return { ...permission, granted: 'yes', evidence: from };
  }
  if (organization['can-update-agent-pools'] === true) {
    return { ...permission, granted: 'yes', evidence: '"Manage agent pools" includes it' };
  }
  if (listsRuns === undefined)
    return { ...permission, granted: 'unknown', evidence: 'the list of runs did not answer' };
  return {
    ...permission,
    granted: 'unknown',
    evidence: `the list of runs answers, but the API does not show for a ${kind} token whether it contains every workspace`,
  };
}

function listAgents(facts: AccessFacts): Permission {
  const permission = { ability: 'list agents', name: 'Manage agent pools' } as const;
  const { granted, evidence } = managePools(facts);
  if (facts.listsAgents === true) return { ...permission, granted: 'yes', evidence: 'the list of agents answers' };
  if (facts.listsAgents === false) return { ...permission, granted: 'no', evidence: 'the list of agents answers 404' };
  if (granted === 'yes') return { ...permission, granted, evidence };
  return { ...permission, granted: 'unknown', evidence: 'there is no agent pool yet to try it with' };
}

function managePools({ organization, team }: AccessFacts): Permission {
  const permission = { ability: 'manage pools', name: 'Manage agent pools' } as const;
  const shown = organization['can-update-agent-pools'];
  if (shown === true || organization['can-update'] === true) {
    return { ...permission, granted: 'yes', evidence: 'the organization shows it' };
  }
  if (team?.['manage-agent-pools'] === true) return { ...permission, granted: 'yes', evidence: 'the team has it' };
  if (shown === false) return { ...permission, granted: 'no', evidence: 'the organization shows that it is missing' };
  if (team !== undefined) return { ...permission, granted: 'no', evidence: 'the team does not have it' };
  return { ...permission, granted: 'unknown', evidence: 'the API does not show it' };
}

/** Where a person grants a permission. */
export function grantHint(hostname: string, organization: string, { kind }: Pick<AccessFacts, 'kind'>): string {
  if (kind === 'organization') {
    return 'An organization token has fixed permissions. Use a team token.';
  }
  const whose = kind === 'team' ? 'the team of this token' : 'a team of this user, or use a team token';
  return `Grant it to ${whose}: https://${hostname}/app/${organization}/settings/teams`;
}

/** Why another API token is better for the launcher, and where to create it; `undefined` if this one is right. */
export function apiTokenAdvice(
  { kind, username, isService }: Pick<Account, 'kind' | 'username' | 'isService'>,
  { hostname, organization }: { readonly hostname: string; readonly organization: string },
): string | undefined {
  if (kind !== 'user' || isService) return undefined;
  return `The launcher's API token belongs to the user ${username}. It stops working when this user leaves, and anyone who gets it may do everything that this user may. Better: create a team that has only "View all workspaces" and "Manage agent pools", and a token of this team, on https://${hostname}/app/${organization}/settings/teams. Then run \`agent-launcher setup --api-token stdin\`.`;
}
