/**
 * The order in which CloudFormation creates and updates resources: each one after those that it refers to or depends on.
 * It deletes them in the reverse order. Agents can start as soon as the launcher's function exists and is invoked.
 */
import { Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { expect, it } from 'vitest';
import { launcherIn, secretIn } from './constructs.ts';
import { EXISTING_VPC, emptyStack, REGISTRY_IMAGE, referencesIn, resourcesById, templateOf } from './synthesis.ts';

/** Resources that can start an agent, or invoke one that can. */
const STARTS =
  /^AWS::(?:Lambda::(?:Function|EventSourceMapping|Url|Permission)|Scheduler::|Events::|Pipes::|StepFunctions::|ECS::Service)|^Custom::|CustomResource/;

/**
 * The functions for deployments start no agent: the copy of images, for which the launcher waits because agents need the copies, and the removal
 * of gateways, which must come after the launcher is deleted.
 */
const FOR_DEPLOYMENTS = /^ImageCopies|^Network(?:Gateways|\w+Gateway)Removal/;

/** Resources that an agent doesn't need and that don't restrict it. */
const WATCHES = new Set([
  'AWS::CloudWatch::Alarm',
  'AWS::CloudWatch::Dashboard',
  'AWS::Logs::QueryDefinition',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::CDK::Metadata',
]);

/** Returns the resources that CloudFormation creates before each resource. @throws if two wait for each other */
function order(template: Template) {
  const all = resourcesById(template);
  const before = new Map<string, ReadonlySet<string>>();
  const visit = (id: string, path: readonly string[]): ReadonlySet<string> => {
    if (path.includes(id)) throw new Error(`These wait for each other: ${[...path, id].join(' → ')}`);
    const known = before.get(id);
    if (known !== undefined) return known;
    const { DependsOn = [], Properties } = all[id] ?? {};
    const direct = [DependsOn, ...referencesIn(Properties)].flat().filter((other) => other !== id && other in all);
    const found = new Set(direct.flatMap((other) => [other, ...visit(other, [...path, id])]));
    before.set(id, found);
    return found;
  };
  for (const id of Object.keys(all)) visit(id, []);
  const ofType = (type: RegExp) => Object.keys(all).filter((id) => type.test(all[id]?.Type ?? ''));
  const starters = ofType(STARTS).filter((id) => !FOR_DEPLOYMENTS.test(id));
  return { all, before, starters, ofType };
}

/** Resources that an agent could start without, except for those that only watch or invoke. */
function missedBy(template: Template): string[] {
  const { all, before, starters } = order(template);
  const [fn] = starters.filter((id) => all[id]?.Type === 'AWS::Lambda::Function');
  return starters.flatMap((starter) => {
    const known = before.get(starter) ?? new Set();
    return (
      Object.entries(all)
        .filter(([id, { Type }]) => id !== starter && !known.has(id) && !WATCHES.has(Type) && !starters.includes(id))
        // The schedule invokes the function with this role.
        .filter(([id]) => !(starter === fn && /ScheduleRole/.test(id)))
        .map(([id, { Type }]) => `${starter} does not wait for ${Type} ${id}`)
    );
  });
}

const pool = (name: string, more: object = {}) => ({ name, agentTokenSecret: `token/${name}`, ...more });
const role = { taskRoleStatements: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }] };
const POOLS = {
  'on-demand': [pool('a', role), pool('b')],
  spot: [pool('a', { ...role, phases: { plan: { capacity: 'spot' } } }), pool('b', { warmAgents: { agents: 1 } })],
};
const NETWORKS: Readonly<Record<string, object>> = {
  'nat-gateway': { egress: 'nat-gateway' },
  'nat-gateway with everything': {
    egress: 'nat-gateway',
    natGateways: 'all',
    vpcEndpoints: 'task-start',
    ipv6: true,
    flowLogRetentionDays: 30,
    dnsQueryLogRetentionDays: 30,
  },
  'nat-gateway without DNS Firewall': { egress: 'nat-gateway', dnsFirewall: false },
  'nat-gateway of another layout': { egress: 'nat-gateway', cidr: '10.91.0.0/20' },
  'network-firewall': { egress: 'network-firewall' },
  'network-firewall with everything': { egress: 'network-firewall', natGateways: 'all', vpcEndpoints: 'task-start' },
  'on-demand': { egress: 'on-demand' },
  'on-demand with everything': {
    egress: 'on-demand',
    gateways: 'all',
    vpcEndpoints: 'task-start',
    fixedAddress: true,
    gatewaySessionManager: true,
  },
  'public-ip': { egress: 'public-ip', ipv6: true },
  'existing-vpc': EXISTING_VPC,
  'existing-vpc with DNS Firewall': { ...EXISTING_VPC, dnsFirewall: true },
  'existing-vpc with own security groups': { ...EXISTING_VPC, dnsFirewall: true, securityGroupIds: ['sg-12345678'] },
};

