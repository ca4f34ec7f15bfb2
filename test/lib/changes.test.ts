/**
 * What a deployment of changed settings replaces or deletes, by CloudFormation's own rules: the resource database of the CDK
 * CLI says which properties can't change in place. A running agent holds its security group, subnet, roles and log group.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { templateOf } from './synthesis.ts';

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

const resources = z.record(
  z.string(),
  z.looseObject({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) }),
);

const isAttribute = (value: unknown, id: string) => value === id || (Array.isArray(value) && value[0] === id);
function refersTo(value: unknown, id: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => refersTo(item, id));
  return Object.entries(value).some(
    ([key, inner]) => ((key === 'Ref' || key === 'Fn::GetAtt') && isAttribute(inner, id)) || refersTo(inner, id),
  );
}

/** Resources that an update replaces and deletes, by type. A replaced one replaces those that can't take its new id. */
function effectOf(before: Template, after: Template): { replaced: string[]; deleted: string[] } {
  const [old, now] = [before, after].map((template) => resources.parse(template.toJSON()['Resources']));
  const typesOf = (ids: readonly string[]) => [...new Set(ids.map((id) => old?.[id]?.Type ?? ''))].toSorted();
  const replaced = new Set<string>();
  const isReplaced = (id: string): boolean => {
    const [was, is] = [old?.[id], now?.[id]];
    if (was === undefined || is === undefined) return false;
    if (was.Type !== is.Type) return true;
    // The function that copies images keeps the physical id on an update.
    const ofType = is.Type === 'Custom::ImageCopy' ? {} : rules.get(is.Type);
    if (ofType === undefined) throw new Error(`CloudFormation has no ${is.Type}`);
    return Object.keys({ ...was.Properties, ...is.Properties }).some((key) => {
      if ((ofType[key]?.causesReplacement ?? 'no') === 'no') return false;
      const [a, b] = [was.Properties[key], is.Properties[key]];
      return JSON.stringify(a) !== JSON.stringify(b) || [...replaced].some((other) => refersTo(b, other));
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

const image = { agentImage: { registry: 'hashicorp/tfc-agent:1.31.0' } };
const newImage = { agentImage: { registry: 'hashicorp/tfc-agent:1.31.1' } };
const pool = { name: 'default', agentTokenSecret: 'acme/agent-token' };
const pools = (...more: object[]) => ({ pools: more.map((one) => ({ ...pool, ...one })) });
const spot = (capacity: string) => pools({ phases: { plan: { capacity } } });
const vpc = { egress: 'existing-vpc', vpcId: 'vpc-11111111', subnetIds: ['subnet-11111111'] };
const other = { ...vpc, vpcId: 'vpc-22222222', subnetIds: ['subnet-22222222'] };
const network = (settings: object) => ({ network: settings });

const TASKS = ['AWS::ECS::TaskDefinition'];
const NOTHING = { replaced: [], deleted: [] };

describe('a deployment of changed settings', () => {
  it.each<[string, object, object, { replaced: string[]; deleted: string[] }]>([
    ['Spot off', spot('spot'), spot('on-demand'), NOTHING],
    ['Spot on', spot('on-demand'), spot('spot'), NOTHING],
    // The deleted copy's image stays in the repository: tasks may still start from it.
    ['a new image', image, newImage, { replaced: TASKS, deleted: ['Custom::ImageCopy'] }],
    [
      'a new image that is not copied',
      { agentImage: { ...image.agentImage, copy: false } },
      { agentImage: { ...newImage.agentImage, copy: false } },
      { ...NOTHING, replaced: TASKS },
    ],
    ['another size', pools({}), pools({ cpu: 2048, memoryMiB: 4096 }), { ...NOTHING, replaced: TASKS }],
    ['another environment', pools({}), pools({ environment: { A: 'b' } }), { ...NOTHING, replaced: TASKS }],
    ['another agent token', pools({}), pools({ agentTokenSecret: 'other' }), { ...NOTHING, replaced: TASKS }],
    ['another idle window', {}, { idleWindowSeconds: 120 }, { ...NOTHING, replaced: TASKS }],
    ['another host', {}, { hostname: 'tfe.acme.example' }, { ...NOTHING, replaced: TASKS }],
    ['more agents', pools({}), pools({ maxAgents: 20, warmAgents: { agents: 2 }, sweepMinutes: 30 }), NOTHING],
    ['other log retention and period', {}, { logRetentionDays: 7, scheduleMinutes: 5 }, NOTHING],
    [
      'other policies of the task role',
      pools({}),
      pools({ taskRoleStatements: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }] }),
      NOTHING,
    ],
    ['a pool more', pools({}), pools({}, { name: 'b', agentTokenSecret: 'b' }), NOTHING],
    [
      'a pool less',
      pools({}, { name: 'b', agentTokenSecret: 'b' }),
      pools({}),
      {
        replaced: [],
        deleted: [
          'AWS::CloudWatch::Alarm',
          'AWS::ECS::TaskDefinition',
          'AWS::IAM::Policy',
          'AWS::IAM::Role',
          'AWS::Logs::LogGroup',
        ],
      },
    ],
    [
      'phases',
      pools({}),
      pools({ phases: {} }),
      { replaced: [], deleted: ['AWS::ECS::TaskDefinition', 'AWS::IAM::Role'] },
    ],
    ['another existing VPC', network(vpc), network(other), { ...NOTHING, replaced: ['AWS::EC2::SecurityGroup'] }],
    [
      'another existing VPC with DNS Firewall',
      network({ ...vpc, dnsFirewall: true }),
      network({ ...other, dnsFirewall: true }),
      {
        ...NOTHING,
        replaced: ['AWS::EC2::SecurityGroup', 'AWS::Route53Resolver::FirewallRuleGroupAssociation'],
      },
    ],
    [
      'your own security groups',
      network(vpc),
      network({ ...vpc, securityGroupIds: ['sg-11111111'] }),
      { replaced: [], deleted: ['AWS::EC2::SecurityGroup'] },
    ],
    ['other subnets', network(vpc), network({ ...vpc, subnetIds: ['subnet-33333333'] }), NOTHING],
    ['names', {}, network({ allowedDomains: ['a.example.com'] }), NOTHING],
    ['NAT in each zone', {}, network({ natGateways: 'all' }), NOTHING],
    ['interface endpoints', {}, network({ vpcEndpoints: 'task-start' }), NOTHING],
  ])('%s: replaces and deletes what the runbook says', (_, from, to, expected) => {
    const [before, after] = [templateOf({ ...image, ...from }), templateOf({ ...image, ...to })];
    expect(effectOf(before, after)).toEqual(expected);
  });

  it('never replaces what has a fixed name, which the old one would still hold', () => {
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
