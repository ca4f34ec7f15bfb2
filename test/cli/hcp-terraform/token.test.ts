import { expect, it } from 'vitest';
import { usersToken } from '../../../cli/hcp-terraform/token.ts';

const NO_HOME = '/nonexistent';

it.each([
  ['without TFE_HOSTNAME, for any host', {}, 'given'],
  ['for the host in TFE_HOSTNAME', { TFE_HOSTNAME: 'TFE.example.com' }, 'given'],
  ['not for another host than TFE_HOSTNAME', { TFE_HOSTNAME: 'app.terraform.io' }, undefined],
])('TFE_TOKEN is used %s', (_, variables, token) => {
  expect(usersToken('tfe.example.com', { TFE_TOKEN: 'given', ...variables }, NO_HOME)?.token).toBe(token);
});
