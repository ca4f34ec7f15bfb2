/** Every log group of the stack: its retention, and that it is deleted with the stack. */
import type { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { LEAST, templateOf } from './synthesis.ts';

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

it("the stack keeps the firewall's logs as long as `logRetentionDays`, unless they have a separate setting", () => {
  const network = { egress: 'network-firewall' };
  expect(retentionIn(templateOf({ stackName: 'Test', logRetentionDays: 60, network }))).toMatchObject({
    '/aws/vendedlogs/Test-Network-Firewall-Alerts': 60,
    '/aws/vendedlogs/Test-Network-Firewall-Flows': 60,
  });
});

it('the stack writes only the logs of the launcher and its agents by default, and keeps them for 30 days', () => {
  expect(retentionIn(templateOf({ stackName: 'Test' }))).toEqual({ '/Test/launcher': 30, '/Test/agents/default': 30 });
});
