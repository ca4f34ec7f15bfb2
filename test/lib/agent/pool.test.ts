import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { DockerImageAsset } from 'aws-cdk-lib/aws-ecr-assets';
import { CpuArchitecture } from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { entrypointText } from '../../../lib/agent/entrypoint.ts';
import { AgentImage } from '../../../lib/agent/image.ts';
import { AgentPool, type AgentPoolProps } from '../../../lib/agent/pool.ts';
import { emptyStack, stackOf } from '../synthesis.ts';

const registry = AgentImage.fromReference('hashicorp/tfc-agent:1.31.0');

function poolIn(props: Partial<AgentPoolProps> = {}): { template: Template; pool: AgentPool } {
  const stack = emptyStack();
  const pool = new AgentPool(stack, 'Pool', {
    name: 'default',
    launcherName: 'Test',
    agentTokenSecret: Secret.fromSecretNameV2(stack, 'Secret', 'acme/agent-token'),
    image: registry,
    ...props,
  });
  return { template: Template.fromStack(stack), pool };
}

/** The task definition that has a container named `agent` with these properties. */
const agentWith = (properties: object) => ({
  ContainerDefinitions: Match.arrayWith([Match.objectLike({ Name: 'agent', ...properties })]),
});

describe("the agent's container", () => {
  const { template } = poolIn();

  it('cannot write outside its folders, is not root, and has no capability', () => {
    template.hasResourceProperties(
      'AWS::ECS::TaskDefinition',
      agentWith({
        User: 'tfc-agent',
        ReadonlyRootFilesystem: true,
        LinuxParameters: { Capabilities: { Drop: ['ALL'] }, InitProcessEnabled: false },
        MountPoints: [
          { SourceVolume: 'data', ContainerPath: '/home/tfc-agent/.tfc-agent', ReadOnly: false },
          { SourceVolume: 'tmp', ContainerPath: '/tmp', ReadOnly: false },
        ],
      }),
    );
  });

  it('serves one job, in the version of its image, and has two minutes to end in order', () => {
    template.hasResourceProperties(
      'AWS::ECS::TaskDefinition',
      agentWith({
        StopTimeout: 120,
        Essential: true,
        Environment: [
          { Name: 'TFC_AGENT_LOG_LEVEL', Value: 'info' },
          { Name: 'TFC_AGENT_SINGLE', Value: 'true' },
          { Name: 'TFC_AGENT_AUTO_UPDATE', Value: 'disabled' },
          { Name: 'AGENT_IDLE_SECONDS', Value: '300' },
          { Name: 'AGENT_TOKEN_SECRET', Value: 'acme/agent-token' },
        ],
        RestartPolicy: Match.absent(),
      }),
    );
  });

  it('gets the agent token as a secret and by no other way', () => {
    template.hasResourceProperties(
      'AWS::ECS::TaskDefinition',
      agentWith({ Secrets: [Match.objectLike({ Name: 'TFC_AGENT_TOKEN' })] }),
    );
  });

  it('logs without ever waiting for CloudWatch', () => {
    template.hasResourceProperties(
      'AWS::ECS::TaskDefinition',
      agentWith({
        LogConfiguration: {
          LogDriver: 'awslogs',
          Options: Match.objectLike({ mode: 'non-blocking', 'max-buffer-size': '26214400b' }),
        },
      }),
    );
  });

  it('gets the address of a Terraform Enterprise, and no default values', () => {
    const { template: enterprise } = poolIn({ hostname: 'tfe.acme.example:8443', idleWindow: Duration.minutes(2) });
    enterprise.hasResourceProperties(
      'AWS::ECS::TaskDefinition',
      agentWith({
        Environment: Match.arrayWith([
          { Name: 'TFC_ADDRESS', Value: 'https://tfe.acme.example:8443' },
          { Name: 'AGENT_IDLE_SECONDS', Value: '120' },
        ]),
      }),
    );
  });

  it("has the user's variables, which cannot undo the launcher's", () => {
    const { template: more } = poolIn({
      environment: { TFC_AGENT_LOG_LEVEL: 'debug', HTTPS_PROXY: 'http://proxy:3128', TFC_AGENT_SINGLE: 'false' },
    });
    more.hasResourceProperties(
      'AWS::ECS::TaskDefinition',
      agentWith({
        Environment: Match.arrayWith([
          { Name: 'TFC_AGENT_LOG_LEVEL', Value: 'debug' },
          { Name: 'HTTPS_PROXY', Value: 'http://proxy:3128' },
          { Name: 'TFC_AGENT_SINGLE', Value: 'true' },
        ]),
      }),
    );
  });
});

