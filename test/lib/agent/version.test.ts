import { CfnParameter, type Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { AgentImage } from '../../../lib/agent/image.ts';
import { isOlder, versionOfImage } from '../../../lib/agent/version.ts';
import { poolIn } from '../constructs.ts';
import { faultsOf } from '../settings-faults.ts';
import { emptyStack, onePool, stackOf, warningsIn } from '../synthesis.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

const versionWarningsOf = (stack: Stack) =>
  warningsIn(stack, '[Aa]gent').filter((text) => text.includes('agent-launcher:agentVersion'));
const warningsFor = (image: AgentImage) => versionWarningsOf(poolIn({ image }).stack);

/** Each way to get an image with this version, and what it is given. */
const inEachWay = (version: string) =>
  [
    ['fromVersion', version],
    ['fromRelease', version],
    ['fromReference', `hashicorp/tfc-agent:${version}`],
    ['copyOf', `hashicorp/tfc-agent:${version}`],
  ] as const;

describe('an agent version', () => {
  it.each([
    ['1.21.0', '1.21.1', true],
    ['1.9.9', '1.21.1', true],
    ['0.99.0', '1.0.0', true],
    ['1.21.1', '1.21.1', false],
    ['1.33.0', '1.21.1', false],
    ['2.0.0', '1.33.0', false],
  ])('%s is older than %s: %s', (a, b, older) => {
    expect(isOlder(a, b)).toBe(older);
  });

  it.each([
    ['hashicorp/tfc-agent:1.20.0', '1.20.0'],
    [`docker.io/hashicorp/tfc-agent:1.20.0@${DIGEST}`, '1.20.0'],
    ['111122223333.dkr.ecr.eu-central-1.amazonaws.com/docker-hub/hashicorp/tfc-agent:1.20.0', '1.20.0'],
    ['registry.example:5000/tfc-agent:1.20.0-ubuntu', '1.20.0'],
    ['hashicorp/tfc-agent:1', undefined],
    [`hashicorp/tfc-agent@${DIGEST}`, undefined],
    ['registry.example/my-tfc-agent:1.20.0', undefined],
  ])('of the image %s is %s', (reference, version) => {
    expect(versionOfImage(reference)).toBe(version);
  });

  it.each(inEachWay('1.21.0'))(
    'an agent below 1.21.1 is refused, since those agents do not hide their token: AgentImage.%s',
    (create, given) => {
      const message = "Agent 1.21.0 doesn't hide its token from the jobs that it runs. Use 1.21.1 or newer";
      expect(() => AgentImage[create](given)).toThrow(message);
    },
  );

  it.each([
    { agentImage: { version: '1.21.0' } },
    { agentImage: { registry: 'hashicorp/tfc-agent:1.21.0' } },
    onePool({ image: 'hashicorp/tfc-agent:1.21.0' }),
  ])('below 1.21.1 is refused in the settings: %j', (settings) => {
    expect(JSON.stringify(faultsOf(settings))).toContain('1.21.1');
  });

  it.each([
    ['fromVersion', '1.33.0'],
    ['fromReference', 'hashicorp/tfc-agent:1.34.0'],
    ['copyOf', 'hashicorp/tfc-agent:1.33.0'],
  ] as const)('that is up to date causes no warning for AgentImage.%s(%j)', (create, given) => {
    expect(warningsFor(AgentImage[create](given))).toEqual([]);
  });

  it.each(inEachWay('1.28.6'))(
    'older than the default causes a warning with the newest version for AgentImage.%s',
    (create, given) => {
      expect(warningsFor(AgentImage[create](given)).join()).toContain(
        'Agent 1.28.6 is older than 1.33.0, which this launcher was tested with. Most releases fix vulnerabilities. This command prints the newest version: node agent-image/newest-version.mjs 1.28.6',
      );
    },
  );

  it.each([
    ['fromReference', `hashicorp/tfc-agent@${DIGEST}`],
    ['fromReference', 'registry.example/agents:7'],
    ['fromReference', `111122223333.dkr.ecr.eu-central-1.amazonaws.com/agents@${DIGEST}`],
    ['copyOf', `hashicorp/tfc-agent@${DIGEST}`],
    ['copyOf', 'registry.example/agents:7'],
  ] as const)('that the image does not show causes a warning for AgentImage.%s(%j)', (create, given) => {
    expect(warningsFor(AgentImage[create](given)).join()).toContain('is unknown');
  });

  const registry = 'hashicorp/tfc-agent:1.31.0';
  it.each([
    ['a registry image', { agentImage: { registry } }],
    ['a registry image with copy: true', { agentImage: { registry, copy: true } }],
    ['a registry image with copy: false', { agentImage: { registry, copy: false } }],
    ['the image of one pool, which is copied', onePool({ image: registry })],
  ])('that is older causes a warning for %s', (_, settings) => {
    expect(versionWarningsOf(stackOf(settings).stack)).toEqual([
      expect.stringContaining('Agent 1.31.0 is older than 1.33.0'),
    ]);
  });
});

describe('the copy of an image', () => {
  it.each(['hashicorp/tfc-agent', 'hashicorp/tfc-agent:latest', 'https://docker.io/hashicorp/tfc-agent'])(
    'is refused for %s, because it is not pinned',
    (reference) => {
      expect(() => AgentImage.copyOf(reference)).toThrow(/can't be used.*a tag other than latest.*pin the image/);
    },
  );

  it.each([
    '111122223333.dkr.ecr.eu-central-1.amazonaws.com/agents:7',
    `111122223333.dkr-ecr.eu-central-1.on.aws/agents@${DIGEST}`,
  ])('is refused for %s, because it is in ECR already', (reference) => {
    expect(() => AgentImage.copyOf(reference)).toThrow(
      /is in ECR already, so it isn't copied\. Use AgentImage\.fromReference/,
    );
  });

  it('is refused for a reference that only CloudFormation knows', () => {
    const reference = new CfnParameter(emptyStack(), 'Image').valueAsString;
    expect(() => AgentImage.copyOf(reference)).toThrow(/plain text/);
  });
});
