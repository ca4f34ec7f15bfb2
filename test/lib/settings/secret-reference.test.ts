/** Tokens and logins under a key of a JSON secret: settings and templates. */
import { Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { CONNECTION_ENV } from '../../../functions/connection/contract.ts';
import { NUDGE_ENV } from '../../../functions/nudge/contract.ts';
import { ROTATION_ENV } from '../../../functions/token-rotation/contract.ts';
import { AgentImage } from '../../../lib/agent/image.ts';
import { secretReference } from '../../../lib/settings/secret-reference.ts';
import { launcherIn, refusalOf, secretIn } from '../constructs.ts';
import { faultsIn, faultsOf } from '../settings-faults.ts';
import {
  configOf,
  emptyStack,
  LEAST,
  propertiesOf,
  REGISTRY_IMAGE,
  resourcesOf,
  statementsOf,
  templateOf,
  text,
} from '../synthesis.ts';

const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-AbCdEf';

it.each([
  ['acme/tokens', { id: 'acme/tokens' }],
  ['acme/tokens:agent', { id: 'acme/tokens', jsonKey: 'agent' }],
  [arn, { id: arn }],
  [`${arn}:agent`, { id: arn, jsonKey: 'agent' }],
  // How ECS writes it in a task definition.
  [`${arn}:agent::`, { id: arn, jsonKey: 'agent' }],
  [`${arn}:::`, { id: arn }],
])('the reference %s selects its secret and key', (given, expected) => {
  expect(secretReference(given)).toEqual(expected);
});

it('the setting caCertificates.secret refuses a key, and says what to set', () => {
  const faults = faultsOf({ caCertificates: { secret: 'acme/tokens:key' } });
  expect(faults.find(({ path }) => path === 'caCertificates.secret')?.remedy).toContain(
    'set the name only, acme/tokens',
  );
});

const HTTPS_PROXY = 'http://proxy.acme.example:3128';
const REGISTRY = 'registry.acme.example/team/agent:1.33.0';

describe('one secret, by its name in one setting and by its ARN in another', () => {
  const byName = { apiTokenSecret: 'acme/tokens:api' };
  const pool = (agentTokenSecret: string, name = 'default') => ({ name, agentTokenSecret });
  const rotation = { agentTokenRotation: { days: 30, apiTokenSecret: `${arn}:rotation` } };
  const copy = { agentImage: { registry: REGISTRY, copy: true, credentialsSecret: `${arn}:hub` } };
  const proxy = { launcher: { httpsProxy: HTTPS_PROXY, httpsProxyCredentialsSecret: `${arn}:proxy` } };
  const apart = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/apart-AbCdEf';

  it.each([
    ['agentImage.credentialsSecret', 'apiTokenSecret', { ...byName, ...copy }],
    ['agentImage.credentialsSecret', 'nudge.hmacKeySecret', { ...copy, nudge: { hmacKeySecret: 'acme/tokens:hmac' } }],
    ['pools.0.agentTokenSecret', 'apiTokenSecret', { ...byName, pools: [pool(`${arn}:agent`)] }],
    ['agentTokenRotation.apiTokenSecret', 'apiTokenSecret', { ...byName, ...rotation }],
    [
      'launcher.httpsProxyCredentialsSecret',
      'apiTokenSecret',
      { ...byName, ...proxy, agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation' } },
    ],
    ['launcher.httpsProxyCredentialsSecret', 'pools.0.agentTokenSecret', { ...proxy, pools: [pool('acme/tokens')] }],
    ['nudge.hmacKeySecret', 'apiTokenSecret', { ...byName, nudge: { hmacKeySecret: `${arn}:hmac` } }],
    ['pools.1.agentTokenSecret', 'pools.0.agentTokenSecret', { pools: [pool('acme/tokens'), pool(`${arn}:b`, 'b')] }],
    ['pools.1.agentTokenSecret', 'pools.0.agentTokenSecret', { pools: [pool(`${arn}:a`), pool('acme/tokens', 'b')] }],
    // If a secret is deleted and created again, its ARN has other random characters.
    [
      'pools.1.agentTokenSecret',
      'pools.0.agentTokenSecret',
      { pools: [pool(arn), pool(arn.replace('AbCdEf', 'GhIjKl'), 'b')] },
    ],
    // The name could end like an ARN, or be one with its random characters.
    ['agentTokenRotation.apiTokenSecret', 'apiTokenSecret', { apiTokenSecret: 'acme/tokens-AbCdEf', ...rotation }],
    [
      'agentTokenRotation.apiTokenSecret',
      'apiTokenSecret',
      {
        apiTokenSecret: 'acme/apart-AbCdEf',
        agentTokenRotation: { days: 30, apiTokenSecret: `${apart}-GhIjKl` },
      },
    ],
  ])('is refused in %s, and the fault names %s', (path, other, settings) => {
    const faults = faultsOf(settings);
    expect(faults.map((fault) => fault.path)).toEqual([path]);
    expect(faults[0]?.given).toContain(`which is also the secret of ${other}`);
    expect(faults[0]?.given).toMatch(/\(there "/);
  });

  it.each([
    [
      'is another secret with another name',
      { ...byName, ...copy, agentImage: { ...copy.agentImage, credentialsSecret: `${apart}:hub` } },
    ],
    ['is another secret although its name begins with this one', { apiTokenSecret: 'acme/token', ...rotation }],
    [
      'is another secret although both names end with a hyphen and six characters',
      { apiTokenSecret: 'acme/api-token1', agentTokenRotation: { days: 30, apiTokenSecret: 'acme/api-token2' } },
    ],
    ["can be the launcher's API token and the proxy's login", { ...byName, ...proxy }],
    [
      'can have the API tokens of two pools',
      { ...byName, pools: [{ ...pool('acme/agent'), organization: 'other', apiTokenSecret: `${arn}:other` }] },
    ],
  ])('%s', (_, settings) => {
    expect(faultsOf(settings)).toEqual([]);
  });

  it.each([
    ['another account', { account: '210987654321', region: 'eu-central-1' }, []],
    ['the same account', { account: '123456789012', region: 'eu-central-1' }, ['pools.0.agentTokenSecret']],
    ['an unknown account', {}, ['pools.0.agentTokenSecret']],
  ])('compares the ARN with the name in a stack of %s', (_, target, paths) => {
    const secretsKeyArn = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555';
    const settings = { ...LEAST, ...byName, pools: [pool(`${arn}:agent`)], encryption: { secretsKeyArn } };
    expect(faultsIn({ agentLauncher: settings }, target).map(({ path }) => path)).toEqual(paths);
  });
});

describe('the login of a proxy or a registry under a key of a JSON secret', () => {
  it.each([
    ['launcher.httpsProxyCredentialsSecret', (secret: string) => proxied(secret)],
    ['agentImage.credentialsSecret', (secret: string) => copied(secret)],
  ])('%s accepts a key after the complete ARN', (path, settings) => {
    expect(faultsOf(settings(`${arn}:login`))).toEqual([]);
    expect(faultsOf(settings(`${arn.replace('arn:aws:', 'arn:aws-us-gov:')}:login`))).toEqual([]);
    // A login has this form too, so it is neither accepted nor shown.
    const [fault, ...others] = faultsOf(settings('acme:hunter2'));
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ path, remedy: expect.stringContaining('set the complete ARN, a colon and the key') });
    expect(JSON.stringify(fault)).not.toContain('hunter2');
  });

  it.each([`${arn}:`, `${arn}:a b`, `${arn}:a:b`, `${arn}:key::`])('refuses %s', (secret) => {
    for (const settings of [proxied(secret), copied(secret)]) {
      expect(faultsOf(settings).map(({ remedy }) => remedy)).toEqual([expect.stringContaining(`set ${arn}:KEY`)]);
    }
  });

  const proxied = (httpsProxyCredentialsSecret: string, more: object = {}) => ({
    ...more,
    launcher: { httpsProxy: HTTPS_PROXY, httpsProxyCredentialsSecret },
  });
  const copied = (credentialsSecret: string, more: object = {}) => ({
    ...more,
    agentImage: { registry: REGISTRY, copy: true, credentialsSecret },
  });

  it('reaches the launcher and the rotation, whose policies have the ARN without the key', () => {
    const template = templateOf({
      ...REGISTRY_IMAGE,
      ...proxied(`${arn}:proxy`),
      agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation:token' },
    });
    const variables = propertiesOf(template, 'AWS::Lambda::Function').flatMap(({ Environment }) =>
      CONNECTION_ENV.httpsProxyCredentialsSecret in (Environment?.Variables ?? {}) ? [Environment.Variables] : [],
    );
    expect(variables).toHaveLength(2);
    for (const its of variables) {
      expect(its).toMatchObject({
        [CONNECTION_ENV.httpsProxyCredentialsSecret]: arn,
        [CONNECTION_ENV.httpsProxyCredentialsJsonKey]: 'proxy',
      });
    }
    const read = statementsOf(template).filter(({ Sid }) => Sid === 'ReadConnectionSecrets');
    expect(read.map(resourcesOf)).toEqual([[arn], [arn]]);
  });

  it('reaches the function that copies images, whose policy has the ARN without the key', () => {
    const template = templateOf(copied(`${arn}:hub`));
    expect(propertiesOf(template, 'Custom::ImageCopy')).toEqual([
      expect.objectContaining({ CredentialsSecret: arn, CredentialsJsonKey: 'hub' }),
    ]);
    const readers = statementsOf(template).filter((statement) => resourcesOf(statement).includes(arn));
    expect(readers.map(({ role }) => role)).toEqual([expect.stringMatching(/^ImageCopiesRole/)]);
  });

  it.each([
    ['the image of the stack', { agentImage: { registry: REGISTRY, credentialsSecret: `${arn}:hub` } }],
    [
      "a pool's image of the same registry",
      {
        agentImage: { registry: REGISTRY, copy: false, credentialsSecret: `${arn}:hub` },
        pools: [{ name: 'default', agentTokenSecret: 'acme/agent', image: 'registry.acme.example/other:2' }],
      },
    ],
  ])('is refused if ECS pulls %s with it, because ECS knows no keys', (_, settings) => {
    const faults = faultsOf(settings);
    expect(faults).toMatchObject([
      {
        path: 'agentImage.credentialsSecret',
        given: expect.stringContaining('ECS pulls'),
        remedy: expect.stringContaining('agentImage.copy'),
      },
    ]);
  });

  it('is possible if no pool pulls from the registry of the login', () => {
    const pools = [{ name: 'default', agentTokenSecret: 'acme/agent', image: 'other.acme.example/agent:2' }];
    const agentImage = { registry: REGISTRY, copy: false, credentialsSecret: `${arn}:hub` };
    expect(faultsOf({ agentImage, pools })).toEqual([]);
  });

  it.each([
    [proxied(arn, { pools: [{ name: 'default', agentTokenSecret: `${arn}:agent` }] })],
    [proxied(arn, { agentTokenRotation: { days: 1, apiTokenSecret: `${arn}:rotation` } })],
    [proxied(arn, { agentTokenRotation: { days: 1, apiTokenSecret: 'acme/rotation' }, apiTokenSecret: `${arn}:api` })],
    [proxied(arn, { nudge: { hmacKeySecret: `${arn}:hmac` } })],
    [copied(arn, { pools: [{ name: 'default', agentTokenSecret: `${arn}:agent` }] })],
    [copied(arn, { apiTokenSecret: `${arn}:api` })],
    [copied(arn, { nudge: { hmacKeySecret: `${arn}:hmac` } })],
  ])('shares its secret with no token that its readers must not read: %o', (settings) => {
    const withKey = JSON.parse(JSON.stringify(settings).replace(`"${arn}"`, `"${arn}:login"`));
    expect(faultsOf(withKey).map(({ path }) => path)).toEqual([
      'launcher' in settings ? 'launcher.httpsProxyCredentialsSecret' : 'agentImage.credentialsSecret',
    ]);
  });

  it("can share its secret with the launcher's API token, because the launcher reads both", () => {
    expect(faultsOf(proxied(`${arn}:login`, { apiTokenSecret: `${arn}:api` }))).toEqual([]);
  });

  it('must be in the account and the region of the stack', () => {
    const target = { account: '210987654321', region: 'eu-central-1' };
    const faults = (settings: object) => faultsIn({ agentLauncher: { ...LEAST, ...settings } }, target);
    expect(faults(copied(`${arn}:hub`)).map(({ path }) => path)).toEqual(['agentImage.credentialsSecret']);
    expect(faults(proxied(`${arn}:proxy`)).map(({ path }) => path)).toEqual(['launcher.httpsProxyCredentialsSecret']);
  });
});

describe('the API token of the rotation under a key of a JSON secret', () => {
  const rotating = (apiTokenSecret: string) => ({ agentTokenRotation: { days: 30, apiTokenSecret } });

  it.each([
    ['acme/rotation:token', 'acme/rotation'],
    [`${arn}:token`, arn],
  ])('%s reaches the function', (secret, id) => {
    const template = templateOf({ ...REGISTRY_IMAGE, ...rotating(secret) });
    const variables = propertiesOf(template, 'AWS::Lambda::Function').flatMap(
      ({ Environment }) => Environment?.Variables ?? [],
    );
    expect(variables.find((its) => ROTATION_ENV.apiTokenSecret in its)).toMatchObject({
      [ROTATION_ENV.apiTokenSecret]: id,
      [ROTATION_ENV.apiTokenJsonKey]: 'token',
    });
    const [read] = statementsOf(template).filter(({ Sid }) => Sid === 'ReadItsApiToken');
    expect(read && resourcesOf(read)).toEqual([
      expect.stringMatching(id === arn ? /AbCdEf$/ : /acme\/rotation-\?{6}$/),
    ]);
  });

  it.each(['acme/rotation:', 'acme/rotation:a b', `${arn}:key::`])('is refused with the reference %s', (secret) => {
    expect(faultsOf(rotating(secret)).map(({ path, remedy }) => [path, remedy])).toEqual([
      ['agentTokenRotation.apiTokenSecret', expect.stringMatching(/:KEY, with a key of 1 to 128/)],
    ]);
  });

  it('shares its secret with no other token', () => {
    const settings = { ...rotating('acme/tokens:rotation'), apiTokenSecret: 'acme/tokens:api' };
    expect(faultsOf(settings).map(({ path }) => path)).toEqual(['agentTokenRotation.apiTokenSecret']);
  });
});

describe('an agent token under a key of a JSON secret', () => {
  const pools = [{ name: 'default', agentTokenSecret: `${arn}:agent` }];
  const template = templateOf({ ...REGISTRY_IMAGE, pools });

  it('reaches the agent, and the task definition has nothing else of the secret', () => {
    const definitions = propertiesOf(template, 'AWS::ECS::TaskDefinition');
    const secrets = definitions.flatMap(({ ContainerDefinitions }) =>
      ContainerDefinitions.flatMap(({ Secrets = [] }: { Secrets?: object[] }) => Secrets),
    );
    expect(secrets).toEqual([{ Name: 'TFC_AGENT_TOKEN', ValueFrom: `${arn}:agent::` }]);
  });

  it('is readable for exactly one role, whose policy has the ARN without the key', () => {
    const readers = statementsOf(template).filter((statement) =>
      resourcesOf(statement).some((one) => text(one).includes('acme/tokens')),
    );
    expect(readers.map(resourcesOf)).toEqual([[arn]]);
    expect(readers[0]?.role).toMatch(/ExecutionRole/);
  });

  it('shares its secret with no other token, because IAM knows no keys', () => {
    const other = { name: 'other', agentTokenSecret: `${arn}:other` };
    expect(faultsOf({ pools: [...pools, other] }).map(({ path }) => path)).toEqual(['pools.1.agentTokenSecret']);
    expect(faultsOf({ pools, apiTokenSecret: arn }).map(({ path }) => path)).toEqual(['pools.0.agentTokenSecret']);
  });

  it('must be in the account of the stack', () => {
    const faults = faultsOf({
      pools,
      apiTokenSecret: arn.replace('123456789012', '210987654321').replace('tokens', 'api'),
    });
    expect(faults.map(({ path }) => path)).toEqual(['pools.0.agentTokenSecret']);
  });
});

describe('API tokens and an HMAC key under keys of JSON secrets', () => {
  const settings = {
    ...REGISTRY_IMAGE,
    apiTokenSecret: 'acme/api:main',
    pools: [
      { name: 'default', agentTokenSecret: 'acme/agent' },
      { name: 'other', agentTokenSecret: 'acme/agent-2', organization: 'other', apiTokenSecret: 'acme/api:other' },
      { name: 'third', agentTokenSecret: 'acme/agent-3', organization: 'third', apiTokenSecret: `${arn}:third` },
    ],
    nudge: { hmacKeySecret: 'acme/hmac:nudge' },
  };

  it('are accepted, and reach the functions', () => {
    expect(faultsOf(settings)).toEqual([]);
    const template = templateOf(settings);
    const { nudge: _, ...polled } = settings;
    expect(configOf(templateOf(polled))).toMatchObject({
      apiTokenSecret: 'acme/api:main',
      pools: [
        { apiTokenSecret: 'acme/api:main' },
        { apiTokenSecret: 'acme/api:other' },
        { apiTokenSecret: `${arn}:third` },
      ],
    });
    const nudge = propertiesOf(template, 'AWS::Lambda::Function')
      .map(({ Environment }) => Environment?.Variables ?? {})
      .find((variables) => NUDGE_ENV.hmacKeySecret in variables);
    expect(nudge).toMatchObject({ [NUDGE_ENV.hmacKeySecret]: 'acme/hmac', [NUDGE_ENV.hmacKeyJsonKey]: 'nudge' });
  });

  it('are readable for one role each, whose policy has the secrets without the keys', () => {
    const reads = (sid: string) =>
      statementsOf(templateOf(settings))
        .filter(({ Sid }) => Sid === sid)
        .flatMap(resourcesOf)
        .map((resource) => resource.replace(/^.*:secret:/, ''));
    expect(reads('ReadApiTokens')).toEqual(['acme/api-??????', 'acme/tokens-AbCdEf']);
    expect(reads('ReadTheHmacKey')).toEqual(['acme/hmac-??????']);
  });

  it.each([
    ['pools.0.agentTokenSecret', { pools: [{ name: 'default', agentTokenSecret: 'acme/api' }] }],
    ['nudge.hmacKeySecret', { nudge: { hmacKeySecret: 'acme/api:nudge' } }],
    ['agentTokenRotation.apiTokenSecret', { agentTokenRotation: { days: 30, apiTokenSecret: 'acme/api' } }],
  ])('do not share their secret with %s, because IAM knows no keys', (path, more) => {
    expect(faultsOf({ ...settings, ...more }).map((fault) => fault.path)).toEqual([path]);
  });

  it.each(['acme/api:', 'acme/api:a b', 'acme/api:a:b', `${arn}:`, `${arn}:key::`])(
    'are refused with the reference %s, and the remedy has the form',
    (apiTokenSecret) => {
      const faults = faultsOf({ apiTokenSecret });
      expect(faults.map(({ path }) => path)).toEqual(['apiTokenSecret']);
      expect(faults[0]?.remedy).toMatch(/^set (?:acme\/api|arn:\S+):KEY, with a key of 1 to 128 letters/);
    },
  );
});

describe('the rotation of an agent token under a key', () => {
  const rotating = (more: object[] = []) =>
    templateOf({
      ...REGISTRY_IMAGE,
      pools: [{ name: 'default', agentTokenSecret: `${arn}:agent` }, ...more],
      agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation' },
    });
  const plain = { name: 'plain', agentTokenSecret: 'acme/plain' };

  it('knows the key', () => {
    const variables = propertiesOf(rotating([plain]), 'AWS::Lambda::Function').flatMap(
      ({ Environment }) => Environment?.Variables?.[ROTATION_ENV.pools] ?? [],
    );
    expect(variables).toHaveLength(1);
    expect(JSON.parse(text(variables[0]))).toMatchObject([
      { name: 'default', secret: arn, jsonKey: 'agent' },
      { name: 'plain', secret: 'acme/plain' },
    ]);
  });

  it('may read the other keys of this secret, and no secret that contains only a token', () => {
    const reads = statementsOf(rotating([plain])).filter(({ Sid }) => Sid === 'ReadOtherKeysOfAgentTokens');
    expect(reads.map(({ Action, ...statement }) => [Action, resourcesOf({ Action, ...statement })])).toEqual([
      [['secretsmanager:GetSecretValue'], [arn]],
    ]);
  });
});

describe('the construct', () => {
  it('passes the key of a secret of the app', () => {
    const stack = emptyStack();
    launcherIn(stack, {
      pools: [{ name: 'default', agentTokenSecret: secretIn(stack, 'Tokens'), agentTokenJsonKey: 'agent' }],
    });
    const [definition] = propertiesOf(Template.fromStack(stack), 'AWS::ECS::TaskDefinition');
    expect(text(definition.ContainerDefinitions[0].Secrets[0].ValueFrom)).toMatch(/:agent::$/);
  });

  it('passes the key of an HMAC key', () => {
    const stack = emptyStack();
    launcherIn(stack, { nudge: { hmacKeySecret: secretIn(stack, 'Hmac'), hmacKeyJsonKey: 'nudge' } });
    expect(JSON.stringify(Template.fromStack(stack))).toContain('"NUDGE_HMAC_KEY_JSON_KEY":"nudge"');
  });

  it('passes the keys of API tokens', () => {
    const stack = emptyStack();
    const shared = secretIn(stack, 'Shared');
    launcherIn(stack, {
      apiTokenSecret: shared,
      apiTokenJsonKey: 'main',
      pools: [
        { name: 'default', agentTokenSecret: secretIn(stack, 'Token') },
        { name: 'other', agentTokenSecret: secretIn(stack, 'Other'), apiTokenSecret: shared, apiTokenJsonKey: 'other' },
      ],
    });
    const { apiTokenSecret, pools } = configOf(Template.fromStack(stack));
    expect([apiTokenSecret, ...pools.map((pool) => pool.apiTokenSecret)]).toEqual([
      expect.stringMatching(/^<Shared\w+>:main$/),
      expect.stringMatching(/^<Shared\w+>:main$/),
      expect.stringMatching(/^<Shared\w+>:other$/),
    ]);
  });

  it('passes the keys of the rotation, the proxy and a copied image', () => {
    const stack = emptyStack();
    launcherIn(stack, {
      agentTokenRotation: {
        maxAge: Duration.days(30),
        apiTokenSecret: secretIn(stack, 'Rotation'),
        apiTokenJsonKey: 'rotation',
      },
      launcher: {
        httpsProxy: HTTPS_PROXY,
        httpsProxyCredentialsSecret: secretIn(stack, 'Proxy'),
        httpsProxyCredentialsJsonKey: 'proxy',
      },
      agentImage: AgentImage.copyOf(REGISTRY, { credentials: secretIn(stack, 'Hub'), credentialsJsonKey: 'hub' }),
    });
    const template = Template.fromStack(stack);
    const variables = propertiesOf(template, 'AWS::Lambda::Function').map(
      ({ Environment }) => Environment?.Variables ?? {},
    );
    expect(variables.flatMap((its) => its[ROTATION_ENV.apiTokenJsonKey] ?? [])).toEqual(['rotation']);
    expect(variables.flatMap((its) => its[CONNECTION_ENV.httpsProxyCredentialsJsonKey] ?? [])).toEqual([
      'proxy',
      'proxy',
    ]);
    expect(propertiesOf(template, 'Custom::ImageCopy')).toMatchObject([{ CredentialsJsonKey: 'hub' }]);
  });

  it('refuses a key for the login of a proxy without its secret', () => {
    const launcher = { httpsProxy: HTTPS_PROXY, httpsProxyCredentialsJsonKey: 'proxy' };
    expect(refusalOf(() => launcherIn(emptyStack(), { launcher }))).toContain('launcher.httpsProxyCredentialsJsonKey');
  });

  it('refuses a key for the API token of a pool that has none', () => {
    const stack = emptyStack();
    const pools = [{ name: 'default', agentTokenSecret: secretIn(stack, 'Token'), apiTokenJsonKey: 'main' }];
    expect(refusalOf(() => launcherIn(stack, { pools }))).toContain('pools.0.apiTokenJsonKey');
  });

  it.each([
    ['a key of a secret that is known only by its name', 'agent', 'fromSecretCompleteArn'],
    ['a key with a colon', 'agent::', 'letters, digits'],
    ['an empty key', '', 'letters, digits'],
  ])('refuses %s', (_, agentTokenJsonKey, hint) => {
    const stack = emptyStack();
    const agentTokenSecret = Secret.fromSecretNameV2(stack, 'Token', 'acme/tokens');
    const message = refusalOf(() =>
      launcherIn(stack, { pools: [{ name: 'default', agentTokenSecret, agentTokenJsonKey }] }),
    );
    expect(message).toContain('pools.0.agentTokenJsonKey');
    expect(message).toContain(hint);
  });
});