it.each([
  ['trace', 1],
  ['debug', 0],
])('a pool warns about job data in the log with TFC_AGENT_LOG_LEVEL %s: %i', (level, warnings) => {
  const pools = [
    { name: 'default', agentTokenSecret: 'acme/agent-token', environment: { TFC_AGENT_LOG_LEVEL: level } },
  ];
  const { stack } = stackOf({ pools });
  const found = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('TFC_AGENT_LOG_LEVEL is trace'));
  expect(found).toHaveLength(warnings);
});

describe('the image', () => {
  it('of a registry is entered by the entrypoint of this project, in folders that were opened first', () => {
    const { template } = poolIn();
    template.hasResourceProperties(
      'AWS::ECS::TaskDefinition',
      agentWith({
        Image: 'hashicorp/tfc-agent:1.31.0',
        EntryPoint: ['/bin/sh', '-c', entrypointText(), 'entrypoint', 'https://app.terraform.io'],
        DependsOn: [{ ContainerName: 'volumes', Condition: 'SUCCESS' }],
      }),
    );
    template.hasResourceProperties('AWS::ECS::TaskDefinition', {
      ContainerDefinitions: Match.arrayWith([
        Match.objectLike({
          Name: 'volumes',
          Essential: false,
          EntryPoint: ['/bin/sh', '-c', Match.anyValue(), 'volumes', '/home/tfc-agent/.tfc-agent', '/tmp'],
          LinuxParameters: Match.objectLike({ Capabilities: { Drop: ['ALL'] } }),
          Secrets: Match.absent(),
          Environment: Match.absent(),
        }),
      ]),
    });
  });

  it("of a registry opens the folders that are root's, and leaves those of the agent's user alone", () => {
    const { template } = poolIn();
    const [definition] = Object.values(template.findResources('AWS::ECS::TaskDefinition'));
    const containers = z
      .looseObject({
        Properties: z.looseObject({
          ContainerDefinitions: z.array(z.looseObject({ Name: z.string(), EntryPoint: z.array(z.string()) })),
        }),
      })
      .parse(definition).Properties.ContainerDefinitions;
    const [shell = '', flag = '', script = ''] = containers.find(({ Name }) => Name === 'volumes')?.EntryPoint ?? [];
    const folder = mkdtempSync(join(tmpdir(), 'volumes-'));
    try {
      // `/` stands for a folder that is somebody else's, where the test is not root's own.
      execFileSync(shell, [flag, script, 'volumes', folder, ...(process.getuid?.() === 0 ? [] : ['/'])]);
      expect(statSync(folder).mode & 0o7777).toBe(0o1777);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of this project is built for the architecture, is the only container, and takes the address from its entry point', () => {
    const { template } = poolIn({
      image: AgentImage.fromVersion('1.30.2'),
      cpuArchitecture: CpuArchitecture.ARM64,
      hostname: 'tfe.example.com:8443',
    });
    const entryPoint = ['/opt/agent-launcher/sh', '/opt/agent-launcher/entrypoint.sh', 'https://tfe.example.com:8443'];
    expect(readFileSync(new URL('../../../agent-image/Dockerfile', import.meta.url), 'utf8')).toContain(
      `\nENTRYPOINT ["${entryPoint.slice(0, 2).join('", "')}"]\n`,
    );
    template.hasResourceProperties('AWS::ECS::TaskDefinition', {
      RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
      ContainerDefinitions: [Match.objectLike({ Name: 'agent', EntryPoint: entryPoint })],
    });
  });

  it('of this project is built for the architecture on a pinned base, or from a release with the key as given', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const buildOf = (image: AgentImage) => {
      const { pool } = poolIn({ image, cpuArchitecture: CpuArchitecture.ARM64 });
      const [asset] = pool.node.findAll().filter((each) => each instanceof DockerImageAsset);
      const { dockerBuildArgs, dockerfilePath } = asset as unknown as {
        dockerBuildArgs: Record<string, string>;
        dockerfilePath?: string;
      };
      return { ...dockerBuildArgs, file: dockerfilePath };
    };
    expect(buildOf(AgentImage.fromVersion('1.30.2', { digest, revision: 'c0ffee' }))).toMatchObject({
      BASE_IMAGE: `hashicorp/tfc-agent:1.30.2@${digest}`,
      BASE_DIGEST: digest,
      REVISION: 'c0ffee',
      AGENT_ARCHITECTURE: 'arm64',
    });
    const mirror = { releasesUrl: 'https://mirror.example', keyUrl: 'https://mirror.example/key', packages: ['git'] };
    expect(buildOf(AgentImage.fromRelease('1.30.2', { ...mirror, keyFingerprint: 'A'.repeat(40) }))).toMatchObject({
      file: 'Dockerfile.release',
      BASE_IMAGE: 'ubuntu:24.04',
      RELEASES_URL: 'https://mirror.example',
      KEY_URL: 'https://mirror.example/key',
      KEY_FINGERPRINT: 'A'.repeat(40),
      PACKAGES: 'git',
    });
  });

  it.each([
    [
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/agent:7',
      'arn:aws:ecr:eu-west-1:123456789012:repository/team/agent',
    ],
    [
      `123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/agent:7@sha256:${'0'.repeat(64)}`,
      'arn:aws-cn:ecr:cn-north-1:123456789012:repository/agent',
    ],
    [
      '123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/agent:7',
      'arn:aws-eusc:ecr:eusc-de-east-1:123456789012:repository/agent',
    ],
    ['123456789012.dkr-ecr.eu-west-1.on.aws/team/agent:7', 'arn:aws:ecr:eu-west-1:123456789012:repository/team/agent'],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/agent:7', 'arn:aws:ecr:eu-west-1:123456789012:repository/agent'],
    [
      '123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/agent:7',
      'arn:aws:ecr:us-east-1:123456789012:repository/agent',
    ],
  ])('%s in ECR may be pulled', (reference, arn) => {
    const { template } = poolIn({ image: AgentImage.fromReference(reference) });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: Match.objectLike({ Statement: Match.arrayWith([Match.objectLike({ Resource: arn })]) }),
    });
    template.hasResourceProperties('AWS::ECS::TaskDefinition', {
      ContainerDefinitions: Match.arrayWith([Match.objectLike({ Image: reference })]),
    });
  });
});

