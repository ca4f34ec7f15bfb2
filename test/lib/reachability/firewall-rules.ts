/** What a template says about names: the firewall's rules and the resolver's lists, as they stand in it. */
import * as z from 'zod';
import { type Resource, resourcesIn } from './template-values.ts';

const ruleGroup = z.looseObject({
  RulesSource: z.looseObject({ RulesString: z.string() }),
  StatefulRuleOptions: z.looseObject({ RuleOrder: z.string() }),
});

/** The Suricata rules of the template; `undefined` when it has no network firewall. */
export function rulesIn(template: unknown): string | undefined {
  const group = resourcesIn(template).find(({ type }) => type === 'AWS::NetworkFirewall::RuleGroup');
  return group === undefined ? undefined : ruleGroup.parse(group.properties['RuleGroup']).RulesSource.RulesString;
}

/** What of a rule decides about a connection. */
export interface Rule {
  readonly action: string;
  readonly protocol: string;
  readonly ports: string;
  readonly options: string;
}

/** Rules of a rule string, in order. */
export function parsedRules(rules: string): Rule[] {
  return rules.split('\n').map((line) => {
    const [, action = '', protocol = '', ports = '', options = ''] =
      /^(\w+) (\w+) \S+ any -> any (\S+) \((.*)\)$/.exec(line) ?? [];
    if (action === '') throw new Error(`This is no rule: ${line}`);
    return { action, protocol, ports, options };
  });
}

/** A connection as a firewall sees it. */
export interface Seen {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'other';
  readonly port: number;
  /** TLS server name; `null` for TLS without one; absent for what is not TLS. */
  readonly serverName?: string | null;
}

/** The first rule that decides, read as Suricata's documentation defines its keywords. The lab asks Suricata itself. */
export function decision(rules: readonly Rule[], seen: Seen): Rule | undefined {
  return rules.find((rule) => rule.action !== 'alert' && matches(rule, seen));
}

function matches({ protocol, ports, options }: Rule, seen: Seen): boolean {
  if (!portMatches(ports, seen.port)) return false;
  const isTls = seen.serverName !== undefined;
  if (protocol === 'tls') {
    if (!isTls) return false;
    const content = /tls\.sni; content:"([^"]*)";/.exec(options)?.[1];
    if (content === undefined) return options.includes('ssl_state:client_hello');
    const name = seen.serverName?.toLowerCase() ?? '';
    return options.includes('startswith;') ? name === content.toLowerCase() : name.endsWith(content.toLowerCase());
  }
  if (protocol === 'tcp') {
    const sparesTls = options.includes('app-layer-protocol:!tls') || options.includes('flowbits:isnotset');
    return seen.protocol === 'tcp' && !(sparesTls && isTls);
  }
  if (protocol === 'ip') return seen.protocol === 'other' || seen.protocol === 'icmp';
  return protocol === seen.protocol;
}

function portMatches(ports: string, port: number): boolean {
  if (ports === 'any') return true;
  const negated = ports.startsWith('!');
  const list = ports
    .replace(/^!|[[\]]/g, '')
    .replaceAll('[', '')
    .split(',')
    .map(Number);
  return list.includes(port) !== negated;
}

/** DNS Firewall's rules of a template, in order of their priorities. */
export interface DnsRule {
  readonly action: string;
  readonly domains: readonly string[];
  readonly redirection: string;
}

const dnsRules = z.array(
  z.looseObject({
    Priority: z.number(),
    Action: z.string(),
    FirewallDomainListId: z.string(),
    FirewallDomainRedirectionAction: z.string().default('INSPECT_REDIRECTION_DOMAIN'),
  }),
);

/** The resolver's rules; none when names are not limited. */
export function dnsRulesIn(template: unknown): DnsRule[] {
  const resources = resourcesIn(template);
  const group = resources.find(({ type }) => type === 'AWS::Route53Resolver::FirewallRuleGroup');
  if (group === undefined || !resources.some(({ type }) => type.endsWith('FirewallRuleGroupAssociation'))) return [];
  return dnsRules
    .parse(group.properties['FirewallRules'])
    .sort((a, b) => a.Priority - b.Priority)
    .map((rule) => ({
      action: rule.Action,
      domains: domainsOf(resources, rule.FirewallDomainListId),
      redirection: rule.FirewallDomainRedirectionAction,
    }));
}

function domainsOf(resources: readonly Resource[], listId: string): readonly string[] {
  const list = resources.find(({ id }) => listId === `<${id}.Id>`);
  return z.array(z.string()).parse(list?.properties['Domains']);
}

/**
 * Whether a name resolves, by the documented rules: case does not matter; a list entry is a whole name, or `*` and the
 * end of one; rules are asked in order and the first that matches decides; what none matches resolves.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-domain-lists.html
 */
export function resolves(rules: readonly DnsRule[], name: string): boolean {
  const asked = name.toLowerCase().replace(/\.$/, '');
  const listed = (entry: string) =>
    entry.startsWith('*') ? asked.endsWith(entry.slice(1).toLowerCase()) : asked === entry.toLowerCase();
  const rule = rules.find(({ domains }) => domains.some(listed));
  return rule === undefined || rule.action !== 'BLOCK';
}
