/** The template's part of the gateways: everything except their instances, which the launcher creates. */
import { CfnParameter, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import { describe, expect, it } from 'vitest';
import { ENV, GATEWAY_METRICS, GATEWAY_TAGS } from '../../../functions/launcher/contract.ts';
import { gatewaysEnvironment } from '../../../functions/launcher/gateway-environment.ts';
import { AgentImage } from '../../../lib/agent/image.ts';
import { EgressNetwork } from '../../../lib/egress-network.ts';
import { launcherIn } from '../constructs.ts';
import {
  emptyStack,
  propertiesOf,
  REGISTRY_IMAGE,
  referencesIn,
  resourcesById,
  statementsOf,
  templateOf,
  testApp,
  text,
  variablesOf,
} from '../synthesis.ts';

const onDemand = (more: object = {}, settings: object = {}) =>
  templateOf({ ...REGISTRY_IMAGE, ...settings, network: { egress: 'on-demand', ...more } });

const template = onDemand();
const dataOf = (of: Template) => propertiesOf(of, 'AWS::EC2::LaunchTemplate').map((it) => it['LaunchTemplateData']);
const tagsOf = (of: Template, type: string): Record<string, unknown>[] =>
  dataOf(of).map(({ TagSpecifications }) => {
    const { Tags } = TagSpecifications.find(({ ResourceType }: { ResourceType: string }) => ResourceType === type);
    return Object.fromEntries(Tags.map(({ Key, Value }: { Key: string; Value: unknown }) => [Key, Value]));
  });
/** The gateways in the launcher's environment, with IDs of AWS's form for what CloudFormation fills in. */
function gatewaysOf(of: Template) {
  const filled = text(variablesOf(of)[ENV.gateways])
    .replaceAll(/<[^>]*LatestVersionNumber>/g, '1')
    .replaceAll(/<[^>]*Gateway(\d)Interface[^>]*>/g, 'eni-0a1b$1')
    .replaceAll(/<[^>]*Gateway(\d)Template[^>]*>/g, 'lt-0a1b$1');
  return gatewaysEnvironment.parse(JSON.parse(filled));
}
const configsOf = (of: Template) => tagsOf(of, 'instance').map((tags) => tags[GATEWAY_TAGS.config]);

describe('the instance of a gateway', () => {
  const [data] = dataOf(template);

  it('has the current image of Amazon Linux for the CPU of its type', () => {
    expect(data['InstanceType']).toBe('t4g.nano');
    expect(data['ImageId']).toBe('resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64');
    expect(dataOf(onDemand({ gatewayInstanceType: 't3.micro' }))[0]['ImageId']).toMatch(/-x86_64$/);
  });

  it('has an encrypted volume, and no key', () => {
    expect(data['BlockDeviceMappings']).toEqual([
      {
        DeviceName: '/dev/xvda',
        Ebs: { DeleteOnTermination: true, Encrypted: true, VolumeSize: 8, VolumeType: 'gp3' },
      },
    ]);
    for (const name of ['KeyName', 'SecurityGroupIds', 'SecurityGroups']) expect(data).not.toHaveProperty(name);
  });

  it('answers requests for metadata only with a token, and only from itself', () => {
    expect(data['MetadataOptions']).toEqual({
      HttpEndpoint: 'enabled',
      HttpTokens: 'required',
      HttpPutResponseHopLimit: 1,
    });
  });

  it('is protected against termination, and stops when it powers itself off', () => {
    expect(data['DisableApiTermination']).toBe(true);
    expect(data['InstanceInitiatedShutdownBehavior']).toBe('stop');
  });

  it('powers itself off half an hour later than the launcher would stop it, and never within an hour of its last use', () => {
    const minutes = (gatewayIdleMinutes: number) =>
      /-ge \$\(\((\d+) \* 60\)\)/.exec(
        text(dataOf(onDemand({ gatewayIdleMinutes }))[0]['UserData']['Fn::Base64']),
      )?.[1];
    expect([minutes(10), minutes(60), minutes(1440)]).toEqual(['60', '90', '1470']);
  });

  it('has full speed while it starts, if its type is burstable', () => {
    expect(data['CreditSpecification']).toEqual({ CpuCredits: 'unlimited' });
    expect(dataOf(onDemand({ gatewayInstanceType: 'c7gn.medium' }))[0]).not.toHaveProperty('CreditSpecification');
  });

  it('has the network interface that the route leads to, which outlives it', () => {
    const [ofInstance] = data['NetworkInterfaces'];
    const [route] = propertiesOf(template, 'AWS::EC2::Route').filter((it) => it['NetworkInterfaceId'] !== undefined);
    expect(ofInstance).toEqual({
      DeviceIndex: 0,
      NetworkInterfaceId: route?.['NetworkInterfaceId'],
      DeleteOnTermination: false,
    });
    expect(route).toMatchObject({ DestinationCidrBlock: '0.0.0.0/0' });
    const [created] = propertiesOf(template, 'AWS::EC2::NetworkInterface');
    expect(created).toMatchObject({ SourceDestCheck: false });
  });

  it('has the tags by which the launcher and its permissions find it, and those of the settings', () => {
    const tags = { team: 'platform' };
    const of = onDemand({}, { tags });
    const name = gatewaysOf(of)[0]?.name;
    expect(name).toMatch(/^AgentLauncher\/gateway-1-[0-9a-f]{6}$/);
    for (const type of ['instance', 'volume']) {
      expect(tagsOf(of, type)).toEqual([
        {
          ...tags,
          Name: name,
          [GATEWAY_TAGS.gateway]: name,
          [GATEWAY_TAGS.config]: expect.stringMatching(/^[0-9a-f]{16}$/),
        },
      ]);
    }
    const [ofTemplate] = propertiesOf(of, 'AWS::EC2::LaunchTemplate').map((it) => it['TagSpecifications']);
    expect(ofTemplate).toEqual([
      { ResourceType: 'launch-template', Tags: expect.arrayContaining([{ Key: 'team', Value: 'platform' }]) },
    ]);
  });
});

describe('the hash of the configuration', () => {
  it('is the one that the launcher compares', () => {
    const all = onDemand({ gateways: 'all' });
    expect(gatewaysOf(all).map(({ config }) => config)).toEqual(configsOf(all));
  });

  it('is the same in every synthesis', () => {
    expect(configsOf(onDemand())).toEqual(configsOf(template));
    // The launcher knows these settings; the instance doesn't.
    expect(configsOf(onDemand({ gatewayStart: 'with-tasks', gatewayMaxAgeDays: 7, gatewayIdleMinutes: 20 }))).toEqual(
      configsOf(template),
    );
  });

  it.each<[string, object, object?]>([
    ['another instance type', { gatewayInstanceType: 't4g.small' }],
    ['another list of domains', { allowedDomains: ['app.example.com'] }],
    ['Session Manager', { gatewaySessionManager: true }],
    ['a longer idle time than the instance waits', { gatewayIdleMinutes: 90 }],
    ['another tag', {}, { tags: { team: 'platform' } }],
    [
      'a key of the volume',
      {},
      {
        encryption: {
          keyArn: `arn:aws:kms:eu-central-1:123456789012:key/${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`,
        },
      },
    ],
    ['another host', {}, { hostname: 'tfe.example.com:8443' }],
  ])('differs with %s, so that the launcher replaces the gateway', (_, network, settings) => {
    expect(configsOf(onDemand(network, settings))).not.toEqual(configsOf(template));
  });
});

describe('the launcher', () => {
  it('gets the gateways in the form that it parses, and their rules', () => {
    const all = onDemand({ gateways: 'all', fixedAddress: true, gatewayStart: 'with-tasks', gatewayIdleMinutes: 20 });
    expect(gatewaysOf(all)).toMatchObject([
      { launchTemplateId: 'lt-0a1b1', launchTemplateVersion: '1', networkInterfaceId: 'eni-0a1b1', fixedAddress: true },
      { launchTemplateId: 'lt-0a1b2', launchTemplateVersion: '1', networkInterfaceId: 'eni-0a1b2', fixedAddress: true },
    ]);
    expect(variablesOf(all)).toMatchObject({
      [ENV.gatewayIdleMinutes]: '20',
      [ENV.gatewayStart]: 'with-tasks',
      [ENV.gatewayMaxAgeDays]: '30',
    });
  });

  it('has no variables of gateways in other modes', () => {
    const names = Object.keys(variablesOf(templateOf()));
    for (const name of [ENV.gateways, ENV.gatewayIdleMinutes, ENV.gatewayStart, ENV.gatewayMaxAgeDays])
      expect(names).not.toContain(name);
  });
});

describe('the role of a gateway', () => {
  const ofGateways = (of: Template) => statementsOf(of).filter(({ role }) => /Gateway\dRole/.test(role));

  it('can write the log, and set two tags of its instance', () => {
    const [log, tags, ...others] = ofGateways(template);
    const [name] = tagsOf(template, 'instance').map((it) => it[GATEWAY_TAGS.gateway]);
    expect(others).toEqual([]);
    expect(log).toMatchObject({ Action: ['logs:CreateLogStream', 'logs:PutLogEvents'] });
    expect(text(log?.Resource)).toMatch(/^<NetworkGatewaysLogs[0-9A-F]{8}\.Arn>$/);
    expect(tags).toMatchObject({
      Action: ['ec2:CreateTags', 'ec2:DeleteTags'],
      Condition: {
        StringEquals: { 'aws:ResourceTag/agent-launcher:gateway': name },
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['agent-launcher:ready', 'agent-launcher:problem'] },
        Null: { 'aws:TagKeys': 'false' },
      },
    });
    expect(text(tags?.Resource)).toBe('arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*');
  });

  it('can read no parameter with Session Manager', () => {
    const [, , session, ...others] = ofGateways(onDemand({ gatewaySessionManager: true }));
    expect(others).toEqual([]);
    expect(session?.Action.sort()).toEqual([
      'ssm:UpdateInstanceInformation',
      'ssmmessages:CreateControlChannel',
      'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel',
      'ssmmessages:OpenDataChannel',
    ]);
    expect(
      propertiesOf(onDemand({ gatewaySessionManager: true }), 'AWS::IAM::Role').flatMap(
        ({ ManagedPolicyArns }) => ManagedPolicyArns ?? [],
      ),
    ).toEqual([]);
  });

  it('is another one for each gateway, so that none can report the state of another', () => {
    const statements = ofGateways(onDemand({ gateways: 'all' })).filter(({ Sid }) => Sid === 'ReportItsState');
    const names = statements.map(({ Condition }) => Condition?.['StringEquals']);
    expect(new Set(names.map((name) => JSON.stringify(name))).size).toBe(2);
    expect(new Set(statements.map(({ role }) => role)).size).toBe(2);
  });
});

