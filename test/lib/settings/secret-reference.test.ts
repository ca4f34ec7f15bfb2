/** Agent tokens under a key of a JSON secret: settings and templates. */
import { Template } from 'aws-cdk-lib/assertions';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { NUDGE_ENV } from '../../../functions/nudge/contract.ts';
import { ROTATION_ENV } from '../../../functions/token-rotation/contract.ts';
import { secretReference } from '../../../lib/settings/secret-reference.ts';
import { launcherIn, refusalOf, secretIn } from '../constructs.ts';
import { faultsOf } from '../settings-faults.ts';
import {
  configOf,
  emptyStack,
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

it.each([
  ['agentImage.credentialsSecret', { agentImage: { credentialsSecret: 'acme/tokens:key' } }],
  ['launcher.httpsProxyCredentialsSecret', { launcher: { httpsProxyCredentialsSecret: 'acme/tokens:key' } }],
  ['caCertificates.secret', { caCertificates: { secret: 'acme/tokens:key' } }],
  ['agentTokenRotation.apiTokenSecret', { agentTokenRotation: { days: 30, apiTokenSecret: 'acme/tokens:key' } }],
])('the setting %s refuses a key, and says what to set', (setting, settings) => {
  const faults = faultsOf(settings);
  expect(faults.find(({ path }) => path === setting)?.remedy).toContain('set the name only, acme/tokens');
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
