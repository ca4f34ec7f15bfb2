import { describe, expect, test } from 'vitest';
import { type AccessFacts, apiTokenAdvice, grantHint, permissionsOf } from '../../../../cli/core/setup/permissions.ts';

const NOTHING: AccessFacts = {
  kind: 'team',
  organization: { 'can-update': false, 'can-update-agent-pools': false },
  team: undefined,
  listsRuns: true,
  listsAgents: undefined,
};
const team = (...names: string[]) => ({
  'read-workspaces': false,
  'manage-agent-pools': false,
  ...Object.fromEntries(names.map((name) => [name, true])),
});

/** Whether the token may list runs, list agents and manage pools, in this order. */
const answers = (facts: Partial<AccessFacts>) => permissionsOf({ ...NOTHING, ...facts }).map(({ granted }) => granted);

describe('permissionsOf', () => {
  test.each<[string, Partial<AccessFacts>, ReturnType<typeof answers>]>([
    ['an owner', { organization: { 'can-update': true, 'can-update-agent-pools': true } }, ['yes', 'yes', 'yes']],
    [
      'an owner of a release that does not show pools',
      { kind: 'user', organization: { 'can-update': true } },
      ['yes', 'yes', 'yes'],
    ],
    [
      'the recommended team',
      {
        organization: { 'can-update': false, 'can-update-agent-pools': true },
        team: team('read-workspaces', 'manage-agent-pools'),
        listsAgents: true,
      },
      ['yes', 'yes', 'yes'],
    ],
    [
      'a team that only manages agent pools, because that includes reading all workspaces',
      { organization: { 'can-update-agent-pools': true }, team: team('manage-agent-pools') },
      ['yes', 'yes', 'yes'],
    ],
    ['a team that only views workspaces', { team: team('read-workspaces') }, ['yes', 'unknown', 'no']],
    [
      'a team that only views workspaces, where a pool answers',
      { team: team('read-workspaces'), listsAgents: true },
      ['yes', 'yes', 'no'],
    ],
    [
      'a team that only views workspaces, where a pool does not answer',
      { team: team('read-workspaces'), listsAgents: false },
      ['yes', 'no', 'no'],
    ],
    ['a team with access to single workspaces', { team: team() }, ['no', 'unknown', 'no']],
    ['a token that gets 404 for runs', { listsRuns: false }, ['no', 'unknown', 'no']],
    ['a user about which the API shows nothing', { kind: 'user', organization: {} }, ['unknown', 'unknown', 'unknown']],
    [
      'a user that manages agent pools',
      { kind: 'user', organization: { 'can-update-agent-pools': true } },
      ['yes', 'yes', 'yes'],
    ],
    ['a team that the token cannot see', { team: undefined }, ['unknown', 'unknown', 'no']],
    ['a list of runs that failed', { listsRuns: undefined }, ['unknown', 'unknown', 'no']],
  ])('knows what is allowed for %s', (_, facts, expected) => {
    expect(answers(facts)).toEqual(expected);
  });

  test('calls each permission by its name on the page of HCP Terraform', () => {
    expect(permissionsOf(NOTHING).map(({ ability, name }) => [ability, name])).toEqual([
      ['list runs', 'View all workspaces'],
      ['list agents', 'Manage agent pools'],
      ['manage pools', 'Manage agent pools'],
    ]);
  });

  test('says why it does not know whether a user sees every workspace', () => {
    expect(permissionsOf({ ...NOTHING, kind: 'user' })[0]?.evidence).toBe(
      'the list of runs answers, but the API does not show for a user token whether it contains every workspace',
    );
  });
});

test.each([
  ['team', 'Grant it to the team of this token: https://app.terraform.io/app/acme/settings/teams'],
  ['organization', 'An organization token has fixed permissions. Use a team token.'],
] as const)('grantHint says where to grant a permission to a %s token', (kind, hint) => {
  expect(grantHint('app.terraform.io', 'acme', { kind })).toBe(hint);
});

describe('the advice about the launcher’s API token', () => {
  const at = { hostname: 'tfe.example.com', organization: 'acme' };

  test('names the better token and its page, for the token of a user', () => {
    const advice = apiTokenAdvice({ kind: 'user', username: 'ada', isService: false }, at);
    expect(advice).toContain('belongs to the user ada');
    expect(advice).toContain('a team that has only "View all workspaces" and "Manage agent pools"');
    expect(advice).toContain('https://tfe.example.com/app/acme/settings/teams');
  });

  test.each([
    ['a team', { kind: 'team', username: 'api-team_1', isService: true }],
    ['an organization', { kind: 'organization', username: 'api-org-acme', isService: true }],
    ['a service user of an older Terraform Enterprise', { kind: 'user', username: 'api-team_1', isService: true }],
  ] as const)('is absent for the token of %s', (_, account) => {
    expect(apiTokenAdvice(account, at)).toBeUndefined();
  });
});