it.each([
  ...Object.entries(NETWORKS).flatMap(([name, network]) =>
    Object.entries(POOLS).map(([capacity, pools]) => [name, capacity, { network, pools }] as const),
  ),
  ...['nat-gateway with everything', 'network-firewall with everything', 'existing-vpc with DNS Firewall'].map(
    (name) => [name, 'with the launcher in the VPC', { network: NETWORKS[name], launcher: { vpc: true } }] as const,
  ),
])(
  'every resource that an agent needs, or that restricts it, exists before the agent can start, in %s, %s',
  (_, __, settings) => {
    const template = templateOf({ ...REGISTRY_IMAGE, ...settings });
    const { all, before, starters, ofType } = order(template);
    expect(ofType(/^Custom::ImageCopy$/)).toHaveLength(1);
    const [fn = '', ...others] = starters.filter((id) => all[id]?.Type === 'AWS::Lambda::Function');
    expect(others).toEqual([]);
    // Only the schedule invokes the function, and CloudFormation creates it last.
    const invokers = starters.filter((id) => id !== fn);
    expect(invokers).toEqual(ofType(/^AWS::Scheduler::Schedule$/));
    expect(invokers.filter((id) => !before.get(id)?.has(fn))).toEqual([]);
    expect(missedBy(template)).toEqual([]);
  },
);

it('the policies of named roles exist before the agent can start, and an existing task role adds nothing', () => {
  const template = templateOf({
    ...REGISTRY_IMAGE,
    network: { ...EXISTING_VPC, dnsFirewall: true },
    roles: { namePrefix: 'acme-', path: '/acme/', permissionsBoundary: 'acme' },
    pools: [
      pool('a', { ...role, phases: { plan: { taskRoleArn: 'arn:aws:iam::123456789012:role/plan' } } }),
      pool('b', { taskRoleArn: 'arn:aws:iam::123456789012:role/other' }),
    ],
  });
  expect(missedBy(template)).toEqual([]);
  expect(
    order(template)
      .ofType(/^AWS::IAM::Role$/)
      .filter((id) => /TaskRole/.test(id)),
  ).toHaveLength(1);
});

it('the launcher is created after routes, groups, roles and `startAfter`, but does not wait for the rest of the app', () => {
  const stack = emptyStack();
  const vpc = new ec2.Vpc(stack, 'Vpc', { restrictDefaultSecurityGroup: false, maxAzs: 1 }) as ec2.IVpc;
  const group = new ec2.SecurityGroup(stack, 'Group', { vpc, allowAllOutbound: false });
  group.addEgressRule(new ec2.SecurityGroup(stack, 'Proxy', { vpc }), ec2.Port.tcp(3128));
  const statement = new PolicyStatement({ actions: ['s3:GetObject'], resources: ['*'] });
  const taskRole = new Role(stack, 'TaskRole', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
  taskRole.addToPolicy(statement);
  const endpoint = vpc.addInterfaceEndpoint('Logs', { service: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS });
  vpc.addInterfaceEndpoint('Sts', { service: ec2.InterfaceVpcEndpointAwsService.STS });
  new Policy(stack, 'Unrelated', {
    roles: [new Role(stack, 'Other', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })],
    statements: [statement],
  });
  launcherIn(stack, {
    pools: [{ name: 'default', agentTokenSecret: secretIn(stack, 'AgentToken'), taskRole }],
    vpc,
    securityGroups: [group],
    startAfter: [endpoint],
  });
  const missed = missedBy(Template.fromStack(stack)).filter((line) => line.startsWith('AgentsLauncherFunction'));
  expect(missed.map((line) => line.replace(/^.* /, '').replace(/[0-9A-F]{8}$/, ''))).toEqual([
    'VpcStsSecurityGroup',
    'VpcSts',
    'Other',
    'Unrelated',
  ]);
});
