import { expect, it } from 'vitest';
import type { HcpTerraformHttp } from '../../../../functions/launcher/adapters/hcp-terraform/http.ts';
import { isNewEnough, listsRunsByOrganization } from '../../../../functions/launcher/adapters/hcp-terraform/version.ts';

it.each<[string | string[] | undefined, boolean]>([
  [undefined, true],
  ['', true],
  ['1.0.0', true],
  ['1.1.2', true],
  ['v202409-1', true],
  ['v202409-2', true],
  ['v202409-10', true],
  ['v202410-1', true],
  ['v202501-1', true],
  ['v202409-0', false],
  ['v202408-3', false],
  ['v202312-1', false],
  ['v202408-12', false],
  ['v202408-9', false],
  ['v202109-1', false],
  [['v202408-1'], false],
  ['v202410-0', true],
  ['1.2.0', true],
  // A version in an unknown format counts as a new release.
  ['v202312-1-rc', true],
  ['xv202312-1', true],
  ['v2023121-1', true],
  ['v202408-1, v202408-1', true],
  ['1.v202408-1', true],
])('a host that sends the version %j can list the runs of an organization: %s', (version, expected) => {
  expect(isNewEnough(version)).toBe(expected);
});

it.each([
  [{}, true],
  [{ 'x-tfe-version': 'v202408-3' }, false],
  [{ 'x-tfe-version': 'v202409-1' }, true],
])('the launcher reads the version from a cheap endpoint, and %j means %s', async (headers, lists) => {
  const asked: unknown[] = [];
  const get = async ({ path, tokenSecret, expected }: Parameters<HcpTerraformHttp['get']>[0]) => {
    asked.push({ path, tokenSecret, expected });
    return { status: 204, headers, body: undefined };
  };
  expect(await listsRunsByOrganization({ get }, 'acme/api-token', new AbortController().signal)).toBe(lists);
  // Terraform Enterprise answers with 200, HCP Terraform with 204; neither body is read.
  expect(asked).toEqual([{ path: '/api/v2/ping', tokenSecret: 'acme/api-token', expected: [200, 204] }]);
});
