/** The construct, in an app that has a network and secrets of its own. */
import { NestedStack, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { ENV } from '../../functions/launcher/contract.ts';
import { AgentImage } from '../../lib/agent-image.ts';
import { AgentLauncher, type AgentLauncherProps } from '../../lib/agent-launcher.ts';
import { emptyStack, statementsOf, testApp } from './synthesis.ts';

/** CDK's own classes lack the exact optional properties of their interfaces. */
const secretIn = (stack: Stack, id: string): ISecret => new Secret(stack, id) as ISecret;

function launcherIn(stack: Stack, props: Partial<AgentLauncherProps> = {}, id = 'Agents'): AgentLauncher {
  const vpc = new ec2.Vpc(stack, `${id}Vpc`, { restrictDefaultSecurityGroup: false }) as ec2.IVpc;
  return new AgentLauncher(stack, id, {
    organization: 'acme',
    apiTokenSecret: secretIn(stack, `${id}ApiToken`),
    pools: [{ name: 'default', agentTokenSecret: secretIn(stack, `${id}AgentToken`) }],
    vpc,
    securityGroups: [new ec2.SecurityGroup(stack, `${id}Group`, { vpc, allowAllOutbound: false })],
    agentImage: AgentImage.fromReference('hashicorp/tfc-agent:1.31.0'),
    ...props,
  });
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

  it('has a name of its own in nested stacks that are called alike', () => {
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

  it('gives access to what it made, to grant rights to Terraform', () => {
    const stack = emptyStack();
    const launcher = launcherIn(stack);
    const secret = new Secret(stack, 'ForTerraform');
    const pool = launcher.pools.get('default');
    if (pool !== undefined) secret.grantRead(pool);
    const granted = statementsOf(Template.fromStack(stack)).filter(({ role }) => /TaskRole/.test(role));
    expect(granted).toMatchObject([{ Action: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'] }]);
  });
});

describe('the construct refuses', () => {
  const pool = (stack: Stack, name: string) => ({ name, agentTokenSecret: secretIn(stack, `Token${name}`) });

  it('to serve no pool, or a pool twice', () => {
    expect(() => launcherIn(emptyStack(), { pools: [] })).toThrow(/no agent pool to serve/);
    const stack = emptyStack();
    const twice = [pool(stack, 'a'), { ...pool(stack, 'b'), name: 'a' }];
    expect(() => launcherIn(stack, { pools: twice })).toThrow(
      /more than once, without regard to case: a\. List each pool once/,
    );
  });

  it('a name that other names could not begin with', () => {
    expect(() => launcherIn(emptyStack(), { name: 'my agents' })).toThrow(
      /"my agents" is not valid: use up to 48 letters/,
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

  it("security groups that ECS would replace by the VPC's default one", () => {
    expect(() => launcherIn(emptyStack(), { securityGroups: [] })).toThrow(/0 security groups.*one to five/);
  });

  it('warm agents that would leave no agent for the jobs of another phase or pool', () => {
    const stack = emptyStack();
    const warm = (name: string, props: object) => ({ ...pool(stack, name), ...props });
    const refused =
      (agentsCeiling: number | undefined, ...pools: ReturnType<typeof warm>[]) =>
      () =>
        launcherIn(emptyStack(), { pools, ...(agentsCeiling !== undefined && { agentsCeiling }) });
    const two = { maxAgents: 2, warmAgents: { agents: 2 } };
    expect(refused(undefined, warm('a', { ...two, phases: {} }))).toThrow(/Agent pool a has 2 warm.*at most 1 leave/);
    expect(refused(2, warm('b', { ...two, phases: {}, maxAgents: 5 }))).toThrow(/2 warm agents and agentsCeiling 2/);
    expect(refused(2, warm('c', two), warm('d', {}))).toThrow(/acme have 2 warm agents and agentsCeiling 2/);
  });

  it('no warm agents that leave one', () => {
    const stack = emptyStack();
    const pools = [{ ...pool(stack, 'a'), phases: {}, maxAgents: 3, warmAgents: { agents: 2 } }];
    expect(() => launcherIn(stack, { pools, agentsCeiling: 3 })).not.toThrow();
  });
});
