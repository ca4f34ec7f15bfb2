/** Every log group of the stack: its retention, whether it is deleted with the stack, and where its events go. */
import type { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { EXISTING_VPC, LEAST, propertiesOf, stackOf, templateOf } from './synthesis.ts';

const groupSchema = z.object({
  DeletionPolicy: z.string(),
  UpdateReplacePolicy: z.string(),
  Properties: z.looseObject({ RetentionInDays: z.number(), LogGroupName: z.string().optional() }),
});

/** Returns the retention of each log group, by its name. Groups that AWS services write to have a hash in their name, which is omitted. */
function retentionIn(template: Template): Record<string, number> {
  return Object.fromEntries(
    Object.entries(template.findResources('AWS::Logs::LogGroup')).map(([id, resource]) => {
      const { Properties: group, ...policies } = groupSchema.parse(resource);
      // If a log group outlives its stack, the next deployment with that name fails.
      expect(policies, id).toEqual({ DeletionPolicy: 'Delete', UpdateReplacePolicy: 'Delete' });
      return [(group.LogGroupName ?? id).replace(/-[0-9A-F]{8}-/, '-'), group.RetentionInDays];
    }),
  );
}

it('the stack keeps each log as long as its own setting says, the others as long as `logRetentionDays`', () => {
  const network = {
    egress: 'network-firewall',
    flowLogRetentionDays: 5,
    dnsQueryLogRetentionDays: 7,
    firewallLogRetentionDays: 14,
  };
  const pools = [
    { ...LEAST.pools[0], logRetentionDays: 3 },
    { name: 'other', agentTokenSecret: 'acme/other' },
  ];
  expect(retentionIn(templateOf({ stackName: 'Test', logRetentionDays: 60, pools, network }))).toEqual({
    '/Test/launcher': 60,
    '/Test/agents/default': 3,
    '/Test/agents/other': 60,
    '/aws/vendedlogs/Test-Network-FlowLogs': 5,
    '/aws/vendedlogs/Test-Network-DnsFirewall-Queries': 7,
    '/aws/vendedlogs/Test-Network-Firewall-Alerts': 14,
    '/aws/vendedlogs/Test-Network-Firewall-Flows': 14,
  });
});

it("the stack keeps the network's logs as long as `logRetentionDays`, unless they have a separate setting", () => {
  const network = { egress: 'network-firewall' };
  expect(retentionIn(templateOf({ stackName: 'Test', logRetentionDays: 60, network }))).toMatchObject({
    '/aws/vendedlogs/Test-Network-FlowLogs': 60,
    '/aws/vendedlogs/Test-Network-DnsFirewall-Queries': 60,
    '/aws/vendedlogs/Test-Network-Firewall-Alerts': 60,
    '/aws/vendedlogs/Test-Network-Firewall-Flows': 60,
  });
});

it('the stack keeps the log of gateways as long as `logRetentionDays`, unless it has its own setting', () => {
  const retentionOf = (network: object) =>
    Object.entries(retentionIn(templateOf({ stackName: 'Test', logRetentionDays: 60, network })))
      .filter(([name]) => name.startsWith('NetworkGatewaysLogs'))
      .map(([, days]) => days);
  expect(retentionOf({ egress: 'on-demand' })).toEqual([60]);
  expect(retentionOf({ egress: 'on-demand', gatewayLogRetentionDays: 7 })).toEqual([7]);
});

it('the stack writes the logs of the launcher, its agents and the network by default, and keeps them for 30 days', () => {
  const ofStack = { '/Test/launcher': 30, '/Test/agents/default': 30 };
  expect(retentionIn(templateOf({ stackName: 'Test' }))).toEqual({
    ...ofStack,
    '/aws/vendedlogs/Test-Network-FlowLogs': 30,
    '/aws/vendedlogs/Test-Network-DnsFirewall-Queries': 30,
  });
  const off = { flowLogRetentionDays: 0, dnsQueryLogRetentionDays: 0 };
  expect(retentionIn(templateOf({ stackName: 'Test', network: off }))).toEqual(ofStack);
  expect(retentionIn(templateOf({ stackName: 'Test', network: EXISTING_VPC }))).toEqual(ofStack);
});

it('the stack has the name of its DNS query log as an output, and none without the log', () => {
  const outputOf = (network: object) => templateOf({ network }).findOutputs('DnsQueryLogGroup');
  for (const egress of ['nat-gateway', 'public-ip', 'on-demand', 'network-firewall']) {
    const { DnsQueryLogGroup: output } = outputOf({ egress });
    expect(output?.['Value']).toEqual({ Ref: expect.stringMatching(/^NetworkDnsFirewallQueries/) });
  }
  for (const network of [{ dnsQueryLogRetentionDays: 0 }, { dnsFirewall: false }, EXISTING_VPC]) {
    expect(outputOf(network)).toEqual({});
  }
});

/** Settings with which the stack has a log group of each kind. */
const EVERY_GROUP = {
  nudge: { hmacKeySecret: 'acme/nudge-key' },
  agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-token' },
  network: { egress: 'network-firewall', flowLogRetentionDays: 5, dnsQueryLogRetentionDays: 7 },
};

it("with `logs.onDelete: 'retain'`, every log group remains when the stack is deleted or the group is replaced", () => {
  const groups = templateOf({ ...EVERY_GROUP, logs: { onDelete: 'retain' } }).findResources('AWS::Logs::LogGroup');
  expect(Object.keys(groups)).toHaveLength(8);
  for (const [id, { DeletionPolicy, UpdateReplacePolicy }] of Object.entries(groups)) {
    // A group that a failed first deployment created is deleted, so that the next deployment can create it.
    expect({ DeletionPolicy, UpdateReplacePolicy }, id).toEqual({
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
  }
});

it('with `logs.exportTo`, every log group sends all its events to the receiver, with the role', () => {
  const exportTo = 'arn:aws:kinesis:eu-central-1:123456789012:stream/logs';
  const exportRoleArn = 'arn:aws:iam::123456789012:role/log-export';
  const template = templateOf({ ...EVERY_GROUP, logs: { exportTo, exportRoleArn } });
  const filters = propertiesOf(template, 'AWS::Logs::SubscriptionFilter');
  const exported = filters.map(({ LogGroupName }) => z.object({ Ref: z.string() }).parse(LogGroupName).Ref);
  expect(exported.toSorted()).toEqual(Object.keys(template.findResources('AWS::Logs::LogGroup')).toSorted());
  for (const filter of filters) {
    expect(filter).toMatchObject({ DestinationArn: exportTo, RoleArn: exportRoleArn, FilterPattern: '' });
  }
});

it('with `terminationProtection`, CloudFormation refuses to delete the stack; without it, it does not', () => {
  expect(stackOf({ terminationProtection: true }).stack.terminationProtection).toBe(true);
  expect(stackOf().stack.terminationProtection ?? false).toBe(false);
});