describe('the security group of the gateways', () => {
  const groupIn = (of: Template) =>
    propertiesOf(of, 'AWS::EC2::SecurityGroup').find(({ GroupDescription }) => /^Gateways/.test(GroupDescription));
  const rule = (port: number, cidr: string) =>
    expect.objectContaining({ CidrIp: cidr, FromPort: port, IpProtocol: 'tcp', ToPort: port });

  it('admits HTTPS from the subnets of the tasks, and nothing else', () => {
    expect(groupIn(template)?.['SecurityGroupIngress']).toEqual([rule(443, '10.90.0.0/21')]);
    expect(groupIn(template)?.['SecurityGroupEgress']).toEqual([rule(443, '0.0.0.0/0')]);
  });

  it('admits the port of the hostname from both zones', () => {
    const all = groupIn(onDemand({ gateways: 'all' }, { hostname: 'tfe.example.com:8443' }));
    const subnets = ['10.90.0.0/22', '10.90.4.0/22'];
    expect(all?.['SecurityGroupIngress']).toEqual(
      [443, 8443].flatMap((port) => subnets.map((cidr) => rule(port, cidr))),
    );
    expect(all?.['SecurityGroupEgress']).toEqual([rule(443, '0.0.0.0/0'), rule(8443, '0.0.0.0/0')]);
  });
});

