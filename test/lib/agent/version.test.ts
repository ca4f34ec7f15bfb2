import { CfnParameter, type Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { AgentImage } from '../../../lib/agent/image.ts';
import { AgentPool } from '../../../lib/agent/pool.ts';
import { isOlder, versionOfImage } from '../../../lib/agent/version.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { emptyStack, stackOf } from '../synthesis.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

function warningsFor(image: AgentImage): string[] {
  const stack = emptyStack();
  new AgentPool(stack, 'Pool', {
    name: 'default',
    launcherName: 'Test',
    agentTokenSecret: Secret.fromSecretNameV2(stack, 'Secret', 'acme/agent-token'),
    image,
  });
  return versionWarningsOf(stack);
}

function versionWarningsOf(stack: Stack): string[] {
  return Annotations.fromStack(stack)
    .findWarning('*', Match.stringLikeRegexp('[Aa]gent'))
    .map(({ entry }) => String(entry.data))
    .filter((text) => text.includes('agent-launcher:agentVersion'));
}

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

  it('below 1.21.1 is refused by the construct, since those agents do not hide their token', () => {
    const message = "Agent 1.21.0 doesn't hide its token from the jobs that it runs. Use 1.21.1 or newer";
    expect(() => AgentImage.fromVersion('1.21.0')).toThrow(message);
    expect(() => AgentImage.fromRelease('1.21.0')).toThrow(message);
    expect(() => AgentImage.fromReference('hashicorp/tfc-agent:1.21.0')).toThrow(message);
    expect(() => AgentImage.copyOf('hashicorp/tfc-agent:1.21.0')).toThrow(message);
  });

  it.each([
    { agentImage: { version: '1.21.0' } },
    { agentImage: { registry: 'hashicorp/tfc-agent:1.21.0' } },
    { image: 'hashicorp/tfc-agent:1.21.0' },
  ])('below 1.21.1 is refused in the settings: %j', ({ agentImage, image }) => {
    const pool = { name: 'aws', agentTokenSecret: 'acme/agent-token', ...(image !== undefined && { image }) };
    const settings = {
      organization: 'acme',
      apiTokenSecret: 'acme/api-token',
      pools: [pool],
      ...(agentImage !== undefined && { agentImage }),
    };
    expect(() => parseSettings({ agentLauncher: settings })).toThrow(/1\.21\.1/);
  });

  it('that is up to date causes no warning', () => {
    expect(warningsFor(AgentImage.fromVersion('1.33.0'))).toEqual([]);
    expect(warningsFor(AgentImage.fromReference('hashicorp/tfc-agent:1.34.0'))).toEqual([]);
    expect(warningsFor(AgentImage.copyOf('hashicorp/tfc-agent:1.33.0'))).toEqual([]);
  });

  it('that is older than the default causes a warning with the command that prints the newest one', () => {
    for (const image of [
      AgentImage.fromVersion('1.28.6'),
      AgentImage.fromRelease('1.28.6'),
      AgentImage.fromReference('hashicorp/tfc-agent:1.28.6'),
      AgentImage.copyOf('hashicorp/tfc-agent:1.28.6'),
    ]) {
      expect(warningsFor(image).join()).toContain(
        'Agent 1.28.6 is older than 1.33.0, which this launcher was tested with. Most releases fix vulnerabilities. This command prints the newest version: node agent-image/newest-version.mjs 1.28.6',
      );
    }
  });

  it('that an image does not show causes a warning', () => {
    const ecr = `111122223333.dkr.ecr.eu-central-1.amazonaws.com/agents@${DIGEST}`;
    for (const reference of [`hashicorp/tfc-agent@${DIGEST}`, 'registry.example/agents:7', ecr]) {
      expect(warningsFor(AgentImage.fromReference(reference)).join()).toContain('is unknown');
      if (reference !== ecr) expect(warningsFor(AgentImage.copyOf(reference)).join()).toContain('is unknown');
    }
  });

  it.each([undefined, true, false])('that is older causes a warning for a registry image with copy: %s', (copy) => {
    const agentImage = { registry: 'hashicorp/tfc-agent:1.31.0', ...(copy !== undefined && { copy }) };
    const { stack } = stackOf({ agentImage });
    expect(versionWarningsOf(stack).join()).toContain('Agent 1.31.0 is older than 1.33.0');
  });

  it('that is older causes a warning for the image of one pool, which is copied', () => {
    const image = 'hashicorp/tfc-agent:1.31.0';
    const { stack } = stackOf({ pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token', image }] });
    expect(versionWarningsOf(stack)).toEqual([expect.stringContaining('Agent 1.31.0 is older than 1.33.0')]);
  });
});

describe('the copy of an image', () => {
  it.each(['hashicorp/tfc-agent', 'hashicorp/tfc-agent:latest', 'https://docker.io/hashicorp/tfc-agent'])(
    'is refused for %s, which is not pinned',
    (reference) => {
      expect(() => AgentImage.copyOf(reference)).toThrow(/can't be used.*a tag other than latest.*pin the image/);
    },
  );

  it.each([
    '111122223333.dkr.ecr.eu-central-1.amazonaws.com/agents:7',
    `111122223333.dkr-ecr.eu-central-1.on.aws/agents@${DIGEST}`,
  ])('is refused for %s, which is in ECR already', (reference) => {
    expect(() => AgentImage.copyOf(reference)).toThrow(
      /is in ECR already, so it isn't copied\. Use AgentImage\.fromReference/,
    );
  });

  it('is refused for a reference that only CloudFormation knows', () => {
    const reference = new CfnParameter(emptyStack(), 'Image').valueAsString;
    expect(() => AgentImage.copyOf(reference)).toThrow(/plain text/);
  });
});
