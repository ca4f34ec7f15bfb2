/** The construct, in an app that has its own network and secrets. */
import { CfnParameter, Duration, NestedStack, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { ENV } from '../../functions/launcher/contract.ts';
import { AgentImage } from '../../lib/agent/image.ts';
import { AgentLauncher, type AgentLauncherProps } from '../../lib/agent-launcher.ts';
import { emptyStack, statementsOf, testApp } from './synthesis.ts';

/** CDK's own classes lack the exact optional properties of their interfaces. */
const secretIn = (stack: Stack, id: string): ISecret => new Secret(stack, id) as ISecret;

function launcherIn(
  stack: Stack,
  props: { [Name in keyof AgentLauncherProps]?: AgentLauncherProps[Name] | undefined } = {},
  id = 'Agents',
): AgentLauncher {
  const vpc = new ec2.Vpc(stack, `${id}Vpc`, { restrictDefaultSecurityGroup: false }) as ec2.IVpc;
  return new AgentLauncher(stack, id, {
    organization: 'acme',
    apiTokenSecret: secretIn(stack, `${id}ApiToken`),
    pools: [{ name: 'default', agentTokenSecret: secretIn(stack, `${id}AgentToken`) }],
    vpc,
    securityGroups: [new ec2.SecurityGroup(stack, `${id}Group`, { vpc, allowAllOutbound: false })],
    agentImage: AgentImage.fromReference('hashicorp/tfc-agent:1.31.0'),
    ...props,
  } as AgentLauncherProps);
}

describe('the construct', () => {
  it('makes no network, and takes the private subnets of the one it is given', () => {
    const stack = emptyStack();
    launcherIn(stack);
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::EC2::VPC', 1);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          [ENV.subnets]: {
            'Fn::Join': ['', [{ Ref: Match.stringLikeRegexp('PrivateSubnet1') }, ',', Match.anyValue()]],
          },
        }),
      },
    });
  });

  it('works with secrets of the same stack', () => {
    const stack = emptyStack();
    launcherIn(stack);
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({ [ENV.apiTokenSecret]: { Ref: Match.stringLikeRegexp('ApiToken') } }),
      },
    });
    const reads = statementsOf(template).find(({ Sid }) => Sid === 'ReadApiTokens');
    expect(reads?.Resource).toEqual({ Ref: expect.stringMatching(/ApiToken/) });
  });

  it('can be had twice in a stack: every name is made from its path', () => {
    const stack = emptyStack();
    const first = launcherIn(stack, {}, 'First');
    const second = launcherIn(stack, {}, 'Second');
    expect(first.name).not.toBe(second.name);
    Template.fromStack(stack).resourceCountIs('AWS::ECS::Cluster', 2);
  });

  it('has a unique name in nested stacks with the same name', () => {
    const app = testApp();
    const names = ['A', 'B', 'A-B', 'AB'].map(
      (id) => launcherIn(new NestedStack(new Stack(app, id), 'Nested'), {}, 'Agents').name,
    );
    expect(new Set(names).size).toBe(4);
  });

  it('refuses at synthesis two launchers of one name in an account and region, and in no others', () => {
    const errors = (...regions: string[]) => {
      const app = testApp();
      for (const [index, region] of regions.entries()) {
        const stack = new Stack(app, `S${index}`, { env: { account: '123456789012', region } });
        launcherIn(stack, { name: index === 0 ? 'agents' : 'Agents' });
      }
      return app.node.findAll().flatMap(({ node }) => node.validate());
    };
    expect(errors('eu-central-1', 'eu-central-1')).toEqual([
      expect.stringMatching(/The launcher at S1\/Agents has the same name, agents\. Set another `name`/),
      expect.stringMatching(/The launcher at S0\/Agents has the same name, Agents/),
    ]);
    expect(errors('eu-central-1', 'us-east-1')).toEqual([]);
  });

  it('exposes its resources, so that an app can grant permissions to Terraform', () => {
    const stack = emptyStack();
    const launcher = launcherIn(stack);
    const secret = new Secret(stack, 'ForTerraform');
    const pool = launcher.pools.get('default');
    if (pool !== undefined) secret.grantRead(pool);
    const granted = statementsOf(Template.fromStack(stack)).filter(({ role }) => /TaskRole/.test(role));
    expect(granted).toMatchObject([{ Action: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'] }]);
  });
});

describe('the construct', () => {
  it('creates a security group where none is given: nothing in, HTTPS, the platform and proxies out', () => {
    const stack = emptyStack();
    const pools = [
      {
        name: 'default',
        agentTokenSecret: secretIn(stack, 'Token'),
        environment: { HTTPS_PROXY: 'http://10.0.0.9:3128' },
      },
    ];
    const launcher = launcherIn(stack, { securityGroups: undefined, hostname: 'tfe.example.com:8443', pools });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: Match.absent(),
      SecurityGroupEgress: [443, 8443, 3128].map((FromPort) => Match.objectLike({ FromPort, ToPort: FromPort })),
    });
    expect(launcher.securityGroups).toHaveLength(1);
    expect(launcher.connections.securityGroups).toEqual(launcher.securityGroups);
  });

  it('gives a pool by its name, and reports the known names for another', () => {
    const launcher = launcherIn(emptyStack());
    expect(launcher.pool('default').poolName).toBe('default');
    expect(() => launcher.pool('aws')).toThrow(
      'The launcher Test/Agents has no agent pool "aws". Its pools are: default. Use one of these names',
    );
  });

  it('adds outputs to its own scope or to the stack', () => {
    const stack = emptyStack();
    const launcher = launcherIn(stack);
    launcher.addOutputs();
    launcher.addOutputs(stack);
    const outputs = Object.keys(Template.fromStack(stack).findOutputs('*'));
    expect(outputs).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^AgentsClusterName[0-9A-F]{8}$/),
        'ClusterName',
        'LauncherFunctionName',
        'LauncherLogGroup',
        'AgentLogGroups',
        'DashboardUrl',
      ]),
    );
  });

  it('has the price of agents that wait without a job among its outputs, where there are any', () => {
    const outputOf = (options: object) => {
      const stack = emptyStack();
      launcherIn(stack, {
        pools: [{ name: 'aws', agentTokenSecret: secretIn(stack, 'Token'), ...options }],
      }).addOutputs(stack);
      return Template.fromStack(stack).toJSON()['Outputs'].StandingAgents?.Value;
    };
    expect(outputOf({})).toBeUndefined();
    expect(outputOf({ warmAgents: { agents: 1 } })).toMatch(/^aws: 1 warm agent, 168 h per week: \$36\.0\d per month/);
    const arm = { cpuArchitecture: ecs.CpuArchitecture.ARM64 };
    expect(outputOf({ warmAgents: { agents: 1 }, ...arm })).toMatch(/^aws: 1 warm agent, 168 h per week: \$28\./);
    const phases = { plan: { cpu: 512, memoryLimitMiB: 1024 } };
    expect(outputOf({ sweepInterval: Duration.hours(1), phases })).toMatch(/^aws: a sweep every 60 minutes: \$0\.75/);
  });

  it('takes values that only CloudFormation knows', () => {
    const stack = emptyStack();
    const organization = new CfnParameter(stack, 'Organization').valueAsString;
    const environment = { REGION: stack.region };
    const pools = [{ name: 'default', agentTokenSecret: secretIn(stack, 'Token'), environment }];
    expect(() => launcherIn(stack, { organization, pools })).not.toThrow();
  });
});

