/**
 * What a deployment of changed settings replaces or deletes. A running agent needs its security group, subnet, roles and log group.
 */
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { deletedIn, replacedIn } from './replacements.ts';
import { EXISTING_VPC, onePool, REGISTRY_IMAGE, resourcesById, templateOf } from './synthesis.ts';

/** Types of the resources that an update replaces and deletes. */
function effectOf(before: Template, after: Template): { replaced: string[]; deleted: string[] } {
  const [old, now] = [resourcesById(before), resourcesById(after)];
  const typesOf = (ids: Iterable<string>) => [...new Set([...ids].map((id) => old[id]?.Type ?? ''))].toSorted();
  return { replaced: typesOf(replacedIn(old, now)), deleted: typesOf(deletedIn(old, now)) };
}

const image = REGISTRY_IMAGE;
const newImage = { agentImage: { registry: 'hashicorp/tfc-agent:1.31.1' } };
const pools = (...more: object[]) => ({ pools: more.flatMap((one) => onePool(one).pools) });
const spot = (capacity: string) => pools({ phases: { plan: { capacity } } });
const vpc = EXISTING_VPC;
const other = { ...vpc, vpcId: 'vpc-22222222', subnetIds: ['subnet-22222222'] };
const network = (settings: object) => ({ network: settings });

const TASKS = ['AWS::ECS::TaskDefinition'];
const GROUP = ['AWS::EC2::SecurityGroup'];
const ASSOCIATION = 'AWS::Route53Resolver::FirewallRuleGroupAssociation';
const ROLE = 'AWS::IAM::Role';
const REPLACED_WITH_ROLES = ['AWS::EC2::FlowLog', ...TASKS, ROLE];
const taskRoleArn = 'arn:aws:iam::123456789012:role/terraform';
const OF_A_POOL = ['AWS::CloudWatch::Alarm', ...TASKS, 'AWS::IAM::Policy', ROLE, 'AWS::Logs::LogGroup'];
const OF_IDLE_POLLING = [
  'AWS::CloudWatch::Alarm',
  'AWS::Lambda::EventSourceMapping',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
];
const second = { name: 'b', agentTokenSecret: 'b' };
const readsS3 = { taskRoleStatements: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }] };
const pulled = ({ agentImage }: typeof image) => ({ agentImage: { ...agentImage, copy: false } });

describe('a deployment', () => {
  it.each<[string, object, object, { replaced?: string[]; deleted?: string[] }]>([
    ['without Spot', spot('spot'), spot('on-demand'), {}],
    ['with Spot', spot('on-demand'), spot('spot'), {}],
    // The deleted copy's image stays in the repository, because tasks may still start from it.
    ['of a new image', image, newImage, { replaced: TASKS, deleted: ['Custom::ImageCopy'] }],
    ['of a new image that is not copied', pulled(image), pulled(newImage), { replaced: TASKS }],
    ['of another task size', pools({}), pools({ cpu: 2048, memoryMiB: 4096 }), { replaced: TASKS }],
    ['of another environment', pools({}), pools({ environment: { A: 'b' } }), { replaced: TASKS }],
    ['of another agent token', pools({}), pools({ agentTokenSecret: 'other' }), { replaced: TASKS }],
    ['of another idle window', {}, { idleWindowSeconds: 120 }, { replaced: TASKS }],
    ['of another hostname', {}, { hostname: 'tfe.acme.example' }, { replaced: TASKS }],
    ['of more agents', pools({}), pools({ maxAgents: 20, warmAgents: { agents: 2 }, sweepMinutes: 30 }), {}],
    ['of another log retention and schedule', {}, { logRetentionDays: 7, scheduleMinutes: 5 }, {}],
    ['of idle polling', {}, { idlePollSeconds: 10 }, {}],
    ['without idle polling', { idlePollSeconds: 10 }, {}, { deleted: OF_IDLE_POLLING }],
    ['of other policies of the task role', pools({}), pools(readsS3), {}],
    // A running job loses its credentials with its role, so the settings' text says to drain first.
    ['of role names', {}, { roles: { namePrefix: 'acme-' } }, { replaced: REPLACED_WITH_ROLES }],
    ['of a role path', {}, { roles: { path: '/acme/' } }, { replaced: REPLACED_WITH_ROLES }],
    ['of a permissions boundary', {}, { roles: { permissionsBoundary: 'acme-boundary' } }, {}],
    ['of an existing task role', pools({}), pools({ taskRoleArn }), { replaced: TASKS, deleted: [ROLE] }],
    ['of another pool', pools({}), pools({}, second), {}],
    ['without a pool', pools({}, second), pools({}), { deleted: OF_A_POOL }],
    ['of phases', pools({}), pools({ phases: {} }), { deleted: [...TASKS, ROLE] }],
    ['into another existing VPC', network(vpc), network(other), { replaced: GROUP }],
    [
      'into another existing VPC with DNS Firewall',
      network({ ...vpc, dnsFirewall: true }),
      network({ ...other, dnsFirewall: true }),
      { replaced: [...GROUP, ASSOCIATION] },
    ],
    ['of security groups', network(vpc), network({ ...vpc, securityGroupIds: ['sg-11111111'] }), { deleted: GROUP }],
    ['into other subnets', network(vpc), network({ ...vpc, subnetIds: ['subnet-33333333'] }), {}],
    ['of allowed domains', {}, network({ allowedDomains: ['a.example.com'] }), {}],
    ['of a NAT gateway in each zone', {}, network({ natGateways: 'all' }), {}],
    ['of a launcher in the VPC', {}, { launcher: { vpc: true } }, {}],
    ['of a launcher in an existing VPC', network(vpc), { ...network(vpc), launcher: { vpc: true } }, {}],
    ['of interface endpoints', {}, network({ vpcEndpoints: 'task-start' }), {}],
    [
      'of other domains, another instance type and Session Manager for gateways',
      network({ egress: 'on-demand' }),
      network({
        egress: 'on-demand',
        allowedDomains: ['a.example.com'],
        gatewayInstanceType: 't3.micro',
        gatewaySessionManager: true,
      }),
      {},
    ],
    [
      'with fixed addresses of gateways',
      network({ egress: 'on-demand' }),
      network({ egress: 'on-demand', fixedAddress: true }),
      {},
    ],
  ])('%s replaces and deletes the resources that the runbook lists', (_, from, to, { replaced = [], deleted = [] }) => {
    const [before, after] = [templateOf({ ...image, ...from }), templateOf({ ...image, ...to })];
    expect(effectOf(before, after)).toEqual({ replaced, deleted });
  });

  it('never replaces a resource with a fixed name, because the old one still has that name', () => {
    const FIXED = ['AWS::ECS::Cluster', 'AWS::Lambda::Function', 'AWS::Scheduler::Schedule', 'AWS::Logs::LogGroup'];
    const everything = {
      ...newImage,
      ...pools({ maxAgents: 3, phases: { plan: { capacity: 'spot' } }, environment: { A: 'b' }, logRetentionDays: 7 }),
      ...network({ egress: 'network-firewall', cidr: '10.91.0.0/20' }),
      hostname: 'tfe.acme.example',
      scheduleMinutes: 5,
      logRetentionDays: 7,
      tags: { team: 'x' },
    };
    const { replaced, deleted } = effectOf(templateOf(image), templateOf(everything));
    expect([...replaced, ...deleted].filter((type) => FIXED.includes(type))).toEqual([]);
  });
});
