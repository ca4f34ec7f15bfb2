/**
 * What a deployment of changed settings replaces or deletes, by CloudFormation's own rules. The resource database of the
 * CDK CLI has the properties that can't change in place. A running agent needs its security group, subnet, roles and log
 * group.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { EXISTING_VPC, onePool, REGISTRY_IMAGE, referencesIn, resourcesById, templateOf } from './synthesis.ts';

const database = z.object({
  schema: z.object({
    resource: z.object({
      entities: z.array(
        z.object({
          cloudFormationType: z.string(),
          properties: z.record(z.string(), z.object({ causesReplacement: z.string().optional() })),
        }),
      ),
    }),
  }),
});
const { schema } = database.parse(JSON.parse(`${gunzipSync(readFileSync('node_modules/aws-cdk/db.json.gz'))}`));
const rules = new Map(
  schema.resource.entities.map(({ cloudFormationType, properties }) => [cloudFormationType, properties]),
);

/** Types of the resources that an update replaces and deletes. A replaced one replaces those that can't change its ID in place. */
function effectOf(before: Template, after: Template): { replaced: string[]; deleted: string[] } {
  const [old, now] = [before, after].map(resourcesById);
  const typesOf = (ids: readonly string[]) => [...new Set(ids.map((id) => old?.[id]?.Type ?? ''))].toSorted();
  const replaced = new Set<string>();
  const isReplaced = (id: string): boolean => {
    const [was, is] = [old?.[id], now?.[id]];
    if (was === undefined || is === undefined) return false;
    if (was.Type !== is.Type) return true;
    // The function that copies images keeps the physical ID in an update.
    const ofType = is.Type === 'Custom::ImageCopy' ? {} : rules.get(is.Type);
    if (ofType === undefined) throw new Error(`CloudFormation has no ${is.Type}`);
    return Object.keys({ ...was.Properties, ...is.Properties }).some((key) => {
      if ((ofType[key]?.causesReplacement ?? 'no') === 'no') return false;
      const [a, b] = [was.Properties[key], is.Properties[key]];
      return JSON.stringify(a) !== JSON.stringify(b) || referencesIn(b).some((other) => replaced.has(other));
    });
  };
  let settled = -1;
  while (settled < replaced.size) {
    settled = replaced.size;
    for (const id of Object.keys(now ?? {})) if (isReplaced(id)) replaced.add(id);
  }
  const gone = Object.keys(old ?? {}).filter((id) => now?.[id] === undefined);
  return { replaced: typesOf([...replaced]), deleted: typesOf(gone) };
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
    ['of interface endpoints', {}, network({ vpcEndpoints: 'task-start' }), {}],
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
