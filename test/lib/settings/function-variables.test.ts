/** The size of the functions' variables, which Lambda limits to 4 KB. */
import { describe, expect, it } from 'vitest';
import { ROTATION_ENV } from '../../../functions/token-rotation/contract.ts';
import { MOST_VARIABLE_BYTES } from '../../../lib/agent/function-variables.ts';
import { faultsOf } from '../settings-faults.ts';
import { EXISTING_VPC, propertiesOf, REGISTRY_IMAGE, templateOf, text, variablesOf } from '../synthesis.ts';

const agentTokenRotation = { days: 30, apiTokenSecret: 'acme/rotation' };
const arn = (name: string) => `arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/${name}-a1B2c3`;
const poolsOf = (count: number, secret: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => ({ name: `pool-number-${n}`, agentTokenSecret: secret(n) }));

/** What AWS fills in for a reference, with its usual length. */
const FILLED: readonly (readonly [RegExp, string])[] = [
  [/<AWS::AccountId>/g, '123456789012'],
  [/<[^>]*Template[^>]*LatestVersionNumber>/g, '12'],
  [/<[^>]*Template[^>]*>/g, 'lt-0123456789abcdef0'],
  [/<[^>]*Interface[^>]*>/g, 'eni-0123456789abcdef0'],
  [/<[^>]*Subnet[^>]*>/g, 'subnet-0123456789abcdef0'],
  [/<[^>]*SecurityGroup[^>]*>/g, 'sg-0123456789abcdef0'],
  [/<[^>]*Queue[^>]*>/g, `https://sqs.eu-central-1.amazonaws.com/123456789012/${'x'.repeat(80)}`],
];

/** Size of a function's variables as Lambda measures them: as JSON. */
function bytesOf(variables: Readonly<Record<string, unknown>>): number {
  const filled = Object.entries(variables).map(([name, value]) => [
    name,
    FILLED.reduce((all, [pattern, by]) => all.replaceAll(pattern, by), text(value)),
  ]);
  return Buffer.byteLength(JSON.stringify(Object.fromEntries(filled)));
}

/** The largest number of pools that the settings accept. */
function most(settings: (count: number) => object): number {
  const counts = Array.from({ length: 20 }, (_, n) => n + 1);
  return counts.findLast((count) => faultsOf(settings(count)).length === 0) ?? 0;
}

describe('the variables of the launcher', () => {
  it.each([
    ['a new VPC', { nudge: { hmacKeySecret: arn('nudge') }, launcher: { vpc: true } }],
    [
      'an existing VPC',
      { network: { ...EXISTING_VPC, subnetIds: Array.from({ length: 6 }, (_, n) => `subnet-0123456789abcdef${n}`) } },
    ],
    ['a VPC with gateways', { network: { egress: 'on-demand', gateways: 'all', fixedAddress: true } }],
    [
      'every connection setting',
      {
        idlePollSeconds: 10,
        agentsCeiling: 10_000,
        caCertificates: { secret: arn('ca') },
        launcher: {
          httpsProxy: 'http://proxy.corp.example:3128',
          noProxy: ['10.0.0.0/8', 'corp.example'],
          httpsProxyCredentialsSecret: arn('proxy'),
        },
      },
    ],
  ])('fit with as many pools as the settings accept, in %s', (_, more) => {
    const settings = (count: number) => ({
      ...REGISTRY_IMAGE,
      ...more,
      pools: poolsOf(count, (n) => `token-${n}`).map((pool, n) => ({
        ...pool,
        id: `apool-${'x'.repeat(16)}${n}`,
        organization: `organization-${n}`,
        apiTokenSecret: arn(`api-token-${n}`),
      })),
    });
    const count = most(settings);
    expect(count).toBeGreaterThan(4);
    expect(count).toBeLessThan(20);
    const bytes = bytesOf(variablesOf(templateOf(settings(count))));
    expect(bytes).toBeLessThanOrEqual(MOST_VARIABLE_BYTES);
    // A check that is much too strict would refuse settings that work.
    expect(bytes).toBeGreaterThan(MOST_VARIABLE_BYTES - 700);
    expect(faultsOf(settings(count + 1))).toMatchObject([
      {
        path: 'pools',
        given: expect.stringMatching(/^\d+ pools, with which the variables of the launcher have \d{4} bytes$/),
      },
    ]);
  });
});

describe('the variables of the rotation', () => {
  const settings = (count: number) => ({
    ...REGISTRY_IMAGE,
    agentTokenRotation,
    pools: poolsOf(count, (n) => `${arn(`agent-token-${n}`)}:agent-token`),
  });

  it('fit with as many pools as the settings accept', () => {
    const count = most(settings);
    expect(count).toBeGreaterThan(4);
    expect(count).toBeLessThan(20);
    const [variables] = propertiesOf(templateOf(settings(count)), 'AWS::Lambda::Function').flatMap(({ Environment }) =>
      Environment?.Variables?.[ROTATION_ENV.pools] === undefined ? [] : [Environment.Variables],
    );
    const bytes = bytesOf(variables);
    expect(bytes).toBeLessThanOrEqual(MOST_VARIABLE_BYTES);
    expect(bytes).toBeGreaterThan(MOST_VARIABLE_BYTES - 500);
  });

  it('have their own fault if only they are too long', () => {
    expect(faultsOf(settings(20))).toMatchObject([
      { path: 'agentTokenRotation', given: expect.stringContaining('the variables of the rotation have') },
    ]);
    expect(faultsOf({ ...settings(20), agentTokenRotation: undefined })).toEqual([]);
  });
});
