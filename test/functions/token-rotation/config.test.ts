import { expect, it } from 'vitest';
import { parseConfig } from '../../../functions/token-rotation/config.ts';
import { ROTATION_ENV } from '../../../functions/token-rotation/contract.ts';

const POOL = { name: 'default', organization: 'acme', secret: 'acme/agent-token' };
const VALID = {
  [ROTATION_ENV.hostname]: 'tfe.acme.example:8443',
  [ROTATION_ENV.apiTokenSecret]: 'acme/rotation-api-token',
  [ROTATION_ENV.pools]: JSON.stringify([POOL]),
  [ROTATION_ENV.cluster]: 'AgentLauncher',
  [ROTATION_ENV.familyPrefixes]: 'AgentLauncher_all_,AgentLauncher_plan_',
  [ROTATION_ENV.days]: '30',
  [ROTATION_ENV.ignoreOtherAgents]: 'true',
  [ROTATION_ENV.account]: '123456789012',
  [ROTATION_ENV.stack]: 'AgentLauncher',
  [ROTATION_ENV.region]: 'eu-central-1',
};

it('the configuration is read from the environment', () => {
  expect(parseConfig(VALID)).toEqual({
    hostname: 'tfe.acme.example:8443',
    apiTokenSecret: 'acme/rotation-api-token',
    pools: [{ ...POOL, families: ['AgentLauncher_all_default', 'AgentLauncher_plan_default'] }],
    cluster: 'AgentLauncher',
    maxAgeMs: 30 * 86_400_000,
    ignoreOtherAgents: true,
    account: '123456789012',
    stack: 'AgentLauncher',
    region: 'eu-central-1',
    proxy: undefined,
    caCertificatesSecret: undefined,
  });
});

it('the configuration has the proxy and the certificates', () => {
  const connection = {
    [ROTATION_ENV.httpsProxy]: 'http://proxy.acme.example:3128',
    [ROTATION_ENV.noProxy]: 'tfe.acme.example, 10.0.0.0/8',
    [ROTATION_ENV.httpsProxyCredentialsSecret]: 'acme/proxy',
    [ROTATION_ENV.caCertificatesSecret]: 'acme/certificates',
  };
  expect(parseConfig({ ...VALID, ...connection })).toMatchObject({
    proxy: {
      url: 'http://proxy.acme.example:3128',
      noProxy: ['tfe.acme.example', '10.0.0.0/8'],
      credentialsSecret: 'acme/proxy',
    },
    caCertificatesSecret: 'acme/certificates',
  });
});

it.each([
  ['a pool without a secret', ROTATION_ENV.pools, JSON.stringify([{ ...POOL, secret: '' }])],
  ['an empty beginning of a family', ROTATION_ENV.familyPrefixes, 'AgentLauncher_all_,'],
  ['no pools', ROTATION_ENV.pools, '[]'],
  ['broken JSON', ROTATION_ENV.pools, '[{'],
  ['half a day', ROTATION_ENV.days, '0.5'],
  ['no days', ROTATION_ENV.days, '0'],
  ['a scheme', ROTATION_ENV.hostname, 'https://app.terraform.io'],
  ['a proxy without a scheme', ROTATION_ENV.httpsProxy, 'proxy.acme.example:3128'],
  ['neither true nor false', ROTATION_ENV.ignoreOtherAgents, '1'],
])('a configuration with %s is refused, with the variable and what to do', (_, name, value) => {
  const failure = new RegExp(
    `has 1 fault\\(s\\):\n- ${name}: given ${value.length} characters; allowed: .+; to do: deploy the stack again$`,
  );
  expect(() => parseConfig({ ...VALID, [name]: value })).toThrow(failure);
});

it('an error lists every variable that is missing', () => {
  expect(() => parseConfig({})).toThrow(`has ${Object.keys(VALID).length} fault(s)`);
});