describe('a pool', () => {
  it('takes a role that exists as the role of Terraform', () => {
    const stack = emptyStack();
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    const pool = new AgentPool(stack, 'Pool', {
      name: 'default',
      launcherName: 'Test',
      agentTokenSecret: Secret.fromSecretNameV2(stack, 'Secret', 'acme/agent-token'),
      image: registry,
      taskRole: role,
    });
    expect(pool.taskRole).toBe(role);
    Template.fromStack(stack).resourceCountIs('AWS::IAM::Role', 2);
  });
});

describe('an agent pool', () => {
  it('has its own maximum of agents, or the default', () => {
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

  it('sweeps for runs after their plan if one of its lanes evaluates policies', () => {
    expect(poolIn().pool.sweepsForRuns).toBe(true);
    expect(poolIn({ phases: {} }).pool.sweepsForRuns).toBe(true);
    expect(poolIn({ phases: { unlistedJobs: 'none' } }).pool.sweepsForRuns).toBe(false);
    expect(poolIn({ policySweeps: false }).pool.sweepsForRuns).toBe(false);
  });

  it('runs on demand unless its plans are on Spot', () => {
    const capacities = (props: Partial<AgentPoolProps>) => poolIn(props).pool.lanes.map(({ capacity }) => capacity);
    expect(capacities({})).toEqual(['on-demand']);
    expect(capacities({ phases: {} })).toEqual(['on-demand', 'on-demand']);
    expect(capacities({ phases: { plan: { capacity: 'spot' } } })).toEqual(['spot', 'on-demand']);
  });

  it('gives each role to ECS tasks only', () => {
    const roles = z
      .record(z.string(), z.object({ Properties: z.object({ AssumeRolePolicyDocument: z.unknown() }) }))
      .parse(poolIn({ phases: {} }).template.findResources('AWS::IAM::Role'));
    expect(Object.keys(roles)).toHaveLength(3);
    for (const { Properties } of Object.values(roles)) {
      expect(Properties.AssumeRolePolicyDocument).toMatchObject({
        Statement: [{ Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' } }],
      });
    }
  });

  it('describes what each role is for', () => {
    const described = (props: Partial<AgentPoolProps>) =>
      Object.values(poolIn(props).template.findResources('AWS::IAM::Role')).map(
        ({ Properties }) => (Properties as { Description: string }).Description,
      );
    expect(described({}).sort()).toEqual([
      'Pulls the image, reads the agent token and writes the logs of agent pool default',
      'What Terraform may do in AWS in agent pool default',
    ]);
    expect(described({ phases: {} })).toEqual(
      expect.arrayContaining(['What Terraform may do in AWS in agent pool default when it runs a job of kind apply']),
    );
  });

  it('lets its execution role pull the sidecar of GuardDuty only if that is asked for', () => {
    const pulls = (guardDuty?: boolean) =>
      JSON.stringify(poolIn({ ...(guardDuty !== undefined && { guardDuty }) }).template.toJSON()).includes(
        'aws-guardduty-agent-fargate',
      );
    expect([pulls(), pulls(false), pulls(true)]).toEqual([false, false, true]);
  });

  it('sets the address of HCP Terraform for another host only', () => {
    const address = (hostname?: string) =>
      JSON.stringify(poolIn({ ...(hostname !== undefined && { hostname }) }).template.toJSON()).includes(
        '"TFC_ADDRESS"',
      );
    expect([address(), address('app.terraform.io'), address('tfe.example.com')]).toEqual([false, false, true]);
  });
});
