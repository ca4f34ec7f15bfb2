/** Findings about DNS in an existing VPC. */
import { dotted, parseRange } from '../aws/address-range.ts';
import { ASSOCIATION_PRIORITY } from '../network/dns-firewall-facts.ts';
import { missing, note, type VpcFacts, type VpcFinding, type VpcNeeds } from './findings.ts';

/**
 * Addresses of a VPC's resolver: one in the VPC's first range, and two (IPv4 and IPv6) that are the same in all VPCs.
 * https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
 */
function ownResolvers(vpcRange: string): string[] {
  const first = parseRange(vpcRange)?.first;
  const inRange = first === undefined ? [] : [dotted(first + 2)];
  return ['AmazonProvidedDNS', '169.254.169.253', 'fd00:ec2::253', ...inRange];
}

/** Without DNS hostnames, the private hostnames of endpoints don't resolve. Endpoints without private DNS aren't affected. */
function* hostNameFindings({ endpoints }: VpcFacts, services: readonly string[]): Iterable<VpcFinding> {
  const lost = endpoints.filter(({ privateDns }) => privateDns).map(({ service }) => service);
  if (lost.length === 0) return;
  const level = lost.some((service) => services.includes(service)) ? missing : note;
  yield level(
    `the VPC has no DNS hostnames (enableDnsHostnames is off), so the hostnames of its endpoints (${lost.join(', ')}) resolve to public addresses`,
    'turn it on: aws ec2 modify-vpc-attribute',
  );
}

export function* dnsFindings(facts: VpcFacts, { dnsFirewall, services }: VpcNeeds): Iterable<VpcFinding> {
  if (!facts.dnsSupport) {
    yield missing('the VPC has no DNS (enableDnsSupport is off)', 'turn it on: aws ec2 modify-vpc-attribute');
  }
  if (!facts.dnsHostnames) yield* hostNameFindings(facts, services);
  const own = ownResolvers(facts.range);
  const others = facts.resolvers.filter((resolver) => !own.includes(resolver));
  if (others.length > 0) {
    yield dnsFirewall
      ? missing(
          `DHCP sets other resolvers (${others.join(', ')}), and DNS Firewall doesn't filter queries to them`,
          'let these resolvers forward queries to the VPC’s resolver, or remove network.dnsFirewall and limit domains in these resolvers',
        )
      : note(`DHCP sets other resolvers (${others.join(', ')})`, 'check that they resolve HCP Terraform and AWS');
  }
  if (facts.dnsFirewallRuleGroups.length > 0) {
    yield note(
      `the VPC already has a DNS Firewall rule group (${facts.dnsFirewallRuleGroups.map(({ name, priority }) => `${name}: priority ${priority}`).join(', ')})`,
      `check that it allows the domains in docs/network.md; rule groups are evaluated in the order of their priorities, and this stack’s rule group has the priority ${ASSOCIATION_PRIORITY}`,
    );
  }
  if (dnsFirewall) yield* ownDnsFirewallFindings(facts);
}

/** Findings that affect this stack's DNS Firewall in the VPC. */
function* ownDnsFirewallFindings({ dnsFirewallRuleGroups, dnsFailsOpen }: VpcFacts): Iterable<VpcFinding> {
  for (const { name, priority } of dnsFirewallRuleGroups) {
    if (priority !== ASSOCIATION_PRIORITY) continue;
    yield note(
      `${name} has the priority ${ASSOCIATION_PRIORITY}, which this stack’s rule group uses`,
      'nothing if it belongs to this stack. Otherwise, change its priority: two rule groups of a VPC can’t have the same priority, so the deployment would fail',
    );
  }
  if (dnsFailsOpen === true) {
    yield note(
      'DNS Firewall fails open in this VPC: when it cannot decide, every domain resolves',
      'nothing if you want this for the VPC. Otherwise, turn it off: aws route53resolver update-firewall-config --firewall-fail-open DISABLED',
    );
  }
}
