import { Template } from 'aws-cdk-lib/assertions';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { expect, it } from 'vitest';
import { DnsFirewall, type DnsFirewallProps } from '../../../lib/network/dns-firewall.ts';
import { emptyStack } from '../synthesis.ts';

const RESOLVER = 'AWS::Route53Resolver::';

function firewallIn(props: Partial<DnsFirewallProps> = {}): Template {
  const stack = emptyStack();
  new DnsFirewall(stack, 'Dns', { vpcId: 'vpc-1', names: ['app.terraform.io', '*.example.com'], ...props });
  return Template.fromStack(stack);
}

const only = (template: Template, type: string) => {
  const found = Object.entries(template.findResources(`${RESOLVER}${type}`));
  expect(found, type).toHaveLength(1);
  const [[id, resource] = ['', {}]] = found;
  return { id, properties: resource['Properties'] as Record<string, unknown> };
};

const idOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Id'] });

it('DNS Firewall allows the domains and their aliases first, and answers NXDOMAIN for every other domain', () => {
  const template = firewallIn();
  const lists = Object.entries(template.findResources(`${RESOLVER}FirewallDomainList`));
  expect(lists.map(([, list]) => list['Properties'])).toEqual([
    { Domains: ['app.terraform.io', '*.example.com'] },
    { Domains: ['*'] },
  ]);
  const [allowed, everything] = lists.map(([id]) => idOf(id));
  expect(only(template, 'FirewallRuleGroup').properties).toEqual({
    FirewallRules: [
      {
        Priority: 100,
        Action: 'ALLOW',
        FirewallDomainListId: allowed,
        FirewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
      },
      { Priority: 200, Action: 'BLOCK', BlockResponse: 'NXDOMAIN', FirewallDomainListId: everything },
    ],
  });
});

it('DNS Firewall is attached to the VPC with a priority that AWS does not reserve', () => {
  const template = firewallIn();
  expect(only(template, 'FirewallRuleGroupAssociation').properties).toEqual({
    FirewallRuleGroupId: idOf(only(template, 'FirewallRuleGroup').id),
    VpcId: 'vpc-1',
    Priority: 101,
  });
});

it("DNS Firewall keeps AWS's default failure mode, which is closed", () => {
  firewallIn().resourceCountIs(`${RESOLVER}FirewallConfig`, 0);
});

it('DNS Firewall accepts as many domains as one request may have, and refuses one more', () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `host${i}.example.com`);
  expect(() => firewallIn({ names })).not.toThrow();
  expect(() => firewallIn({ names: [...names, 'one.more.example.com'] })).toThrow(
    /1001 domains are allowed, and DNS Firewall accepts 1000.*allow fewer/,
  );
});

it('the query log is not written unless a retention is set', () => {
  expect(JSON.stringify(firewallIn().toJSON())).not.toMatch(/LogGroup|QueryLogging/);
});

it('the query log writes the queries of this VPC to a log group that is deleted with the stack', () => {
  const template = firewallIn({ queryLogRetention: RetentionDays.THREE_DAYS });
  const [[id, group] = ['', {}], ...more] = Object.entries(template.findResources('AWS::Logs::LogGroup'));
  expect(more).toEqual([]);
  expect(group).toEqual({
    Type: 'AWS::Logs::LogGroup',
    Properties: { LogGroupName: expect.stringMatching(/^\/aws\/vendedlogs\/Test-.*-Queries$/), RetentionInDays: 3 },
    DeletionPolicy: 'Delete',
    UpdateReplacePolicy: 'Delete',
  });
  const config = only(template, 'ResolverQueryLoggingConfig');
  expect(config.properties).toEqual({ DestinationArn: { 'Fn::GetAtt': [id, 'Arn'] } });
  expect(only(template, 'ResolverQueryLoggingConfigAssociation').properties).toEqual({
    ResolverQueryLogConfigId: idOf(config.id),
    ResourceId: 'vpc-1',
  });
});
