/** DNS Firewall: the rules that a template attaches to the VPC of the tasks, and whether a name resolves. */
import * as z from 'zod';
import { type Resource, resourcesIn } from './template-values.ts';

/** One rule of DNS Firewall. */
export interface DnsRule {
  readonly action: string;
  readonly domains: readonly string[];
  /** Whether DNS Firewall also checks the aliases of an allowed name. */
  readonly redirection: string;
  /** The answer to a query for a blocked name. */
  readonly response: string;
}

const dnsRules = z.array(
  z.looseObject({
    Priority: z.number(),
    Action: z.string(),
    FirewallDomainListId: z.string(),
    FirewallDomainRedirectionAction: z.string().default('INSPECT_REDIRECTION_DOMAIN'),
    BlockResponse: z.string().default('none'),
  }),
);

const associationSchema = z.looseObject({ FirewallRuleGroupId: z.string(), VpcId: z.string(), Priority: z.number() });

/** A rule group that is attached to a VPC. */
export interface DnsAssociation {
  readonly group: string;
  readonly vpc: string;
  readonly priority: number;
}

/** Returns the rule groups that are attached to VPCs, in the order of their priorities. */
export function dnsAssociationsIn(template: unknown): DnsAssociation[] {
  return resourcesIn(template)
    .filter(({ type }) => type === 'AWS::Route53Resolver::FirewallRuleGroupAssociation')
    .map(({ properties }) => associationSchema.parse(properties))
    .map(({ FirewallRuleGroupId: group, VpcId: vpc, Priority: priority }) => ({ group, vpc, priority }))
    .sort((a, b) => a.priority - b.priority);
}

/** Returns the rules of the tasks' VPC in their order. There are none if names are not limited. */
export function dnsRulesIn(template: unknown): DnsRule[] {
  const resources = resourcesIn(template);
  const vpc = resources.find(({ type }) => type === 'AWS::EC2::VPC');
  return dnsAssociationsIn(template)
    .filter((association) => vpc === undefined || association.vpc === `<${vpc.id}>`)
    .flatMap(({ group }) => {
      const found = resources.find(
        ({ type, id }) => type === 'AWS::Route53Resolver::FirewallRuleGroup' && group === `<${id}.Id>`,
      );
      if (found === undefined) throw new Error(`${group} is not a rule group of the template`);
      return dnsRules.parse(found.properties['FirewallRules']).sort((a, b) => a.Priority - b.Priority);
    })
    .map((rule) => ({
      action: rule.Action,
      domains: domainsOf(resources, rule.FirewallDomainListId),
      redirection: rule.FirewallDomainRedirectionAction,
      response: rule.BlockResponse,
    }));
}

function domainsOf(resources: readonly Resource[], listId: string): readonly string[] {
  const list = resources.find(({ id }) => listId === `<${id}.Id>`);
  return z.array(z.string()).parse(list?.properties['Domains']);
}

/**
 * Whether a name resolves, by the documented rules. Case does not matter. A list entry is a complete name, or `*` and the
 * end of a name. The first rule that matches decides, and a name that no rule matches resolves. If a name is an alias, the
 * same applies to each further name, until a rule that trusts redirections allows one.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-domain-lists.html
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-rule-settings.html
 *
 * @param aliases the chain of names that the name is an alias of; none for a name with an address
 */
export function resolves(rules: readonly DnsRule[], name: string, aliases: readonly string[] = []): boolean {
  for (const asked of [name, ...aliases]) {
    const rule = rules.find(({ domains }) => domains.some((entry) => isListed(entry, asked)));
    if (rule?.action === 'BLOCK') return false;
    if (rule?.redirection === 'TRUST_REDIRECTION_DOMAIN') return true;
  }
  return true;
}

function isListed(entry: string, name: string): boolean {
  const asked = name.toLowerCase().replace(/\.$/, '');
  const listed = entry.toLowerCase();
  return listed.startsWith('*') ? asked.endsWith(listed.slice(1)) : asked === listed;
}
