/**
 * The order in which CloudFormation creates and updates: a resource after all that it refers to or depends on. Deletion is
 * the reverse. An agent starts as soon as the launcher's function exists and is invoked.
 */
import { Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AgentImage } from '../../lib/agent/image.ts';
import { AgentLauncher } from '../../lib/agent-launcher.ts';
import { emptyStack, templateOf } from './synthesis.ts';

const resources = z.record(
  z.string(),
  z.looseObject({
    Type: z.string(),
    DependsOn: z.union([z.string(), z.array(z.string())]).optional(),
    Properties: z.unknown().optional(),
  }),
);

/** Resources that can start an agent, or invoke what starts one. */
const STARTS =
  /^AWS::(?:Lambda::(?:Function|EventSourceMapping|Url|Permission)|Scheduler::|Events::|Pipes::|StepFunctions::|ECS::Service)|^Custom::|CustomResource/;

/** The function that copies images and what it does start no agent. Agents need the copies, so the launcher waits for them. */
const COPIES = /^ImageCopies/;

/** Resources that neither serve nor restrict an agent. */
const WATCHES = new Set([
  'AWS::CloudWatch::Alarm',
  'AWS::CloudWatch::Dashboard',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::CDK::Metadata',
]);

/** Ids that a value refers to. */
function referred(value: unknown, ids: ReadonlySet<string>): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => referred(item, ids));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref' && typeof inner === 'string') return ids.has(inner) ? [inner] : [];
    if (key === 'Fn::GetAtt') {
      const [id] = Array.isArray(inner) ? inner : String(inner).split('.');
      return typeof id === 'string' && ids.has(id) ? [id] : [];
    }
    if (key === 'Fn::Sub') {
      const [text] = [inner].flat();
      const names = [...String(text).matchAll(/\$\{([A-Za-z0-9]+)/g)].flatMap(([, name]) => name ?? []);
      return [...names.filter((name) => ids.has(name)), ...referred(inner, ids)];
    }
    return referred(inner, ids);
  });
}

/** What stands before a resource, by ids; throws where two wait for each other. */
function order(template: Template) {
  const all = resources.parse(template.toJSON()['Resources']);
  const ids = new Set(Object.keys(all));
  const before = new Map<string, ReadonlySet<string>>();
  const visit = (id: string, path: readonly string[]): ReadonlySet<string> => {
    if (path.includes(id)) throw new Error(`These wait for each other: ${[...path, id].join(' → ')}`);
    const known = before.get(id);
    if (known !== undefined) return known;
    const { DependsOn = [], Properties } = all[id] ?? { Type: '' };
    const direct = [...[DependsOn].flat(), ...referred(Properties, ids)].filter((other) => other !== id);
    const found = new Set(direct.flatMap((other) => [other, ...visit(other, [...path, id])]));
    before.set(id, found);
    return found;
  };
  for (const id of ids) visit(id, []);
  const ofType = (type: RegExp) => Object.keys(all).filter((id) => type.test(all[id]?.Type ?? ''));
  const starters = ofType(STARTS).filter((id) => !COPIES.test(id));
  return { all, before, starters, ofType };
}

/** Resources that an agent could start without, but for those that only watch or invoke. */
function missedBy(template: Template): string[] {
  const { all, before, starters } = order(template);
  const [fn] = starters.filter((id) => all[id]?.Type === 'AWS::Lambda::Function');
  return starters.flatMap((starter) => {
    const known = before.get(starter) ?? new Set();
    return (
      Object.entries(all)
        .filter(([id, { Type }]) => id !== starter && !known.has(id) && !WATCHES.has(Type) && !starters.includes(id))
        // The role that the schedule invokes the function with.
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
const vpc = { egress: 'existing-vpc', vpcId: 'vpc-12345678', subnetIds: ['subnet-12345678'] };
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
  'public-ip': { egress: 'public-ip', ipv6: true },
  'existing-vpc': vpc,
  'existing-vpc with DNS Firewall': { ...vpc, dnsFirewall: true },
  'existing-vpc with its own groups': { ...vpc, dnsFirewall: true, securityGroupIds: ['sg-12345678'] },
};

describe('nothing that starts an agent is created before all that serves or restricts agents', () => {
  it.each(
    Object.entries(NETWORKS).flatMap(([name, network]) =>
      Object.entries(POOLS).map(([capacity, pools]) => [name, capacity, { network, pools }] as const),
    ),
  )('in %s, %s', (_, __, settings) => {
    const template = templateOf({ agentImage: { registry: 'hashicorp/tfc-agent:1.31.0' }, ...settings });
    const { all, before, starters, ofType } = order(template);
    expect(ofType(/^Custom::ImageCopy$/)).toHaveLength(1);
    const [fn = '', ...others] = starters.filter((id) => all[id]?.Type === 'AWS::Lambda::Function');
    expect(others).toEqual([]);
    // One thing invokes the function, and it comes last.
    const invokers = starters.filter((id) => id !== fn);
    expect(invokers).toEqual(ofType(/^AWS::Scheduler::Schedule$/));
    expect(invokers.filter((id) => !before.get(id)?.has(fn))).toEqual([]);
    expect(missedBy(template)).toEqual([]);
  });
});

describe('the construct', () => {
  const secretIn = (stack: ReturnType<typeof emptyStack>, id: string): ISecret => new Secret(stack, id) as ISecret;

  it('waits for routes, groups, roles and what it is given, and not for the rest of the app', () => {
    const stack = emptyStack();
    const own = new ec2.Vpc(stack, 'Vpc', { restrictDefaultSecurityGroup: false, maxAzs: 1 }) as ec2.IVpc;
    const group = new ec2.SecurityGroup(stack, 'Group', { vpc: own, allowAllOutbound: false });
    group.addEgressRule(new ec2.SecurityGroup(stack, 'Proxy', { vpc: own }), ec2.Port.tcp(3128));
    const taskRole = new Role(stack, 'TaskRole', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    taskRole.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: ['*'] }));
    const endpoint = own.addInterfaceEndpoint('Logs', { service: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS });
    own.addInterfaceEndpoint('Sts', { service: ec2.InterfaceVpcEndpointAwsService.STS });
    new Policy(stack, 'Unrelated', {
      roles: [new Role(stack, 'Other', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })],
      statements: [new PolicyStatement({ actions: ['s3:GetObject'], resources: ['*'] })],
    });
    new AgentLauncher(stack, 'Agents', {
      organization: 'acme',
      apiTokenSecret: secretIn(stack, 'ApiToken'),
      pools: [{ name: 'default', agentTokenSecret: secretIn(stack, 'AgentToken'), taskRole }],
      vpc: own,
      securityGroups: [group],
      startAfter: [endpoint],
      agentImage: AgentImage.fromReference('hashicorp/tfc-agent:1.31.0'),
    });
    const missed = missedBy(Template.fromStack(stack)).filter((line) => line.startsWith('AgentsLauncherFunction'));
    expect(missed.map((line) => line.replace(/^.* /, '').replace(/[0-9A-F]{8}$/, ''))).toEqual([
      'VpcStsSecurityGroup',
      'VpcSts',
      'Other',
      'Unrelated',
    ]);
  });
});