describe('the construct refuses', () => {
  const refusal = (props: object, ofPool: object = {}): string => {
    const stack = emptyStack();
    const pools = [{ ...pool(stack, 'default'), ...ofPool }];
    try {
      launcherIn(stack, { pools, ...props });
      return 'accepted';
    } catch (error) {
      return error instanceof Error ? error.message : 'no error';
    }
  };

  it.each<[string, object, object?]>([
    ['hostname', { hostname: 'https://app.terraform.io' }],
    ['organization', { organization: undefined }],
    ['agentTokenSecret', {}, { agentTokenSecret: 'acme/agent-token' }],
    ['vpc', { vpc: undefined }],
    ['schedule', { schedule: Duration.seconds(90) }],
    ['schedule', { schedule: 1 }],
    ['idleWindow', { idleWindow: Duration.seconds(5) }],
    ['reservedConcurrentExecutions', { reservedConcurrentExecutions: 0 }],
    ['agentsCeiling', { agentsCeiling: 0 }],
    ['maxAgents', {}, { maxAgents: 0 }],
    ...['', 'two words', 'x'.repeat(91)].map((name): [string, object, object] => ['name', {}, { name }]),
    ...[20, 201].map((ephemeralStorageGiB): [string, object, object] => [
      'ephemeralStorageGiB',
      {},
      { ephemeralStorageGiB },
    ]),
    ['cpu', {}, { cpu: 1000 }],
    ['memoryLimitMiB', {}, { cpu: 256, memoryLimitMiB: 8192 }],
    ['phases.apply.memoryLimitMiB', {}, { phases: { apply: { cpu: 4096 } } }],
    ['phases.plan.memoryLimitMiB', {}, { phases: { plan: { cpu: 256, memoryLimitMiB: 8192 } } }],
    ['environment.TFC_AGENT_TOKEN', {}, { environment: { TFC_AGENT_TOKEN: 'x' } }],
    ['environment.HTTPS_PROXY', {}, { environment: { HTTPS_PROXY: 'ftp://proxy' } }],
    ['warmAgents.idleWindow', {}, { warmAgents: { agents: 1, idleWindow: Duration.minutes(1) } }],
    ['sweepInterval', {}, { sweepInterval: Duration.minutes(1) }],
    ['id', {}, { id: 'pool-1' }],
  ])('what the settings refuse, at the property %s', (path, props, ofPool) => {
    const prefix = ofPool === undefined ? '' : 'pools.0.';
    expect(refusal(props, ofPool)).toMatch(
      new RegExp(
        `^One property is wrong in the launcher Test/Agents; nothing was synthesized\\.\\n\\n {2}${prefix}${path.replaceAll('.', '\\.')}\\n {4}given: .+\\n {4}allowed: .+\\n {4}to do: .+$`,
      ),
    );
  });

  it.each<[string, object, object | undefined, string]>([
    ['agentImage', { agentImage: 'hashicorp/tfc-agent:1.33.0' }, undefined, 'use AgentImage.copyOf'],
    ['agentImage', { agentImage: AgentImage.copyOf }, undefined, 'a function'],
    ['pools.0.image', {}, { image: 'hashicorp/tfc-agent:1.33.0' }, 'use AgentImage.copyOf'],
    ['pools.0.cpuArchitecture', {}, { cpuArchitecture: 'arm64' }, 'CpuArchitecture.ARM64'],
    ['pools.0.cpuArchitecture', {}, { cpuArchitecture: ecs.CpuArchitecture.of('ARM64') }, 'CpuArchitecture.ARM64'],
    ['logRetention', { logRetention: 12 }, undefined, '7, 14'],
    ['pools.0.logRetention', {}, { logRetention: '7' }, 'RetentionDays.ONE_MONTH'],
    ['assignPublicIp', { assignPublicIp: 'yes' }, undefined, 'true or false'],
    ['guardDuty', { guardDuty: 1 }, undefined, 'true or false'],
    ['vpcSubnets', { vpcSubnets: 'Tasks' }, undefined, 'subnetGroupName'],
    ['securityGroups', { securityGroups: ['sg-0123456789abcdef0'] }, undefined, 'fromSecurityGroupId'],
    ['startAfter', { startAfter: ['Firewall'] }, undefined, 'a list of constructs'],
    ['alarmTopic', { alarmTopic: 'arn:aws:sns:eu-central-1:123456789012:alarms' }, undefined, 'fromTopicArn'],
    ['pools.0.taskRole', {}, { taskRole: 'arn:aws:iam::123456789012:role/x' }, 'fromRoleArn'],
    ['pools.0.phases.apply.taskRole', {}, { phases: { apply: { taskRole: 'x' } } }, 'fromRoleArn'],
    ['apiTokenSecret', { apiTokenSecret: new ec2.Vpc(emptyStack(), 'Vpc') }, undefined, 'an object of the class Vpc'],
    ['organization', { organization: new CfnParameter(emptyStack(), 'Name') }, undefined, '{"construct":"Test/Name"}'],
  ])('from JavaScript a wrong %s: %o', (path, props, ofPool, hint) => {
    const message = refusal(props, ofPool);
    expect(message).toContain(
      `One property is wrong in the launcher Test/Agents; nothing was synthesized.\n\n  ${path}\n`,
    );
    expect(message).toContain(hint);
  });

  it('from JavaScript a launcher without properties', () => {
    const props = undefined as unknown as AgentLauncherProps;
    expect(() => new AgentLauncher(emptyStack(), 'Agents', props)).toThrow(
      /4 properties are wrong in the launcher Test\/Agents.*\n {2}vpc\n.* {2}organization\n.* {2}apiTokenSecret\n.* {2}pools\n/s,
    );
  });

  it('properties that there are none of, with what was meant', () => {
    expect(refusal({ agentCeiling: 5 })).toMatch(/agentCeiling\n[\s\S]*did you mean agentsCeiling\?/);
    expect(refusal({}, { memoryMiB: 2048 })).toMatch(/pools\.0\.memoryMiB\n[\s\S]*did you mean memoryLimitMiB\?/);
    expect(refusal({}, { phases: { apply: { capacity: 'spot' } } })).toMatch(/pools\.0\.phases\.apply\.capacity\n/);
  });

  it('an image without a tag, and latest', () => {
    for (const reference of ['hashicorp/tfc-agent', 'hashicorp/tfc-agent:latest']) {
      expect(() => AgentImage.fromReference(reference)).toThrow(
        /can't be used.*a tag other than latest.*pin the image/,
      );
    }
  });

  it('one secret for the agents and the launcher', () => {
    const stack = emptyStack();
    const shared = secretIn(stack, 'Shared');
    const pools = [{ name: 'default', agentTokenSecret: shared }];
    expect(() => launcherIn(stack, { apiTokenSecret: shared, pools })).toThrow(
      /pools\.0\.agentTokenSecret\n.*which is also an apiTokenSecret/,
    );
  });

  const pool = (stack: Stack, name: string) => ({ name, agentTokenSecret: secretIn(stack, `Token${name}`) });

  it('to serve no pool, or a pool twice', () => {
    expect(() => launcherIn(emptyStack(), { pools: [] })).toThrow(/pools\n.*given: {4}\[\]\n.*list of 1 to/);
    const stack = emptyStack();
    const twice = [pool(stack, 'a'), { ...pool(stack, 'b'), name: 'a' }];
    expect(() => launcherIn(stack, { pools: twice })).toThrow(/pools\.1\.name\n.*"a"/);
  });

  it('a name that other names could not begin with', () => {
    expect(() => launcherIn(emptyStack(), { name: 'my agents' })).toThrow(
      /name\n.*given: {4}"my agents"\n.*up to 48 letters, digits and -/,
    );
  });

  it('a hostname with a scheme, and says which part to leave out, as the settings do', () => {
    const given = (hostname: string) => () => launcherIn(emptyStack(), { hostname });
    expect(given('https://tfe.acme.example/')).toThrow(
      /hostname\n.*given: {4}"https.*\n.*\n.*to do: {4}.*tfe\.acme\.example/,
    );
  });

  it('an alarm topic of another region than the stack', () => {
    const topicIn = (region: string) => {
      const stack = new Stack(testApp(), 'Test', { env: { account: '123456789012', region: 'eu-central-1' } });
      const alarmTopic = Topic.fromTopicArn(stack, 'Topic', `arn:aws:sns:${region}:123456789012:alarms`);
      return () => launcherIn(stack, { alarmTopic });
    };
    expect(topicIn('us-east-1')).toThrow(
      /topic is in us-east-1 and the stack in eu-central-1.*use a topic in eu-central-1/,
    );
    expect(topicIn('eu-central-1')).not.toThrow();
  });

  const ARN = (region: string, account: string) =>
    `arn:aws:secretsmanager:${region}:${account}:secret:acme/token-Ab1Cd2`;
  const inTarget = (apiToken: string, key?: string) => () => {
    const stack = new Stack(testApp(), 'Test', { env: { account: '123456789012', region: 'eu-central-1' } });
    const encryptionKey = key === undefined ? undefined : (Key.fromKeyArn(stack, 'Key', key) as IKey);
    const apiTokenSecret = Secret.fromSecretAttributes(stack, 'ApiToken', {
      secretCompleteArn: apiToken,
      ...(encryptionKey !== undefined && { encryptionKey }),
    });
    return launcherIn(stack, { apiTokenSecret });
  };

  it('an API token of another region or account than the stack, which would deploy and then fail', () => {
    expect(inTarget(ARN('eu-central-1', '123456789012'))).not.toThrow();
    expect(inTarget(ARN('us-east-1', '123456789012'))).toThrow(
      / {2}apiTokenSecret\n {4}given: .*while the stack is deployed to eu-central-1/,
    );
    expect(inTarget(ARN('eu-central-1', '999999999999'))).toThrow(
      / {2}apiTokenSecret\n {4}given: .*a secret of account 999999999999/,
    );
  });

  it('such a secret by an ARN without its suffix, and none by its name', () => {
    const stack = () => new Stack(testApp(), 'Test', { env: { account: '123456789012', region: 'eu-central-1' } });
    const [partial, named] = [stack(), stack()];
    const arn = ARN('eu-central-1', '999999999999').slice(0, -7);
    expect(() =>
      launcherIn(partial, { apiTokenSecret: Secret.fromSecretPartialArn(partial, 'ApiToken', arn) }),
    ).toThrow(/a secret of account 999999999999/);
    expect(() =>
      launcherIn(named, { apiTokenSecret: Secret.fromSecretNameV2(named, 'ApiToken', 'acme/token') }),
    ).not.toThrow();
  });

  it('no secret of another account whose key the app names: its readers may then decrypt it', () => {
    const key = 'arn:aws:kms:eu-central-1:999999999999:key/0123';
    expect(inTarget(ARN('eu-central-1', '999999999999'), key)).not.toThrow();
  });

  it('a credential where a name belongs, without showing it', () => {
    const token = `glpat-${'x'.repeat(20)}`;
    const message = refusal({ organization: token });
    expect(message).toMatch(/ {2}organization\n {4}given: .*a token of GitLab, so it is not shown/);
    expect(message).not.toContain(token);
  });

  it("the organization of the guide's sample, unless the context allows it", () => {
    expect(refusal({ organization: 'your-org' })).toMatch(
      / {2}organization\n {4}given: .*the placeholder of the example\n.*\n {4}to do: {4}set the name of your organization\./,
    );
    expect(refusal({}, { organization: 'example-org' })).toMatch(/ {2}pools\.0\.organization\n/);
    const stack = emptyStack();
    stack.node.setContext('agent-launcher:allowPlaceholder', true);
    expect(() => launcherIn(stack, { organization: 'your-org' })).not.toThrow();
  });

  it("security groups that ECS would replace by the VPC's default one", () => {
    expect(() => launcherIn(emptyStack(), { securityGroups: [] })).toThrow(/given: {4}\[\]\n.*a list of 1 to 5/);
  });

  it('warm agents that would leave no agent for the jobs of another phase or pool', () => {
    const stack = emptyStack();
    const warm = (name: string, props: object) => ({ ...pool(stack, name), ...props });
    const refused =
      (agentsCeiling: number | undefined, ...pools: ReturnType<typeof warm>[]) =>
      () =>
        launcherIn(emptyStack(), { pools, ...(agentsCeiling !== undefined && { agentsCeiling }) });
    const two = { maxAgents: 2, warmAgents: { agents: 2 } };
    expect(refused(undefined, warm('a', { ...two, phases: {} }))).toThrow(
      /pools\.0\.warmAgents\.agents\n.*2, with maxAgents 2\n/,
    );
    expect(refused(2, warm('b', { ...two, phases: {}, maxAgents: 5 }))).toThrow(
      /agentsCeiling\n.*2, with 2 warm agents in organization "acme"/,
    );
    expect(refused(2, warm('c', two), warm('d', {}))).toThrow(
      /agentsCeiling\n.*2, with 2 warm agents in organization "acme"/,
    );
  });

  it('no warm agents that leave one', () => {
    const stack = emptyStack();
    const pools = [{ ...pool(stack, 'a'), phases: {}, maxAgents: 3, warmAgents: { agents: 2 } }];
    expect(() => launcherIn(stack, { pools, agentsCeiling: 3 })).not.toThrow();
  });
});
