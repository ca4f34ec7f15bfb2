/** Tests the ECS and Secrets Manager emulators with random input. They must respond, or refuse it with an error of AWS's API. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ApiError } from '../../local/aws/core/api-error.ts';
import { Secrets } from '../../local/ecs/core/secrets.ts';
import { AGENT_DEFINITION, RUN, virtualEcs } from '../../test/local/ecs/core/virtual-ecs.ts';
import { damage, damagedBy } from './arbitrary.ts';

const tags = [{ key: 'k', value: 'v' }];
const containerOverrides = [{ name: 'agent', command: ['c'], environment: [{ name: 'n', value: 'v' }], cpu: 1 }];
/** Inputs with the members of every action. */
const templates: readonly object[] = [
  { ...RUN, count: 2, clientToken: 't', startedBy: 's', tags, overrides: { containerOverrides } },
  {
    ...RUN,
    launchType: undefined,
    capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1, base: 0 }],
  },
  AGENT_DEFINITION,
  {
    ...AGENT_DEFINITION,
    ephemeralStorage: { sizeInGiB: 30 },
    volumes: [{ name: 'v' }],
    runtimePlatform: { cpuArchitecture: 'ARM64' },
  },
  { cluster: 'agents', tasks: ['x'], include: ['TAGS'], reason: 'r', task: 'x', maxResults: 1, nextToken: 'n' },
  { cluster: 'agents', clusterName: 'agents', clusters: ['agents'], family: 'agent', desiredStatus: 'STOPPED' },
  { taskDefinition: 'agent', familyPrefix: 'agent', status: 'ACTIVE', sort: 'DESC' },
  { resourceArn: 'arn:aws:ecs:eu-central-1:000000000000:cluster/agents', tags, tagKeys: ['k'] },
  { Name: 'n', SecretId: 'n', SecretString: 's', ClientRequestToken: 'c'.repeat(32), VersionStages: ['AWSCURRENT'] },
  { SecretId: 'n', VersionStage: 'X', MoveToVersionId: 'c'.repeat(32), RemoveFromVersionId: 'x', Description: 'd' },
  { SecretId: 'n', RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: false, MaxResults: 1, SecretBinary: 'AAA=' },
];

it('the ECS emulator responds to every input of every action, or refuses it with an error of the API', () => {
  const { ecs, time } = virtualEcs();
  let ids = 0;
  const hex = (digits: number) => {
    ids += 1;
    return String(ids).padStart(digits, '0');
  };
  const secrets = new Secrets({ region: 'eu-central-1', accountId: '000000000000' }, () => time.now(), hex);
  const action = fc.constantFrom(...Object.values({ ...ecs.actions, ...secrets.actions }));
  const outcomes = { answered: 0, refused: 0 };
  fc.assert(
    fc.property(action, fc.constantFrom(...templates), fc.option(damage, { freq: 1 }), (run, template, change) => {
      const input = change === null ? template : damagedBy(template, change);
      // The server's parser always returns an object.
      if (typeof input !== 'object' || input === null || Array.isArray(input)) return;
      try {
        JSON.stringify(run(JSON.parse(JSON.stringify(input))));
        outcomes.answered += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
        outcomes.refused += 1;
      }
      time.pass(200);
    }),
    { numRuns: 5_000 },
  );
  expect(outcomes.answered).toBeGreaterThan(500);
  expect(outcomes.refused).toBeGreaterThan(500);
});