describe('the addresses', () => {
  it('are kept by the interfaces if the setting is on', () => {
    const all = onDemand({ gateways: 'all', fixedAddress: true });
    const associations = propertiesOf(all, 'AWS::EC2::EIPAssociation');
    const interfaces = dataOf(all).map(({ NetworkInterfaces }) => NetworkInterfaces[0].NetworkInterfaceId);
    expect(associations.map(({ NetworkInterfaceId }) => NetworkInterfaceId)).toEqual(interfaces);
    const { Outputs } = all.toJSON();
    expect(Outputs.GatewayAddress.Value).toBe('fixed');
    expect(referencesIn(Outputs.EgressAddresses.Value)).toHaveLength(2);
    expect(Outputs.EgressIdleCost.Value).toBe('$8.59 per month');
  });

  it('change with each start otherwise, which an output says', () => {
    const { Outputs } = template.toJSON();
    expect(Outputs).not.toHaveProperty('EgressAddresses');
    expect(Outputs.GatewayAddress).toMatchObject({
      Value: 'changing',
      Description: expect.stringContaining('set network.fixedAddress to true'),
    });
    expect(propertiesOf(template, 'AWS::EC2::EIP')).toEqual([]);
  });
});

describe('the outputs', () => {
  it.each([
    ['t4g.nano', '$0.0092 per hour'],
    ['c7gn.medium', 'the price of c7gn.medium and $0.005 per hour'],
  ])('have the price of a running %s', (gatewayInstanceType, price) => {
    expect(onDemand({ gatewayInstanceType }).toJSON()['Outputs'].GatewayRunningCost.Value).toBe(price);
  });

  it('have the log group, and the roles', () => {
    const { Outputs } = template.toJSON();
    expect(text(Outputs.GatewayLogGroup.Value)).toMatch(/^<NetworkGatewaysLogs/);
    expect(text(Outputs.RoleArns.Value)).toMatch(/, AgentLauncher\/gateway-1-[0-9a-f]{6} = <[^>]*Gateway1Role[^>]*>/);
  });
});

