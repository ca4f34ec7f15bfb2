import { readFileSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { DockerImageAsset } from 'aws-cdk-lib/aws-ecr-assets';
import { CpuArchitecture } from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AgentImage } from '../../../lib/agent/image.ts';
import type { AgentPoolProps } from '../../../lib/agent/pool.ts';
import { poolIn } from '../constructs.ts';
import { emptyStack, onePool, propertiesOf, stackOf, warningsIn } from '../synthesis.ts';

const templateOf = (props: Partial<AgentPoolProps> = {}) => Template.fromStack(poolIn(props).stack);

const environmentSchema = z.array(z.object({ Name: z.string(), Value: z.unknown() }));

/** Returns the environment variables of the agent's container. */
function environmentOf(props: Partial<AgentPoolProps>): Record<string, unknown> {
  const [{ ContainerDefinitions: containers }] = propertiesOf(templateOf(props), 'AWS::ECS::TaskDefinition');
  const agent = containers.find(({ Name }: { Name: string }) => Name === 'agent');
  return Object.fromEntries(environmentSchema.parse(agent.Environment).map(({ Name, Value }) => [Name, Value]));
}

describe("the agent's environment", () => {
  it('has the address of a Terraform Enterprise and the idle window of the pool', () => {
    expect(environmentOf({ hostname: 'tfe.acme.example:8443', idleWindow: Duration.minutes(2) })).toMatchObject({
      TFC_ADDRESS: 'https://tfe.acme.example:8443',
      AGENT_IDLE_SECONDS: '120',
    });
  });

  it.each([{}, { hostname: 'app.terraform.io' }])('has no address for HCP Terraform: %o', (props) => {
    expect(environmentOf(props)).not.toHaveProperty('TFC_ADDRESS');
  });

  it("has the user's variables, which can't override the launcher's", () => {
    const environment = { TFC_AGENT_LOG_LEVEL: 'debug', HTTPS_PROXY: 'http://proxy:3128', TFC_AGENT_SINGLE: 'false' };
    expect(environmentOf({ environment })).toMatchObject({ ...environment, TFC_AGENT_SINGLE: 'true' });
  });
});

it.each([
  ['trace', 1],
  ['debug', 0],
])('a pool warns about job data in the log with TFC_AGENT_LOG_LEVEL %s: %i', (level, warnings) => {
  const { stack } = stackOf(onePool({ environment: { TFC_AGENT_LOG_LEVEL: level } }));
  expect(warningsIn(stack, 'TFC_AGENT_LOG_LEVEL is trace')).toHaveLength(warnings);
});

describe("the project's image", () => {
  it('is built for the architecture, runs as the only container, and gets the address in its entry point', () => {
    const template = templateOf({
      image: AgentImage.fromVersion('1.30.2'),
      cpuArchitecture: CpuArchitecture.ARM64,
      hostname: 'tfe.example.com:8443',
    });
    const entryPoint = ['/opt/agent-launcher/sh', '/opt/agent-launcher/entrypoint.sh', 'https://tfe.example.com:8443'];
    expect(readFileSync('agent-image/Dockerfile', 'utf8')).toContain(
      `\nENTRYPOINT ["${entryPoint.slice(0, 2).join('", "')}"]\n`,
    );
    template.hasResourceProperties('AWS::ECS::TaskDefinition', {
      RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
      ContainerDefinitions: [Match.objectLike({ Name: 'agent', EntryPoint: entryPoint })],
    });
  });

  const digest = `sha256:${'a'.repeat(64)}`;
  const mirror = { releasesUrl: 'https://mirror.example', keyUrl: 'https://mirror.example/key', packages: ['git'] };

  it.each([
    {
      name: 'the pinned official image',
      image: AgentImage.fromVersion('1.30.2', { digest, revision: 'c0ffee' }),
      build: {
        BASE_IMAGE: `hashicorp/tfc-agent:1.30.2@${digest}`,
        BASE_DIGEST: digest,
        REVISION: 'c0ffee',
        AGENT_ARCHITECTURE: 'arm64',
      },
    },
    {
      name: 'a release that is signed with the given key',
      image: AgentImage.fromRelease('1.30.2', { ...mirror, keyFingerprint: 'A'.repeat(40) }),
      build: {
        file: 'Dockerfile.release',
        BASE_IMAGE: 'ubuntu:24.04',
        RELEASES_URL: 'https://mirror.example',
        KEY_URL: 'https://mirror.example/key',
        KEY_FINGERPRINT: 'A'.repeat(40),
        PACKAGES: 'git',
      },
    },
  ])('is built from $name with these arguments', ({ image, build }) => {
    const { pool } = poolIn({ image, cpuArchitecture: CpuArchitecture.ARM64 });
    const [asset] = pool.node.findAll().filter((each) => each instanceof DockerImageAsset);
    const { dockerBuildArgs, dockerfilePath: file } = asset as unknown as Record<string, object>;
    expect({ ...dockerBuildArgs, file }).toMatchObject(build);
  });
});

