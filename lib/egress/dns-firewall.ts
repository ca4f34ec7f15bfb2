import type * as logs from 'aws-cdk-lib/aws-logs';
import * as resolver from 'aws-cdk-lib/aws-route53resolver';
import { Construct } from 'constructs';
import { vendedLogGroup } from './vended-log-group.ts';

/**
 * Place of this stack's rule group among those of the VPC, which are asked in the order of their priorities; AWS keeps
 * 100 and below. It is fixed: a VPC that has another group with it refuses the deployment.
 */
export const ASSOCIATION_PRIORITY = 101;

/**
 * Names that a list may have: what a request of Route 53 Resolver takes. A list may be longer, and whether CloudFormation
 * fills one with several requests is unverified. Network Firewall has room for more: 30,000 rules and 2,000,000 bytes.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_UpdateFirewallDomains.html
 * https://docs.aws.amazon.com/network-firewall/latest/developerguide/quotas.html
 */
export const MOST_NAMES = 1_000;

export interface DnsFirewallProps {
  readonly vpcId: string;
  /** Names that resolve, up to {@link MOST_NAMES}; `*.` for every name below. All others do not exist. */
  readonly names: readonly string[];
  /**
   * How long a log of every query is kept.
   *
   * @default - queries are not logged
   */
  readonly queryLogRetention?: logs.RetentionDays;
}

/**
 * Route 53 Resolver DNS Firewall: the allowed names resolve, and every other name gets NXDOMAIN. It judges queries to the
 * VPC's resolver and not connections, so a job that knows an address needs no name.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall.html
 *
 * When DNS Firewall can't decide, nothing resolves. This is AWS's default ("By default, the failure mode is closed",
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-vpc-configuration.html), so the stack
 * has no `AWS::Route53Resolver::FirewallConfig`: a region or partition without that type would reject the template.
 */
export class DnsFirewall extends Construct {
  readonly ruleGroupId: string;

  constructor(scope: Construct, id: string, props: DnsFirewallProps) {
    super(scope, id);
    if (props.names.length > MOST_NAMES) {
      throw new Error(
        `${props.names.length} names are allowed, and DNS Firewall takes ${MOST_NAMES} in a request: allow fewer services, regions or hosts`,
      );
    }
    const allowed = new resolver.CfnFirewallDomainList(this, 'Allowed', { domains: [...props.names] });
    const everything = new resolver.CfnFirewallDomainList(this, 'Everything', { domains: ['*'] });
    const rules = new resolver.CfnFirewallRuleGroup(this, 'Rules', {
      firewallRules: [
        {
          priority: 100,
          action: 'ALLOW',
          firewallDomainListId: allowed.attrId,
          // HCP Terraform and the registries are aliases of names of their CDNs, which change without notice. Trusted
          // are only redirections that begin at an allowed name; a CDN's name asked for by itself does not resolve.
          firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
        },
        { priority: 200, action: 'BLOCK', blockResponse: 'NXDOMAIN', firewallDomainListId: everything.attrId },
      ],
    });
    this.ruleGroupId = rules.attrId;
    new resolver.CfnFirewallRuleGroupAssociation(this, 'Association', {
      firewallRuleGroupId: rules.attrId,
      vpcId: props.vpcId,
      priority: ASSOCIATION_PRIORITY,
    });
    if (props.queryLogRetention !== undefined) this.logQueries(props.vpcId, props.queryLogRetention);
  }

  private logQueries(vpcId: string, retention: logs.RetentionDays): void {
    const logGroup = vendedLogGroup(this, 'Queries', retention);
    const config = new resolver.CfnResolverQueryLoggingConfig(this, 'QueryLog', {
      destinationArn: logGroup.logGroupArn,
    });
    // The type's tags are newer than the type, and not every region knows them yet.
    config.addPropertyDeletionOverride('Tags');
    new resolver.CfnResolverQueryLoggingConfigAssociation(this, 'QueryLogAssociation', {
      resolverQueryLogConfigId: config.attrId,
      resourceId: vpcId,
    });
  }
}