it('refused connections are counted in one metric, whatever their names are', () => {
  const [filter, ...others] = propertiesOf(template, 'AWS::Logs::MetricFilter');
  expect(others).toEqual([]);
  expect(filter).toMatchObject({
    FilterPattern: '{ $.verdict = "refused" }',
    MetricTransformations: [
      {
        MetricNamespace: 'AgentLauncher',
        MetricName: GATEWAY_METRICS.refusedDomains,
        MetricValue: '1',
        Dimensions: [{ Key: 'service', Value: '$.service' }],
      },
    ],
  });
  const [data] = dataOf(template);
  expect(text(data['UserData']['Fn::Base64'])).toContain('"service":"AgentLauncher"');
});

describe('the removal of gateways', () => {
  const resources = resourcesById(template);
  const [removalId = ''] = Object.keys(resources).filter((id) => resources[id]?.Type === 'Custom::GatewayRemoval');

  it('comes before CloudFormation deletes what the gateways use', () => {
    const after = [resources[removalId]?.DependsOn ?? []].flat();
    const types = new Set(after.map((id) => resources[id]?.Type));
    for (const type of ['NetworkInterface', 'LaunchTemplate', 'SecurityGroup', 'Route', 'Subnet', 'VPC'])
      expect(types).toContain(`AWS::EC2::${type}`);
    for (const type of ['Role', 'Policy', 'InstanceProfile']) expect(types).toContain(`AWS::IAM::${type}`);
    expect(types).toContain('AWS::Lambda::Function');
  });

  it('comes after CloudFormation deletes the launcher, which would create the gateways again', () => {
    const launcher = Object.values(resources).find(
      ({ Type, Properties }) =>
        Type === 'AWS::Lambda::Function' && Properties['FunctionName'] === 'AgentLauncher-launcher',
    );
    expect(launcher?.DependsOn).toContain(removalId);
  });

  it('ends exactly the instances that the launcher creates', () => {
    const names = gatewaysOf(template).map(({ name }) => name);
    expect(resources[removalId]?.Properties).toMatchObject({ TagKey: GATEWAY_TAGS.gateway, Gateways: names });
    const statements = statementsOf(template).filter(({ role }) => /GatewaysRemovalRole/.test(role));
    const changing = statements.filter(({ Action }) => Action.some((action) => /^ec2:(?!Describe)/.test(action)));
    expect(changing.map(({ Action }) => Action)).toEqual([['ec2:TerminateInstances'], ['ec2:ModifyInstanceAttribute']]);
    for (const { Condition } of changing) {
      // A list with one name is the name.
      expect([Condition?.['StringEquals']?.['aws:ResourceTag/agent-launcher:gateway']].flat()).toEqual(names);
    }
    expect(changing[1]?.Condition?.['StringEquals']?.['ec2:Attribute']).toBe('DisableApiTermination');
  });

  it('has the architecture, the signed code and the key of the other functions', () => {
    const codeSigningConfigArn = 'arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdef0';
    const environmentKeyArn = `arn:aws:kms:eu-central-1:123456789012:key/${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`;
    const of = onDemand(
      {},
      { launcher: { architecture: 'x86_64', codeSigningConfigArn }, encryption: { environmentKeyArn } },
    );
    const [removal] = propertiesOf(of, 'AWS::Lambda::Function').filter(({ Description }) =>
      /gateways/.test(Description),
    );
    expect(removal).toMatchObject({
      Architectures: ['x86_64'],
      CodeSigningConfigArn: codeSigningConfigArn,
      KmsKeyArn: environmentKeyArn,
    });
  });
});

