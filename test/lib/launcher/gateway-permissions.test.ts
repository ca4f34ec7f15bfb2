/** Everything that the launcher may do with EC2: with its own gateways only, and only what their life needs. */
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { resourcesOf, statementsOf, templateOf } from '../synthesis.ts';

const template = templateOf({ network: { egress: 'on-demand', gateways: 'all' } });
const ofLauncher = (of: Template) => statementsOf(of).filter(({ role }) => /^LauncherRole/.test(role));
const isOfGateways = /^(?:ec2|ssm|kms):/;
const statements = ofLauncher(template).filter(({ Action }) => Action.some((action) => isOfGateways.test(action)));
const bySid = new Map(statements.map((statement) => [statement.Sid, statement]));
const short = (arn: string) =>
  arn
    .replace('arn:<AWS::Partition>:', '')
    .replaceAll(/<[^>]*?(Gateway\d|TasksSubnet\d|GatewaySubnet\d|GatewaySecurityGroup)[^>]*>/g, '<$1>')
    .replaceAll(':<AWS::Region>:<AWS::AccountId>', '');

const NAMES = expect.arrayContaining([
  expect.stringMatching(/^AgentLauncher\/gateway-1-/),
  expect.stringMatching(/^AgentLauncher\/gateway-2-/),
]);
const taggedAsGateway = { 'aws:RequestTag/agent-launcher:gateway': NAMES };
const ofTheGateways = { 'aws:ResourceTag/agent-launcher:gateway': NAMES };

it('the launcher has no permissions in EC2 in other modes', () => {
  const actions = ['nat-gateway', 'network-firewall', 'public-ip'].flatMap((egress) =>
    ofLauncher(templateOf({ network: { egress } })).flatMap(({ Action }) => Action),
  );
  expect(actions.filter((action) => isOfGateways.test(action))).toEqual([]);
});

it.each<[string, string[], string[], object | undefined]>([
  ['SeeGateways', ['ec2:DescribeInstances', 'ec2:DescribeInstanceStatus'], ['*'], undefined],
  [
    'StartAndStopGateways',
    ['ec2:StartInstances', 'ec2:StopInstances', 'ec2:TerminateInstances'],
    ['ec2:instance/*'],
    { StringEquals: ofTheGateways },
  ],
  [
    'UnprotectGateways',
    ['ec2:ModifyInstanceAttribute'],
    ['ec2:instance/*'],
    { StringEquals: { ...ofTheGateways, 'ec2:Attribute': 'DisableApiTermination' } },
  ],
  [
    'NoteUseOfGateways',
    ['ec2:CreateTags'],
    ['ec2:instance/*'],
    {
      StringEquals: ofTheGateways,
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['agent-launcher:last-used', 'agent-launcher:used-since'] },
      Null: { 'aws:TagKeys': 'false' },
    },
  ],
  [
    'TagGatewaysAtLaunch',
    ['ec2:CreateTags'],
    ['ec2:instance/*', 'ec2:volume/*'],
    { StringEquals: { 'ec2:CreateAction': 'RunInstances', ...taggedAsGateway } },
  ],
  [
    'ReadIdOfGatewaysImage',
    ['ssm:GetParameters'],
    ['ssm:<AWS::Region>::parameter/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64'],
    undefined,
  ],
  [
    'GiveGatewaysAddresses',
    ['ec2:ModifyNetworkInterfaceAttribute'],
    ['ec2:network-interface/<Gateway1>', 'ec2:network-interface/<Gateway2>'],
    undefined,
  ],
])('the statement %s allows exactly this', (sid, actions, resources, condition) => {
  const statement = bySid.get(sid);
  expect(statement?.Action).toEqual(actions);
  expect(statement && resourcesOf(statement).map(short)).toEqual(resources);
  expect(statement?.Condition).toEqual(condition);
});

describe('the launcher', () => {
  it('creates only instances with the launch template, type, role, tag and metadata of a gateway', () => {
    const statement = bySid.get('CreateGateways');
    expect(statement?.Action).toEqual(['ec2:RunInstances']);
    expect(statement && resourcesOf(statement).map(short)).toEqual(['ec2:instance/*']);
    expect(statement?.Condition).toEqual({
      StringEquals: { 'ec2:InstanceType': 't4g.nano', 'ec2:MetadataHttpTokens': 'required', ...taggedAsGateway },
      ArnEquals: { 'ec2:LaunchTemplate': expect.anything(), 'ec2:InstanceProfile': expect.anything() },
      Bool: { 'ec2:IsLaunchTemplateResource': 'true' },
    });
    const { 'ec2:LaunchTemplate': templates, 'ec2:InstanceProfile': profiles } =
      statement?.Condition?.['ArnEquals'] ?? {};
    expect(
      [templates, profiles].flat().map((arn) => /Gateway\d(?:Template|Profile)/.exec(JSON.stringify(arn))?.[0]),
    ).toEqual(['Gateway1Template', 'Gateway2Template', 'Gateway1Profile', 'Gateway2Profile']);
  });

  it('uses only the resources of the launch templates for them', () => {
    const statement = bySid.get('UseResourcesOfGateways');
    expect(statement?.Action).toEqual(['ec2:RunInstances']);
    expect(statement && resourcesOf(statement).map(short)).toEqual([
      'ec2:volume/*',
      'ec2:<AWS::Region>::image/*',
      ...[1, 2].flatMap((id) => [
        `ec2:launch-template/<Gateway${id}>`,
        `ec2:network-interface/<Gateway${id}>`,
        `ec2:subnet/<GatewaySubnet${id}>`,
      ]),
      'ec2:security-group/<GatewaySecurityGroup>',
    ]);
    expect(Object.keys(statement?.Condition ?? {})).toEqual(['ArnEquals', 'Bool']);
    expect(statement?.Condition?.['Bool']).toEqual({ 'ec2:IsLaunchTemplateResource': 'true' });
    expect(JSON.stringify(statement?.Condition?.['ArnEquals'])).toMatch(/^\{"ec2:LaunchTemplate":\[/);
  });

  it('passes only the roles of gateways to EC2', () => {
    const [pass, ...others] = ofLauncher(template).filter(
      ({ Action, Condition }) => Action.includes('iam:PassRole') && JSON.stringify(Condition).includes('ec2'),
    );
    expect(others).toEqual([]);
    expect(pass && resourcesOf(pass).map((arn) => /Gateway\dRole/.exec(arn)?.[0])).toEqual([
      'Gateway1Role',
      'Gateway2Role',
    ]);
    expect(pass?.Condition).toEqual({
      StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'] },
    });
  });

  it('has nothing else', () => {
    expect([...bySid.keys()]).toEqual([
      'SeeGateways',
      'StartAndStopGateways',
      'UnprotectGateways',
      'NoteUseOfGateways',
      'CreateGateways',
      'UseResourcesOfGateways',
      'TagGatewaysAtLaunch',
      'ReadIdOfGatewaysImage',
      'GiveGatewaysAddresses',
    ]);
    expect(statements).toHaveLength(bySid.size);
  });

  it('cannot change network interfaces with fixed addresses, which need no request', () => {
    const actions = ofLauncher(templateOf({ network: { egress: 'on-demand', fixedAddress: true } })).flatMap(
      ({ Action }) => Action,
    );
    expect(actions).toContain('ec2:RunInstances');
    expect(actions).not.toContain('ec2:ModifyNetworkInterfaceAttribute');
  });
});
