import type * as logs from 'aws-cdk-lib/aws-logs';
import * as resolver from 'aws-cdk-lib/aws-route53resolver';
import { Construct } from 'constructs';
import type { LogGroupOptions } from '../log-group.ts';
import { ASSOCIATION_PRIORITY, MAX_DOMAINS } from './dns-firewall-facts.ts';
import { vendedLogGroup } from './vended-log-group.ts';

export interface DnsFirewallProps {
  readonly vpcId: string;
  /**
   * Domains that resolve, at most {@link MAX_DOMAINS}. `*.` at the beginning includes every subdomain. All other domains get
   * NXDOMAIN.
   */
  readonly names: readonly string[];
  /** Retention of a log of every query; absent or 0: queries are not logged. */
  readonly queryLogRetention?: logs.RetentionDays | 0;
  readonly logs?: LogGroupOptions | undefined;
}

/**
 * Route 53 Resolver DNS Firewall: the allowed domains resolve, and every other domain gets NXDOMAIN. It checks queries to the
 * VPC's resolver, not connections, so it doesn't stop a job that knows an IP address.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall.html
 *
 * If DNS Firewall can't evaluate a query, the domain doesn't resolve. This is AWS's default ("By default, the failure mode is
 * closed", https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-vpc-configuration.html), so the stack
 * has no `AWS::Route53Resolver::FirewallConfig`: a region or partition without that type would reject the template.
 */
export class DnsFirewall extends Construct {
  /** Log of every query; `undefined`: queries are not logged. */
  readonly queryLogGroup: logs.LogGroup | undefined;

  constructor(scope: Construct, id: string, props: DnsFirewallProps) {
    super(scope, id);
    if (props.names.length > MAX_DOMAINS) {
      throw new Error(
        `${props.names.length} domains are allowed, and DNS Firewall accepts ${MAX_DOMAINS} per request: allow fewer services, regions or hosts`,
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
          // The hostnames of HCP Terraform and the registries are aliases of CDN hosts that change without notice. So DNS
          // Firewall trusts the aliases of an allowed domain. A direct query for a CDN host doesn't resolve.
          firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
        },
        { priority: 200, action: 'BLOCK', blockResponse: 'NXDOMAIN', firewallDomainListId: everything.attrId },
      ],
    });
    new resolver.CfnFirewallRuleGroupAssociation(this, 'Association', {
      firewallRuleGroupId: rules.attrId,
      vpcId: props.vpcId,
      priority: ASSOCIATION_PRIORITY,
    });
    const { queryLogRetention = 0 } = props;
    this.queryLogGroup = queryLogRetention === 0 ? undefined : this.logQueries(props, queryLogRetention);
  }

  private logQueries({ vpcId, logs: options }: DnsFirewallProps, retention: logs.RetentionDays): logs.LogGroup {
    const logGroup = vendedLogGroup(this, 'Queries', retention, options);
    const config = new resolver.CfnResolverQueryLoggingConfig(this, 'QueryLog', {
      destinationArn: logGroup.logGroupArn,
    });
    // No tags, because not every region supports tags on this resource type.
    config.addPropertyDeletionOverride('Tags');
    new resolver.CfnResolverQueryLoggingConfigAssociation(this, 'QueryLogAssociation', {
      resolverQueryLogConfigId: config.attrId,
      resourceId: vpcId,
    });
    return logGroup;
  }
}