it.each([
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/agent:7', 'aws:ecr:eu-west-1:123456789012:repository/team/agent'],
  [
    `123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/agent:7@sha256:${'0'.repeat(64)}`,
    'aws-cn:ecr:cn-north-1:123456789012:repository/agent',
  ],
  [
    '123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/agent:7',
    'aws-eusc:ecr:eusc-de-east-1:123456789012:repository/agent',
  ],
  ['123456789012.dkr-ecr.eu-west-1.on.aws/team/agent:7', 'aws:ecr:eu-west-1:123456789012:repository/team/agent'],
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/agent:7', 'aws:ecr:eu-west-1:123456789012:repository/agent'],
  ['123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/agent:7', 'aws:ecr:us-east-1:123456789012:repository/agent'],
])('a pool may pull %s from ECR', (reference, arn) => {
  const template = templateOf({ image: AgentImage.fromReference(reference) });
  template.hasResourceProperties('AWS::IAM::Policy', {
    PolicyDocument: Match.objectLike({ Statement: Match.arrayWith([Match.objectLike({ Resource: `arn:${arn}` })]) }),
  });
  template.hasResourceProperties('AWS::ECS::TaskDefinition', {
    ContainerDefinitions: Match.arrayWith([Match.objectLike({ Image: reference })]),
  });
});

describe('an agent pool', () => {
  it('uses an existing role as the role of Terraform', () => {
    const stack = emptyStack();
    const taskRole = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    expect(poolIn({ taskRole }, stack).pool.taskRole).toBe(taskRole);
    Template.fromStack(stack).resourceCountIs('AWS::IAM::Role', 2);
  });

  it('has the given maximum number of agents, or the default', () => {
    expect(poolIn({ maxAgents: 3 }).pool.maxAgents).toBe(3);
    expect(poolIn().pool.maxAgents).toBe(10);
  });

  it('has agents without a queued job if it has warm agents, sweeps or both', () => {
    const warmAgents = { agents: 1 };
    const sweepInterval = Duration.minutes(30);
    const standing = [{}, { warmAgents }, { sweepInterval }, { warmAgents, sweepInterval }].map(
      (props) => poolIn(props).pool.hasStandingAgents,
    );
    expect(standing).toEqual([false, true, true, true]);
  });

  it.each<[Partial<AgentPoolProps>, boolean]>([
    [{}, true],
    [{ phases: {} }, true],
    [{ phases: { unlistedJobs: 'none' } }, false],
    [{ policySweeps: false }, false],
  ])('sweeps for runs in a post-plan status if one of its lanes evaluates policies, with %o: %s', (props, sweeps) => {
    expect(poolIn(props).pool.sweepsForRuns).toBe(sweeps);
  });

  it.each<[Partial<AgentPoolProps>, string[]]>([
    [{}, ['on-demand']],
    [{ phases: {} }, ['on-demand', 'on-demand']],
    [{ phases: { plan: { capacity: 'spot' } } }, ['spot', 'on-demand']],
  ])('runs on demand unless its plans are on Spot, with %o: %j', (props, capacities) => {
    expect(poolIn(props).pool.lanes.map(({ capacity }) => capacity)).toEqual(capacities);
  });

  it('lets only ECS tasks of the stack’s account assume its roles', () => {
    const roles = propertiesOf(templateOf({ phases: {} }), 'AWS::IAM::Role');
    expect(roles).toHaveLength(3);
    for (const { AssumeRolePolicyDocument } of roles) {
      expect(AssumeRolePolicyDocument).toMatchObject({
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'ecs-tasks.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ],
      });
    }
  });

  it('describes the purpose of each role', () => {
    const described = (props: Partial<AgentPoolProps>) =>
      propertiesOf(templateOf(props), 'AWS::IAM::Role').map(({ Description }) => Description);
    expect(described({}).sort()).toEqual([
      'Pulls the image, reads the agent token and writes the logs of agent pool default',
      'What Terraform may do in AWS in agent pool default',
    ]);
    expect(described({ phases: {} })).toContain(
      'What Terraform may do in AWS in agent pool default when it runs a job of kind apply',
    );
  });

  it.each([
    [{}, false],
    [{ guardDuty: false }, false],
    [{ guardDuty: true }, true],
  ])("lets its execution role pull GuardDuty's sidecar only if GuardDuty is on, with %o: %s", (props, pulls) => {
    expect(JSON.stringify(templateOf(props).toJSON()).includes('aws-guardduty-agent-fargate')).toBe(pulls);
  });
});