describe('an app', () => {
  const cidr = '10.90.0.0/20';
  const network = (stack: Stack, id = 'Network') => new EgressNetwork(stack, id, { cidr, egress: 'on-demand' });
  const launcher = (stack: Stack, { vpc, taskSubnets }: EgressNetwork, more: object = {}, id?: string) =>
    launcherIn(stack, { vpc, vpcSubnets: taskSubnets, ...more }, id);

  it('starts the gateways that it passes to the launcher', () => {
    const stack = emptyStack();
    const created = network(stack);
    const agentImage = AgentImage.copyOf('hashicorp/tfc-agent:1.33.0');
    launcher(stack, created, { gateways: created.gateways, startAfter: [created], agentImage });
    const of = Template.fromStack(stack);
    expect(Object.keys(variablesOf(of))).toContain(ENV.gateways);
    // The gateways' log lines have the name of the stack, not of the launcher.
    const dashboards = text(propertiesOf(of, 'AWS::CloudWatch::Dashboard')[0]?.['DashboardBody']);
    expect(dashboards).toContain(`"${GATEWAY_METRICS.refusedDomains}","service","Test"`);
  });

  it.each<[string, (stack: Stack) => void, RegExp]>([
    [
      'without its gateways',
      (stack) => {
        launcher(stack, network(stack));
      },
      /nothing starts its gateways.*Set `gateways`/,
    ],
    [
      'with the gateways of another network',
      (stack) => {
        launcher(stack, network(stack), { gateways: network(stack, 'Other').gateways });
      },
      /the gateways of another network than `vpc`/,
    ],
    [
      'with gateways that another launcher has',
      (stack) => {
        const created = network(stack);
        launcher(stack, created, { gateways: created.gateways, name: 'one' });
        launcher(stack, created, { gateways: created.gateways, name: 'two' }, 'Two');
      },
      /The launcher Test\/Two has the same gateways.*Create an EgressNetwork for each/,
    ],
  ])('is refused %s', (_, build, message) => {
    const stack = emptyStack();
    build(stack);
    expect(() => Template.fromStack(stack)).toThrow(message);
  });

  it('refuses gateways that are no construct', () => {
    const stack = emptyStack();
    const gateways = { all: [] };
    expect(() => launcherIn(stack, { gateways } as never)).toThrow(/pass the property gateways of the EgressNetwork/);
  });

  it('gives the gateways of two networks different names', () => {
    const stack = emptyStack();
    const names = [network(stack), network(stack, 'Other')].flatMap(({ gateways }) =>
      gateways?.all.map(({ name }) => name),
    );
    expect(new Set(names).size).toBe(2);
    expect(names).toHaveLength(2);
  });

  it('can use names that only CloudFormation knows', () => {
    const stack = new Stack(testApp(), 'Test');
    const domain = new CfnParameter(stack, 'Domain').valueAsString;
    const created = new EgressNetwork(stack, 'Network', { cidr, egress: 'on-demand', allowedDomains: [domain] });
    expect((created.vpc as IVpc).isolatedSubnets).toHaveLength(1);
    const [data] = dataOf(Template.fromStack(stack));
    expect(text(data['UserData']['Fn::Base64'])).toContain('<Domain>');
  });
});
