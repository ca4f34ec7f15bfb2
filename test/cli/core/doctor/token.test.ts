import { describe, expect, it } from 'vitest';
import { checkToken, type OrganizationFacts, type TokenFacts } from '../../../../cli/core/doctor/token.ts';
import { DAY_MS, DENIED, NOW, shown } from './builders.ts';

const organization: OrganizationFacts = {
  name: 'acme',
  access: { value: { isOwner: false, hasAgents: true } },
  runs: { value: true },
};
const facts = (more: Partial<TokenFacts> = {}): TokenFacts => ({
  source: 'the secret acme/api-token',
  accepted: { value: true },
  owner: { kind: 'team', name: 'launcher' },
  expiry: { value: NOW + 300 * DAY_MS },
  team: { viewsAllWorkspaces: true, managesAgentPools: true },
  organizations: [organization],
  ...more,
});
const problems = (more: Partial<TokenFacts>): string[] =>
  shown(checkToken(facts(more), NOW).filter(({ severity }) => severity !== 'ok'));

it('a team token with both permissions has no problem', () => {
  expect(problems({})).toEqual([]);
});

it.each<[string, Partial<TokenFacts>, RegExp]>([
  [
    'a rejected token',
    { accepted: { value: false } },
    /^error token\.valid: HCP Terraform rejects the API token in the secret acme\/api-token\..*"View all workspaces" and "Manage agent pools".*--secret-id acme\/api-token /,
  ],
  [
    'no answer',
    { accepted: { failure: { reason: 'No answer from https://app.terraform.io (ECONNREFUSED).', kind: 'failed' } } },
    /^warning token\.valid: .*ECONNREFUSED/,
  ],
  [
    'an organization that isn’t visible',
    { organizations: [{ ...organization, access: { value: undefined } }] },
    /^error token\.organization: The organization acme doesn’t exist/,
  ],
  [
    'an organization that can’t be read',
    { organizations: [{ ...organization, access: DENIED }] },
    /^warning token\.organization/,
  ],
  [
    'a subscription without agents',
    { organizations: [{ ...organization, access: { value: { isOwner: false, hasAgents: false } } }] },
    /^error token\.agents-entitlement/,
  ],
  [
    'runs that can’t be listed',
    { organizations: [{ ...organization, runs: { value: false } }] },
    /^error token\.runs: .*"View all workspaces"/,
  ],
  ['a list of runs without an answer', { organizations: [{ ...organization, runs: DENIED }] }, /^warning token\.runs/],
  [
    'a team without the first permission',
    { team: { viewsAllWorkspaces: false, managesAgentPools: true } },
    /^warning token\.view-all-workspaces/,
  ],
  [
    'a team without the second permission',
    { team: { viewsAllWorkspaces: true, managesAgentPools: false } },
    /^note token\.manage-agent-pools/,
  ],
  [
    'a team without the second permission whose token lists agents all the same',
    { team: { viewsAllWorkspaces: true, managesAgentPools: false }, listsAgents: true },
    /^note token\.manage-agent-pools: .*, but the token can list the agents now\. .*Nothing, while listing works/,
  ],
  ['a user’s token', { owner: { kind: 'user', name: 'ada' } }, /^note token\.owner: .*the user ada/],
  [
    'an owner’s token',
    { organizations: [{ ...organization, access: { value: { isOwner: true } } }] },
    /^note token\.permissions: .*may change the organization acme/,
  ],
  ['a hidden expiry', { expiry: { value: 'hidden' } }, /^note token\.expiry/],
  ['an expiry that can’t be read', { expiry: DENIED }, /^warning token\.expiry/],
])('%s is exactly one finding', (_, more, expected) => {
  const found = problems(more);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(expected);
});

describe('a token that expires', () => {
  it.each([
    [30, 'ok'],
    [29, 'warning'],
    [7, 'warning'],
    [6, 'error'],
    [0, 'error'],
  ])('in %i days is reported as %s', (days, severity) => {
    const found = checkToken(facts({ expiry: { value: NOW + days * DAY_MS + 1 } }), NOW);
    expect(found.find(({ id }) => id === 'token.expiry')?.severity).toBe(severity);
  });

  it('never is ok', () => {
    expect(problems({ expiry: { value: 'never' } })).toEqual([]);
  });

  it('shows the date', () => {
    expect(problems({ expiry: { value: NOW + DAY_MS } })[0]).toContain('expires on 2026-11-30, in 1 day.');
  });
});
