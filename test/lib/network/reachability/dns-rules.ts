/** What DNS Firewall says about names: the rules that a template attaches to the VPC of the tasks. */
import * as z from 'zod';
import { type Resource, resourcesIn } from './template-values.ts';

/** One rule of DNS Firewall. */
export interface DnsRule {
  readonly action: string;
  readonly domains: readonly string[];
  /** Whether the names that an allowed name is an alias of are judged as well. */
  readonly redirection: string;
  /** What is answered for a blocked name. */
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

const associationSchema = z.looseObject({
  FirewallRuleGroupId: z.string(),
  VpcId: z.string(),
  Priority: z.number(),
});

/** A rule group's place at a VPC. */
export interface DnsAssociation {
  readonly group: string;
  readonly vpc: string;
  readonly priority: number;
}

/** What is attached to which VPC, in the order in which it is asked. */
export function dnsAssociationsIn(template: unknown): DnsAssociation[] {
  return resourcesIn(template)
    .filter(({ type }) => type === 'AWS::Route53Resolver::FirewallRuleGroupAssociation')
    .map(({ properties }) => associationSchema.parse(properties))
    .map(({ FirewallRuleGroupId: group, VpcId: vpc, Priority: priority }) => ({ group, vpc, priority }))
    .sort((a, b) => a.priority - b.priority);
}

/** The rules that the resolver of the tasks' VPC asks, in their order; none when names are not limited there. */
export function dnsRulesIn(template: unknown): DnsRule[] {
  const resources = resourcesIn(template);
  const vpc = resources.find(({ type }) => type === 'AWS::EC2::VPC');
  return dnsAssociationsIn(template)
    .filter((association) => vpc === undefined || association.vpc === `<${vpc.id}>`)
    .flatMap(({ group }) => {
      const found = resources.find(
        ({ type, id }) => type === 'AWS::Route53Resolver::FirewallRuleGroup' && group === `<${id}.Id>`,
      );
      if (found === undefined) throw new Error(`${group} is no rule group of the template`);
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
 * Whether a name resolves, by the documented rules: case does not matter; a list entry is a whole name, or `*` and the
 * end of one; rules are asked in order and the first that matches decides; what none matches resolves. Of a name that is
 * an alias every further name is judged in the same way, until a rule that trusts redirections lets one through.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-domain-lists.html
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-rule-settings.html
 *
 * @param aliases what the name is an alias of, in turn; none for a name that has an address itself
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
