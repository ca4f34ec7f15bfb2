/** The construct in an app that has its own network and secrets. */
import { CfnParameter, Duration, NestedStack, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { ENV } from '../../functions/launcher/contract.ts';
import { AgentImage } from '../../lib/agent/image.ts';
import { AgentLauncher, type AgentLauncherProps } from '../../lib/agent-launcher.ts';
import { launcherIn, oneWrongProperty, refusalOf, secretIn } from './constructs.ts';
import { emptyStack, stackIn, statementsOf, testApp, text, variablesOf } from './synthesis.ts';

describe('the construct', () => {
  it('creates no network, and uses the given secrets and the private subnets of the given VPC', () => {
    const stack = emptyStack();
    launcherIn(stack);
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::EC2::VPC', 1);
    const variables = variablesOf(template);
    expect(text(variables[ENV.subnets])).toMatch(/^<\w+PrivateSubnet1\w+>,</);
    expect(text(variables[ENV.apiTokenSecret])).toMatch(/^<\w*ApiToken\w*>$/);
    const reads = statementsOf(template).find(({ Sid }) => Sid === 'ReadApiTokens');
    expect(reads?.Resource).toEqual({ Ref: expect.stringMatching(/ApiToken/) });
  });

  it('can be created twice in a stack, because its name comes from its path', () => {
    const stack = emptyStack();
    const first = launcherIn(stack, {}, 'First');
    const second = launcherIn(stack, {}, 'Second');
    expect(first.name).not.toBe(second.name);
    Template.fromStack(stack).resourceCountIs('AWS::ECS::Cluster', 2);
  });

  it('has a unique name in nested stacks that have the same name', () => {
    const app = testApp();
    const names = ['A', 'B', 'A-B', 'AB'].map(
      (id) => launcherIn(new NestedStack(new Stack(app, id), 'Nested'), {}, 'Agents').name,
    );
    expect(new Set(names).size).toBe(4);
  });

  it('refuses two launchers with the same name if they are in the same account and region', () => {
    const errors = (...regions: string[]) => {
      const app = testApp();
      for (const [index, region] of regions.entries()) {
        const stack = new Stack(app, `S${index}`, { env: { account: '123456789012', region } });
        launcherIn(stack, { name: index === 0 ? 'agents' : 'Agents' });
      }
      return app.node.findAll().flatMap(({ node }) => node.validate());
    };
    expect(errors('eu-central-1', 'eu-central-1')).toEqual([
      expect.stringMatching(/The launcher at S1\/Agents has the same name, agents\. Set a different `name`/),
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

  it('creates a security group if none is given: without inbound rules, and with outbound rules for HTTPS, hostname and proxies', () => {
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

  it('returns a pool by its name, and lists the names if there is no such pool', () => {
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

  it('has an output with the price of warm agents and sweeps, if there are any', () => {
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

  it('accepts values that only CloudFormation knows', () => {
    const stack = emptyStack();
    const organization = new CfnParameter(stack, 'Organization').valueAsString;
    const environment = { REGION: stack.region };
    const pools = [{ name: 'default', agentTokenSecret: secretIn(stack, 'Token'), environment }];
    expect(() => launcherIn(stack, { organization, pools })).not.toThrow();
  });
});

describe('the construct refuses', () => {
  const pool = (stack: Stack, name: string, more: object = {}) => ({
    name,
    agentTokenSecret: secretIn(stack, `Token${name}`),
    ...more,
  });
  /** Returns the message with which a launcher with these properties, and one pool with these properties, is refused. */
  const refusal = (props: object | ((stack: Stack) => object), ofPool: object = {}, stack = emptyStack()): string => {
    const given = typeof props === 'function' ? props(stack) : props;
    return refusalOf(() => launcherIn(stack, { pools: [pool(stack, 'default', ofPool)], ...given }));
  };

  const two = { maxAgents: 2, warmAgents: { agents: 2 } };

  it.each<[path: string, props: object | ((stack: Stack) => object), hint?: string | RegExp]>([
    ['hostname', { hostname: 'https://app.terraform.io' }],
    ['hostname', { hostname: 'https://tfe.acme.example/' }, /given: {4}"https.*\n.*\n.*to do: .*tfe\.acme\.example/],
    ['organization', { organization: undefined }],
    ['organization', { organization: new CfnParameter(emptyStack(), 'Name') }, '{"construct":"Test/Name"}'],
    [
      'organization',
      { organization: 'your-org' },
      /the placeholder of the example\n.*\n.*set the name of your organization\./,
    ],
    ['apiTokenSecret', { apiTokenSecret: new ec2.Vpc(emptyStack(), 'Vpc') }, 'an object of the class Vpc'],
    ['name', { name: 'my agents' }, /given: {4}"my agents"\n.*up to 48 letters, digits and -/],
    ['vpc', { vpc: undefined }],
    ['vpcSubnets', { vpcSubnets: 'Tasks' }, 'subnetGroupName'],
    ['securityGroups', { securityGroups: ['sg-0123456789abcdef0'] }, 'fromSecurityGroupId'],
    // ECS would use the VPC's default security group.
    ['securityGroups', { securityGroups: [] }, /given: {4}\[\]\n.*a list of 1 to 5/],
    ['assignPublicIp', { assignPublicIp: 'yes' }, 'true or false'],
    ['guardDuty', { guardDuty: 1 }, 'true or false'],
    ['startAfter', { startAfter: ['Firewall'] }, 'a list of constructs'],
    ['schedule', { schedule: Duration.seconds(90) }],
    ['schedule', { schedule: 1 }],
    ['idleWindow', { idleWindow: Duration.seconds(5) }],
    ['idlePoll', { idlePoll: Duration.seconds(4) }, 'integer from 5 to 60'],
    ['idlePoll', { idlePoll: Duration.minutes(2) }],
    ['idlePoll', { idlePoll: 10 }, "isn't a Duration"],
    ['schedule', { idlePoll: Duration.seconds(10), schedule: Duration.minutes(5) }, 'one minute of idle polling'],
    ['activePoll', { idlePoll: Duration.seconds(10), activePoll: Duration.seconds(0) }, 'polled less often'],
    ['reservedConcurrentExecutions', { idlePoll: Duration.seconds(10), reservedConcurrentExecutions: 2 }, 'at least 3'],
    ['logRetention', { logRetention: 12 }, '7, 14'],
    ['alarmTopic', { alarmTopic: 'arn:aws:sns:eu-central-1:123456789012:alarms' }, 'fromTopicArn'],
    ['apiTokenExpiry', { apiTokenExpiry: Duration.hours(36) }, 'integer from 1 to 90'],
    ['apiTokenExpiry', { apiTokenExpiry: Duration.days(91) }],
    ['alarmEmail', { alarmEmail: 'ops' }, 'set one address'],
    [
      'alarmEmail',
      (stack) => ({
        alarmEmail: 'ops@acme.example',
        alarmTopic: Topic.fromTopicArn(stack, 'Alarms', 'arn:aws:sns:eu-central-1:123456789012:alarms'),
      }),
      'remove alarmTopic, and',
    ],
    ['reservedConcurrentExecutions', { reservedConcurrentExecutions: 0 }],
    ['agentImage', { agentImage: 'hashicorp/tfc-agent:1.33.0' }, 'use AgentImage.copyOf'],
    ['agentImage', { agentImage: AgentImage.copyOf }, 'a function'],
    ['agentCeiling', { agentCeiling: 5 }, 'did you mean agentsCeiling?'],
    ['agentsCeiling', { agentsCeiling: 0 }],
    [
      'agentsCeiling',
      (stack) => ({ pools: [pool(stack, 'b', { ...two, phases: {}, maxAgents: 5 })], agentsCeiling: 2 }),
      '2, with 2 warm agents in organization "acme"',
    ],
    [
      'agentsCeiling',
      (stack) => ({ pools: [pool(stack, 'c', two), pool(stack, 'd')], agentsCeiling: 2 }),
      '2, with 2 warm agents in organization "acme"',
    ],
    ['launcher.codeSigningConfig', { launcher: { codeSigningConfig: 'csc-1' } }, 'fromCodeSigningConfigArn'],
    ['launcher.architecture', { launcher: { architecture: 'x86_64' } }, 'Architecture.X86_64'],
    ['launcher.vpc', { launcher: { vpc: true } }, 'an object with vpcSubnets'],
    ['launcher.vpc.securityGroups', { launcher: { vpc: { securityGroups: ['sg-1'] } } }, '1 to 5 security groups'],
    ['launcher.arch', { launcher: { arch: 'x86_64' } }],
    ['pools', { pools: [] }, /given: {4}\[\]\n.*list of 1 to/],
    ['pools.1.name', (stack) => ({ pools: [pool(stack, 'a'), pool(stack, 'b', { name: 'a' })] }), '"a"'],
    [
      'pools.0.agentTokenSecret',
      (stack) => {
        const agentTokenSecret = secretIn(stack, 'Shared');
        return { apiTokenSecret: agentTokenSecret, pools: [{ name: 'default', agentTokenSecret }] };
      },
      'which is also the secret of apiTokenSecret',
    ],
  ])('a wrong %s: %o', (path, props, hint = '') => {
    const message = refusal(props);
    expect(message).toMatch(oneWrongProperty('launcher Test/Agents', path));
    expect(message).toMatch(hint);
  });

  it.each<[path: string, ofPool: object, hint?: string]>([
    ['name', { name: '' }],
    ['name', { name: 'two words' }],
    ['name', { name: 'x'.repeat(91) }],
    ['id', { id: 'pool-1' }],
    ['organization', { organization: 'example-org' }],
    ['agentTokenSecret', { agentTokenSecret: 'acme/agent-token' }],
    ['maxAgents', { maxAgents: 0 }],
    ['standby', { standby: Duration.seconds(29) }],
    ['standby', { standby: Duration.minutes(16) }],
    ['maxJobHours', { maxJobHours: 0 }],
    ['maxJobHours', { maxJobHours: 23 }, 'oldestTask) to 25 hours or more'],
    ['phases.apply.maxJobHours', { phases: { apply: { maxJobHours: 1.5 } } }],
    ['image', { image: 'hashicorp/tfc-agent:1.33.0' }, 'use AgentImage.copyOf'],
    ['cpu', { cpu: 1000 }],
    ['memoryLimitMiB', { cpu: 256, memoryLimitMiB: 8192 }],
    ['memoryMiB', { memoryMiB: 2048 }, 'did you mean memoryLimitMiB?'],
    ['cpuArchitecture', { cpuArchitecture: 'arm64' }, 'CpuArchitecture.ARM64'],
    ['cpuArchitecture', { cpuArchitecture: ecs.CpuArchitecture.of('ARM64') }, 'CpuArchitecture.ARM64'],
    ['ephemeralStorageGiB', { ephemeralStorageGiB: 20 }],
    ['ephemeralStorageGiB', { ephemeralStorageGiB: 201 }],
    ['logRetention', { logRetention: '7' }, 'RetentionDays.ONE_MONTH'],
    ['environment.TFC_AGENT_TOKEN', { environment: { TFC_AGENT_TOKEN: 'x' } }],
    ['environment.HTTPS_PROXY', { environment: { HTTPS_PROXY: 'ftp://proxy' } }],
    ['taskRole', { taskRole: 'arn:aws:iam::123456789012:role/x' }, 'fromRoleArn'],
    ['phases.apply.taskRole', { phases: { apply: { taskRole: 'x' } } }, 'fromRoleArn'],
    ['phases.apply.capacity', { phases: { apply: { capacity: 'spot' } } }],
    ['phases.apply.memoryLimitMiB', { phases: { apply: { cpu: 4096 } } }],
    ['phases.plan.memoryLimitMiB', { phases: { plan: { cpu: 256, memoryLimitMiB: 8192 } } }],
    ['warmAgents.agents', { ...two, phases: {} }, '2, with maxAgents 2\n'],
    ['warmAgents.idleWindow', { warmAgents: { agents: 1, idleWindow: Duration.minutes(1) } }],
    ['sweepInterval', { sweepInterval: Duration.minutes(1) }],
  ])("a pool's wrong %s: %o", (path, ofPool, hint = '') => {
    const message = refusal({}, ofPool);
    expect(message).toMatch(oneWrongProperty('launcher Test/Agents', `pools.0.${path}`));
    expect(message).toContain(hint);
  });

  it('missing properties in JavaScript', () => {
    const props = undefined as unknown as AgentLauncherProps;
    expect(() => new AgentLauncher(emptyStack(), 'Agents', props)).toThrow(
      /4 properties are wrong in the launcher Test\/Agents.*\n {2}vpc\n.* {2}organization\n.* {2}apiTokenSecret\n.* {2}pools\n/s,
    );
  });

  it.each(['hashicorp/tfc-agent', 'hashicorp/tfc-agent:latest'])('the image %s, which is not pinned', (reference) => {
    expect(() => AgentImage.fromReference(reference)).toThrow(/can't be used.*a tag other than latest.*pin the image/);
  });

  it('an alarm topic that is not in the region of the stack', () => {
    const topicIn = (region: string) =>
      refusal(
        (stack) => ({ alarmTopic: Topic.fromTopicArn(stack, 'Topic', `arn:aws:sns:${region}:123456789012:alarms`) }),
        {},
        stackIn(),
      );
    expect(topicIn('us-east-1')).toMatch(
      /topic is in us-east-1 and the stack in eu-central-1.*use a topic in eu-central-1/,
    );
    expect(topicIn('eu-central-1')).toBe('accepted');
  });

  const arn = (region: string, account: string) =>
    `arn:aws:secretsmanager:${region}:${account}:secret:acme/token-Ab1Cd2`;
  const ofOther = arn('eu-central-1', '999999999999');
  const withSecret = (create: (stack: Stack) => unknown) =>
    refusal((stack) => ({ apiTokenSecret: create(stack) }), {}, stackIn());
  const byArn = (secretCompleteArn: string) => (stack: Stack) =>
    Secret.fromSecretAttributes(stack, 'ApiToken', { secretCompleteArn });

  it.each<[string, (stack: Stack) => unknown, RegExp]>([
    ['in another region', byArn(arn('us-east-1', '123456789012')), /while the stack is deployed to eu-central-1/],
    ['in another account', byArn(ofOther), /a secret of account 999999999999/],
    [
      'in another account, by an ARN without its suffix',
      (stack) => Secret.fromSecretPartialArn(stack, 'ApiToken', ofOther.slice(0, -7)),
      /a secret of account 999999999999/,
    ],
  ])('an API token %s, because every launcher would fail to read it', (_, create, given) => {
    const message = withSecret(create);
    expect(message).toMatch(/ {2}apiTokenSecret\n {4}given: /);
    expect(message).toMatch(given);
  });

  it.each<[string, (stack: Stack) => unknown]>([
    ['in the account and region of the stack', byArn(arn('eu-central-1', '123456789012'))],
    ['by its name', (stack) => Secret.fromSecretNameV2(stack, 'ApiToken', 'acme/token')],
    [
      'in another account with a given key, because the app can allow the launcher to decrypt it',
      (stack) =>
        Secret.fromSecretAttributes(stack, 'ApiToken', {
          secretCompleteArn: ofOther,
          encryptionKey: Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:eu-central-1:999999999999:key/0123') as IKey,
        }),
    ],
  ])('no API token whose secret is given %s', (_, create) => {
    expect(withSecret(create)).toBe('accepted');
  });

  it('a credential as a name, without showing it', () => {
    const token = `glpat-${'x'.repeat(20)}`;
    const message = refusal({ organization: token });
    expect(message).toMatch(/ {2}organization\n {4}given: .*a token of GitLab, so it is not shown/);
    expect(message).not.toContain(token);
  });

  it("no placeholder of the guide's sample if the context allows it", () => {
    const stack = emptyStack();
    stack.node.setContext('agent-launcher:allowPlaceholder', true);
    expect(refusal({ organization: 'your-org' }, {}, stack)).toBe('accepted');
  });

  it('no number of warm agents that leaves an agent for the other phase', () => {
    const ofPool = { phases: {}, maxAgents: 3, warmAgents: { agents: 2 } };
    expect(refusal({ agentsCeiling: 3 }, ofPool)).toBe('accepted');
  });
});
